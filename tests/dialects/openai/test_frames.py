from __future__ import annotations

from typing import Any

import pytest

from linx.core.chat import Chunk, JsonObject, Timings, Usage
from linx.dialects.openai.frames import clean, timings_of, usage_of, usage_of_timings
from linx.dialects.openai.tool_calls import ToolCalls
from tests.dialects.openai.help import frame


def cleaned(delta: Any) -> tuple[Chunk, Any]:
    item = frame(delta)
    chunk = clean(item, item["choices"][0], 0, ToolCalls(str))
    assert chunk.source is item
    return chunk, item["choices"][0]["delta"]


@pytest.mark.parametrize("value", [None, {}, [], 5, "x"])
def test_what_is_no_usage(value: Any) -> None:
    assert usage_of(value) is None


def test_counts_that_are_none() -> None:
    odd: JsonObject = {
        "prompt_tokens": None,
        "completion_tokens": "7",
        "prompt_tokens_details": {"cached_tokens": -1},
        "completion_tokens_details": [],
    }
    assert usage_of(odd) == Usage(0, 0, None, None, None, odd)
    assert usage_of({"prompt_tokens": True, "completion_tokens": 2.0}) == Usage(
        0, 2, source={"prompt_tokens": True, "completion_tokens": 2.0}
    )
    cache = usage_of({"prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 5}})
    assert cache is not None
    assert (cache.cached, cache.cache_write) == (4, 5)
    assert usage_of({"prompt_tokens": float("inf")}) == Usage(source={"prompt_tokens": float("inf")})


@pytest.mark.parametrize(("cost", "told"), [(0, 0.0), (0.5, 0.5), (-1, None), (True, None), ("1", None), (None, None)])
def test_cost(cost: Any, told: float | None) -> None:
    usage = usage_of({"cost": cost})
    assert usage is not None
    assert usage.cost_usd == told


def test_timings() -> None:
    assert timings_of(None) is None
    assert timings_of({"prompt_ms": "x", "predicted_ms": True}) == Timings()
    assert timings_of({"prompt_ms": 1.5, "predicted_ms": 2}) == Timings(3_500_000, 0, 1_500_000, 2_000_000)
    assert usage_of_timings({"prompt_n": 5}) is None
    assert usage_of_timings({"prompt_n": 5, "predicted_n": 2}) == Usage(5, 2)


@pytest.mark.parametrize(
    ("content", "text", "reasoning", "left"),
    [
        ("a", "a", "", {"content": "a"}),
        ("", "", "", {"content": ""}),
        (None, "", "", {}),
        (5, "", "", {}),
        ([{"type": "text", "text": "a"}, "b", 5, {"type": "image"}], "ab", "", {"content": "ab"}),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "h"}]}], "", "h", {"reasoning_content": "h"}),
        ([{"type": "thinking", "thinking": "h"}, {"text": "a"}], "a", "h", {"content": "a", "reasoning_content": "h"}),
    ],
)
def test_content_in_every_form(content: Any, text: str, reasoning: str, left: Any) -> None:
    chunk, delta = cleaned({"role": "assistant", "content": content})
    assert (chunk.text, chunk.reasoning, delta) == (text, reasoning, left)


def test_reasoning_that_stands_in_the_details_only() -> None:
    details: list[Any] = [{"text": "a"}, {"summary": "b"}, {"data": "c"}, {"text": 5}, 5]
    chunk, delta = cleaned({"reasoning_details": details})
    assert chunk.reasoning == delta["reasoning_content"] == "ab"
    assert delta["reasoning_details"] is details


def test_fields_of_a_wrong_type() -> None:
    chunk, delta = cleaned({"refusal": 5, "reasoning": {"effort": "high"}, "tool_calls": "x", "function_call": "x"})
    assert not chunk.is_meaningful
    assert delta == {"reasoning": {"effort": "high"}}
    assert cleaned("x")[1] == {}
    assert cleaned({"refusal": "no"})[0].refusal == "no"


def test_the_old_form_of_a_call() -> None:
    item = frame({"function_call": {"name": "f", "arguments": "{"}})
    calls = ToolCalls(lambda: "1")
    chunk = clean(item, item["choices"][0], 0, calls)
    assert chunk.tools is not None
    assert (chunk.tools[0].name, chunk.tools[0].id, chunk.tools[0].index) == ("f", "call_1", 0)
    more = frame({"function_call": {"arguments": "}"}})
    chunk = clean(more, more["choices"][0], 0, calls)
    assert chunk.tools is not None
    assert chunk.tools[0].arguments == "}"
    assert more["choices"][0]["delta"] == {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}


@pytest.mark.parametrize(
    ("logprobs", "told"),
    [
        (None, None),
        (5, None),
        ({}, None),
        ({"content": None}, None),
        ({"content": []}, None),
        ({"content": [{"token": "a"}, 5]}, [{"token": "a"}]),
    ],
)
def test_logprobs(logprobs: Any, told: Any) -> None:
    item = frame({"content": "a"})
    item["choices"][0]["logprobs"] = logprobs
    assert clean(item, item["choices"][0], 0, ToolCalls(str)).logprobs == told
