"""Schemas of tools and answers that a server, or the grammar that it makes of them, cannot hold.

The detail is what the refusal names (keywords, joined by ``+``), or ``all``, which leaves the plainest keywords alone;
``strict``: schemas that promised to be strict, and do not have the form that this demands; those that have it stay
strict, since the next client's may.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.dialects.adaptation.row import BodyFormat, Row
from linx.dialects.adaptation.schema_reduction import (
    NO_ITEMS,
    NO_PROPERTIES,
    ROOT,
    TYPE_LISTS,
    keywords_in,
    nodes_of,
    reduced,
)
from linx.dialects.adaptation.tools import map_field, map_list, map_part, tool_part, tools_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject

KEPT_SCHEMAS = 512  # a client sends the same tools with each request
MAX_KEPT = 32 * 1024  # bytes of a schema that is kept with its reduced form
ALL, STRICT = "all", "strict"
_MAX_NAMED = 12
_ABOUT_A_SCHEMA = re.compile(
    r"(?<!\w)schemas?\b|input_schema|grammar|function_declarations|function\.parameters|json\.exception"
    r"|unknown name \W|pattern must start with"
)
_AT_THE_TOP = re.compile(r"\bat (?:the )?(?:top|root)\b|\btop[- ]level\b")
_DEMANDS_OF_STRICT = re.compile(r"is required to be supplied")
_MISSING = (("missing items", NO_ITEMS), ("items: missing field", NO_ITEMS), ("missing properties", NO_PROPERTIES))
_PLAIN_WORDS = frozenset(("description", "enum", "items", "properties", "required", "type"))
_FIELDS = ("parameters", "input_schema")


def _refuses_schema(refusal: Refused, body: JsonObject) -> str | None:
    words = refusal.words
    if not _ABOUT_A_SCHEMA.search(words):
        return None
    schemas = list(_schemas_of(body))
    if not schemas:
        return None
    for detail in (_named(words, schemas), ALL):
        if detail and _with_less(body, detail) is not body:
            return detail
    return None


def _named(words: str, schemas: list[Any]) -> str:
    """What the refusal says of the schemas, as a detail; "" where it says nothing in particular."""
    if _DEMANDS_OF_STRICT.search(words):
        return STRICT
    if _AT_THE_TOP.search(words):
        return ROOT
    for phrase, keyword in _MISSING:
        if phrase in words:
            return keyword
    used: set[str] = set().union(*(keywords_in(schema) for schema in schemas))
    named = sorted(keyword for keyword in used - _PLAIN_WORDS if _is_named(keyword, words))
    if TYPE_LISTS in used and re.search(r"[\"'`]type[\"'`]", words):
        named.append(TYPE_LISTS)
    return "+".join(named[:_MAX_NAMED])


def _is_named(keyword: str, words: str) -> bool:
    name = keyword.lower()
    if name not in words:
        return False
    # Common words count between quotes alone.
    is_telling = name != keyword or "$" in name or name == "pattern"
    return (
        re.search(rf"(?<![\w$]){re.escape(name)}(?!\w)" if is_telling else rf"[\"'`]{re.escape(name)}[\"'`]", words)
        is not None
    )


def _schemas_of(body: JsonObject) -> Iterable[Any]:
    for tool in tools_of(body):
        part = tool_part(tool) or {}
        yield from (part[field] for field in _FIELDS if field in part)
    for wanted in (body.get("response_format"), _dict(body.get("text")).get("format")):
        inner = _dict(wanted)
        inner = _dict(inner.get("json_schema")) or inner
        if "schema" in inner:
            yield inner["schema"]
    if isinstance(body.get("format"), dict):
        yield body["format"]


def _with_less(body: JsonObject, detail: str) -> JsonObject:
    if detail == STRICT:
        body = map_field(body, "tools", lambda tools: map_list(tools, lambda tool: map_part(tool, _not_strict)))
        for field in ("response_format", "text"):
            body = map_field(body, field, _not_strict_within)
        return body
    dropped = None if detail == ALL else frozenset(detail.split("+"))
    of_tool = partial(_less, dropped, True)
    of_answer = partial(_less, dropped, False)

    def in_tool(part: JsonObject) -> JsonObject:
        for field in _FIELDS:
            part = map_field(part, field, of_tool)
        return part

    body = map_field(body, "tools", lambda tools: map_list(tools, lambda tool: map_part(tool, in_tool)))
    body = map_field(body, "response_format", partial(_in_format, of_answer))
    body = map_field(body, "text", partial(_in_text, of_answer))
    return map_field(body, "format", lambda wanted: of_answer(wanted) if isinstance(wanted, dict) else wanted)


def _in_text(less: Callable[[Any], Any], text: Any) -> Any:
    return map_field(text, "format", partial(_in_format, less)) if isinstance(text, dict) else text


def _in_format(less: Callable[[Any], Any], wanted: Any) -> Any:
    if not isinstance(wanted, dict):
        return wanted
    if isinstance(wanted.get("json_schema"), dict):
        return map_field(wanted, "json_schema", lambda inner: map_field(inner, "schema", less))
    return map_field(wanted, "schema", less)


def _not_strict(part: JsonObject) -> JsonObject:
    """A tool, or a format of an answer, that promises to be strict only if its schema has the form for it."""
    if not part.get("strict"):
        return part
    schema = next((part[field] for field in (*_FIELDS, "schema") if field in part), None)
    if all(_is_in_strict_form(node) for node in nodes_of(schema)):
        return part
    return {name: value for name, value in part.items() if name != "strict"}


def _not_strict_within(wanted: Any) -> Any:
    """``response_format``, or the ``text`` of Responses, in which the format stands one or two levels deep."""
    if not isinstance(wanted, dict):
        return wanted
    for field in ("json_schema", "format"):
        if isinstance(wanted.get(field), dict):
            return map_field(wanted, field, _not_strict)
    return wanted


def _is_in_strict_form(node: JsonObject) -> bool:
    """OpenAI's demands: every property is required, and there are no others."""
    properties = node.get("properties")
    if properties is None and node.get("type") != "object":
        return True
    required = node.get("required")
    names = set(properties) if isinstance(properties, dict) else set()
    return node.get("additionalProperties") is False and names == {
        name for name in (required if isinstance(required, list) else ()) if isinstance(name, str)
    }


def _less(dropped: frozenset[str] | None, is_parameters: bool, schema: Any) -> Any:
    if not isinstance(schema, dict | bool):
        return schema
    text = jsontext.dumps(schema)
    if len(text) <= MAX_KEPT:
        new = _reduced(text, dropped, is_parameters)
    else:
        new = reduced(schema, dropped, is_parameters=is_parameters)
    return schema if new == schema else new


@lru_cache(maxsize=KEPT_SCHEMAS)
def _reduced(text: bytes, dropped: frozenset[str] | None, is_parameters: bool) -> Any:
    """Shared by the bodies of many requests, so nobody may change it."""
    return reduced(jsontext.loads(text), dropped, is_parameters=is_parameters)


def _dict(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


SCHEMAS = Row(
    name="schemas",
    formats=frozenset((BodyFormat.CHAT, BodyFormat.MESSAGES, BodyFormat.RESPONSES, BodyFormat.OLLAMA)),
    recognise=_refuses_schema,
    change=_with_less,
)
