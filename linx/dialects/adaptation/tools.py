"""Where the tools of a body are, and their names and schemas, in every wire format.

Chat and Ollama wrap what a tool is in ``function``; Messages and Responses do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import JsonObject

_WRAPPERS = ("function", "custom")


def tool_part(tool: Any) -> JsonObject | None:
    """The object that has the name, in a tool, in a call of one, or in the choice of one."""
    if not isinstance(tool, dict):
        return None
    for wrapper in _WRAPPERS:
        if isinstance(tool.get(wrapper), dict):
            return tool[wrapper]  # type: ignore[no-any-return]  # looked at just now
    return tool


def tool_name(tool: Any) -> str | None:
    """The name in a tool, in a call of one, or in the choice of one."""
    part = tool_part(tool)
    name = part.get("name") if part is not None else None
    return name if isinstance(name, str) else None


def with_part(tool: JsonObject, part: JsonObject) -> JsonObject:
    """``tool`` with another ``tool_part``."""
    for wrapper in _WRAPPERS:
        if isinstance(tool.get(wrapper), dict):
            return {**tool, wrapper: part}
    return part


def tools_of(body: JsonObject) -> list[Any]:
    tools = body.get("tools")
    return tools if isinstance(tools, list) else []


def map_list(items: Any, change: Callable[[Any], Any]) -> Any:
    """``items`` with each of them changed; ``items`` itself if none is, or if it is no list."""
    if not isinstance(items, list):
        return items
    changed = [change(item) for item in items]
    return changed if any(new is not old for new, old in zip(changed, items, strict=True)) else items


def map_field(holder: JsonObject, field: str, change: Callable[[Any], Any]) -> JsonObject:
    """``holder`` with one field changed; ``holder`` itself if the field stays, or is not there."""
    if field not in holder:
        return holder
    old = holder[field]
    new = change(old)
    return holder if new is old else {**holder, field: new}


def map_part(tool: Any, change: Callable[[JsonObject], JsonObject]) -> Any:
    """``tool`` with its ``tool_part`` changed; ``tool`` itself if that stays."""
    part = tool_part(tool)
    if part is None:
        return tool
    new = change(part)
    return tool if new is part else with_part(tool, new)
