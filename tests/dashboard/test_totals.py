"""DaySoFar in numbers: what is counted where, what the ledger adds, and midnight."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from linx.core.chat import Usage
from linx.dashboard.totals import MOST_PRICES, PRICES_S, Totals
from linx.ledger.today import DaySoFar
from tests.dashboard.records import record

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = time.mktime((2026, 1, 31, 12, 0, 0, 0, 0, -1))
MIDNIGHT = time.mktime((2026, 2, 1, 0, 0, 0, 0, 0, -1))


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def a_cent_a_token(_asked: str) -> Callable[[Usage], float]:
    return lambda usage: (usage.prompt + usage.completion) / 100


def test_local_and_remote_are_counted_apart() -> None:
    totals = Totals(a_cent_a_token, Clock())
    local = record(at=NOON, outcome="ok", is_local=True, usage=Usage(100, 20), cost_usd=0.0)
    totals.note([local])
    totals.note([record(at=NOON, outcome="ok", is_local=False, usage=Usage(10, 2), cost_usd=0.5)])
    totals.note([record(at=NOON, outcome="reset")])
    totals.note([record(at=NOON, outcome="cancelled", is_local=True)])
    assert totals.as_json() == {
        "day": "2026-01-31",
        "local_tokens": 120,
        "remote_tokens": 12,
        "cost_usd": 0.5,
        "saved_usd": 1.2,
        "requests": 4,
        "failed": 1,
    }
    assert totals.saved(local) == 1.2


def test_without_a_price_to_compare_nothing_is_saved() -> None:
    totals = Totals(lambda _asked: None, Clock())
    one = record(at=NOON, outcome="ok", is_local=True, usage=Usage(100, 20))
    totals.note([one])
    assert (totals.saved(one), totals.as_json()["saved_usd"]) == (None, 0.0)


def test_what_the_ledger_has_of_the_same_day_is_added() -> None:
    totals = Totals(lambda _asked: None, Clock())
    totals.note([record(at=NOON, outcome="ok")])
    totals.add(DaySoFar(20260131, 10, 2, 300, 400, 1.5, 0.25))
    totals.add(DaySoFar(20260130, 10, 2, 300, 400, 1.5, 0.25))
    shown = totals.as_json()
    assert (shown["requests"], shown["failed"], shown["local_tokens"], shown["remote_tokens"]) == (11, 2, 300, 400)
    assert (shown["cost_usd"], shown["saved_usd"]) == (1.5, 0.25)


@pytest.mark.parametrize("seen_by", ["a request", "a look"])
def test_midnight(seen_by: str) -> None:
    clock = Clock()
    totals = Totals(lambda _asked: None, clock)
    totals.note([record(at=MIDNIGHT - 1, outcome="ok")])
    assert totals.as_json()["requests"] == 1
    clock.now = MIDNIGHT
    if seen_by == "a request":
        totals.note([record(at=MIDNIGHT, outcome="ok")])
    else:
        assert totals.as_json()["requests"] == 0
        totals.note([record(at=MIDNIGHT + 1, outcome="ok")])
    totals.note([record(at=MIDNIGHT - 1, outcome="ok")])  # came in yesterday, and is yesterday's in the ledger, too
    shown = totals.as_json()
    assert (shown["day"], shown["requests"]) == ("2026-02-01", 1)


def test_prices_are_looked_up_seldom_and_remembered_in_bounds() -> None:
    looked: list[str] = []

    def price(asked: str) -> None:
        looked.append(asked)

    clock = Clock()
    totals = Totals(price, clock)

    def note(model: str) -> None:
        totals.note([record(at=NOON, outcome="ok", is_local=True, usage=Usage(1, 1), model=model)])

    for _ in range(10):
        note("m")
    assert looked == ["m"]
    clock.now += PRICES_S
    note("m")
    assert looked == ["m", "m"]
    for number in range(2 * MOST_PRICES):
        note(str(number))
    assert len(totals._prices) <= MOST_PRICES
