from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core.attempt_errors import StreamBroken
from linx.core.chat import Chunk, Dialect, ToolDelta, Usage
from linx.core.errors import Overloaded
from linx.dialects.openai.encoder import OpenAIEncoder
from linx.dialects.openai.objects import usage_object
from tests.dialects.openai.help import call, decode, feed, frame, payloads, request, sse, stamp, text, tools

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11, "cost": 0.5}
TIMINGS = {"prompt_n": 9, "prompt_ms": 1.0, "predicted_n": 2, "predicted_ms": 2.0}
OTHER = [
    Chunk(reasoning="hm", dialect=Dialect.OLLAMA, source={"message": {}}),
    Chunk("Hi", logprobs=[{"token": "Hi"}], dialect=Dialect.OLLAMA),
    Chunk(tools=[ToolDelta(0, "x", "f", "{"), ToolDelta(0, None, None, "}")]),
    Chunk(finish="tool_calls", usage=Usage(9, 2, 3, 1, 0.25)),
]


def encode(chunks: list[Chunk], field: str = "reasoning_content", **settings: Any) -> list[Any]:
    encoder = OpenAIEncoder(request(**settings), stamp(), field)
    return payloads(b"".join(encoder.frames([chunk]) for chunk in chunks) + encoder.end())


def relay(*frames: JsonObject, field: str = "reasoning_content", **settings: Any) -> list[Any]:
    """What a client gets of a provider's stream, which does not depend on how the chunks are grouped."""
    wire = sse(*frames) + b"data: [DONE]\n\n"
    one_by_one = encode(decode(wire).chunks, field, **settings)
    encoder = OpenAIEncoder(request(**settings), stamp(), field)
    at_once = payloads(encoder.frames(feed([wire]).chunks) + encoder.end())
    assert one_by_one == at_once
    return at_once


def deltas(frames: list[Any]) -> list[Any]:
    return [item["choices"][0]["delta"] for item in frames[:-1]]


def test_frames_of_the_same_dialect_keep_what_they_have() -> None:
    first = frame({"role": "assistant", "content": "a"}, provider="X", x_unknown=[1])
    first["choices"][0]["native_finish_reason"] = None
    one, two, end, mark = relay(first, frame({"content": "b"}, provider="X"), frame(finish="stop"))
    assert one == {
        **frame({"role": "assistant", "content": "a"}, provider="X", x_unknown=[1]),
        "model": "asked",
        "choices": [
            {
                "index": 0,
                "delta": {"role": "assistant", "content": "a"},
                "finish_reason": None,
                "native_finish_reason": None,
            }
        ],
    }
    assert two == {**frame({"content": "b"}, provider="X"), "model": "asked"}
    assert end == {**frame(finish="stop"), "model": "asked"}
    assert mark == "[DONE]"


def test_identity_is_one_for_the_whole_stream() -> None:
    changing = [{**frame({"content": "a"}), "id": f"gen-{n}", "created": n} for n in (5, 6, 7)]
    frames = relay(*changing, frame(finish="stop"))[:-1]
    assert {(item["id"], item["created"], item["model"], item["object"]) for item in frames} == {
        ("gen-5", 5, "asked", "chat.completion.chunk")
    }


def test_a_role_is_sent_once_per_choice() -> None:
    two = [frame({"role": "assistant", "content": piece}, index=n) for piece in "ab" for n in (0, 1)]
    frames = relay(*two, frame(finish="stop"), frame(index=1, finish="length"))
    assert deltas(frames) == [
        {"role": "assistant", "content": "a"},
        {"role": "assistant", "content": "a"},
        {"content": "b"},
        {"content": "b"},
        {},
        {},
    ]


def test_a_finish_that_comes_first_gets_a_role_before_it() -> None:
    assert deltas(relay(frame(finish="stop"))) == [{"role": "assistant", "content": ""}, {}]
    assert deltas(encode([Chunk(finish="stop")])) == [{"role": "assistant", "content": ""}, {}]


def test_text_and_finish_leave_in_two_frames() -> None:
    one, two, _mark = relay(frame({"content": "a"}, "stop"))
    assert (one["choices"][0]["delta"]["content"], one["choices"][0]["finish_reason"]) == ("a", None)
    assert two["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("reasoning_content", {"reasoning_content": "hm"}),
        ("reasoning", {"reasoning": "hm"}),
        ("both", {"reasoning_content": "hm", "reasoning": "hm"}),
    ],
)
@pytest.mark.parametrize("given", ["reasoning", "reasoning_content"])
def test_reasoning_has_the_configured_name(field: str, given: str, told: JsonObject) -> None:
    frames = relay(frame({given: "hm", "reasoning_details": []}), *text("a"), frame(finish="stop"), field=field)
    assert deltas(frames)[0] == {"role": "assistant", "reasoning_details": [], **told}
    assert deltas(frames)[1] == {"content": "a"}
    other = encode([Chunk(reasoning="hm"), Chunk("a", finish="stop")], field)
    assert deltas(other) == [{"role": "assistant", **told}, {"content": "a"}, {}]


