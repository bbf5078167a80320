"""JSON schemas as the API compiles them."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.attempt_errors import Fallback, Refused
from linx.dialects.anthropic.schema import MAX_LEVELS, compilable
from tests.dialects.anthropic.help import body_for, said


def test_objects_are_closed_at_every_depth() -> None:
    inner = {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"a": {"type": "array", "items": inner}, "c": {"anyOf": [inner, {"type": "null"}]}},
        "$defs": {"d": inner},
    }
    closed = {**inner, "additionalProperties": False}
    assert compilable(schema) == {
        "type": "object",
        "properties": {"a": {"type": "array", "items": closed}, "c": {"anyOf": [closed, {"type": "null"}]}},
        "$defs": {"d": closed},
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("schema", "plain"),
    [
        ({"type": "integer", "minimum": 1}, {"type": "integer", "description": '{"minimum":1}'}),
        (
            {"type": "string", "maxLength": 5, "description": "A word"},
            {"type": "string", "description": 'A word\n\n{"maxLength":5}'},
        ),
        ({"type": "string", "format": "email"}, {"type": "string", "format": "email"}),
        ({"type": "string", "format": "phone"}, {"type": "string", "description": '{"format":"phone"}'}),
        ({"type": "array", "minItems": 1}, {"type": "array", "minItems": 1}),
        ({"type": "array", "minItems": 2}, {"type": "array", "description": '{"minItems":2}'}),
        ({"oneOf": [{"type": "null"}]}, {"anyOf": [{"type": "null"}]}),
        ({"enum": ["a", 1, None]}, {"enum": ["a", 1, None]}),
        ({"$ref": "#/$defs/x"}, {"$ref": "#/$defs/x"}),
        ({"type": ["object", "null"]}, {"type": ["object", "null"], "properties": {}, "additionalProperties": False}),
        ({"type": "array", "items": True}, {"type": "array", "items": True}),
    ],
    ids=str,
)
def test_words_that_cannot_be_compiled_are_told_to_the_model(schema: Any, plain: Any) -> None:
    assert compilable(schema) == plain


def test_the_given_schema_stays_as_it_is() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "number", "minimum": 1}}}
    body = body_for(said("hi", response_format={"type": "json_schema", "json_schema": {"schema": schema}}))
    assert body["output_config"]["format"]["schema"]["additionalProperties"] is False
    assert schema == {"type": "object", "properties": {"n": {"type": "number", "minimum": 1}}}


def test_keys_of_any_name_are_another_candidate_s() -> None:
    with pytest.raises(Refused, match="keys of any name") as caught:
        compilable({"type": "object", "additionalProperties": {"type": "string"}})
    assert caught.value.fallback is Fallback.YES


def test_a_schema_without_end_has_one() -> None:
    deep: Any = {"type": "string"}
    for _ in range(MAX_LEVELS + 1):
        deep = {"type": "array", "items": deep}
    with pytest.raises(Refused, match="so deep"):
        compilable(deep)
