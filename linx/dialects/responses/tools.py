"""Turns the tools of a Responses body into functions, which every provider knows, and names back.

Codex has kinds of tools that the chat dialect lacks. A custom tool takes free text: it becomes a function with one
string parameter, ``input``. A namespace is a group of tools: its name is put before the names of its tools. The same
body always gives the same names, so the encoder of the answer can make its own ``ToolNames`` from the request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from linx.dialects.shared import chat_body, fields, free_text_tools

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

_TOOL_ITEMS = frozenset({"additional_tools", "tool_search_output"})


class Original(NamedTuple):
    """A tool under the client's name."""

    name: str
    is_custom: bool = False
    namespace: str | None = None


class ToolNames:
    """``tools`` are the functions for the chat body. ``flat`` and ``original`` translate names between client and
    provider. Tools that OpenAI runs itself are left out."""

    def __init__(self, body: JsonObject) -> None:
        self.tools: list[JsonObject] = []
        self._originals: dict[str, Original] = {}
        self._flat: dict[tuple[str | None, str], str] = {}
        namespaces: list[tuple[JsonObject, str]] = []
        for path, tools in _lists(body):
            for position, tool in enumerate(tools):
                where = f"{path}[{position}]"
                if tool.get("type") == "namespace":
                    namespaces.append((tool, where))  # added last, so that tools without a namespace keep their names
                else:
                    self._add(tool, where, None)
        for tool, where in namespaces:
            namespace = fields.need_name(tool, "name", where)
            for position, member in enumerate(fields.objects(tool, "tools", where)):
                self._add(member, f"{where}.tools[{position}]", namespace)

    def flat(self, name: str, namespace: str | None = None) -> str:
        """A tool's name at the provider, even if the tool is only in the history and no longer in the body."""
        return self._flat.get((namespace, name)) or _joined(name, namespace)

    def original(self, flat: str) -> Original:
        """The client's tool for a tool's name at the provider."""
        return self._originals.get(flat) or Original(flat)

    def _add(self, tool: JsonObject, where: str, namespace: str | None) -> None:
        kind = fields.need_text(tool, "type", where)
        if kind not in {"function", "custom"}:
            return
        # Cursor sends tools in the shape of the chat dialect, with the fields one level deeper.
        nested = fields.mapping(tool, kind, where)
        if nested is not None:
            tool, where = nested, f"{where}.{kind}"
        name = fields.need_name(tool, "name", where)
        if (namespace, name) in self._flat:
            return
        flat = _joined(name, namespace)
        if flat in self._originals:
            flat = chat_body.short_name(f"{namespace}.{name}")
        if kind == "custom":
            made = free_text_tools.function_of(tool, flat, where)
        else:
            description = fields.text(tool, "description", where)
            schema, strict = fields.mapping(tool, "parameters", where), fields.flag(tool, "strict", where)
            made = chat_body.function_tool(flat, description, schema, strict)
        self.tools.append(made)
        self._flat[namespace, name] = flat
        self._originals[flat] = Original(name, kind == "custom", namespace)


def _lists(body: JsonObject) -> list[tuple[str, list[JsonObject]]]:
    """Every list of tools in a body with its path: ``tools``, and the lists inside items of the input."""
    lists = [("tools", fields.objects(body, "tools"))]
    items = body.get("input")
    for position, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict) and str(item.get("type")) in _TOOL_ITEMS:
            path = f"input[{position}]"
            lists.append((f"{path}.tools", fields.objects(item, "tools", path)))
    return lists


def _joined(name: str, namespace: str | None) -> str:
    if namespace is None:
        return name
    return chat_body.short_name(f"{namespace}{'' if namespace.endswith('__') else '__'}{name}")
