"""A JSON Schema with less in it, for servers that know a part of the language only.

Rule: what is left accepts whatever the schema accepted, or more; a server is never told of a limit that the client did
not set. (One step is taken on trust: a schema with ``properties`` is one of objects, one with ``items`` of arrays.)
References are replaced by what they refer to, circles are cut, and the result is bounded in size and depth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.dialects.adaptation.schema_forms import both, dict_of, of_types, texts_of, tidied, with_keyword

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from linx.core.chat import JsonObject

MAX_NODES = 4000
"""Schemas within one schema, after which a schema accepts anything."""
MAX_DEPTH = 24
MAX_COPIED = 256 * 1024
"""Characters that references may bring in, more than once where they refer to the same; what comes then is left out."""

# Among the keywords that are dropped, these stand for what is no keyword:
TYPE_LISTS = "type_lists"
"""A list of types; a type alone always stays."""
ROOT = "root"
"""A choice (``anyOf`` and its like) at the top: the root becomes one object."""
NO_ITEMS, NO_PROPERTIES = "no_items", "no_properties"
"""An array that does not say what it holds, an object that does not say what it has: it says so of anything."""

_KEPT = frozenset(("anyOf", "description", "enum", "items", "properties", "required", "type"))
_ONE = frozenset(
    (
        *("items", "additionalProperties", "additionalItems", "contains", "else", "if", "not", "propertyNames"),
        *("then", "unevaluatedItems", "unevaluatedProperties"),
    )
)
"""Keywords whose value is a schema."""
_LISTS = frozenset(("anyOf", "oneOf", "allOf", "prefixItems", "items"))
_MAPS = frozenset(("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"))
_REFERENCES = frozenset(("$ref", "$defs", "definitions"))
_CHOICES = ("anyOf", "oneOf")


def reduced(schema: Any, dropped: frozenset[str] | None = None, *, is_parameters: bool = False) -> Any:
    """``schema`` without the keywords ``dropped``; None: with those alone that every server knows.

    ``is_parameters``: it is of a tool's parameters, so that it must be of one object. The same schema is given back
    where there is nothing to reduce.
    """
    if not isinstance(schema, dict):
        return schema if dropped is not None else {"type": "object"} if is_parameters else {}
    if dropped is not None and not dropped.isdisjoint(_REFERENCES):
        dropped |= _REFERENCES
    return _Reduction(schema, dropped).root(is_parameters=is_parameters)


def keywords_in(schema: Any) -> set[str]:
    """The keywords in ``schema``, at any depth; ``TYPE_LISTS`` where a type is a list."""
    found: set[str] = set()
    for node in nodes_of(schema):
        found.update(node)
        if isinstance(node.get("type"), list):
            found.add(TYPE_LISTS)
    return found


def nodes_of(schema: Any) -> Iterator[JsonObject]:
    """``schema`` and all schemas within it, as far as they are objects; bounded in number."""
    waiting = [schema]
    for _ in range(MAX_NODES * 4):
        if not waiting:
            break
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += (part for _, part in _parts(node))


def _parts(node: JsonObject) -> Iterable[tuple[str, Any]]:
    """The schemas within one."""
    for keyword, value in node.items():
        if keyword in _MAPS and isinstance(value, dict):
            yield from ((keyword, part) for part in value.values())
        elif keyword in _LISTS and isinstance(value, list):
            yield from ((keyword, part) for part in value)
        elif keyword in _ONE:
            yield keyword, value


class _Reduction:
    __slots__ = ("_copied", "_dropped", "_nodes", "_root")

    def __init__(self, root: JsonObject, dropped: frozenset[str] | None) -> None:
        self._root = root
        self._dropped = dropped
        self._nodes = 0
        self._copied = 0

    def root(self, *, is_parameters: bool) -> JsonObject:
        node = self._root
        if is_parameters and self._drops(ROOT):
            node, refs = self._flat(node, ())
            node = self._one_object(node, refs)
        new = self._schema(node, (), 0)
        if is_parameters and self._dropped is None:
            new = {name: value for name, value in new.items() if name not in ("anyOf", "enum", "items")}
            new["type"] = "object"
        return self._root if new == self._root else new

    def _drops(self, keyword: str) -> bool:
        return keyword not in _KEPT if self._dropped is None else keyword in self._dropped

    # --- one schema ---

    def _schema(self, node: Any, refs: tuple[str, ...], depth: int) -> Any:
        self._nodes += 1
        if not isinstance(node, dict):
            return {} if self._dropped is None else node
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            return {}
        node, refs = self._flat(node, refs)
        new: JsonObject = {}
        for keyword, value in node.items():
            if not self._drops(keyword):
                self._keep(new, keyword, value, refs, depth)
        if self._dropped is None:
            return tidied(new)
        if NO_ITEMS in self._dropped and new.get("type") == "array":
            new.setdefault("items", {})
        if NO_PROPERTIES in self._dropped and new.get("type") == "object":
            new.setdefault("properties", {})
        return new

    def _keep(self, new: JsonObject, keyword: str, value: Any, refs: tuple[str, ...], depth: int) -> None:
        """Put a keyword into ``new`` with the schemas in its value reduced, unless the value makes no sense."""
        if refs and not self._may_copy(keyword, value):
            return
        if keyword in _MAPS and isinstance(value, dict):
            # Nothing fits a schema that is false, so a property of it is one that is never there.
            kept = value if self._dropped is not None else {k: v for k, v in value.items() if v is not False}
            new[keyword] = {name: self._schema(part, refs, depth + 1) for name, part in kept.items()}
        elif keyword in _LISTS and isinstance(value, list) and (keyword != "items" or self._dropped is not None):
            new[keyword] = [self._schema(part, refs, depth + 1) for part in value]
        elif keyword in _ONE:
            new[keyword] = self._schema(value, refs, depth + 1)
        elif self._dropped is not None or isinstance(value, _SENSIBLE.get(keyword, object)):
            new[keyword] = value

    def _may_copy(self, keyword: str, value: Any) -> bool:
        """Within a reference: is there room for what the keyword says, but for the schemas in it?"""
        if isinstance(value, str):
            self._copied += len(value)
        elif keyword in _MAPS and isinstance(value, dict):
            self._copied += sum(map(len, value))
        elif isinstance(value, list | dict) and keyword not in _LISTS and keyword not in _ONE:
            if self._copied <= MAX_COPIED:
                self._copied += len(jsontext.dumps(value))
        else:
            return True
        return self._copied <= MAX_COPIED

    # --- keywords that are replaced by others ---

    def _flat(self, node: JsonObject, refs: tuple[str, ...]) -> tuple[JsonObject, tuple[str, ...]]:
        """The schema with references, ``allOf``, ``oneOf``, ``const`` and lists of types replaced where they have to
        be, and the references that are open within it."""
        while "$ref" in node and self._drops("$ref"):
            ref, rest = node["$ref"], {name: value for name, value in node.items() if name != "$ref"}
            target = self._target(ref) if ref not in refs and len(refs) < MAX_DEPTH else {}
            node, refs = {**target, **rest}, (*refs, str(ref))
        if isinstance(node.get("allOf"), list) and self._drops("allOf"):
            for part in node["allOf"][:MAX_DEPTH]:
                if isinstance(part, dict) and len(refs) < MAX_DEPTH:
                    flat, refs = self._flat(part, (*refs, ""))
                    node = both(node, flat)
            node = {name: value for name, value in node.items() if name != "allOf"}
        if "oneOf" in node and self._drops("oneOf"):
            node = with_keyword(node, "oneOf", "anyOf", node["oneOf"])
        if "const" in node and self._drops("const"):
            node = with_keyword(node, "const", "enum", [node["const"]])
        if isinstance(node.get("type"), list) and self._drops(TYPE_LISTS):
            node = of_types(node, node["type"])
        return node, refs

    def _target(self, ref: Any) -> JsonObject:
        """What a reference within the schema refers to; {} for any other."""
        target: Any = self._root
        for step in ref.removeprefix("#").split("/")[1:] if isinstance(ref, str) and ref.startswith("#") else (None,):
            if not isinstance(target, dict):
                return {}
            target = target.get(step.replace("~1", "/").replace("~0", "~") if step is not None else None)
        return target if isinstance(target, dict) else {}

    def _one_object(self, node: JsonObject, refs: tuple[str, ...]) -> JsonObject:
        """A choice between objects as one object that may be any of them."""
        for keyword in _CHOICES:
            choice = node.get(keyword)
            if not isinstance(choice, list):
                continue
            node = {name: value for name, value in node.items() if name != keyword}
            branches = [self._flat(part, refs)[0] for part in choice if isinstance(part, dict)]
            properties: JsonObject = {}
            for branch in branches:
                for name, part in dict_of(branch.get("properties")).items():
                    other = properties.setdefault(name, part)
                    if other != part:
                        properties[name] = {"anyOf": [other, part]}
            always = [set(texts_of(branch.get("required"))) for branch in branches]
            required = [*texts_of(node.get("required")), *sorted(set.intersection(*always) if always else ())]
            node = {**node, "type": "object", "properties": {**properties, **dict_of(node.get("properties"))}}
            node.pop("additionalProperties", None)
            if required:
                node["required"] = list(dict.fromkeys(required))
        return {name: value for name, value in node.items() if name not in ("allOf", "not", "enum")}


_SENSIBLE: dict[str, Any] = {
    "type": str,
    "enum": list,
    "required": list,
    "description": str,
    "anyOf": (),
    "properties": (),
}
"""The types of value that a kept keyword may have, besides those that hold schemas."""
