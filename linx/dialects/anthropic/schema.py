"""A JSON schema as the Messages API compiles it into a grammar.

The API answers 400 to words that it cannot compile: bounds of numbers, texts and lists, unknown formats, objects
that are not closed. Its official SDKs take these words out and tell them to the model in the description instead,
and so does Linx. What would become another schema by that (an object with any number of keys) is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.dialects.failures.meaning import unsupported

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

MAX_LEVELS = 100
_KEPT = frozenset(("$ref", "const", "default", "description", "enum", "required", "title", "type"))
_NAMED_SCHEMAS = frozenset(("$defs", "definitions", "properties"))
_SCHEMA_LISTS = {"allOf": "allOf", "anyOf": "anyOf", "oneOf": "anyOf"}
_SAYS_NOTHING = frozenset(("$id", "$schema", "additionalProperties", "nullable", "strict"))
_FORMATS = frozenset(
    ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
)  # fmt: skip


def compilable(schema: JsonObject) -> JsonObject:
    """A new schema; raises Refused for what has no equal in the API."""
    plain: JsonObject = _plain(schema, 0)
    return plain


def _plain(schema: Any, level: int) -> Any:
    if not isinstance(schema, dict):
        return schema
    if level > MAX_LEVELS:
        raise unsupported("takes no schema that is so deep")
    plain: JsonObject = {}
    bounds: JsonObject = {}
    for word, value in schema.items():
        if word in _NAMED_SCHEMAS and isinstance(value, dict):
            plain[word] = {name: _plain(item, level + 1) for name, item in value.items()}
        elif word in _SCHEMA_LISTS and isinstance(value, list):
            plain[_SCHEMA_LISTS[word]] = [_plain(item, level + 1) for item in value]
        elif word == "items":
            plain[word] = _plain(value, level + 1)
        elif (
            word in _KEPT or (word == "format" and value in _FORMATS) or (word == "minItems" and value in (0, 1))
        ):  # fmt: skip
            plain[word] = value
        elif word not in _SAYS_NOTHING:
            bounds[word] = value
    if _is_object(schema):
        if isinstance(schema.get("additionalProperties"), dict):
            raise unsupported("takes no schema whose objects have keys of any name")
        plain.setdefault("properties", {})
        plain["additionalProperties"] = False
    if bounds:
        told = jsontext.dumps(bounds).decode()
        plain["description"] = f"{plain['description']}\n\n{told}" if plain.get("description") else told
    return plain


def _is_object(schema: JsonObject) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema
