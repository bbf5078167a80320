"""Values put into JSON texts of any layout, and taken out: the rest of the text stays, byte for byte."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linx.config import text_edit

SPACES = st.text(alphabet=" \t\r\n", max_size=3)
TEXTS = st.text(max_size=6) | st.sampled_from(["server", "api_key", '"', "\\", "a]}{[,:", "ü", "😀"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(-10, 10, allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)
NEW = b'{"name": "new"}'


def written(draw: Any, value: Any) -> str:
    """``value`` as JSON with any white space that JSON allows, and any escapes."""

    def space() -> str:
        return str(draw(SPACES))

    if isinstance(value, dict):
        parts = [(written(draw, key), written(draw, each)) for key, each in value.items()]
        members = [f"{space()}{key}{space()}:{space()}{each}{space()}" for key, each in parts]
        return "{" + (",".join(members) or space()) + "}"
    if isinstance(value, list):
        return "[" + (",".join(f"{space()}{written(draw, each)}{space()}" for each in value) or space()) + "]"
    return json.dumps(value, ensure_ascii=bool(draw(st.booleans())))


@st.composite
def texts(draw: Any, holder: Any) -> bytes:
    """The text of a value, with white space and perhaps a byte order mark around it."""
    mark = "\ufeff" if draw(st.booleans()) else ""
    return f"{mark}{draw(SPACES)}{written(draw, draw(holder))}{draw(SPACES)}".encode()


def value_of(text: bytes) -> Any:
    return json.loads(text.decode("utf-8-sig"))


def is_only_added(before: bytes, after: bytes) -> bool:
    """Is ``before`` what is left of ``after`` without one run of bytes?"""
    start = 0
    while start < len(before) and before[start] == after[start]:
        start += 1
    return before[start:] == after[len(after) - len(before) + start :]


@given(texts(st.dictionaries(TEXTS, VALUES, max_size=4)))
@settings(max_examples=25, deadline=None)
def test_a_member_is_added_and_nothing_else_changes(text: bytes) -> None:
    after = text_edit.with_member(text, text_edit.root(text), "the new one", NEW)
    assert value_of(after) == {**value_of(text), "the new one": {"name": "new"}}
    assert list(value_of(after)) == [*value_of(text), "the new one"]
    assert is_only_added(text, after)


@given(texts(st.lists(VALUES, max_size=4)))
@settings(max_examples=25, deadline=None)
def test_an_item_is_added_and_taken_out_again(text: bytes) -> None:
    at = text_edit.root(text)
    after = text_edit.with_item(text, at, NEW)
    assert value_of(after) == [*value_of(text), {"name": "new"}]
    assert is_only_added(text, after)
    if value_of(text):
        assert text_edit.without_item(after, at, len(value_of(text))) == text


@given(texts(st.lists(VALUES, min_size=1, max_size=4)), st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_an_item_is_taken_out_and_nothing_else_changes(text: bytes, number: int) -> None:
    items = value_of(text)
    number %= len(items)
    after = text_edit.without_item(text, text_edit.root(text), number)
    assert value_of(after) == items[:number] + items[number + 1 :]
    assert is_only_added(after, text)


@given(texts(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4)))
@settings(max_examples=20, deadline=None)
def test_each_member_is_found_where_it_is_and_replaced(text: bytes) -> None:
    tree = value_of(text)
    for name, value in tree.items():
        part = text_edit.member(text, text_edit.root(text), name)
        assert part is not None
        assert json.loads(text[part.value : part.end]) == value
        after = text_edit.replaced(text, part, b"17")
        assert value_of(after) == {**tree, name: 17}
    assert text_edit.member(text, text_edit.root(text), "there is no such member") is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"{}", b'{"k": 1}'),
        (b"{\n}\n", b'{\n  "k": 1\n}\n'),
        (b'{"a":2}', b'{"a":2,"k":1}'),
        (b'{"a": 2}', b'{"a": 2, "k": 1}'),
        (b'{ "a": 2 }', b'{ "a": 2, "k": 1 }'),
        (b'{\r\n\t"a" : 2\r\n}', b'{\r\n\t"a" : 2,\r\n\t"k" : 1\r\n}'),
        (b'{\n    "a": 2,\n\n    "b": 3\n}', b'{\n    "a": 2,\n\n    "b": 3,\n\n    "k": 1\n}'),
    ],
    ids=["empty", "empty lines", "compact", "one line", "spaces inside", "tabs", "blank lines"],
)
def test_a_member_looks_like_its_neighbour(before: bytes, after: bytes) -> None:
    assert text_edit.with_member(before, 0, "k", b"1") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"[]", b"[1]"),
        (b"[\n    ]", b"[\n      1\n    ]"),
        (b"[2]", b"[2, 1]"),
        (b"[2,3]", b"[2,3,1]"),
        (b"[\n  2,\n  3\n]", b"[\n  2,\n  3,\n  1\n]"),
    ],
    ids=["empty", "empty lines", "one", "compact", "lines"],
)
def test_an_item_looks_like_its_neighbour(before: bytes, after: bytes) -> None:
    assert text_edit.with_item(before, 0, b"1") == after


def test_only_objects_and_lists_have_parts() -> None:
    for text in (b'"text"', b"17", b"null"):
        assert text_edit.parts_of(text, 0) == []
        assert text_edit.member(text, 0, "a") is None
