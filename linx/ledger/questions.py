"""The questions of ``linx usage``, and their answers as numbers.

Whole days are read from the table of sums. Of the first day of a period of hours the single requests are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from linx.ledger.period import shown
from linx.ledger.rows import Sums
from linx.ledger.spending import NOTHING, Spent, Where

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.ledger.database import Database
    from linx.ledger.period import Period

BY = {
    "model": ("served_model", "model"),
    "provider": ("provider",),
    "key": ("key",),
    "client": ("client",),
    "day": ("day",),
}
"""The dimensions, and the columns that make one line of each."""
TOTALS = ("requests", "failed", "local_requests", *Sums._fields[2:])
"""The numbers of each line, in the order of their columns."""

_OF_DAYS = """
SELECT {columns}, requests, failed, requests * is_local AS local_requests, prompt_tokens, cached_tokens,
    completion_tokens, cost_usd, saved_usd
FROM days WHERE day {first} :day"""
_OF_REQUESTS = """
SELECT {columns}, 1, outcome NOT IN ('ok', 'cancelled'), is_local, coalesce(prompt_tokens, 0),
    coalesce(cached_tokens, 0), coalesce(completion_tokens, 0), coalesce(cost_usd, 0),
    CASE WHEN is_local AND compare_usd IS NOT NULL THEN compare_usd - coalesce(cost_usd, 0) ELSE 0 END
FROM requests WHERE day = :day AND started >= :moment"""


_SPENT = """
SELECT day, provider, key, sum(cost_usd), sum(prompt_tokens + completion_tokens)
FROM days WHERE day >= :day GROUP BY day, provider, key
UNION ALL SELECT day, provider, key, usd, tokens FROM estimates WHERE day >= :day"""


class Line(NamedTuple):
    """One line of an answer: the names that make it, and its numbers in the order of TOTALS."""

    names: tuple[str, ...]
    numbers: tuple[float, ...]


class Usage(NamedTuple):
    """What was asked, and the answer: its lines, and their total."""

    by: str
    since: str
    lines: tuple[Line, ...]
    total: tuple[float, ...]


def question(by: str, period: Period) -> tuple[str, dict[str, Any]]:
    """The text of the question and its values."""
    columns = ", ".join(BY[by])
    parts = [_OF_DAYS.format(columns=columns, first=">" if period.moment else ">=")]
    if period.moment:
        parts.append(_OF_REQUESTS.format(columns=columns))
    sums = ", ".join(f"sum({name})" for name in TOTALS)
    order = "day" if by == "day" else "sum(cost_usd) DESC, sum(requests) DESC"
    text = f"SELECT {columns}, {sums} FROM ({' UNION ALL '.join(parts)}) GROUP BY {columns} ORDER BY {order}, {columns}"  # noqa: S608 - names of this house
    return text, {"day": period.day, "moment": period.moment}


def usage(database: Database, by: str, period: Period) -> Usage:
    """Ask the ledger. Raises LedgerProblem."""
    width = len(BY[by])
    found = database.ask(*question(by, period))
    lines = tuple(Line(_names(by, row[:width]), row[width:]) for row in found)
    return Usage(by, period.text, lines, total_of(lines))


def spent_since(database: Database, first_day: int) -> dict[Where, Spent]:
    """What budgets count: what was reported, and what was estimated where nothing was. Raises LedgerProblem."""
    found: dict[Where, Spent] = {}
    for day, provider, key, usd, tokens in database.ask(_SPENT, {"day": first_day}):
        where = Where(day, provider, key)
        found[where] = found.get(where, NOTHING).plus(Spent(usd, tokens))
    return found


def total_of(lines: Sequence[Line]) -> tuple[float, ...]:
    return tuple(sum(column) for column in zip(*(line.numbers for line in lines), strict=True)) or (0,) * len(TOTALS)


def _names(by: str, values: Sequence[Any]) -> tuple[str, ...]:
    """The names of a line; a request that nobody served has no provider and no served model."""
    return tuple(shown(value) if by == "day" else value or "-" for value in values)
