"""A provider's own events: what they open, how they end, and how they reach the client."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core import jsontext
from linx.core.chat import Answer, ChatRequest, Chunk, JsonObject, Stamp
from linx.core.errors import BadRequest, EmptyAnswer, Garbled, Refused, StreamBroken
from linx.dialects.anthropic.face import AnthropicFace
from linx.dialects.responses.face import ResponsesFace
from linx.dialects.untranslated.encoder import ANTHROPIC, RESPONSES, NativeDecoder, NativeEncoder, NativeFace

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
WHOLE: JsonObject = {"id": "resp_1", "model": "real", "status": "completed", "output": [{"type": "message"}]}
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


def read(dialect: str, data: bytes, size: int = 7) -> tuple[list[Chunk], NativeDecoder]:
    decoder = NativeDecoder(dialect)
    chunks = [chunk for at in range(0, len(data), size) for chunk in decoder.feed(data[at : at + size])]
    return chunks + decoder.end(), decoder


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(("dialect", "events"), [(ANTHROPIC, MESSAGE), (RESPONSES, RESPONSE)])
def test_each_event_is_one_chunk_that_keeps_it(dialect: str, events: list[JsonObject], size: int) -> None:
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


@pytest.mark.parametrize("given", [{}, {"type": None}, {"type": 5}])
def test_an_event_without_a_type_has_its_name_for_one(given: JsonObject) -> None:
    said = {"index": 0, "delta": {"type": "text_delta", "text": "Hi"}}
    data = b"event: content_block_delta\ndata: %b\n\n" % jsontext.dumps({**given, **said})
    chunks, _decoder = read(ANTHROPIC, wire([START]) + data + wire(MESSAGE[-2:]))
    assert chunks[1].text == "Hi"
    encoder = NativeFace(AnthropicFace()).encoder(messages_chat(), STAMP)
    assert parse_events(encoder.frames(chunks))[1] == {**said, "type": "content_block_delta"}


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


OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


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
def test_what_is_no_answer(dialect: str, data: bytes, problem: type[Exception]) -> None:
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


# --- toward the client ----------------------------------------------------------------


def messages_chat(**more: Any) -> ChatRequest:
    body = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], **more}
    return AnthropicFace().parse(body)


def parse_events(data: bytes) -> list[Any]:
    frames = [frame.split(b"\n") for frame in data.split(b"\n\n") if frame.startswith(b"event: ")]
    found = [jsontext.loads(frame[1].removeprefix(b"data: ")) for frame in frames]
    assert [frame[0].decode() for frame in frames] == [f"event: {event['type']}" for event in found]
    return found


def native_chunks(dialect: str, events: list[JsonObject]) -> list[Chunk]:
    return read(dialect, wire(events))[0]


def test_a_body_is_read_as_the_face_reads_it() -> None:
    body = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    assert NativeFace(AnthropicFace()).parse(body) == AnthropicFace().parse(body)
    with pytest.raises(BadRequest, match="max_tokens"):
        NativeFace(AnthropicFace()).parse({**body, "max_tokens": "many"})


def test_events_pass_with_the_client_s_name_of_the_model() -> None:
    encoder = NativeFace(AnthropicFace()).encoder(messages_chat(), STAMP)
    chunks = native_chunks(ANTHROPIC, MESSAGE)
    found = parse_events(encoder.frames(chunks[:4]) + encoder.frames(chunks[4:]) + encoder.end())
    assert found[0]["message"]["model"] == "claude"
    assert found[1:] == MESSAGE[1:]


def test_a_chunk_of_another_provider_is_translated() -> None:
    face = AnthropicFace()
    encoder = NativeFace(face).encoder(messages_chat(), STAMP)
    plain = face.encoder(messages_chat(), STAMP)
    chunks = [Chunk(text="Hi"), Chunk(finish="stop")]
    assert encoder.heartbeat() == plain.heartbeat()
    assert encoder.frames(chunks) + encoder.end() == plain.frames(chunks) + plain.end()


def test_after_a_heartbeat_the_message_does_not_start_again() -> None:
    encoder = NativeFace(AnthropicFace()).encoder(messages_chat(), STAMP)
    data = encoder.heartbeat() + encoder.frames(native_chunks(ANTHROPIC, MESSAGE))
    kinds = [event["type"] for event in parse_events(data)]
    assert kinds.count("message_start") == 1
    assert kinds[0] == "message_start"
    assert parse_events(encoder.heartbeat()) == [{"type": "ping"}]


def test_a_heartbeat_of_a_response_leaves_its_beginning_to_the_provider() -> None:
    chat = ResponsesFace().parse({"model": "m", "input": "hi"})
    encoder = NativeFace(ResponsesFace()).encoder(chat, STAMP)
    assert encoder.heartbeat() == b": linx\n\n"
    found = parse_events(encoder.frames(native_chunks(RESPONSES, RESPONSE)))
    assert [event["sequence_number"] for event in found] == [0, 1, 2, 3, 4]
    assert found[0]["response"]["model"] == found[-1]["response"]["model"] == "m"


def test_an_error_in_the_middle_ends_it() -> None:
    encoder = NativeFace(AnthropicFace()).encoder(messages_chat(), STAMP)
    encoder.frames(native_chunks(ANTHROPIC, MESSAGE[:8]))
    (event,) = parse_events(encoder.error(StreamBroken("broke")))
    assert event["error"] == {"type": "api_error", "message": "broke"}
    assert encoder.end() == encoder.heartbeat() == encoder.error(StreamBroken("broke")) == b""

    chat = ResponsesFace().parse({"model": "m", "input": "hi"})
    responses = NativeFace(ResponsesFace()).encoder(chat, STAMP)
    responses.frames(native_chunks(RESPONSES, RESPONSE[:4]))
    (event,) = parse_events(responses.error(StreamBroken("broke")))
    assert (event["type"], event["sequence_number"]) == ("response.failed", 4)
    assert (event["response"]["id"], event["response"]["status"]) == ("resp_1", "failed")


def test_before_the_provider_spoke_the_face_tells_of_an_error() -> None:
    face = AnthropicFace()
    encoder = NativeFace(face).encoder(messages_chat(), STAMP)
    assert encoder.error(StreamBroken("x")) == face.encoder(messages_chat(), STAMP).error(StreamBroken("x"))


def test_a_body_that_nobody_here_can_read_is_never_given_to_the_translator() -> None:
    def never() -> Any:
        raise AssertionError

    chat = ChatRequest("m", {"model": "m", "messages": []}, dialect=ANTHROPIC, native={"reasoning": 5})
    encoder = NativeEncoder(chat, never)
    assert encoder.heartbeat() == b": linx\n\n"
    (event,) = parse_events(encoder.error(StreamBroken("x")))
    assert event["type"] == "error"


def test_whole_answers() -> None:
    face = NativeFace(AnthropicFace())
    answer = Answer()
    for chunk in native_chunks(ANTHROPIC, MESSAGE):
        answer.add(chunk)
    whole = face.whole(messages_chat(), answer, STAMP)
    assert (whole["model"], whole["id"], whole["stop_reason"]) == ("claude", "msg_1", "tool_use")
    translated = Answer()
    translated.add(Chunk(text="Hi", finish="stop"))
    assert face.whole(messages_chat(), translated, STAMP) == AnthropicFace().whole(messages_chat(), translated, STAMP)
    assert face.error_body(StreamBroken("x"), "id") == AnthropicFace().error_body(StreamBroken("x"), "id")
    overload = Refused("x", status=503, code="overloaded")
    assert (face.status_of(overload), NativeFace(ResponsesFace()).status_of(overload)) == (529, 503)
