"""Reads the token counts in the events of Anthropic's Messages API."""

from __future__ import annotations

from typing import Any

from linx.core.chat import JsonObject, Usage
from linx.dialects.shared.reported import count_of, usd_of


def read_usage(given: Any, before: Usage | None) -> Usage | None:
    """``before`` updated by ``given``. Counts are cumulative; a count that an event leaves out stays the same.

    In this API the tokens read from the cache and written to the cache are not part of ``input_tokens``.
    """
    if not isinstance(given, dict):
        return before
    usage = before or Usage()
    if given.get("input_tokens") is not None:
        usage.cached = _count(given, "cache_read_input_tokens")
        usage.cache_write = _count(given, "cache_creation_input_tokens")
        usage.prompt = _count(given, "input_tokens") + usage.cached + usage.cache_write
    usage.completion = _count(given, "output_tokens") or usage.completion
    details = given.get("output_tokens_details")
    if isinstance(details, dict):
        usage.reasoning = _count(details, "thinking_tokens")
    usage.cost_usd = usd_of(given.get("cost")) or usage.cost_usd
    return usage


def _count(holder: JsonObject, key: str) -> int:
    return count_of(holder.get(key)) or 0
