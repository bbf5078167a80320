"""Answers of the Messages API, whole, torn and broken; the official SDK's types say that they are such answers."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from anthropic.types import RawMessageStreamEvent
from pydantic import TypeAdapter

from linx.core import jsontext
from linx.core.attempt_errors import AttemptError, EmptyAnswer, Fallback, Garbled, Refused, StreamBroken
from linx.core.chat import Answer, ChatRequest, Choice, Chunk, Stamp, ToolCall, Usage
from linx.dialects.anthropic.decoder import MAX_CALLS, anthropic_decoder
from linx.dialects.base import MAX_FRAME
from linx.dialects.openai.face import OpenAIFace
from linx.dialects.responses.face import ResponsesFace

if TYPE_CHECKING:
    from linx.dialects.shared.event_decoder import EventDecoder

TRANSCRIPTS = Path(__file__).parents[2] / "transcripts"
NAMES = sorted(path.stem for path in TRANSCRIPTS.glob("anthropic-*.sse"))
BROKEN = ("anthropic-error", "anthropic-error-first")
STAMP = Stamp("abc", 1_755_800_000.5, lambda: 1_755_800_001.0)
EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


def transcript(name: str) -> bytes:
    return (TRANSCRIPTS / f"anthropic-{name.removeprefix('anthropic-')}.sse").read_bytes()


def decoder() -> EventDecoder:
    numbers = count(1)
    return anthropic_decoder(lambda: f"new{next(numbers)}")


def decode(*reads: bytes) -> tuple[list[Chunk], EventDecoder]:
    made = decoder()
    chunks = [chunk for read in reads for chunk in made.feed(read)]
    return chunks + made.end(), made


def outcome(*reads: bytes) -> tuple[list[Chunk], bool, str]:
    chunks, made = decode(*reads)
    return chunks, made.done, repr(made.problem)


def answer_of(*reads: bytes) -> Answer:
    chunks, made = decode(*reads)
    assert made.problem is None
    answer = Answer()
    for chunk in chunks:
        answer.add(chunk)
    return answer


def choice_of(*reads: bytes) -> Choice:
    return answer_of(*reads).choices[0]


def events(*given: dict[str, Any]) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (one["type"].encode(), jsontext.dumps(one)) for one in given)


def start(**usage: Any) -> dict[str, Any]:
    return {"type": "message_start", "message": {"usage": {"input_tokens": 3, "output_tokens": 1, **usage}}}


def block(index: int, **content: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": content}


def delta(index: int, **piece: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": piece}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def finish(reason: str, **more: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason, **more}, "usage": {"output_tokens": 9}}


END = {"type": "message_stop"}


# --- the transcripts -------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_transcripts_are_what_the_sdk_reads(name: str) -> None:
    for frame in transcript(name).decode().split("\n\n")[:-1]:
        event_name, _, data = frame.partition("\n")
        value = jsontext.loads(data.removeprefix("data: ").encode())
        assert event_name == f"event: {value['type']}"
        if value["type"] not in ("ping", "error"):
            EVENT.validate_python(value)


@pytest.mark.parametrize("name", NAMES)
def test_whole_or_byte_by_byte_is_all_the_same(name: str) -> None:
    wire = transcript(name)
    whole = outcome(wire)
    assert outcome(*(wire[at : at + 1] for at in range(len(wire)))) == whole
    assert outcome(*wire.splitlines(keepends=True)) == whole
    assert outcome(wire.replace(b"\n", b"\r\n")) == whole
    assert outcome(b": warming up\n\n" + wire) == whole
    assert outcome(wire.removesuffix(b"\n\n")) == whole
    assert outcome(wire + b"data: <trash>\n\n")[:2] == whole[:2]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in BROKEN])
def test_every_truncation_before_the_finish_is_a_problem(name: str) -> None:
    wire = transcript(name)
    for cut in range(wire.index(b"event: message_delta")):
        chunks, made = decode(wire[:cut])
        assert not made.done, cut
        begun = any(chunk.is_meaningful for chunk in chunks)
        assert type(made.problem) is (StreamBroken if begun else EmptyAnswer), cut


@pytest.mark.parametrize("name", [name for name in NAMES if name not in BROKEN])
def test_a_finish_is_the_end_even_where_the_last_event_is_lost(name: str) -> None:
    wire = transcript(name)
    chunks, made = decode(wire[: wire.index(b"event: message_stop")])
    assert made.done
    assert chunks[-1].finish is not None


# --- what they say ---------------------------------------------------------------------


def test_text_and_the_prompt_s_count_before_it() -> None:
    chunks, made = decode(transcript("text"))
    assert [chunk.text for chunk in chunks] == ["", "Hello", "! é😀", ""]
    assert chunks[0].usage is not None
    assert not chunks[0].is_meaningful
    assert chunks[-1].finish == "stop"
    assert chunks[-1].usage == Usage(25, 15, 0, cache_write=0)
    assert (made.done, made.problem) == (True, None)


def test_calls_one_of_them_without_arguments() -> None:
    choice = choice_of(transcript("tools"))
    assert choice.text == "Okay, let's check."
    assert choice.tools == [
        ToolCall("toolu_01T1x1fJ34qAmk2tNTrN7Up6", "get_weather", '{"location": "San Francisco, CA"}'),
        ToolCall("toolu_02", "now", "{}"),
    ]
    assert choice.finish == "tool_calls"


def test_a_call_s_pieces_have_its_identity_once_and_numbers_without_gaps() -> None:
    chunks, _ = decode(transcript("tools"))
    deltas = [tool for chunk in chunks for tool in chunk.tools or ()]
    assert [(tool.index, tool.id is not None, tool.name is not None) for tool in deltas if tool.id] == [
        (0, True, True),
        (1, True, True),
    ]
    assert [tool.index for tool in deltas] == [0, 0, 0, 0, 0, 1, 1]


def test_thoughts_their_signature_and_every_count() -> None:
    answer = answer_of(transcript("thinking"))
    choice = answer.choices[0]
    assert choice.reasoning == "I need the GCD.\n\n1071 = 2 * 462\n147 = 7 * 21"
    assert choice.text == "The greatest common divisor is **21**."
    assert details_of(answer) == [
        {
            "type": "reasoning.text",
            "text": choice.reasoning,
            "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pki",
            "format": "anthropic-claude-v1",
            "index": 0,
        }
    ]
    assert answer.usage == Usage(132, 60, 100, 41, cache_write=7)


def details_of(answer: Answer) -> list[dict[str, Any]]:
    return [one for source in answer.sources for one in source["choices"][0]["delta"]["reasoning_details"]]


def test_a_thought_without_text_keeps_its_signature_and_opens_no_gate() -> None:
    chunks, _ = decode(transcript("thinking-omitted"))
    details = [chunk for chunk in chunks if chunk.source is not None]
    assert len(details) == 1
    assert not details[0].is_meaningful
    assert details_of(answer_of(transcript("thinking-omitted")))[0]["text"] == ""


def test_several_thoughts_stay_apart_and_keep_their_places() -> None:
    details = details_of(answer_of(transcript("thinking-twice")))
    assert [(one["index"], one.get("text"), one.get("signature"), one.get("data")) for one in details] == [
        (0, "First.", "sig-1", None),
        (1, None, None, "EmwKAhgBEgy3va3pzix"),
        (2, "Second.", "sig-2", None),
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("text", "stop"),
        ("stop-sequence", "stop"),
        ("max-tokens", "length"),
        ("window", "length"),
        ("tools", "tool_calls"),
        ("refusal", "content_filter"),
        ("empty", "stop"),
        ("server-tools", "stop"),
    ],
)
def test_why_it_ended(name: str, reason: str) -> None:
    assert choice_of(transcript(name)).finish == reason


def test_a_refusal_s_reason_is_told() -> None:
    choice = choice_of(transcript("refusal"))
    assert (choice.text, choice.refusal) == ("I", "This request was declined.")


def test_what_the_provider_does_itself_is_left_out() -> None:
    answer = answer_of(transcript("server-tools"))
    choice = answer.choices[0]
    assert (choice.text, choice.tools) == ("I'll check. It rains.", [])
    assert answer.usage == Usage(10682, 510, 0, cache_write=0)


@pytest.mark.parametrize("reason", ["pause_turn", "something_new"])
def test_other_reasons_count_as_a_stop(reason: str) -> None:
    assert choice_of(events(start(), block(0, type="text", text="a"), stop(0), finish(reason), END)).finish == "stop"


def test_a_server_that_ends_a_call_with_end_turn() -> None:
    call = block(0, type="tool_use", id="c", name="f", input={"a": 1})
    choice = choice_of(events(start(), call, stop(0), finish("end_turn"), END))
    assert choice.finish == "tool_calls"
    assert choice.tools == [ToolCall("c", "f", '{"a":1}')]


def test_a_call_without_an_id_gets_one() -> None:
    call = block(0, type="tool_use", name="f", input={})
    assert choice_of(events(start(), call, stop(0), finish("tool_use"), END)).tools[0].id == "toolu_new1"


def test_text_and_thoughts_that_stand_in_the_beginning_of_their_block() -> None:
    thought = block(0, type="thinking", thinking="hm", signature="s")
    answer = answer_of(events(start(), thought, stop(0), block(1, type="text", text="a"), stop(1), finish("end_turn")))
    assert (answer.choices[0].reasoning, answer.choices[0].text) == ("hm", "a")
    assert details_of(answer)[0]["signature"] == "s"


def test_an_unsigned_thought_leaves_no_note() -> None:
    pieces = (block(0, type="thinking", thinking=""), delta(0, type="thinking_delta", thinking="hm"), stop(0))
    answer = answer_of(events(start(), *pieces, finish("end_turn"), END))
    assert (answer.choices[0].reasoning, answer.sources) == ("hm", [])


def test_counts_that_are_no_counts() -> None:
    usage = answer_of(events(start(input_tokens=None, output_tokens="2"), finish("end_turn"), END)).usage
    assert usage == Usage(0, 9)


def test_events_and_fields_of_other_shapes_are_passed_over() -> None:
    odd: tuple[dict[str, Any], ...] = (
        {"type": "message_start", "message": None},
        {"type": "content_block_start", "index": "x", "content_block": 1},
        {"type": "content_block_delta", "index": 5, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {"type": "content_block_delta", "index": 5, "delta": {"type": "thinking_delta", "thinking": "x"}},
        {"type": "content_block_stop", "index": 5},
        {"type": "message_delta", "delta": {"stop_reason": None}},
        {"type": "from_the_future"},
        block(0, type="text", text=3),
        delta(0, type="text_delta", text="a"),
        finish("end_turn"),
    )
    assert choice_of(events(*odd)).text == "a"


# --- failures --------------------------------------------------------------------------


@pytest.mark.parametrize("name", BROKEN)
def test_an_error_event(name: str) -> None:
    chunks, made = decode(transcript(name))
    assert "".join(chunk.text for chunk in chunks) == ("" if name.endswith("first") else "Hel")
    problem = made.problem
    assert problem is not None
    assert (problem.status, problem.code, problem.fallback) == (503, "overloaded", Fallback.YES)
    assert "Overloaded" in problem.problem


@pytest.mark.parametrize(
    ("wire", "kind", "words"),
    [
        (b"<html>", Garbled, "a text instead"),
        (b'{"type":"message"}', Garbled, "one JSON object"),
        (b'{"type":"error","error":{"type":"api_error","message":"it broke"}}', AttemptError, "it broke"),
        (b"event: message_start\ndata: {{\n\n", Garbled, "not JSON"),
        (b"", EmptyAnswer, "without saying anything"),
    ],
)
def test_what_is_no_stream(wire: bytes, kind: type[AttemptError], words: str) -> None:
    _chunks, made = decode(wire)
    assert isinstance(made.problem, kind)
    assert words in made.problem.problem


def test_calls_and_thoughts_have_a_bound() -> None:
    calls = (block(index, type="tool_use", id=f"c{index}", name="f", input={}) for index in range(MAX_CALLS + 1))
    _chunks, made = decode(events(start(), *calls))
    assert isinstance(made.problem, Garbled)
    piece = events(delta(0, type="thinking_delta", thinking="x" * (MAX_FRAME // 4)))
    made = decoder()
    made.feed(events(start(), block(0, type="thinking", thinking="")))
    for _ in range(5):
        made.feed(piece)
    assert isinstance(made.problem, Garbled)


# --- how signed thoughts reach a client ------------------------------------------------


def chat(**more: Any) -> ChatRequest:
    return OpenAIFace().parse({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True, **more})


def test_an_openai_client_gets_them_in_the_stream_and_whole() -> None:
    answer = answer_of(transcript("thinking-twice"))
    chunks, _ = decode(transcript("thinking-twice"))
    face, asked = OpenAIFace(), chat()
    encoder = face.encoder(asked, STAMP)
    wire = encoder.frames(chunks) + encoder.end()
    frames = [jsontext.loads(line[6:]) for line in wire.split(b"\n\n") if line.startswith(b"data: {")]
    streamed = [one for frame in frames for one in frame["choices"][0]["delta"].get("reasoning_details", ())]
    assert streamed == details_of(answer)
    assert len({(frame["id"], frame["model"]) for frame in frames}) == 1
    assert frames[0]["choices"][0]["delta"]["role"] == "assistant"
    message = face.whole(asked, answer, STAMP)["choices"][0]["message"]
    assert message["reasoning_details"] == streamed
    assert message["reasoning_content"] == "First.Second."


def test_a_responses_client_gets_them_sealed_and_sends_them_back() -> None:
    face = ResponsesFace()
    asked = face.parse({"model": "m", "input": "hi", "include": ["reasoning.encrypted_content"], "stream": True})
    chunks, _ = decode(transcript("thinking-twice"))
    encoder = face.encoder(asked, STAMP)
    wire = encoder.frames(chunks) + encoder.end()
    completed = jsontext.loads(wire.split(b"data: ")[-1].strip())["response"]
    whole = face.whole(asked, answer_of(transcript("thinking-twice")), STAMP)
    for response in (completed, whole):
        again = face.parse({"model": "m", "input": [{"role": "user", "content": "hi"}, *response["output"]]})
        sent = [one for message in again.chat_body["messages"] for one in message.get("reasoning_details", ())]
        assert [(one.get("text"), one.get("signature"), one.get("data")) for one in sent] == [
            ("First.", "sig-1", None),
            (None, None, "EmwKAhgBEgy3va3pzix"),
            ("Second.", "sig-2", None),
        ]


@pytest.mark.parametrize("reason", ["network_error", "abort", "error"])
def test_a_failing_stop_reason_is_a_failure(reason: str) -> None:
    wire = transcript("text").replace(b'"stop_reason":"end_turn"', b'"stop_reason":"%b"' % reason.encode())
    assert reason.encode() in wire
    chunks, made = decode(wire)
    assert isinstance(made.problem, Refused)
    assert reason in str(made.problem)
    assert not any(chunk.finish for chunk in chunks)
