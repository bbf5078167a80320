"""What an OpenAI-shaped answer says of its tokens and of its time, under the names that its providers use.

A name that OpenAI's own API uses comes before any other, and a count that is no count is as good as none.
"""

from __future__ import annotations

from typing import Any

from linx.core.chat import JsonObject, Timings, Usage
from linx.dialects.shared.reported import count_of, usd_of

_NS_PER_MS = 1_000_000
_CACHED = ("prompt_cache_hit_tokens", "cached_tokens")  # DeepSeek's, Kimi's (promptfoo#10132)


def usage_of(value: Any) -> Usage | None:
    if not isinstance(value, dict) or not value:
        return None
    prompt, completion = count_of(value.get("prompt_tokens")), count_of(value.get("completion_tokens"))
    usage = Usage(prompt or 0, completion or 0, source=value)
    if not usage.prompt and "input_tokens" in value:
        usage.prompt = count_of(value["input_tokens"]) or 0
    if not usage.completion and "output_tokens" in value:
        usage.completion = count_of(value["output_tokens"]) or 0
    details = value.get("prompt_tokens_details") or value.get("input_tokens_details")
    if isinstance(details, dict):
        usage.cached = count_of(details.get("cached_tokens"))
        usage.cache_write = count_of(details.get("cache_write_tokens"))
    if usage.cached is None:
        for name in _CACHED:
            if name in value:
                usage.cached = count_of(value[name])
    details = value.get("completion_tokens_details") or value.get("output_tokens_details") or value
    if isinstance(details, dict) and "reasoning_tokens" in details:
        usage.reasoning = count_of(details["reasoning_tokens"])
    usage.cost_usd = usd_of(value.get("cost"))
    return usage


def timings_of(value: Any) -> Timings | None:
    """llama.cpp's ``timings``, which are in milliseconds."""
    if not isinstance(value, dict):
        return None
    prompt, predicted = _nanoseconds(value.get("prompt_ms")), _nanoseconds(value.get("predicted_ms"))
    return Timings(total=prompt + predicted, prompt_eval=prompt, eval=predicted)


def usage_of_timings(value: JsonObject) -> Usage | None:
    """Token counts where a llama.cpp reports none but in its ``timings``."""
    prompt, completion = count_of(value.get("prompt_n")), count_of(value.get("predicted_n"))
    if prompt is None or completion is None:
        return None
    cached = count_of(value.get("cache_n"))
    return Usage(prompt + (cached or 0), completion, cached)


def _nanoseconds(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        return 0
    return int(value * _NS_PER_MS)
