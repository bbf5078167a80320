"""What holds for each row of the table."""

from __future__ import annotations

from typing import Any

import pytest

from linx.dialects.adaptation.table import ROWS
from linx.dialects.failures.meaning import failure

ROW_NAMES = [row.name for row in ROWS]
ODD: list[Any] = [
    {},
    {"model": 1},
    {"messages": None, "tools": 5},
    {"messages": [None, 1, "x", {}], "tools": [None, {}]},
]


@pytest.mark.parametrize("row", ROWS, ids=ROW_NAMES)
def test_a_row_recognises_nothing_in_a_refusal_without_words(row: Any) -> None:
    for body in ODD:
        assert row.recognise(failure(400, b""), body) is None


@pytest.mark.parametrize("row", ROWS, ids=ROW_NAMES)
def test_a_body_without_what_it_changes_is_returned_as_it_is(row: Any) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    assert row.change(body, "no such field") is body


@pytest.mark.parametrize("row", ROWS, ids=ROW_NAMES)
def test_its_name_is_a_word(row: Any) -> None:
    assert row.name.replace("_", "").isalnum()
    assert row.formats
