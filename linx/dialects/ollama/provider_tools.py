"""Tool definitions in the form that Ollama keeps.

Ollama reads a parameter's schema into a fixed structure and forgets every other field,
``$ref`` too, so a referenced type would reach the model as nothing at all. What can be said
in the words that survive (type, items, properties, required, enum, anyOf, description)
is rewritten into them here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import known_tools
from linx.core.errors import BadRequest, quote
from linx.dialects.failures.meaning import unsupported

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

MAX_NODES = 10_000  # of one tool's schema once its references are inlined: they can double with each level
MAX_LEVELS = 100
_DEFINITIONS = ("$defs", "definitions")


def tools_for(body: JsonObject) -> list[JsonObject]:
    """The tools of a chat body that the model shall see, in Ollama's shape."""
    given = body.get("tools")
    if given is None:
        given = [{"type": "function", "function": function} for function in body.get("functions") or ()]
    allowed = _allowed(body)
    if not given or allowed == set():
        return []
    tools = known_tools.derived(given, _functions)
    if not tools:
        raise unsupported("takes tools of type function only")
    if allowed is not None:
        missing = sorted(allowed - {tool["function"]["name"] for tool in tools})
        if missing:
            raise BadRequest(
                f"tool_choice names {quote(missing[0])!r}, which is not among the tools", param="tool_choice"
            )
        tools = [tool for tool in tools if tool["function"]["name"] in allowed]
    return tools


def _functions(given: list[Any]) -> list[JsonObject]:
    tools = []
    for number, tool in enumerate(given):
        if not isinstance(tool, dict):
            raise BadRequest(f"tools[{number}] must be an object", param=f"tools[{number}]")
        if tool.get("type", "function") == "function":
            tools.append(_tool(tool, f"tools[{number}]"))
    return tools


def _allowed(body: JsonObject) -> set[str] | None:
    """The names of the tools that tool_choice leaves; None for all. Ollama cannot be forced to call a tool."""
    choice = body.get("tool_choice")
    if choice is None:
        choice = body.get("function_call")
    if choice == "none":
        return set()
    if not isinstance(choice, dict):
        return None
    if choice.get("type") == "allowed_tools":
        holder = choice.get("allowed_tools")
        listed = (holder if isinstance(holder, dict) else choice).get("tools")
        names = {_name(tool) for tool in listed if isinstance(tool, dict)} if isinstance(listed, list) else set()
        return names - {""} or None
    name = _name(choice)
    return {name} if name else None


def _name(tool: JsonObject) -> str:
    function = tool.get("function")
    name = (function if isinstance(function, dict) else tool).get("name")
    return name if isinstance(name, str) else ""


def _tool(tool: JsonObject, where: str) -> JsonObject:
    function = tool.get("function")
    if not isinstance(function, dict):
        function = {key: value for key, value in tool.items() if key != "type"}
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise BadRequest(f"{where}.function.name must be a non-empty string", param=f"{where}.function.name")
    parameters = function.get("parameters")
    if parameters is None:
        parameters = {}
    if not isinstance(parameters, dict):
        raise BadRequest(f"{where}.function.parameters must be an object", param=f"{where}.function.parameters")
    clean = {"name": name}
    if isinstance(function.get("description"), str):
        clean["description"] = function["description"]
    return {"type": "function", "function": {**clean, "parameters": plain_schema(parameters)}}


def plain_schema(root: JsonObject) -> JsonObject:
    """An object schema without references and other words that Ollama forgets."""
    schema = _Inliner(root).plain(root, ())
    schema = {key: value for key, value in schema.items() if key not in _DEFINITIONS}
    schema.setdefault("type", "object")
    if not isinstance(schema.get("properties"), dict):
        # Ollama refuses an empty list here, which is what PHP clients make of an empty object.
        schema["properties"] = {}
    return schema


class _Inliner:
    """Rewrites one schema; ``opened`` are the references that lead to where it is."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._nodes = 0
        self._level = 0

    def plain(self, schema: JsonObject, opened: tuple[str, ...]) -> JsonObject:
        self._nodes += 1
        if self._nodes > MAX_NODES or self._level > MAX_LEVELS:
            raise unsupported("a tool's schema is too large or too deep once its references are inlined")
        self._level += 1
        try:
            return self._inlined(schema, opened)
        finally:
            self._level -= 1

    def _inlined(self, schema: JsonObject, opened: tuple[str, ...]) -> JsonObject:
        reference = schema.get("$ref")
        if isinstance(reference, str):
            own = {key: value for key, value in schema.items() if key != "$ref"}
            target = self._find(reference)
            if target is None or reference in opened:
                # Nothing to inline, or a type inside itself: an object of any shape is the most that can be said.
                return {"type": "object", **self._parts(own, opened)}
            return {**self.plain(target, (*opened, reference)), **self._parts(own, opened)}
        return self._parts(schema, opened)

    def _parts(self, schema: JsonObject, opened: tuple[str, ...]) -> JsonObject:
        plain: JsonObject = {}
        for key, value in schema.items():
            if key == "properties" and isinstance(value, dict):
                plain[key] = {name: self._any(item, opened) for name, item in value.items()}
            elif key == "items":
                plain[key] = self._any(value, opened)
            elif key in ("anyOf", "oneOf") and isinstance(value, list):
                plain["anyOf"] = [self._any(item, opened) for item in value]
            elif key == "allOf" and isinstance(value, list) and len(value) == 1:
                inner = self._any(value[0], opened)
                if isinstance(inner, dict):
                    plain = {**inner, **plain}
            elif key == "const" and "enum" not in schema:
                plain["enum"] = [value]
            else:
                plain[key] = value
        return plain

    def _any(self, value: Any, opened: tuple[str, ...]) -> Any:
        return self.plain(value, opened) if isinstance(value, dict) else value

    def _find(self, reference: str) -> JsonObject | None:
        if not reference.startswith("#"):
            return None
        place: Any = self._root
        for step in reference[1:].strip("/").split("/"):
            if not step:
                continue
            key = step.replace("~1", "/").replace("~0", "~")
            place = place.get(key) if isinstance(place, dict) else None
        return place if isinstance(place, dict) else None
