"""A JSON Schema with less in it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linx.core import jsontext
from linx.dialects.adaptation import schema_reduction
from linx.dialects.adaptation.schema_reduction import (
    MAX_COPIED,
    NO_ITEMS,
    NO_PROPERTIES,
    ROOT,
    TYPE_LISTS,
    keywords_in,
    reduced,
)

KEPT = {"anyOf", "description", "enum", "items", "properties", "required", "type"}
STRING, NUMBER, NULL = {"type": "string"}, {"type": "number"}, {"type": "null"}


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "plain"),
    [
        ({"type": "string", "pattern": "\\S", "minLength": 1, "maxLength": 65536, "format": "uri"}, STRING),
        ({"type": "integer", "exclusiveMinimum": 0, "maximum": 9007199254740991, "default": 1}, {"type": "integer"}),
        ({"type": ["string", "null"], "description": "d"}, {"description": "d", "anyOf": [STRING, NULL]}),
        ({"type": ["string"]}, STRING),
        ({"type": []}, {}),
        (
            {"type": ["object", "string"], "properties": {"a": STRING}, "pattern": "^x$"},
            {"anyOf": [an_object(a=STRING), STRING]},
        ),
        ({"type": ["string", "null"], "enum": ["a", None]}, {"enum": ["a", None]}),
        ({"const": 5}, {"enum": [5]}),
        ({"oneOf": [STRING, NULL], "title": "t"}, {"anyOf": [STRING, NULL]}),
        ({"anyOf": [STRING, True]}, {}),
        ({"anyOf": []}, {}),
        (
            {"allOf": [an_object(a=STRING), {"properties": {"b": NUMBER}, "required": ["b"]}], "description": "d"},
            {**an_object(a=STRING, b=NUMBER), "required": ["b"], "description": "d"},
        ),
        (an_object(a=True, b=None, c=False), an_object(a={}, b={})),
        ({"type": "object", "properties": None, "required": None, "enum": None}, {"type": "object"}),
        (an_object(), {"type": "object"}),  # llama.cpp#25923
        ({**an_object(a=STRING), "required": ["a", "b", 5, "a"]}, {**an_object(a=STRING), "required": ["a"]}),
        ({"properties": {"pattern": {"pattern": "x"}}}, {"type": "object", "properties": {"pattern": {}}}),
        ({"type": "array"}, {"type": "array", "items": {}}),
        ({"items": [STRING, NUMBER]}, {"type": "array", "items": {}}),
        ({"not": {}, "if": {}, "then": STRING, "additionalProperties": False, "patternProperties": {"x": STRING}}, {}),
        (True, {}),
        (None, {}),
        (an_object(a={"anyOf": [an_object(x=STRING)], "properties": {"y": STRING}}), an_object(a=an_object(y=STRING))),
    ],
)
def test_only_common_keywords_are_left(schema: Any, plain: Any) -> None:
    before = copy.deepcopy(schema)
    assert reduced(schema) == plain
    assert schema == before
    assert reduced(plain) == plain


def test_a_schema_that_only_says_what_it_is_for_keeps_that() -> None:
    # llama.cpp#19716: a schema without a type is not recognised
    (some,) = reduced(an_object(a={"description": "Any value"}))["properties"].values()
    assert some["description"] == "Any value"
    assert {one["type"] for one in some["anyOf"]} == {"string", "number", "boolean", "null", "object", "array"}


def test_references_are_replaced_by_what_they_refer_to() -> None:
    schema = {
        **an_object(
            a={"$ref": "#/$defs/place", "description": "where"},
            b={"type": "array", "items": {"$ref": "#/definitions/a~1b"}},
            c={"$ref": "https://example.test/schema"},
            d={"$ref": "#/$defs/no"},
            e={"$ref": "#/properties/a"},
            f={"$ref": 5},
        ),
        "$defs": {"place": an_object(city=STRING)},
        "definitions": {"a/b": {"$ref": "#/$defs/place"}},
    }
    place = an_object(city=STRING)
    plain = {
        "a": {**place, "description": "where"},
        "b": {"type": "array", "items": place},
        "c": {},
        "d": {},
        "e": {**place, "description": "where"},
        "f": {},
    }
    assert reduced(schema) == an_object(**plain)
    assert reduced(schema, frozenset(("$ref",))) == an_object(**plain)
    assert reduced(schema, frozenset(("$defs",))) == an_object(**plain)


def test_circles_are_cut() -> None:
    tree = an_object(left={"$ref": "#"}, right={"$ref": "#/$defs/node"})
    schema = {**tree, "$defs": {"node": an_object(next={"$ref": "#/$defs/node"}), "self": {"$ref": "#/$defs/self"}}}
    plain = reduced(schema)
    assert plain["properties"]["right"] == an_object(next={})
    assert "$ref" not in jsontext.dumps(plain).decode()
    assert reduced({"$ref": "#/$defs/self", "$defs": schema["$defs"]}) == {}
    assert reduced({"allOf": [{"$ref": "#"}, {"$ref": "#"}], "type": "object"}) == {"type": "object"}


def test_what_would_grow_without_end_is_bounded() -> None:
    doubling = {"$defs": {"n0": STRING}, "type": "object", "properties": {"top": {"$ref": "#/$defs/n20"}}}
    for number in range(20):
        below = {"$ref": f"#/$defs/n{number}"}
        doubling["$defs"][f"n{number + 1}"] = an_object(a=below, b=below)  # type: ignore[index]  # a dict of dicts
    assert len(jsontext.dumps(reduced(doubling))) < 100 * schema_reduction.MAX_NODES
    deep: Any = STRING
    for _ in range(200):
        deep = {"type": "array", "items": deep}
    assert jsontext.dumps(reduced(deep)).count(b"items") <= schema_reduction.MAX_DEPTH + 1


def test_a_choice_at_the_top_of_parameters_becomes_one_object() -> None:
    # Anthropic (claude-code#44788), OpenAI (google-calendar-mcp#39)
    schema = {
        "oneOf": [
            {**an_object(id=STRING, x=STRING), "required": ["id", "x"]},
            {**an_object(id=STRING, x=NUMBER), "required": ["id"], "additionalProperties": False},
        ],
        "description": "d",
        "pattern": "p",
    }
    plain = {**an_object(id=STRING, x={"anyOf": [STRING, NUMBER]}), "required": ["id"], "description": "d"}
    assert reduced(schema, is_parameters=True) == plain
    assert reduced(schema, frozenset((ROOT,)), is_parameters=True) == {**plain, "pattern": "p"}
    assert "anyOf" in reduced(schema)
    assert reduced({"anyOf": [True]}, is_parameters=True) == {"type": "object"}


def test_only_what_is_named_is_dropped() -> None:
    schema = {
        **an_object(a={"type": ["string", "null"], "pattern": "x", "maxLength": 5}, pattern=STRING),
        "$schema": "s",
    }
    assert reduced(schema, frozenset(("$schema",))) == {key: value for key, value in schema.items() if key != "$schema"}
    changed = reduced(schema, frozenset(("pattern", "maxLength")))
    assert changed["properties"] == {"a": {"type": ["string", "null"]}, "pattern": STRING}
    changed = reduced(schema, frozenset((TYPE_LISTS,)))
    assert changed["properties"]["a"]["anyOf"] == [{"type": "string", "pattern": "x", "maxLength": 5}, NULL]
    assert reduced(schema, frozenset(("format",))) is schema
    assert reduced({"type": "array"}, frozenset((NO_ITEMS,))) == {"type": "array", "items": {}}
    assert reduced({"type": "object"}, frozenset((NO_PROPERTIES,))) == an_object()
    assert reduced(True, frozenset(("format",))) is True


def test_the_keywords_in_a_schema_are_no_names_of_properties() -> None:
    schema = {**an_object(format={"type": ["string", "null"], "pattern": "x"}), "anyOf": [{"const": 1}, True]}
    assert keywords_in(schema) == {"type", "properties", "anyOf", "const", "pattern", TYPE_LISTS}


# --- whatever comes ---

WORDS = st.sampled_from(("a", "b", "pattern", "$ref", "type", "items"))
TYPES = st.sampled_from(("string", "number", "integer", "boolean", "null", "object", "array"))
REFS = st.sampled_from(("#", "#/$defs/a", "#/$defs/b", "#/properties/a", "#/nowhere", "https://x.test/y"))
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3))


def keyword_values(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, max_size=3)
    named = st.dictionaries(WORDS, inner, max_size=3)
    fields: dict[str, st.SearchStrategy[Any]] = {
        "type": TYPES | st.lists(TYPES, max_size=3) | LEAVES,
        "properties": named | LEAVES,
        "required": st.lists(WORDS, max_size=3) | LEAVES,
        "items": inner | several,
        "enum": st.lists(LEAVES, max_size=3) | LEAVES,
        "description": st.text(max_size=3) | LEAVES,
        "$ref": REFS | LEAVES,
        "$defs": named | LEAVES,
        **dict.fromkeys(("anyOf", "oneOf", "allOf", "prefixItems"), several | LEAVES),
        **dict.fromkeys(("not", "if", "additionalProperties", "contains"), inner),
        **dict.fromkeys(("const", "pattern", "format", "maxLength", "minimum", "$schema", "default"), LEAVES),
    }
    return st.fixed_dictionaries({}, optional=fields)


SCHEMAS = st.recursive(LEAVES, keyword_values, max_leaves=12)
DROPPED = st.none() | st.frozensets(
    st.sampled_from(
        ("pattern", "$ref", "const", "oneOf", "allOf", "anyOf", "format", "not", TYPE_LISTS, ROOT, "$schema")
    )
)


def check_plain(node: Any) -> None:
    assert isinstance(node, dict)
    assert node.keys() <= KEPT
    assert isinstance(node.get("type", ""), str)
    for part in (
        *node.get("properties", {}).values(),
        *node.get("anyOf", ()),
        *([node["items"]] if "items" in node else ()),
    ):
        check_plain(part)


@settings(deadline=None, max_examples=300)
@given(SCHEMAS, st.booleans())
def test_any_schema_becomes_a_plain_one(schema: Any, is_parameters: bool) -> None:
    before = jsontext.dumps(schema)
    plain = reduced(schema, is_parameters=is_parameters)
    check_plain(plain)
    assert reduced(plain, is_parameters=is_parameters) == plain
    assert jsontext.dumps(schema) == before
    assert len(jsontext.dumps(plain)) < 200 * schema_reduction.MAX_NODES


@settings(deadline=None, max_examples=300)
@given(SCHEMAS, DROPPED, st.booleans())
def test_nothing_that_was_named_is_left(schema: Any, dropped: frozenset[str] | None, is_parameters: bool) -> None:
    plain = reduced(schema, dropped, is_parameters=is_parameters)
    replaced = {"anyOf"} if dropped and ({TYPE_LISTS, "oneOf", ROOT} & dropped) else set()
    if isinstance(plain, dict):
        assert not keywords_in(plain) & ((dropped or frozenset()) - {ROOT} - replaced)


@pytest.mark.parametrize(
    "big",
    [
        {"enum": ["x" * 50] * 4000},
        {"description": "x" * 200_000},
        {"type": "object", "properties": {"x" * 200_000: {}}},
    ],
    ids=["values", "words", "names"],
)
@pytest.mark.parametrize("dropped", [None, frozenset(("$ref",))], ids=["all", "references"])
def test_what_many_references_bring_in_is_bounded(big: Any, dropped: frozenset[str] | None) -> None:
    """A body of some kilobytes is not to become a request of a gigabyte."""
    schema = {
        "type": "object",
        "$defs": {"a": big},
        "properties": {f"p{number}": {"$ref": "#/$defs/a"} for number in range(1000)},
    }
    new = reduced(schema, dropped)
    assert len(jsontext.dumps(new)) < MAX_COPIED + 200_000
    assert len(new["properties"]) == 1000
    first = new["properties"]["p0"]
    assert all(first.get(name) == value for name, value in big.items() if name != "properties")
