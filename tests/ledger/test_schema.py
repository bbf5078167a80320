"""The tables have exactly the columns that are written, and a released step is never changed."""

from __future__ import annotations

import hashlib
import sqlite3

from linx.ledger.rows import Row, SumKey, Sums
from linx.ledger.schema import MIGRATIONS

RELEASED: list[str] = []
"""The digests of the steps that have been released, in their order."""


def columns(table: str) -> list[str]:
    connection = sqlite3.connect(":memory:")
    for statements in MIGRATIONS:
        for statement in statements:
            connection.execute(statement)
    names = [str(one[1]) for one in connection.execute(f"PRAGMA table_info({table})")]
    connection.close()
    return names


def test_the_tables_have_the_columns_that_are_written() -> None:
    assert columns("requests") == ["id", *Row._fields]
    assert columns("days") == [*SumKey._fields, *Sums._fields]


def test_a_released_step_stays_as_it_is() -> None:
    digests = [hashlib.sha256("\n".join(statements).encode()).hexdigest()[:16] for statements in MIGRATIONS]
    assert digests[: len(RELEASED)] == RELEASED
