"""JSON as editors write it, and where its values stand."""

from __future__ import annotations

import pytest

from linx.setup.edits.edit import Unfit
from linx.setup.edits.jsonc_tree import MAX_DEPTH, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1, "b": [true, null, -1.5e3]}', {"a": 1, "b": [True, None, -1500.0]}),
        ('// head\n{ /* a */ "a" /* b */ : // c\n 1, }\n// end', {"a": 1}),
        ('[1, [], {}, "// no comment", "\\u00e9\\n"]', [1, [], {}, "// no comment", "é\n"]),
        ('"http://x/*y*/"', "http://x/*y*/"),
        ('{"Köln": "日本"}', {"Köln": "日本"}),
    ],
)
def test_it_is_read(text: str, value: object) -> None:
    node = parse(text)
    assert node is not None
    assert node.value == value


def test_values_know_their_place() -> None:
    text = '{"a": [1, {"b": "c"}] , "d": 2}'
    node = parse(text)
    assert node is not None
    inner = node.members[0].node
    assert text[inner.start : inner.end] == '[1, {"b": "c"}]'
    assert text[node.members[0].comma] == ","
    assert text[node.tail :] == "}"


@pytest.mark.parametrize("text", ["", "  \n", "// only a comment\n/* and this */"])
def test_nothing(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("{", "{}}", "{'a': 1}", '{"a": 1 "b": 2}', "[1,, 2]", '{"a"}', '{"a": }', "{,}", "[,]", "01", "nul", "+1"),
        *('{"a": "b\nc"}', '"\\x"', "/* open", "{/* open}", "NaN", "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2)),
    ],
)
def test_what_is_left_alone(text: str) -> None:
    with pytest.raises(Unfit):
        parse(text)


def test_it_says_the_line() -> None:
    with pytest.raises(Unfit, match="at line 3"):
        parse('{\n  "a": 1,\n  b: 2\n}')


def test_a_key_twice_is_found_where_it_matters() -> None:
    node = parse('{"a": 1, "a": 2, "b": 3}')
    assert node is not None
    assert node.find("b") is not None
    assert node.find("c") is None
    with pytest.raises(Unfit, match='has "a" twice'):
        node.find("a")
