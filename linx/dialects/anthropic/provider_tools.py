"""The tools of a hub body and the choice among them, in the words of the Messages API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import known_tools
from linx.core.errors import BadRequest, quote
from linx.dialects.anthropic.provider_messages import TOOL_NAME
from linx.dialects.failures.meaning import unsupported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.chat import JsonObject

_NO_PARAMETERS: JsonObject = {"type": "object", "properties": {}}
_WORDS = {"auto": "auto", "required": "any", "none": "none"}
FORCED = ("any", "tool")
"""The choices that leave a model no answer but a call."""


def tools_for(body: JsonObject, called: Sequence[str]) -> tuple[list[JsonObject], JsonObject | None]:
    """The tools, and the choice if there is one to be told.

    ``called`` are the tools that the history calls: it may not do so where none are defined, so these are then, and
    may not be used.
    """
    given = body.get("tools") or ()
    tools = list(known_tools.derived(given, _tools))
    if not tools:
        return [{"name": name, "input_schema": _NO_PARAMETERS} for name in called], {"type": "none"} if called else None
    choice = body.get("tool_choice")
    allowed = choice.get("allowed_tools") if isinstance(choice, dict) else None
    if isinstance(allowed, dict):
        names = {_name(tool) for tool in allowed.get("tools") or ()}
        tools = [tool for tool in tools if tool["name"] in names] or tools
        choice = allowed.get("mode")
    made = _choice(choice, tools)
    if body.get("parallel_tool_calls") is False and (made is None or made["type"] != "none"):
        made = {**(made or {"type": "auto"}), "disable_parallel_tool_use": True}
    return tools, made


def _tools(given: Sequence[Any]) -> list[JsonObject]:
    return [_tool(tool, number) for number, tool in enumerate(_functions(given))]


def _functions(given: Sequence[Any]) -> list[JsonObject]:
    """The definitions of the tools that are functions; a service's own tools are nobody's here."""
    functions = [tool.get("function") for tool in given if isinstance(tool, dict)]
    found = [function for function in functions if isinstance(function, dict)]
    if given and not found:
        raise unsupported("takes tools of type function only")
    return found


def _tool(function: JsonObject, number: int) -> JsonObject:
    name = function.get("name")
    if not isinstance(name, str) or not name:
        where = f"tools[{number}].function.name"
        raise BadRequest(f"{where} must be a string that is not empty", param=where)
    if not TOOL_NAME.fullmatch(name):
        raise unsupported(f"takes no tool of the name {quote(name)!r}: letters, digits, _ and - only")
    tool: JsonObject = {"name": name}
    description = function.get("description")
    if isinstance(description, str) and description:
        tool["description"] = description
    parameters = function.get("parameters") or _NO_PARAMETERS
    if not isinstance(parameters, dict):
        where = f"tools[{number}].function.parameters"
        raise BadRequest(f"{where} must be an object", param=where)
    tool["input_schema"] = parameters if parameters.get("type") == "object" else {**parameters, "type": "object"}
    if isinstance(function.get("cache_control"), dict):
        tool["cache_control"] = function["cache_control"]
    return tool


def _choice(choice: Any, tools: Sequence[JsonObject]) -> JsonObject | None:
    if choice is None:
        return None
    if isinstance(choice, str):
        word = _WORDS.get(choice)
        if word is None:
            raise BadRequest("tool_choice must be auto, required, none or an object", param="tool_choice")
        return {"type": word}
    name = _name(choice)
    if all(tool["name"] != name for tool in tools):
        raise BadRequest(f"tool_choice names {quote(name)!r}, which is not among the tools", param="tool_choice")
    return {"type": "tool", "name": name}


def _name(tool: Any) -> str:
    """The name in the choice of a tool."""
    function = tool.get("function") if isinstance(tool, dict) else None
    name = function.get("name") if isinstance(function, dict) else tool.get("name") if isinstance(tool, dict) else None
    return name if isinstance(name, str) else ""
