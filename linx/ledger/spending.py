"""What was spent, by day, provider and key: pure numbers, no clock and no file.

Two tables are kept apart. ``own`` is what this Linx has counted since it started. ``others`` is the rest of what stands
in the ledger: earlier runs, and other Linx processes that share the file. Rule: nothing that was counted is ever
forgotten while its month lasts, whatever befalls the file: a later reading may only raise what an earlier one said.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Where(NamedTuple):
    """What is counted together."""

    day: int
    """Such as 20260131, in local time: that on which the request came."""
    provider: str
    key: str


class Spent(NamedTuple):
    """An amount: money, and tokens of prompts and answers."""

    usd: float = 0.0
    tokens: int = 0

    def plus(self, other: Spent) -> Spent:
        return Spent(self.usd + other.usd, self.tokens + other.tokens)


NOTHING = Spent()


class Spending:
    """The two tables."""

    __slots__ = ("_others", "_own")

    def __init__(self) -> None:
        self._own: dict[Where, Spent] = {}
        self._others: dict[Where, Spent] = {}

    def add(self, where: Where, spent: Spent) -> None:
        """This Linx has spent it."""
        self._own[where] = self._own.get(where, NOTHING).plus(spent)

    def learn(self, rows: Iterable[tuple[Where, Spent]]) -> None:
        """What others have spent, by a new reading of the ledger."""
        for where, spent in rows:
            before = self._others.get(where, NOTHING)
            self._others[where] = Spent(max(before.usd, spent.usd), max(before.tokens, spent.tokens))

    def total(self, counts: Callable[[Where], bool]) -> Spent:
        """The sum of all that ``counts`` says yes to."""
        usd, tokens = 0.0, 0
        for table in (self._own, self._others):
            for where, spent in table.items():
                if counts(where):
                    usd += spent.usd
                    tokens += spent.tokens
        return Spent(usd, tokens)

    def forget(self, before: int) -> None:
        """Drop the days before ``before``."""
        for table in (self._own, self._others):
            for where in [where for where in table if where.day < before]:
                del table[where]


def day_of(moment: float) -> int:
    """20260131 for a moment, in seconds since 1970, of that day in local time."""
    local = time.localtime(moment)
    return local.tm_year * 10000 + local.tm_mon * 100 + local.tm_mday


class Today(NamedTuple):
    """The day and the month of a moment in local time; when they begin and end, in seconds since 1970."""

    day: int
    first_of_month: int
    """As a day, such as 20260101."""
    day_begins_at: float
    day_ends_at: float
    month_ends_at: float


def today(now: float) -> Today:
    """``now`` is in seconds since 1970. A day may have 23 or 25 hours."""
    local = time.localtime(now)
    year, month = local.tm_year, local.tm_mon
    return Today(
        day_of(now),
        year * 10000 + month * 100 + 1,
        _midnight(year, month, local.tm_mday),
        _midnight(year, month, local.tm_mday + 1),
        _midnight(year, month + 1, 1),
    )


def _midnight(year: int, month: int, day: int) -> float:
    """The first moment of a day, which may be past the end of its month or year."""
    at = time.mktime((year, month, day, 0, 0, 0, 0, 0, -1))
    if time.localtime(at - 1).tm_mday != time.localtime(at).tm_mday:
        return at
    # The clocks are put forward at midnight, so that this moment does not exist: the day begins within two hours of it.
    wanted = time.localtime(time.mktime((year, month, day, 12, 0, 0, 0, 0, -1))).tm_mday
    return next(moment for step in range(-8, 9) if time.localtime(moment := at + step * 900).tm_mday == wanted)
