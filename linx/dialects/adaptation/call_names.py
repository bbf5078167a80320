"""The names of the tools that an answer calls: changed in a chunk and in the frame behind it, whatever its dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core.chat import Dialect
from linx.dialects.adaptation.tools import tool_part

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import Chunk, JsonObject


def may_name_a_tool(chunk: Chunk) -> bool:
    """Cheap, since it is asked of each chunk. Responses repeats a call in events that are no pieces of it."""
    return chunk.tools is not None or chunk.dialect is Dialect.RESPONSES


def rename_calls(chunk: Chunk, new_name: Callable[[str], str]) -> None:
    """Change the names in ``chunk``, in place."""
    for delta in chunk.tools or ():
        if delta.name:
            delta.name = new_name(delta.name)
    if chunk.source is not None:
        for part in _named_parts(chunk.source):
            name = part.get("name")
            if isinstance(name, str) and name:
                part["name"] = new_name(name)


_CALLS = frozenset((None, "function", "custom", "function_call", "custom_tool_call", "tool_use"))
"""The types of calls. Tools that a server calls itself have other types, and names that are no client's."""


def _named_parts(source: JsonObject) -> list[JsonObject]:
    """The objects of a provider's frame that have the name of a called tool."""
    calls: list[Any] = []
    for choice in _list(source.get("choices")):
        calls += _list(_dict(_dict(choice).get("delta")).get("tool_calls"))
    calls += _list(_dict(source.get("message")).get("tool_calls"))  # Ollama
    calls.append(source.get("content_block"))  # Messages
    calls.append(source.get("item"))  # Responses
    calls += _list(_dict(source.get("response")).get("output"))
    if source.get("type") == "response.function_call_arguments.done":
        calls.append({"function": source})
    return [part for call in calls if (part := tool_part(call)) is not None and call.get("type") in _CALLS]


def _dict(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
