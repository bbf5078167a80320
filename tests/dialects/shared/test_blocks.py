"""Blocks: when arguments are whole, and ids that tell calls apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linx.dialects.shared.blocks import Block, arguments_object, unique_id

if TYPE_CHECKING:
    from linx.core.chat import JsonObject


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("", None),
        ("{", None),
        ("[{}", None),
        ('{"a":1} \n', {"a": 1}),
        ("1}", None),
        ('{"a":12345678901234567890123}', {"a": 12345678901234567890123}),
        ("[1]", None),
        ("{}}", None),
    ],
)
def test_arguments_are_one_object(text: str, made: JsonObject | None) -> None:
    assert arguments_object(text) == made


def test_an_id_is_given_once() -> None:
    taken: set[str] = set()
    made = [unique_id(call_id, taken) for call_id in ("a", "a", "a_1", "a", "a_3", "b")]
    assert len(set(made)) == 6
    assert (made[0], made[5]) == ("a", "b")


def test_the_text_of_a_block_is_its_pieces() -> None:
    block = Block(0, "call_1", "f")
    assert (block.text, block.number) == ("", -1)
    block.parts += ['{"a"', ":1}"]
    assert block.text == '{"a":1}'
