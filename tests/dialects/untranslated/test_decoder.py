"""A client's own dialect from a provider: each event is one chunk that keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from linx.core.attempt_errors import EmptyAnswer, Garbled, Refused, StreamBroken
from linx.core.chat import Dialect, Stamp
from linx.dialects.untranslated.decoder import ANTHROPIC, RESPONSES, untranslated_decoder

if TYPE_CHECKING:
    from linx.core.chat import Chunk, JsonObject
    from linx.dialects.shared.event_decoder import EventDecoder

STAMP = Stamp("ab12", 1000.5, lambda: 1001.0)
START: JsonObject = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "real",
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 1},
    },
}
CALL: JsonObject = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
WHOLE: JsonObject = {"id": "resp_1", "model": "real", "status": "completed", "output": [{"type": "message"}]}
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}

MESSAGE: list[JsonObject] = [
    START,
    {"type": "ping"},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "Eq"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "content_block_stop", "index": 1},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
    },
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a":'}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "1}"}},
    {"type": "content_block_stop", "index": 2},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9, "cost": 0.25}},
    {"type": "message_stop"},
]

RESPONSE: list[JsonObject] = [
    {"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1", "model": "real"}},
    {"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": {"type": "reasoning"}},
    {"type": "response.reasoning_summary_text.delta", "sequence_number": 2, "delta": "hm"},
    {"type": "response.output_text.delta", "sequence_number": 3, "delta": "Hi"},
    {
        "type": "response.completed",
        "sequence_number": 4,
        "response": {
            **WHOLE,
            "usage": {
                "input_tokens": 5,
                "output_tokens": 9,
                "input_tokens_details": {"cached_tokens": 2},
                "output_tokens_details": {"reasoning_tokens": 3},
            },
        },
    },
]


def wire(events: list[JsonObject]) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (one["type"].encode(), jsontext.dumps(one)) for one in events)


def read(dialect: Dialect, data: bytes, size: int = 7) -> tuple[list[Chunk], EventDecoder]:
    decoder = untranslated_decoder(dialect)
    chunks = [chunk for at in range(0, len(data), size) for chunk in decoder.feed(data[at : at + size])]
    return chunks + decoder.end(), decoder


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(("dialect", "events"), [(ANTHROPIC, MESSAGE), (RESPONSES, RESPONSE)])
def test_each_event_is_one_chunk_that_keeps_it(dialect: Dialect, events: list[JsonObject], size: int) -> None:
    chunks, decoder = read(dialect, wire(events), size)
    assert [chunk.source for chunk in chunks] == events
    assert {chunk.dialect for chunk in chunks} == {dialect}
    assert decoder.done
    first = next(number for number, chunk in enumerate(chunks) if chunk.is_meaningful)
    assert "hm" in str(events[first])
    assert "".join(chunk.text for chunk in chunks) == "Hi"
    assert "".join(chunk.reasoning for chunk in chunks) == "hm"
    usage = next(chunk.usage for chunk in chunks if chunk.usage is not None)
    assert usage.completion == 9
    assert usage.cached == 2
    assert usage.prompt == (7 if dialect == ANTHROPIC else 5)


@pytest.mark.parametrize("size", [1, 2, 10_000])
@pytest.mark.parametrize("blank", [b"\n", b" \r\n\r\n", b"\xef\xbb\xbf"])
def test_blanks_before_the_first_event_are_no_news(blank: bytes, size: int) -> None:
    chunks, decoder = read(ANTHROPIC, blank + wire(MESSAGE), size)
    assert [chunk.source for chunk in chunks] == MESSAGE
    _chunks, decoder = read(ANTHROPIC, blank + jsontext.dumps(OVERLOADED), size)
    assert isinstance(decoder.problem, Refused)
    _chunks, decoder = read(ANTHROPIC, blank, size)
    assert isinstance(decoder.problem, EmptyAnswer)


def test_the_last_event_counts_without_its_blank_line() -> None:
    data = wire(MESSAGE).removesuffix(b"\n\n")
    chunks, decoder = read(ANTHROPIC, data)
    assert [chunk.source for chunk in chunks] == MESSAGE
    assert decoder.done
    chunks, decoder = read(ANTHROPIC, wire([*MESSAGE[:8], OVERLOADED]).removesuffix(b"\n\n"))
    assert [chunk.source for chunk in chunks] == MESSAGE[:8]
    assert isinstance(decoder.problem, Refused)


def test_an_event_cut_off_by_the_end_is_no_garbage() -> None:
    """What its loss means depends on what came before it."""
    chunks, decoder = read(ANTHROPIC, wire(MESSAGE)[:-6])
    assert [chunk.source for chunk in chunks] == MESSAGE[:-1]
    assert decoder.done
    chunks, decoder = read(ANTHROPIC, wire(MESSAGE[:8])[:-6])
    assert [chunk.source for chunk in chunks] == MESSAGE[:7]
    assert isinstance(decoder.problem, StreamBroken)
    _chunks, decoder = read(ANTHROPIC, wire([START])[:-6])
    assert isinstance(decoder.problem, EmptyAnswer)


def test_usage_before_the_end_is_no_finish() -> None:
    counted = {"type": "message_delta", "delta": {"stop_reason": None}, "usage": {"output_tokens": 4}}
    chunks, decoder = read(ANTHROPIC, wire([*MESSAGE[:8], counted]))
    assert chunks[-1].finish is None
    assert isinstance(decoder.problem, StreamBroken)
    # What it counted holds where the end counts nothing.
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    chunks, decoder = read(ANTHROPIC, wire([*MESSAGE[:8], counted, end]))
    assert decoder.done
    assert chunks[-1].finish == "stop"
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.prompt, chunks[-1].usage.completion) == (7, 4)


@pytest.mark.parametrize("usage", [None, 5, []])
def test_a_message_may_start_without_a_count(usage: Any) -> None:
    start = {**START, "message": {**START["message"], "usage": usage}}
    chunks, decoder = read(ANTHROPIC, wire([start, *MESSAGE[1:]]))
    assert decoder.done
    (found,) = (chunk.usage for chunk in chunks if chunk.usage is not None)
    assert (found.prompt, found.completion, found.cost_usd) == (0, 9, 0.25)


def test_a_refusal_opens_the_gate() -> None:
    refusal = {"type": "response.refusal.delta", "sequence_number": 1, "delta": "No."}
    chunks, decoder = read(RESPONSES, wire([RESPONSE[0], refusal]))
    assert [chunk.is_meaningful for chunk in chunks] == [False, True]
    assert (chunks[1].refusal, chunks[1].text) == ("No.", "")
    assert isinstance(decoder.problem, StreamBroken)


def test_a_tool_call_opens_the_gate() -> None:
    chunks, _decoder = read(ANTHROPIC, wire([START, MESSAGE[9]]))
    assert [chunk.is_meaningful for chunk in chunks] == [False, True]
    item = {"type": "function_call", "call_id": "c", "name": "f"}
    chunks, _decoder = read(RESPONSES, wire([{"type": "response.output_item.added", "output_index": 1, "item": item}]))
    assert chunks[0].tools is not None
    assert (chunks[0].tools[0].index, chunks[0].tools[0].name) == (1, "f")


@pytest.mark.parametrize(
    ("dialect", "data", "problem"),
    [
        (ANTHROPIC, b"", EmptyAnswer),
        (ANTHROPIC, wire([START]), EmptyAnswer),
        (ANTHROPIC, wire(MESSAGE[:8]), StreamBroken),
        (ANTHROPIC, wire([OVERLOADED]), Refused),
        (ANTHROPIC, wire([*MESSAGE[:8], OVERLOADED]), Refused),
        (ANTHROPIC, b"event: ping\ndata: nonsense\n\n", Garbled),
        (ANTHROPIC, b"data: " + b"[" * 9999 + b"\n\n", Garbled),
        (ANTHROPIC, jsontext.dumps(OVERLOADED), Refused),
        (ANTHROPIC, b'{"id":"msg_1"}', Garbled),
        (ANTHROPIC, b"<html>", Garbled),
        (RESPONSES, wire(RESPONSE[:4]), StreamBroken),
        (
            RESPONSES,
            wire([{"type": "response.failed", "response": {"error": {"code": "server_error", "message": "x"}}}]),
            Refused,
        ),
        (RESPONSES, wire([{"type": "response.failed"}]), Refused),
        (RESPONSES, wire([{"type": "error", "code": "rate_limit_exceeded", "message": "slow"}]), Refused),
    ],
)
def test_what_is_no_answer(dialect: Dialect, data: bytes, problem: type[Exception]) -> None:
    _chunks, decoder = read(dialect, data)
    assert isinstance(decoder.problem, problem)
    assert not decoder.done
    assert decoder.feed(wire(MESSAGE)) == []


def test_an_answer_may_lack_its_very_end_and_have_a_mark_too_many() -> None:
    _chunks, decoder = read(ANTHROPIC, wire(MESSAGE[:-1]))
    assert decoder.done
    chunks, decoder = read(ANTHROPIC, wire(MESSAGE[:-1]) + b"event: data\ndata: [DONE]\n\n")
    assert decoder.done
    assert len(chunks) == len(MESSAGE) - 1


@pytest.mark.parametrize(
    ("dialect", "last"),
    [
        (ANTHROPIC, {"type": "message_delta", "delta": {"stop_reason": "abort"}, "usage": {"output_tokens": 4}}),
        (RESPONSES, {"type": "response.completed", "response": {**WHOLE, "status": "cancelled"}}),
        (RESPONSES, {"type": "response.cancelled", "response": {**WHOLE, "status": "cancelled"}}),
        (RESPONSES, {"type": "response.failed", "response": {**WHOLE, "status": "failed"}}),
    ],
)
def test_a_failing_end_is_a_failure(dialect: Dialect, last: JsonObject) -> None:
    before = {ANTHROPIC: MESSAGE, RESPONSES: RESPONSE}[dialect][:3]
    chunks, decoder = read(dialect, wire([*before, last]))
    assert [chunk.source for chunk in chunks] == before
    assert isinstance(decoder.problem, Refused)
    assert not decoder.done
