"""What all edits share: how lines end, and the byte order mark."""

from __future__ import annotations

import pytest

from linx.setup.edits.edit import BYTE_ORDER_MARK, newline_of, without_mark


@pytest.mark.parametrize(
    ("text", "newline"), [("", "\n"), ("a", "\n"), ("a\nb\r\n", "\n"), ("a\r\nb\n", "\r\n"), ("\n", "\n")]
)
def test_lines_end_as_the_first_one_does(text: str, newline: str) -> None:
    assert newline_of(text) == newline


def test_the_mark_is_kept_apart() -> None:
    assert without_mark(BYTE_ORDER_MARK + "{}") == (BYTE_ORDER_MARK, "{}")
    assert without_mark("{}") == ("", "{}")
