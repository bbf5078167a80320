"""Tokens and times, under whatever name a provider tells of them."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.chat import JsonObject, Timings, Usage
from linx.dialects.openai.usage import timings_of, usage_of, usage_of_timings
from tests.dialects.openai.help import DONE, decode, frame, sse, text


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
    ("given", "told"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 5, "prompt_cache_miss_tokens": 4}, 5),
        ({"prompt_tokens": 9, "completion_tokens": 2, "cached_tokens": 6}, 6),
        ({"input_tokens": 9, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 7}}, 7),
        ({"prompt_tokens": 9, "completion_tokens": 2, "input_tokens": 1, "output_tokens": 1}, None),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 2,
                "prompt_tokens_details": {"cached_tokens": 4},
                "cached_tokens": 1,
            },
            4,
        ),
        ({"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": None, "cached_tokens": 3}, 3),
    ],
)
def test_the_names_of_other_providers(given: JsonObject, told: int | None) -> None:
    usage = usage_of(given)
    assert usage is not None
    assert (usage.prompt, usage.completion, usage.cached) == (9, 2, told)


def test_reasoning_under_other_names() -> None:
    for given in ({"output_tokens_details": {"reasoning_tokens": 3}}, {"reasoning_tokens": 3}):
        usage = usage_of(given)
        assert usage is not None
        assert usage.reasoning == 3


def test_a_usage_within_the_choice() -> None:
    """Kimi's streams tell it there (pi#2017)."""
    given = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11, "cached_tokens": 6}
    last = frame(finish="stop")
    last["choices"][0]["usage"] = given
    result = decode(sse(*text("a"), last) + DONE)
    assert result.chunks[-1].usage == Usage(9, 2, 6, source=given)
    assert not any("usage" in source["choices"][0] for source in result.sources)
