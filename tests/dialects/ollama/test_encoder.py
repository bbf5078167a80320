"""What Ollama's clients are sent, frame by frame."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from linx.core.attempt_errors import StreamBroken
from linx.core.chat import (
    ChatBody,
    ChatRequest,
    Chunk,
    Dialect,
    JsonObject,
    Stamp,
    Timings,
    ToolDelta,
    Usage,
)
from linx.dialects.ollama.encoder import OllamaEncoder

if TYPE_CHECKING:
    from collections.abc import Callable

START = 1_787_338_102.25  # 2026-08-21T18:48:22.25Z


def ticking() -> Callable[[], float]:
    """A clock that moves by half a second at each look."""
    ticks = count(1)
    return lambda: START + next(ticks) / 2


def encoder(generate: bool = False, now: Callable[[], float] | None = None) -> OllamaEncoder:
    stamp = Stamp("abc", START, now or ticking())
    return OllamaEncoder(ChatRequest("asked:7b", ChatBody({})), stamp, generate=generate)


def lines(wire: bytes) -> list[JsonObject]:
    assert not wire or wire.endswith(b"\n")
    frames = [jsontext.loads(line) for line in wire.split(b"\n")[:-1]]
    assert all(isinstance(frame, dict) for frame in frames)
    return frames


def written(*chunks: Chunk, generate: bool = False) -> list[JsonObject]:
    own = encoder(generate)
    return lines(own.frames(chunks) + own.end())


def call(index: int, arguments: str = "", name: str | None = None) -> ToolDelta:
    return ToolDelta(index, f"id{index}" if name else None, name, arguments)


def test_text_frames() -> None:
    own = encoder()
    assert own.frames([Chunk("Hel"), Chunk('lo "é"\u2028')]) == (
        b'{"model":"asked:7b","created_at":"2026-08-21T18:48:22.750000Z",'
        b'"message":{"role":"assistant","content":"Hel"},"done":false}\n'
        b'{"model":"asked:7b","created_at":"2026-08-21T18:48:23.250000Z",'
        b'"message":{"role":"assistant","content":"lo \\"\xc3\xa9\\"\\u2028"},"done":false}\n'
    )
    generated = encoder(generate=True).frames([Chunk("Hi")])
    assert generated == (
        b'{"model":"asked:7b","created_at":"2026-08-21T18:48:22.750000Z","response":"Hi","done":false}\n'
    )


def test_the_done_frame_waits_for_the_usage() -> None:
    own = encoder()
    assert lines(own.frames([Chunk("Hi"), Chunk(finish="stop")])) != []
    assert own.frames([Chunk(usage=Usage(26, 2))]) == b""
    (done,) = lines(own.end())
    assert done == {
        "model": "asked:7b",
        "created_at": "2026-08-21T18:48:23.250000Z",
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "stop",
        "total_duration": 1_000_000_000,
        "load_duration": 0,
        "prompt_eval_count": 26,
        "prompt_eval_duration": 500_000_000,
        "eval_count": 2,
        "eval_duration": 500_000_000,
    }
    assert own.end() == own.heartbeat() == own.frames([Chunk("x")]) == own.error(StreamBroken("x")) == b""


def test_the_providers_own_timings_win() -> None:
    done = written(Chunk("Hi"), Chunk(finish="stop", usage=Usage(1, 2), timings=Timings(50, 10, 20, 30)))[-1]
    assert [done[key] for key in ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")] == [
        50,
        10,
        20,
        30,
    ]


def test_without_usage_the_frames_are_counted() -> None:
    done = written(Chunk("a"), Chunk("b"), Chunk(reasoning="c"), Chunk(finish="stop"))[-1]
    assert (done["prompt_eval_count"], done["eval_count"]) == (0, 3)


def test_no_duration_is_0_where_clients_divide_by_it() -> None:
    own = encoder(now=lambda: START)
    own.frames([Chunk(finish="stop")])
    (done,) = lines(own.end())
    assert done["eval_duration"] == done["prompt_eval_duration"] == done["total_duration"] == 1
    assert done["load_duration"] == 0


@pytest.mark.parametrize(
    ("finish", "reason"),
    [("stop", "stop"), ("length", "length"), ("tool_calls", "stop"), ("content_filter", "stop"), (None, "stop")],
)
def test_done_reason(finish: str | None, reason: str) -> None:
    assert written(Chunk("x"), Chunk(finish=finish))[-1]["done_reason"] == reason


def test_empty_deltas_are_no_frames() -> None:
    assert encoder().frames([Chunk(), Chunk(finish="stop"), Chunk(usage=Usage(1, 2))]) == b""


def test_only_the_first_choice_is_told() -> None:
    assert [frame["message"]["content"] for frame in written(Chunk("a"), Chunk("b", index=1))] == ["a", ""]


def test_reasoning_text_and_logprobs() -> None:
    logprobs = [{"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}]
    assert written(Chunk(logprobs=logprobs))[0]["logprobs"] == logprobs
    frames = written(Chunk(reasoning="hm"), Chunk("Hi", "so", logprobs=logprobs), Chunk(refusal="no"))
    assert [frame["message"] for frame in frames] == [
        {"role": "assistant", "content": "", "thinking": "hm"},
        {"role": "assistant", "content": "Hi", "thinking": "so"},
        {"role": "assistant", "content": "no"},
        {"role": "assistant", "content": ""},
    ]
    assert frames[1]["logprobs"] == logprobs
    assert [frame["done"] for frame in frames] == [False, False, False, True]
    (first, _done) = written(Chunk("Hi", "hm"), generate=True)
    assert (first["response"], first["thinking"]) == ("Hi", "hm")
    assert "message" not in first


def test_tool_calls_come_whole_and_once_before_the_done_frame() -> None:
    own = encoder()
    wire = own.frames([Chunk("Now"), Chunk(tools=[call(1, "", "g")]), Chunk(tools=[call(0, '{"a"', "f")])])
    wire += own.frames([Chunk(tools=[call(0, ': "é"}'), call(1, " ")]), Chunk(finish="tool_calls")])
    assert len(lines(wire)) == 1
    calls, done = lines(own.end())
    assert calls["message"] == {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "id0", "function": {"index": 0, "name": "f", "arguments": {"a": "é"}}},
            {"id": "id1", "function": {"index": 1, "name": "g", "arguments": {}}},
        ],
    }
    assert calls["done"] is False
    assert done["done_reason"] == "stop"
    assert "tool_calls" not in done["message"]


def test_tool_calls_of_generate_stand_beside_the_response() -> None:
    calls, _done = written(Chunk(tools=[call(0, "{}", "f")], finish="tool_calls"), generate=True)
    assert calls["response"] == ""
    assert [item["function"]["name"] for item in calls["tool_calls"]] == ["f"]


def test_long_integers_in_arguments_stay_whole() -> None:
    own = encoder()
    own.frames([Chunk(tools=[call(0, '{"id":123456789012345678901234567890}', "f")], finish="tool_calls")])
    assert b'"arguments":{"id":123456789012345678901234567890}' in own.end()


@pytest.mark.parametrize("arguments", ['{"a":', "[1]", "5", "null"])
def test_invalid_arguments_are_an_error_and_no_end(arguments: str) -> None:
    own = encoder()
    own.frames([Chunk(tools=[call(0, arguments, "f")], finish="tool_calls")])
    assert lines(own.end()) == [{"error": "model produced invalid tool call arguments"}]
    assert own.end() == b""


def test_a_call_cut_off_at_the_length_is_dropped() -> None:
    frames = written(Chunk(tools=[call(0, "{}", "f"), call(1, '{"a', "g")]), Chunk(finish="length"))
    assert [item["function"]["name"] for item in frames[0]["message"]["tool_calls"]] == ["f"]
    assert frames[1]["done_reason"] == "length"
    (done,) = written(Chunk(tools=[call(0, '{"a', "g")]), Chunk(finish="length"))
    assert done["done_reason"] == "length"


def test_a_heartbeat_is_a_frame_without_content_and_no_first_token() -> None:
    own = encoder()
    (beat,) = lines(own.heartbeat())
    assert beat["message"] == {"role": "assistant", "content": ""}
    assert beat["done"] is False
    own.frames([Chunk("Hi")])
    (done,) = lines(own.end())
    assert done["prompt_eval_duration"] == 1_000_000_000
    assert lines(encoder(generate=True).heartbeat())[0]["response"] == ""


def test_an_error_is_the_last_line() -> None:
    own = encoder()
    own.frames([Chunk("Hi")])
    assert own.error(StreamBroken('broke "off"\n')) == b'{"error":"broke \\"off\\"\\n"}\n'
    assert own.end() == own.heartbeat() == b""


def own_frame(dialect: Dialect = Dialect.OLLAMA, **source: Any) -> Chunk:
    return Chunk("folded", source=source, dialect=dialect)


def test_the_providers_own_line_goes_out_with_the_model_renamed() -> None:
    own = encoder()
    message = {"role": "assistant", "content": "Hi", "thinking": "", "new": 1}
    wire = own.frames(
        [own_frame(model="real", created_at="2026-01-01T00:00:00.123456789Z", message=message, done=False)]
    )
    assert wire == (
        b'{"model":"asked:7b","created_at":"2026-01-01T00:00:00.123456789Z",'
        b'"message":{"role":"assistant","content":"Hi","thinking":"","new":1},"done":false}\n'
    )
    source: JsonObject = {"model": "real", "message": message, "done": True, "done_reason": "stop", "eval_count": 3}
    (done,) = lines(own.frames([own_frame(**source), own_frame(**source)]))
    assert done == {**source, "model": "asked:7b", "created_at": "2026-08-21T18:48:22.750000Z"}
    assert source["model"] == "real"
    assert own.end() == b""


def test_a_stream_without_its_own_done_frame_gets_one() -> None:
    own = encoder()
    own.frames([own_frame(message={}, done=False)])
    assert lines(own.end())[0]["done"] is True


@pytest.mark.parametrize(
    ("generate", "dialect"), [(True, Dialect.OLLAMA), (False, Dialect.OLLAMA_GENERATE), (False, Dialect.OPENAI)]
)
def test_frames_of_another_shape_are_translated(generate: bool, dialect: Dialect) -> None:
    frames = lines(encoder(generate).frames([own_frame(dialect, response="x", message={"content": "x"})]))
    assert (frames[0]["response"] if generate else frames[0]["message"]["content"]) == "folded"
