"""One JSON Schema in another form, a step at a time. No step looks at the schemas within."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

_OF_OBJECTS = frozenset(("properties", "required", "additionalProperties", "patternProperties", "propertyNames"))
_OF_ARRAYS = frozenset(("items", "prefixItems", "additionalItems", "contains", "minItems", "maxItems", "uniqueItems"))
_ANNOTATIONS = frozenset(("description", "title", "default"))
_TYPES = ("string", "number", "boolean", "null", "object")  # and arrays


def tidied(node: JsonObject) -> JsonObject:
    """A schema of common keywords alone, in the form that most servers take."""
    if not node.get("enum", True):
        del node["enum"]
    properties = node.get("properties")
    if properties is not None:
        node.pop("anyOf", None)  # a choice beside properties says which of them go together
        node.setdefault("type", "object")
        if not properties:
            del node["properties"]
    if "anyOf" in node:
        branches = node["anyOf"]
        node = {name: value for name, value in node.items() if name == "description"}
        if branches and all(branches):
            node["anyOf"] = branches
    if "required" in node:
        names = [name for name in node["required"] if isinstance(name, str) and name in (properties or ())]
        node["required"] = list(dict.fromkeys(names))
        if not names:
            del node["required"]
    if "items" in node:
        node.setdefault("type", "array")
    elif node.get("type") == "array":
        node["items"] = {}
    if node.keys() == {"description"}:
        # It accepts anything, but some servers fail on a schema without a type.
        node["anyOf"] = [*({"type": name} for name in _TYPES), {"type": "array", "items": {}}]
    return node


def both(node: JsonObject, part: JsonObject) -> JsonObject:
    """``node`` with what ``part`` demands besides. Where both say something of the same, ``node`` is believed."""
    new = {**part, **node}
    if "properties" in part and "properties" in node:
        new["properties"] = {**dict_of(part["properties"]), **dict_of(node["properties"])}
    if "required" in part and "required" in node:
        new["required"] = list(dict.fromkeys([*texts_of(node["required"]), *texts_of(part["required"])]))
    new.pop("additionalProperties", None)  # it would forbid what the other one has
    return new


def with_keyword(node: JsonObject, old: str, new: str, value: Any) -> JsonObject:
    """``node`` with a keyword in place of another one, unless it has that already."""
    kept = {name: value for name, value in node.items() if name != old}
    kept.setdefault(new, value)
    return kept


def of_types(node: JsonObject, types: list[Any]) -> JsonObject:
    """A choice between schemas of one type each, in place of a list of types."""
    names = list(dict.fromkeys(name for name in types if isinstance(name, str)))
    rest = {name: value for name, value in node.items() if name != "type"}
    if len(names) == 1:
        return {**node, "type": names[0]}
    if not names or "enum" in node or "anyOf" in node:
        return rest  # these say the types themselves
    about = {name: value for name, value in rest.items() if name in _ANNOTATIONS}
    limits = {name: value for name, value in rest.items() if name not in _ANNOTATIONS}
    return {**about, "anyOf": [{"type": name, **_limits_of(name, limits)} for name in names]}


def _limits_of(name: str, limits: JsonObject) -> JsonObject:
    if name == "null":
        return {}
    own = {"object": _OF_OBJECTS, "array": _OF_ARRAYS}.get(name)
    if own is not None:
        return {key: value for key, value in limits.items() if key in own}
    return {key: value for key, value in limits.items() if key not in _OF_OBJECTS and key not in _OF_ARRAYS}


def dict_of(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


def texts_of(value: Any) -> list[Any]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
