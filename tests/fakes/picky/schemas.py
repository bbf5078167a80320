"""llama.cpp's grammars: schemas that it cannot convert, and grammars that it cannot parse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from tests.fakes.picky import refusal
from tests.fakes.picky.check import Check, tools
from tests.fakes.picky.templates import NO_PARSER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.picky.refusal import JsonObject, Refusal

_TOO_LONG = 2000
"""Repetitions beyond this make a grammar that is not parsed (llama.cpp#25746, #26596)."""
_SHORTHAND = re.compile(r"\\[dDwWsSbB]|\(\?")
"""Copied into the grammar as they are, which has no such escape (llama.cpp#27580)."""
_PLURAL = ("oneOf", "anyOf", "allOf", "prefixItems")


def _schemas(body: JsonObject) -> list[Any]:
    given = [tool.get("parameters") for tool in tools(body)]
    form = body.get("response_format") or {}
    given.append((form.get("json_schema") or {}).get("schema"))
    return [schema for schema in given if schema is not None]


def inside(schema: Any) -> Iterator[Any]:
    """The schema and every schema within it, the ones of booleans and nulls included."""
    yield schema
    if not isinstance(schema, dict):
        return
    for name in ("properties", "$defs", "definitions"):
        for inner in (schema.get(name) or {}).values():
            yield from inside(inner)
    for name in _PLURAL:
        for inner in schema.get(name) or ():
            yield from inside(inner)
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict) or (name == "items" and name in schema):
            yield from inside(schema[name])


def unconvertible(root: Any) -> str | None:
    """The converter's complaint about the first schema that it does not take."""
    for schema in inside(root):
        if not isinstance(schema, dict):
            return f"Unrecognized schema: {jsontext.dumps(schema).decode()}"
        pattern = schema.get("pattern")
        if isinstance(pattern, str) and not (pattern.startswith("^") and pattern.endswith("$")):
            return "Pattern must start with '^' and end with '$'"
        ref = schema.get("$ref")
        if isinstance(ref, str) and _resolved(root, ref) is None:
            name = ref.split("/")[1] if "/" in ref else ref
            if not ref.startswith("#/"):
                return f"Unsupported ref: {ref}"
            return f"Error resolving ref {ref}: {name} not in {jsontext.dumps(root).decode()}"
        if "not" in schema and len(schema) == 1:
            return f"Unrecognized schema: {jsontext.dumps(schema).decode()}"
    return None


def _resolved(root: Any, ref: str) -> Any:
    target = root
    for name in ref.split("/")[1:]:
        target = target.get(name) if isinstance(target, dict) else None
    return target if ref.startswith("#/") else None


def unparseable(root: Any) -> bool:
    """Does the grammar of this schema fail at the sampler, which tells neither the schema nor the place?"""
    for schema in inside(root):
        if isinstance(schema, dict):
            pattern, longest = schema.get("pattern"), schema.get("maxLength")
            if isinstance(pattern, str) and _SHORTHAND.search(pattern):
                return True
            if isinstance(longest, int) and longest >= _TOO_LONG:
                return True
    return False


def _conversion(body: JsonObject) -> Refusal | None:
    for schema in _schemas(body):
        said = unconvertible(schema)
        if said is not None:
            return refusal.llamacpp(f"JSON schema conversion failed:\n{said}")
    return None


def _conversion_of_tools(body: JsonObject) -> Refusal | None:
    """Newer builds derive the parser of tool calls first, and say so in front of the reason."""
    found = _conversion(body)
    if found is None or not body.get("tools"):
        return found
    said = jsontext.loads(found.body)["error"]["message"]
    return refusal.llamacpp(NO_PARSER + said)


def _sampler(body: JsonObject) -> Refusal | None:
    if not any(unparseable(schema) for schema in _schemas(body)):
        return None
    return refusal.llamacpp("Failed to initialize samplers: failed to parse grammar")


def _crash(body: JsonObject) -> Refusal | None:
    found = _conversion(body)
    if found is None:
        return None
    return refusal.llamacpp_500(jsontext.loads(found.body)["error"]["message"])


CONVERSION = Check("schema", _conversion, "llama.cpp#26930, common/json-schema-to-grammar.cpp")
CONVERSION_OF_TOOLS = Check("schema", _conversion_of_tools, "openclaw#107430")
CONVERSION_500 = Check("schema", _crash, "llama.cpp before the conversion's error became a 400")
SAMPLER = Check("grammar", _sampler, "llama.cpp#27580, #26596, #25746")
