"""Objects of OpenAI's answers that a stream and a whole answer have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linx.core.chat import JsonObject, Stamp, ToolDelta, Usage

FINGERPRINT = "fp_linx"


def identity(source: JsonObject | None, stamp: Stamp) -> tuple[str, int]:
    """``id`` and ``created`` of an answer: the provider's own where they are usable."""
    frame = source or {}
    answer_id, created = frame.get("id"), frame.get("created")
    if not isinstance(answer_id, str) or not answer_id:
        answer_id = f"chatcmpl-{stamp.id}"
    if isinstance(created, bool) or not isinstance(created, int | float) or not 0 < created < 2**53:
        created = stamp.created
    return answer_id, int(created)


def reasoning_delta(text: str, field: str) -> JsonObject:
    """``field`` is reasoning_content, reasoning or both."""
    if field == "both":
        return {"reasoning_content": text, "reasoning": text}
    return {field: text}


def usage_object(usage: Usage | None) -> JsonObject:
    """Usage as OpenAI writes it: the provider's own where there is one, with the counts always there."""
    if usage is None:
        return {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    counts: JsonObject = {"prompt_tokens": usage.prompt, "completion_tokens": usage.completion}
    counts["total_tokens"] = usage.prompt + usage.completion
    if usage.source is not None:
        total = usage.source.get("total_tokens")
        if type(total) is int:
            counts["total_tokens"] = total
        whole = {**usage.source, **counts}
        if usage.cached is not None and "prompt_tokens_details" not in whole:  # said under another name
            whole["prompt_tokens_details"] = {"cached_tokens": usage.cached}
        return whole
    if usage.cached is not None:
        counts["prompt_tokens_details"] = {"cached_tokens": usage.cached}
        if usage.cache_write:
            counts["prompt_tokens_details"]["cache_write_tokens"] = usage.cache_write
    if usage.reasoning is not None:
        counts["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    if usage.cost_usd is not None:
        counts["cost"] = usage.cost_usd
    return counts


def tool_fragment(delta: ToolDelta) -> JsonObject:
    """A piece of a tool call; only the first piece of a call has an id and a name."""
    if delta.id is None:
        return {"index": delta.index, "function": {"arguments": delta.arguments}}
    function = {"name": delta.name or "", "arguments": delta.arguments}
    return {"index": delta.index, "id": delta.id, "type": "function", "function": function}


def to_legacy(choice: JsonObject) -> bool:
    """Turn the first tool call into the ``function_call`` of old clients, which know one call only.

    False if nothing is left of the frame.
    """
    if choice["finish_reason"] == "tool_calls":
        choice["finish_reason"] = "function_call"
    delta = choice["delta"]
    fragments = delta.pop("tool_calls", None)
    if fragments is None:
        return True
    call: JsonObject = {}
    for fragment in fragments:
        function = fragment.get("function")
        if fragment["index"] == 0 and function is not None:
            call.update({key: function[key] for key in ("name",) if key in function})
            call["arguments"] = call.get("arguments", "") + function["arguments"]
    if call:
        delta["function_call"] = call
    return bool(delta)