def test_usage_that_was_not_asked_for_is_not_sent() -> None:
    late = {"id": "c1", "choices": [], "usage": USAGE}
    for frames in (
        relay(*text("a"), frame(finish="stop"), late),
        relay(frame({"content": "a"}, usage=USAGE), frame(finish="stop", usage=None)),
        encode(OTHER),
    ):
        assert all("usage" not in item and item["choices"] for item in frames[:-1])
        assert frames[-1] == "[DONE]"


@pytest.mark.parametrize(
    "frames",
    [
        [*text("a"), frame(finish="stop"), {"choices": [], "usage": USAGE, "x": 1}],
        [frame({"content": "a"}, usage=USAGE), frame(finish="stop"), {"choices": [], "x": 1}],
        [frame({"content": "a"}, usage=None), frame(finish="stop", usage=USAGE), {"choices": [], "x": 1}],
    ],
)
def test_usage_that_was_asked_for_comes_once_and_last(frames: list[JsonObject]) -> None:
    one, end, usage, mark = relay(*frames, include_usage=True)
    assert one["usage"] is None
    assert end["usage"] is None
    assert usage == {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "asked",
        "system_fingerprint": "fp_linx",
        "choices": [],
        "x": 1,
        "usage": USAGE,
    }
    assert mark == "[DONE]"


def test_usage_is_made_up_where_there_is_none() -> None:
    assert relay(*text("a"), include_usage=True)[-2]["usage"] == {
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "total_tokens": 0,
    }


def test_extras_of_a_frame_without_a_choice_join_a_finish_that_has_not_left() -> None:
    frames = [*text("a"), frame(finish="stop"), {"choices": [], "usage": USAGE, "timings": TIMINGS}]
    encoder = OpenAIEncoder(request(), stamp(), "reasoning")
    _text, finish = payloads(encoder.frames(decode(sse(*frames)).chunks))
    assert finish["timings"] == TIMINGS
    assert "usage" not in finish
    # Once the finish has left they are lost, but nothing a client cannot read is sent for them.
    encoder = OpenAIEncoder(request(), stamp(), "reasoning")
    assert b"timings" not in b"".join(encoder.frames([chunk]) for chunk in decode(sse(*frames)).chunks)
    encoder = OpenAIEncoder(request(), stamp(), "reasoning")
    assert payloads(encoder.frames(decode(sse({"choices": [], "x": 1}, *text("a"))).chunks))[0]["choices"]


def test_chunks_of_another_dialect() -> None:
    base = {
        "id": "chatcmpl-0123abcd",
        "object": "chat.completion.chunk",
        "created": 1755800000,
        "model": "asked",
        "system_fingerprint": "fp_linx",
    }

    def told(delta: JsonObject, finish: str | None = None, logprobs: Any = None) -> JsonObject:
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return {**base, "choices": [choice]}

    calls = [
        {"index": 0, "id": "x", "type": "function", "function": {"name": "f", "arguments": "{"}},
        {"index": 0, "function": {"arguments": "}"}},
    ]
    assert encode(OTHER) == [
        told({"role": "assistant", "reasoning_content": "hm"}),
        told({"content": "Hi"}, logprobs={"content": [{"token": "Hi"}], "refusal": None}),
        told({"tool_calls": calls}),
        told({}, "tool_calls"),
        "[DONE]",
    ]
    asked = encode(OTHER, include_usage=True)
    assert [item["usage"] for item in asked[:4]] == [None] * 4
    assert asked[4]["usage"] == usage_object(Usage(9, 2, 3, 1, 0.25))


def test_one_chunk_with_everything_is_sent_in_order() -> None:
    full = Chunk("t", "r", "n", [ToolDelta(0, "x", None, "{}")], "stop", 2, dialect=Dialect.OLLAMA)
    frames = encode([full])
    assert [next(reversed(delta), None) for delta in deltas(frames)] == [
        "reasoning_content",
        "content",
        "refusal",
        "tool_calls",
        None,
    ]
    assert {item["choices"][0]["index"] for item in frames[:-1]} == {2}


def test_logprobs_without_text_are_sent_too() -> None:
    assert encode([Chunk(logprobs=[{"token": ""}])])[0]["choices"][0]["logprobs"] == {
        "content": [{"token": ""}],
        "refusal": None,
    }


def test_old_clients_get_a_function_call() -> None:
    same = relay(
        tools(call(0, "x", "f", "")), tools(call(0, args="{"), call(0, args="}")), tools(call(1, "y", "g", "{}")),
        frame(finish="tool_calls"), legacy_functions=True,
    )  # fmt: skip
    told = [
        {"role": "assistant", "function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": "{}"}},
        {},
    ]
    assert deltas(same) == told
    assert same[-2]["choices"][0]["finish_reason"] == "function_call"
    other = encode(
        [
            Chunk(tools=[ToolDelta(0, "x", "f", "")]),
            Chunk(tools=[ToolDelta(0, arguments="{}")]),
            Chunk(tools=[ToolDelta(1, "y", "g", "{}")]),
            Chunk(finish="tool_calls"),
        ],
        legacy_functions=True,
    )
    assert deltas(other) == told
    assert deltas(relay(*text("a"), frame(finish="stop"), legacy_functions=True))[0]["content"] == "a"


