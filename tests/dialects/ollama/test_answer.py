"""The whole answer, and the parts of it that a stream has too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core.attempt_errors import Garbled
from linx.core.chat import Answer, ChatBody, ChatRequest, Chunk, Dialect, Stamp, Timings, ToolCall, Usage
from linx.dialects.ollama.answer import counters, tool_objects, whole_answer
from tests.dialects.ollama.test_encoder import START, call, ticking

if TYPE_CHECKING:
    from linx.core.chat import JsonObject


def test_only_the_last_call_of_an_answer_can_be_cut_off() -> None:
    assert tool_objects([ToolCall("b", "g", "{")], "length") == []
    with pytest.raises(Garbled):
        tool_objects([ToolCall("a", "f", "{"), ToolCall("b", "g", "{}")], "length")


def test_a_duration_is_the_provider_s_where_it_gives_one_and_never_0() -> None:
    measured = counters(10.0, 10.5, 12.0, Usage(3, 4), None)
    assert measured == {
        "total_duration": 2_000_000_000,
        "load_duration": 0,
        "prompt_eval_count": 3,
        "prompt_eval_duration": 500_000_000,
        "eval_count": 4,
        "eval_duration": 1_500_000_000,
    }
    told = counters(10.0, None, 10.0, Usage(), Timings(total=7, load=5))
    assert (told["total_duration"], told["load_duration"], told["eval_duration"]) == (7, 5, 1)
    at_once = counters(10.0, 10.0, 10.0, Usage(3, 4), None)
    assert (at_once["prompt_eval_duration"], at_once["eval_duration"]) == (1, 1)


@pytest.mark.parametrize("first_at", [None, 11.99999, 12.0], ids=["none", "burst", "end"])
def test_an_answer_in_one_piece_has_a_rate_that_can_be_shown(first_at: float | None) -> None:
    """As from a provider that does not stream, behind a proxy that collects, or of a tool call alone."""
    made = counters(10.0, first_at, 12.0, Usage(30, 400), None)
    assert (made["prompt_eval_duration"], made["eval_duration"]) == (1_000_000_000, 1_000_000_000)
    fast = counters(10.0, 11.9, 12.0, Usage(30, 400), None)
    assert fast["eval_duration"] == pytest.approx(100_000_000), "4,000 tokens a second"
    own = counters(10.0, first_at, 12.0, Usage(30, 400), Timings(prompt_eval=5, eval=6))
    assert (own["prompt_eval_duration"], own["eval_duration"]) == (5, 6)


def test_what_brings_no_token_was_all_reading() -> None:
    silent = counters(10.0, None, 12.0, Usage(3, 0), None)
    assert (silent["prompt_eval_duration"], silent["eval_duration"]) == (2_000_000_000, 1)


def folded(*chunks: Chunk, generate: bool = False, first_at: float | None = START + 0.125) -> JsonObject:
    answer = Answer()
    for chunk in chunks:
        answer.add(chunk)
    return whole_answer(
        ChatRequest("asked:7b", ChatBody({})), answer, Stamp("abc", START, ticking(), first_at), generate=generate
    )


def test_a_whole_answer() -> None:
    logprobs = [{"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}]
    assert folded(
        Chunk(reasoning="hm"),
        Chunk("Hi", logprobs=logprobs),
        Chunk(tools=[call(0, '{"a":1}', "f")]),
        Chunk(finish="tool_calls", usage=Usage(26, 2)),
    ) == {
        "model": "asked:7b",
        "created_at": "2026-08-21T18:48:22.750000Z",
        "message": {
            "role": "assistant",
            "content": "Hi",
            "thinking": "hm",
            "tool_calls": [{"id": "id0", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}],
        },
        "done": True,
        "done_reason": "stop",
        "total_duration": 500_000_000,
        "load_duration": 0,
        "prompt_eval_count": 26,
        "prompt_eval_duration": 125_000_000,
        "eval_count": 2,
        "eval_duration": 375_000_000,
        "logprobs": logprobs,
    }


def test_a_whole_answer_of_generate_and_an_empty_one() -> None:
    whole = folded(Chunk("Hi", refusal="!"), Chunk(finish="length"), generate=True)
    assert (whole["response"], whole["done_reason"], whole["eval_count"]) == ("Hi!", "length", 0)
    assert "thinking" not in whole
    assert folded()["message"] == {"role": "assistant", "content": ""}


def test_invalid_arguments_make_no_whole_answer() -> None:
    with pytest.raises(Garbled, match="invalid tool call arguments"):
        folded(Chunk(tools=[call(0, "{", "f")], finish="tool_calls"))


def test_ollamas_own_frames_fold_with_all_their_fields() -> None:
    def chunk(text: str = "", thinking: str = "", *, done: bool = False, **more: Any) -> Chunk:
        message: JsonObject = {"role": "assistant", "content": text, **more.pop("message", {})}
        if thinking:
            message["thinking"] = thinking
        source = {"model": "real", "created_at": "t", "message": message, "done": done, **more}
        return Chunk(text, thinking, source=source, dialect=Dialect.OLLAMA)

    calls = [{"function": {"name": "f", "arguments": {}}}, {"function": {"name": "g", "arguments": {}}}]
    whole = folded(
        chunk(thinking="h"),
        chunk("Hel", "m", logprobs=[1], message={"new": 1, "tool_calls": calls[:1]}),
        chunk("lo", logprobs=[2], message={"tool_calls": calls[1:]}),
        chunk(done=True, done_reason="stop", eval_count=3, remote_model="big"),
    )
    assert folded(chunk("Hi", done=True))["message"] == {"role": "assistant", "content": "Hi"}
    assert whole == {
        "model": "asked:7b",
        "created_at": "t",
        "message": {"role": "assistant", "content": "Hello", "thinking": "hm", "new": 1, "tool_calls": calls},
        "done": True,
        "logprobs": [1, 2],
        "done_reason": "stop",
        "eval_count": 3,
        "remote_model": "big",
    }


def test_generates_own_frames_fold_too() -> None:
    sources = [{"response": "", "thinking": "hm", "done": False}, {"response": "Hi", "done": False}]
    sources.append({"model": "real", "response": "", "done": True, "context": [1]})
    texts = [("", "hm"), ("Hi", ""), ("", "")]
    chunks = [
        Chunk(text, thinking, source=source, dialect=Dialect.OLLAMA_GENERATE)
        for (text, thinking), source in zip(texts, sources, strict=True)
    ]
    assert folded(*chunks, generate=True) == {
        "model": "asked:7b",
        "created_at": "2026-08-21T18:48:22.750000Z",
        "response": "Hi",
        "thinking": "hm",
        "done": True,
        "context": [1],
    }
    assert folded(*chunks)["message"] == {"role": "assistant", "content": "Hi", "thinking": "hm"}
