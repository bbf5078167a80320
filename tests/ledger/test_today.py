"""What the ledger has of today, for the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linx.config.shape import LedgerConfig
from linx.core.chat import Usage
from linx.ledger.database import LedgerProblem, open_for_writing
from linx.ledger.spending import day_of
from linx.ledger.today import DaySoFar, read_today
from tests.ledger.records import DAY_S, NOON, row

if TYPE_CHECKING:
    from pathlib import Path


def test_the_sums_of_today_up_to_now(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    database, _notice = open_for_writing(path)
    database.write(
        [
            row(NOON - DAY_S, usage=Usage(7, 7)),
            row(NOON - 10, usage=Usage(100, 20), saves=0.25),
            row(NOON - 9, usage=Usage(10, 2), is_local=False, saves=3.0),
            row(NOON - 8, usage=Usage(1, 1), outcome="reset"),
            row(NOON - 7, usage=Usage(1, 1), outcome="cancelled"),
            row(NOON, usage=Usage(5000, 5000)),
        ]
    )
    database.close()
    found = read_today(LedgerConfig(path=str(path)), NOON)
    assert found == DaySoFar(day_of(NOON), 4, 1, 124, 12, 0.5, 0.25)


def test_without_a_ledger_there_is_nothing(tmp_path: Path) -> None:
    assert read_today(LedgerConfig(path=str(tmp_path / "none.db")), NOON) == DaySoFar(day_of(NOON))


def test_an_empty_day(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    open_for_writing(path)[0].close()
    assert read_today(LedgerConfig(path=str(path)), NOON) == DaySoFar(day_of(NOON))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(LedgerProblem):
        read_today(LedgerConfig(path=str(path)), NOON)
