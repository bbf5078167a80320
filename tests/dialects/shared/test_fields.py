from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from linx.core.errors import BadRequest
from linx.dialects.shared import fields

Reader = Callable[..., Any]


@pytest.mark.parametrize(
    ("read", "good", "bad"),
    [
        (fields.text, "x", 1),
        (fields.flag, True, 1),
        (fields.number, 0.5, True),
        (fields.number, 1, "1"),
        (fields.integer, 3, True),
        (fields.integer, 3, 1.5),
        (fields.mapping, {"a": 1}, []),
        (fields.objects, [{"a": 1}], {}),
        (fields.texts, ["a"], "a"),
        (fields.texts, ["a"], [1]),
    ],
)
def test_an_optional_field_is_checked_and_may_be_absent_or_null(read: Reader, good: Any, bad: Any) -> None:
    assert read({"key": good}, "key") == good
    assert not read({}, "key")
    assert not read({"key": None}, "key")
    with pytest.raises(BadRequest, match=r"^path\.key: must be") as caught:
        read({"key": bad}, "key", "path")
    assert caught.value.param == "path.key"
    with pytest.raises(BadRequest, match=r"^key: must be"):
        read({"key": bad}, "key")


@pytest.mark.parametrize("read", [fields.need_text, fields.need_name])
def test_a_needed_field_may_not_be_absent(read: Reader) -> None:
    assert read({"key": "x"}, "key") == "x"
    for holder in ({}, {"key": None}, {"key": 1}):
        with pytest.raises(BadRequest, match="key: must be a string"):
            read(holder, "key")


@pytest.mark.parametrize("name", ["", "  \n"])
def test_a_name_is_not_blank(name: str) -> None:
    assert fields.need_text({"key": name}, "key") == name
    with pytest.raises(BadRequest, match="not empty"):
        fields.need_name({"key": name}, "key")


def test_a_whole_number_may_have_a_least() -> None:
    assert fields.integer({"n": 1}, "n", least=1) == 1
    with pytest.raises(BadRequest, match="whole number of at least 1"):
        fields.integer({"n": 0}, "n", least=1)
    with pytest.raises(BadRequest, match=r"whole number$"):
        fields.integer({"n": "0"}, "n")


def test_the_item_that_is_no_object_is_named() -> None:
    with pytest.raises(BadRequest, match=r"^messages\[1\]: must be an object"):
        fields.objects({"messages": [{}, []]}, "messages")