def test_a_custom_call_is_nothing_for_old_clients() -> None:
    custom = frame({"tool_calls": [{"index": 0, "id": "x", "type": "custom", "custom": {"name": "p", "input": "i"}}]})
    assert deltas(relay(custom, frame(finish="stop"), legacy_functions=True)) == [{"role": "assistant"}, {}]


def test_heartbeats_and_errors() -> None:
    encoder = OpenAIEncoder(request(include_usage=True), stamp(), "both")
    assert encoder.heartbeat() == b": linx\n\n"
    broken = StreamBroken("stopped\n\u2028here")
    broken.provider = "x"
    frame = encoder.error(broken)
    assert frame.startswith(b"event: error\n")
    assert payloads(frame.removeprefix(b"event: error\n")) == [
        {
            "error": {
                "message": "x: stopped\n\u2028here",
                "type": "server_error",
                "param": None,
                "code": "upstream_error",
            }
        }
    ]
    full = encoder.error(Overloaded("full")).removeprefix(b"event: error\n")
    assert payloads(full)[0]["error"]["code"] == "overloaded"


def test_nothing_is_sent_for_nothing() -> None:
    encoder = OpenAIEncoder(request(), stamp(), "both")
    assert encoder.frames([]) == encoder.frames([Chunk()]) == encoder.frames([Chunk(usage=Usage())]) == b""


def test_one_event_stays_on_one_line() -> None:
    wire = OpenAIEncoder(request(), stamp(), "both").frames(feed([sse(*text("a\u2028b\u2029c\u0085d\ne"))]).chunks)
    assert len(wire.decode().splitlines()) == 2
    assert payloads(wire)[0]["choices"][0]["delta"]["content"] == "a\u2028b\u2029c\u0085d\ne"


def opened(frames: list[Any]) -> list[tuple[int, bool]]:
    """(index, is it a role) of every frame with a choice."""
    choices = [item["choices"][0] for item in frames if item != "[DONE]"]
    return [(choice["index"], "role" in choice["delta"]) for choice in choices]


def test_choices_begin_in_the_order_of_their_numbers() -> None:
    """llama.cpp may speak of the second one first, which the official SDK cannot bear."""
    streams = [frame({"content": "b"}, index=2), frame({"content": "a"}), frame({"content": "c"}, index=1)]
    ends = [frame(finish="stop", index=index) for index in (1, 2, 0)]
    expected = [(0, True), (1, True), (2, True), (0, False), (1, False), (1, False), (2, False), (0, False)]
    asked = request()
    asked.chat_body["n"] = 3
    wire = sse(*streams, *ends) + b"data: [DONE]\n\n"
    encoder = OpenAIEncoder(asked, stamp(), "reasoning_content")
    assert opened(payloads(encoder.frames(feed([wire]).chunks) + encoder.end())) == expected
    built = OpenAIEncoder(asked, stamp(), "reasoning_content")
    assert opened(payloads(built.frames([Chunk("b", index=2), Chunk("a")]))) == expected[:4]


def test_a_number_beyond_what_was_asked_for_opens_nothing() -> None:
    assert opened(relay(frame({"content": "b"}, index=5), frame(finish="stop", index=5))) == [(5, True), (5, False)]


@pytest.mark.parametrize("is_custom", [False, True], ids=["function", "custom"])
@pytest.mark.parametrize("ends_with_piece", [False, True], ids=["apart", "together"])
def test_a_bare_text_for_a_free_text_tool_comes_before_the_finish(is_custom: bool, ends_with_piece: bool) -> None:
    """Also from a server that answers by a call of the type custom: the client knows it as a function."""

    def piece(text: str, **more: str) -> JsonObject:
        slot, kind = ("input", "custom") if is_custom else ("arguments", "function")
        named = {key: more[key] for key in more if key == "name"}
        head = {"id": more["id"], "type": kind} if "id" in more else {}
        return {"index": 0, **head, kind: {**named, slot: text}}

    last = {"tool_calls": [piece(" Patch")]}
    ends = [frame(last, "tool_calls")] if ends_with_piece else [frame(last), frame({}, "tool_calls")]
    encoder = OpenAIEncoder(request(free_text_tools=frozenset(("AP",))), stamp(), "reasoning")
    chunks = feed([sse(frame({"tool_calls": [piece("*** Begin", id="a", name="AP")]}), *ends, b"[DONE]")]).chunks
    told = payloads(encoder.frames(chunks))
    choices = [each["choices"][0] for each in told]
    calls = [part for choice in choices for part in choice["delta"].get("tool_calls", ())]
    assert "".join(part["function"]["arguments"] for part in calls) == "*** Begin Patch"
    assert (calls[0]["type"], calls[0]["function"]["name"]) == ("function", "AP")
    assert not any("custom" in part for part in calls)
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["tool_calls"]
    assert choices[-1]["finish_reason"] == "tool_calls"
