"""Turns the tools of a Responses body into functions, which every provider knows, and names back.

Codex has kinds of tools that the chat dialect lacks. A custom tool takes free text: it becomes a function with one
string parameter, ``input``. A namespace is a group of tools: its name is put before the names of its tools. The same
body always gives the same names, so the encoder of the answer can make its own ``ToolNames`` from the request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from linx.core import known_tools
from linx.dialects.shared import chat_body, fields, free_text_tools

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

_TOOL_ITEMS = ("additional_tools", "tool_search_output")


class Original(NamedTuple):
    """A tool under the client's name."""

    name: str
    is_custom: bool = False
    namespace: str | None = None


class _Names:
    """The functions for the chat body, and their names on both sides."""

    __slots__ = ("flat", "functions", "originals")

    def __init__(self) -> None:
        self.functions: list[JsonObject] = []
        self.originals: dict[str, Original] = {}
        self.flat: dict[tuple[str | None, str], str] = {}

    def copy(self) -> _Names:
        new = _Names()
        new.functions, new.originals, new.flat = self.functions.copy(), self.originals.copy(), self.flat.copy()
        return new

    def add(self, tool: JsonObject, where: str, namespace: str | None) -> None:
        kind = fields.need_text(tool, "type", where)
        if kind not in {"function", "custom"}:
            return
        # Cursor sends tools in the shape of the chat dialect, with the fields one level deeper.
        nested = fields.mapping(tool, kind, where)
        if nested is not None:
            tool, where = nested, f"{where}.{kind}"
        name = fields.need_name(tool, "name", where)
        if (namespace, name) in self.flat:
            return
        flat = _joined(name, namespace)
        if flat in self.originals:
            flat = chat_body.short_name(f"{namespace}.{name}")
        if kind == "custom":
            made = free_text_tools.function_of(tool, flat, where)
        else:
            description = fields.text(tool, "description", where)
            schema, strict = fields.mapping(tool, "parameters", where), fields.flag(tool, "strict", where)
            made = chat_body.function_tool(flat, description, schema, strict)
        self.functions.append(made)
        self.flat[namespace, name] = flat
        self.originals[flat] = Original(name, kind == "custom", namespace)


class ToolNames:
    """``tools`` are the functions for the chat body. ``flat`` and ``original`` translate names between client and
    provider. Tools that OpenAI runs itself are left out."""

    def __init__(self, body: JsonObject) -> None:
        (_, first), *others = _lists(body)
        self._names = known_tools.derived(first, _plain_names)
        self.tools = known_tools.derived(first, _plain_functions)
        if others or any(map(_is_namespace, first)):
            self._names = self._names.copy()
            self._add_others([("tools", first), *others])
            self.tools = self._names.functions

    def flat(self, name: str, namespace: str | None = None) -> str:
        """A tool's name at the provider, even if the tool is only in the history and no longer in the body."""
        return self._names.flat.get((namespace, name)) or _joined(name, namespace)

    def original(self, flat: str) -> Original:
        """The client's tool for a tool's name at the provider."""
        return self._names.originals.get(flat) or Original(flat)

    def _add_others(self, lists: list[tuple[str, list[JsonObject]]]) -> None:
        """Add the tools of the lists behind the first, and those in namespaces.

        The latter come last, so that tools without a namespace keep their names.
        """
        for path, tools in lists[1:]:
            _add_plain(self._names, tools, path)
        for path, tools in lists:
            for position, tool in enumerate(tools):
                if _is_namespace(tool):
                    where = f"{path}[{position}]"
                    namespace = fields.need_name(tool, "name", where)
                    for number, member in enumerate(fields.objects(tool, "tools", where)):
                        self._names.add(member, f"{where}.tools[{number}]", namespace)


def _is_namespace(tool: JsonObject) -> bool:
    return tool.get("type") == "namespace"


def _add_plain(names: _Names, tools: list[JsonObject], path: str) -> None:
    """Add the tools that are in no namespace."""
    for position, tool in enumerate(tools):
        if not _is_namespace(tool):
            names.add(tool, f"{path}[{position}]", None)


def _plain_names(tools: list[JsonObject]) -> _Names:
    names = _Names()
    _add_plain(names, tools, "tools")
    return names


def _plain_functions(tools: list[JsonObject]) -> list[JsonObject]:
    return known_tools.derived(tools, _plain_names).functions


def _lists(body: JsonObject) -> list[tuple[str, list[JsonObject]]]:
    """Every list of tools in a body with its path: ``tools``, and the lists inside items of the input."""
    lists = [("tools", fields.objects(body, "tools"))]
    items = body.get("input")
    for position, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict) and item.get("type") in _TOOL_ITEMS:
            path = f"input[{position}]"
            lists.append((f"{path}.tools", fields.objects(item, "tools", path)))
    return lists


def _joined(name: str, namespace: str | None) -> str:
    if namespace is None:
        return name
    return chat_body.short_name(f"{namespace}{'' if namespace.endswith('__') else '__'}{name}")
