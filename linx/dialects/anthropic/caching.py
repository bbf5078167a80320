"""Where the provider shall keep the prompt for the next turn: ``cache_control`` for clients that know no such marks.

A mark costs a quarter more for what is written to the cache and saves nine tenths of what is read from it, so
marks are set where a next turn is likely: on the tools and the system prompt, and once a conversation has an answer
or tools, on its last two turns of the user. The last but one is where the request before this one wrote: the API
looks back 20 blocks for it, and an agent's turn may be longer. That is four marks, the most that the API takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linx.core.chat import JsonObject

LEAST_TOKENS = 1024
"""A shorter prompt is not cached by most models, and a mark on it is ignored."""
MARKED_TURNS = 2
_MARK = {"type": "ephemeral"}
_MARKABLE = ("text", "image", "document", "tool_result", "tool_use")


def mark(body: JsonObject) -> None:
    """Set marks in a Messages body that this dialect made; none if its client has set some itself."""
    tools, system, turns = body.get("tools") or [], body.get("system") or [], body["messages"]
    if _has_marks((*tools, *system)) or any(_has_marks(turn["content"]) for turn in turns):
        return
    for blocks in (tools, system):
        if blocks:
            blocks[-1] = {**blocks[-1], "cache_control": _MARK}  # the definition of a tool is shared
    if tools or any(turn["role"] == "assistant" for turn in turns):
        users = [turn for turn in turns if turn["role"] == "user"]
        for turn in users[-MARKED_TURNS:]:
            last = turn["content"][-1]
            if last["type"] in _MARKABLE:
                last["cache_control"] = _MARK


def _has_marks(blocks: Iterable[JsonObject]) -> bool:
    return any("cache_control" in block for block in blocks)
