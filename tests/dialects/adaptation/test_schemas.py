"""Schemas that a server cannot hold."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from linx.core.chat import Adapted
from linx.dialects.adaptation import schemas
from linx.dialects.adaptation.row import BodyFormat
from linx.dialects.adaptation.schemas import SCHEMAS
from linx.dialects.adaptation.table import adapt, next_adaptation
from tests.dialects.adaptation.shapes import refusals

STRING = {"type": "string"}
ODD = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "path": {"type": "string", "pattern": "\\S", "maxLength": 65536},
        "count": {"type": ["integer", "null"], "exclusiveMinimum": 0},
        "any": True,
    },
    "required": ["path"],
    "additionalProperties": False,
}
PLAIN = {
    "type": "object",
    "properties": {"path": STRING, "count": {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "any": {}},
    "required": ["path"],
}


def chat(schema: Any, **more: Any) -> dict[str, Any]:
    return {
        "model": "m",
        "messages": [],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
        **more,
    }


WORDS = [
    # llama.cpp: #26596, #25746, #26930, oh-my-pi#5914
    ("Failed to initialize samplers: failed to parse grammar", "all"),
    ("JSON schema conversion failed:\nPattern must start with '^' and end with '$'", "pattern"),
    ("Unable to generate parser for this template. Automatic parser generation failed: JSON schema conversion failed:\n"
     "Unrecognized schema: true", "all"),
    ("[json.exception.type_error.302] type must be string, but is null", "all"),
    # Gemini: freellmapi#65, nakama#292
    ("Invalid JSON payload received. Unknown name \"$schema\" at 'tools[0].function_declarations[0].parameters': "
     "Cannot find field.\nInvalid JSON payload received. Unknown name \"exclusiveMinimum\" at 'tools[0]."
     "function_declarations[0].parameters.properties[1].value': Cannot find field.", "$schema+exclusiveMinimum"),
    ("Invalid JSON payload received. Unknown name \"type\" at 'tools[0].function_declarations[0].parameters."
     "properties[1].value': Proto field is not repeating, cannot start list.", "type_lists"),
    # OpenAI
    ("Invalid schema for function 'f': In context=('properties', 'path'), 'pattern' is not permitted.", "pattern"),
    # vLLM with xgrammar
    ("The provided JSON schema contains features not supported by xgrammar.", "all"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "detail"), WORDS)
def test_a_refused_schema_is_recognised_in_every_shape(words: str, detail: str) -> None:
    for refusal in refusals(words):
        assert next_adaptation(refusal, BodyFormat.CHAT, chat(ODD), ()) == Adapted("schemas", detail)
        assert next_adaptation(refusal, BodyFormat.CHAT, {"messages": [], "grammar": "root ::="}, ()) is None
        assert next_adaptation(refusal, BodyFormat.CHAT, chat(PLAIN), ()) is None


def test_after_what_was_named_comes_all() -> None:
    words = WORDS[1][0]
    for refusal in refusals(words)[:3]:
        first = Adapted("schemas", "pattern")
        between = adapt(chat(ODD), [first], [])
        assert next_adaptation(refusal, BodyFormat.CHAT, between, [first]) == Adapted("schemas", "all")


@pytest.mark.parametrize(
    ("words", "detail", "schema", "plain"),
    [
        # claude-code#44788, and OpenAI: google-calendar-mcp#39
        (
            "tools.12.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level",
            "root",
            {"anyOf": [{"type": "object", "properties": {"a": STRING}, "required": ["a"]}]},
            {"type": "object", "properties": {"a": STRING}, "required": ["a"]},
        ),
        # OpenAI
        (
            "Invalid schema for function 'f': In context=('properties', 'a'), array schema missing items.",
            "no_items",
            {"type": "object", "properties": {"a": {"type": "array"}}},
            {"type": "object", "properties": {"a": {"type": "array", "items": {}}}},
        ),
        (
            "Invalid schema for function 'f': In context=(), object schema missing properties.",
            "no_properties",
            {"type": "object"},
            {"type": "object", "properties": {}},
        ),
    ],
)
def test_what_is_missing_or_stands_in_the_wrong_place(words: str, detail: str, schema: Any, plain: Any) -> None:
    for refusal in refusals(words):
        assert next_adaptation(refusal, BodyFormat.CHAT, chat(schema), ()) == Adapted("schemas", detail)
    assert SCHEMAS.change(chat(schema), detail) == chat(plain)


def test_a_tool_that_is_not_as_strict_as_it_promises() -> None:
    words = (
        "Invalid schema for function 'f': In context=(), 'additionalProperties' is required to be supplied and to be "
        "false."
    )
    asked = chat({"type": "object", "properties": {}})
    asked["tools"][0]["function"]["strict"] = True
    for refusal in refusals(words):
        assert next_adaptation(refusal, BodyFormat.CHAT, asked, ()) == Adapted("schemas", "strict")
    assert SCHEMAS.change(asked, "strict") == chat({"type": "object", "properties": {}})


BODIES: list[tuple[Any, Any]] = [
    (chat(ODD), chat(PLAIN)),
    ({"tools": [{"name": "f", "input_schema": ODD}]}, {"tools": [{"name": "f", "input_schema": PLAIN}]}),
    (
        {"tools": [{"type": "function", "name": "f", "parameters": ODD}]},
        {"tools": [{"type": "function", "name": "f", "parameters": PLAIN}]},
    ),
    (
        {"text": {"format": {"type": "json_schema", "schema": ODD}}},
        {"text": {"format": {"type": "json_schema", "schema": PLAIN}}},
    ),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": ODD}}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": PLAIN}}},
    ),
    ({"format": ODD}, {"format": PLAIN}),
]


@pytest.mark.parametrize(("body", "plain"), BODIES)
def test_schemas_of_tools_and_answers_in_every_format(body: Any, plain: Any) -> None:
    before = copy.deepcopy(body)
    assert SCHEMAS.change(body, "all") == plain
    assert SCHEMAS.change(plain, "all") is plain
    assert body == before


@pytest.mark.parametrize(
    "body", [{"format": "json"}, {"text": "x"}, {"response_format": {"type": "json_object"}}, {"tools": [None, {}]}]
)
def test_what_has_no_schema_stays(body: Any) -> None:
    assert SCHEMAS.change(body, "all") is body


STRICT_FORM = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
LOOSE_FORM = {**STRICT_FORM, "properties": {"a": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize("schema", [STRICT_FORM, LOOSE_FORM], ids=["strict", "loose within"])
def test_what_is_as_strict_as_it_promises_stays_strict_at_a_model_that_refused_another(schema: Any) -> None:
    """One client's mistake is no lesson for the schemas of the others."""
    tool = {"type": "function", "function": {"name": "f", "strict": True, "parameters": schema}}
    answer = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}
    text = {"format": {"type": "json_schema", "name": "x", "strict": True, "schema": schema}}
    asked = {"tools": [tool], "response_format": answer, "text": text}
    given = adapt(asked, [Adapted("schemas", "strict")], [])
    holders = (given["tools"][0]["function"], given["response_format"]["json_schema"], given["text"]["format"])
    assert ["strict" in holder for holder in holders] == [schema is STRICT_FORM] * 3
    assert (given is asked) == (schema is STRICT_FORM)


def test_a_huge_schema_is_reduced_and_not_kept() -> None:
    small, huge = {"enum": ["a"], "x": "new here"}, {"enum": ["a" * 50] * 2000, "x": 1}
    before = schemas._reduced.cache_info().currsize
    for schema in (small, huge):
        assert SCHEMAS.change(chat(schema), "all") == chat({"type": "object"})
        assert SCHEMAS.change(chat(schema), "x") == chat({"enum": schema["enum"]})
    assert schemas._reduced.cache_info().currsize <= min(before + 2, schemas.KEPT_SCHEMAS)
