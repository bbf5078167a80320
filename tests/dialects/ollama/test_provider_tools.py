"""Tools and their schemas as Ollama keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core.attempt_errors import Fallback, Refused
from linx.core.errors import BadRequest
from linx.dialects.ollama.provider_tools import MAX_NODES, plain_schema, tools_for

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

EMPTY = {"type": "object", "properties": {}}


def tool(name: str, **more: Any) -> JsonObject:
    return {"type": "function", "function": {"name": name, **more}}


def names(body: JsonObject) -> list[str]:
    return [tool["function"]["name"] for tool in tools_for(body)]


@pytest.mark.parametrize("body", [{}, {"tools": None}, {"tools": []}, {"functions": []}, {"tool_choice": "auto"}])
def test_no_tools(body: JsonObject) -> None:
    assert tools_for(body) == []


def test_missing_parameters_are_an_empty_object() -> None:
    givens: list[JsonObject] = [{}, {"parameters": None}, {"parameters": {}}, {"parameters": {"properties": []}}]
    for given in givens:
        assert tools_for({"tools": [tool("f", **given)]}) == [tool("f", parameters=EMPTY)]


def test_only_what_ollama_has_a_place_for_is_kept() -> None:
    given = tool("f", description="d", strict=True, parameters=EMPTY)
    assert tools_for({"tools": [given]}) == [tool("f", description="d", parameters=EMPTY)]
    assert tools_for({"tools": [tool("f", description=5)]}) == [tool("f", parameters=EMPTY)]


def test_flat_and_legacy_shapes() -> None:
    assert names({"tools": [{"type": "function", "name": "flat"}]}) == ["flat"]
    assert names({"functions": [{"name": "old"}]}) == ["old"]


def test_tools_of_the_providers_own_are_dropped_unless_there_are_no_others() -> None:
    assert names({"tools": [{"type": "web_search"}, tool("f")]}) == ["f"]
    with pytest.raises(Refused, match="type function only") as refused:
        tools_for({"tools": [{"type": "custom", "custom": {"name": "c"}}]})
    assert refused.value.fallback is Fallback.YES


@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        (None, ["a", "b"]),
        ("auto", ["a", "b"]),
        ("required", ["a", "b"]),
        ("none", []),
        ({"type": "function", "function": {"name": "b"}}, ["b"]),
        ({"type": "function", "name": "b"}, ["b"]),
        ({"type": "function"}, ["a", "b"]),
        ({"type": "function", "function": {"name": 5}}, ["a", "b"]),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool("a")]}}, ["a"]),
        ({"type": "allowed_tools", "tools": [{"type": "function", "name": "a"}, 5]}, ["a"]),
        ({"type": "allowed_tools", "tools": "a"}, ["a", "b"]),
    ],
)
def test_a_choice_filters(choice: Any, kept: list[str]) -> None:
    assert names({"tools": [tool("a"), tool("b")], "tool_choice": choice}) == kept
    if isinstance(choice, dict) and kept == ["b"]:
        assert names({"functions": [{"name": "a"}, {"name": "b"}], "function_call": {"name": "b"}}) == kept


def test_the_choice_of_an_unknown_tool_is_refused() -> None:
    with pytest.raises(BadRequest, match="tool_choice names 'x'"):
        tools_for({"tools": [tool("a")], "tool_choice": {"type": "function", "function": {"name": "x"}}})


@pytest.mark.parametrize("wrong", [5, {}, tool(""), {"function": {"name": 5}}, tool("f", parameters=[1])])
def test_wrong_shapes_are_named(wrong: Any) -> None:
    with pytest.raises(BadRequest, match=r"tools\[1\]"):
        tools_for({"tools": [tool("f"), wrong]})


def test_references_are_inlined() -> None:
    schema = {
        "$defs": {
            "Place": {"type": "object", "properties": {"city": {"$ref": "#/$defs/Name"}}},
            "Name": {"type": "string", "description": "a name"},
        },
        "type": "object",
        "properties": {
            "from": {"$ref": "#/$defs/Place", "description": "where"},
            "via": {"type": "array", "items": {"$ref": "#/$defs/Place"}},
            "to": {"anyOf": [{"$ref": "#/$defs/Name"}, {"type": "null"}]},
        },
        "required": ["from"],
    }
    name = {"type": "string", "description": "a name"}
    place = {"type": "object", "properties": {"city": name}}
    assert plain_schema(schema) == {
        "type": "object",
        "properties": {
            "from": {**place, "description": "where"},
            "via": {"type": "array", "items": place},
            "to": {"anyOf": [name, {"type": "null"}]},
        },
        "required": ["from"],
    }


def test_words_that_would_be_forgotten_are_put_in_others() -> None:
    schema = {
        "properties": {
            "a": {"const": 5},
            "b": {"oneOf": [{"type": "string"}, True]},
            "c": {"allOf": [{"type": "string"}], "description": "d"},
            "d": {"allOf": [True]},
            "e": {"const": 5, "enum": [5, 6]},
            "f": {"allOf": [{"type": "string"}, {"minLength": 1}]},
            "const": {"type": "string"},
            "$ref": {"type": "string"},
            "g": True,
        }
    }
    assert plain_schema(schema) == {
        "type": "object",
        "properties": {
            "a": {"enum": [5]},
            "b": {"anyOf": [{"type": "string"}, True]},
            "c": {"type": "string", "description": "d"},
            "d": {},
            "e": {"const": 5, "enum": [5, 6]},
            "f": {"allOf": [{"type": "string"}, {"minLength": 1}]},
            "const": {"type": "string"},
            "$ref": {"type": "string"},
            "g": True,
        },
    }


def test_a_plain_schema_is_left_as_it_is() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "required": ["a"]}
    assert plain_schema(schema) == schema


def test_a_type_inside_itself_ends_as_any_object() -> None:
    schema = {
        "definitions": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/definitions/Node"}}}},
        "$ref": "#/definitions/Node",
    }
    assert plain_schema(schema) == {"type": "object", "properties": {"next": {"type": "object"}}}


@pytest.mark.parametrize("reference", ["#/$defs/none", "other.json#/x", "#/a/b", "#/x~1y/z"])
def test_a_reference_to_nothing_is_any_object(reference: str) -> None:
    schema = {"properties": {"a": {"$ref": reference, "description": "d"}}, "x/y": [1]}
    assert plain_schema(schema)["properties"] == {"a": {"type": "object", "description": "d"}}


def test_a_reference_to_the_root_and_an_escaped_one() -> None:
    schema = {
        "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#/$defs/x~1y~0"}},
        "$defs": {"x/y~": {"type": "null"}},
    }
    plain = plain_schema(schema)
    assert plain["properties"]["b"] == {"type": "null"}
    assert plain["properties"]["a"]["properties"]["a"] == {"type": "object"}


def test_references_that_double_with_each_level_are_refused() -> None:
    defs = {f"t{n}": {"anyOf": [{"$ref": f"#/$defs/t{n + 1}"}, {"$ref": f"#/$defs/t{n + 1}"}]} for n in range(40)}
    with pytest.raises(Refused, match="too large"):
        plain_schema({"$defs": defs, "properties": {"a": {"$ref": "#/$defs/t0"}}})
    assert MAX_NODES <= 10_000


def test_a_chain_of_references_is_bounded() -> None:
    defs = {f"t{n}": {"$ref": f"#/$defs/t{n + 1}"} for n in range(5000)}
    with pytest.raises(Refused, match="too deep"):
        plain_schema({"$defs": defs, "properties": {"a": {"$ref": "#/$defs/t0"}}})
