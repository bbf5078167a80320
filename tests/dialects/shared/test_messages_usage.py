"""Counts of Anthropic's events, which add up and come in part."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.chat import Usage
from linx.dialects.shared.messages_usage import read_usage


def test_the_prompt_includes_what_the_cache_had_and_got() -> None:
    given = {"input_tokens": 5, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 7, "output_tokens": 1}
    assert read_usage(given, None) == Usage(42, 1, 30, cache_write=7)


def test_what_an_event_leaves_out_stays() -> None:
    begun = read_usage({"input_tokens": 5, "cache_read_input_tokens": 3, "output_tokens": 1}, None)
    assert read_usage({"output_tokens": 9}, begun) == Usage(8, 9, 3, cache_write=0)
    assert read_usage({"input_tokens": None, "output_tokens": 0}, begun) == Usage(8, 9, 3, cache_write=0)
    assert read_usage(None, begun) is begun
    assert read_usage("x", None) is None


def test_thoughts_and_cost() -> None:
    given = {"output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}, "cost": 0.5}
    assert read_usage(given, None) == Usage(0, 9, reasoning=4, cost_usd=0.5)


@pytest.mark.parametrize("odd", ["3", -1, 1.5, True, None, [3]])
def test_counts_that_are_none(odd: Any) -> None:
    given = {"input_tokens": 2, "cache_read_input_tokens": odd, "output_tokens": odd, "cost": -1}
    assert read_usage(given, None) == Usage(2, 0, 0, cache_write=0)
