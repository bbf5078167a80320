"""One JSON Schema in another form."""

from __future__ import annotations

import pytest

from linx.dialects.adaptation.schema_forms import both, dict_of, of_types, texts_of, tidied, with_keyword

STRING, NULL = {"type": "string"}, {"type": "null"}


def test_what_both_demand() -> None:
    first = {"properties": {"a": 1}, "required": ["a"], "type": "object", "additionalProperties": False}
    second = {"properties": {"a": 2, "b": 3}, "required": ["b", "a"], "description": "d"}
    assert both(first, second) == {
        "properties": {"a": 1, "b": 3},
        "required": ["a", "b"],
        "type": "object",
        "description": "d",
    }


def test_a_keyword_in_place_of_another() -> None:
    assert with_keyword({"const": 1, "x": 2}, "const", "enum", [1]) == {"enum": [1], "x": 2}
    assert with_keyword({"const": 1, "enum": [1, 2]}, "const", "enum", [1]) == {"enum": [1, 2]}


def test_a_list_of_types_is_a_choice() -> None:
    node = {"type": ["string", "null", "array", "string"], "pattern": "x", "items": STRING, "description": "d"}
    choice = [{"type": "string", "pattern": "x"}, NULL, {"type": "array", "items": STRING}]
    assert of_types(node, node["type"]) == {"description": "d", "anyOf": choice}  # type: ignore[arg-type]  # a list
    assert of_types({"type": ["string"]}, ["string"]) == STRING
    assert of_types({"type": ["string", "null"], "enum": ["a"]}, ["string", "null"]) == {"enum": ["a"]}


@pytest.mark.parametrize(
    ("node", "tidy"),
    [
        ({"enum": []}, {}),
        ({"properties": {}}, {"type": "object"}),
        (
            {"anyOf": [STRING, NULL], "type": "string", "description": "d"},
            {"description": "d", "anyOf": [STRING, NULL]},
        ),
        ({"anyOf": [STRING], "properties": {"a": STRING}}, {"properties": {"a": STRING}, "type": "object"}),
        ({"items": STRING}, {"items": STRING, "type": "array"}),
        ({"type": "object", "required": ["a"]}, {"type": "object"}),
    ],
)
def test_the_form_that_most_servers_take(node: dict[str, object], tidy: dict[str, object]) -> None:
    assert tidied(node) == tidy
    assert tidied(dict(tidy)) == tidy


def test_values_of_another_kind_are_empty() -> None:
    assert (dict_of([]), dict_of({"a": 1}), texts_of("ab"), texts_of(["a", 1])) == ({}, {"a": 1}, [], ["a"])
