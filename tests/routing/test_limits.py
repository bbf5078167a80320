"""The limits: for whom each is, whom it stops, and how it is told."""

from __future__ import annotations

import time

import pytest

from linx.config.shape import BudgetShape
from linx.ledger.spending import Spent, Where, today
from linx.routing.limits import (
    ALL,
    DAILY_TOKENS,
    DAILY_USD,
    KEY,
    MONTHLY_USD,
    PROVIDER,
    Limit,
    Scope,
    limits_of,
    scopes,
)

WHERE = Where(20260131, "paid", "alice")
NOW = today(time.mktime((2026, 1, 31, 12, 0, 0, 0, 0, -1)))
DAYS = (20260131, 20260101, 20251231)


@pytest.mark.parametrize(
    ("scope", "counts"),
    [
        (Scope(ALL), True),
        (Scope(PROVIDER, "paid"), True),
        (Scope(PROVIDER, "other"), False),
        (Scope(KEY, "alice"), True),
        (Scope(KEY, "bob"), False),
    ],
    ids=str,
)
def test_what_a_scope_counts(scope: Scope, counts: bool) -> None:
    assert scope.counts(WHERE) is counts


@pytest.mark.parametrize(
    ("kind", "limit", "remote", "local"),
    [
        (ALL, DAILY_USD, True, False),
        (ALL, DAILY_TOKENS, True, False),
        (PROVIDER, MONTHLY_USD, True, True),
        (PROVIDER, DAILY_TOKENS, True, True),
        (KEY, DAILY_USD, True, False),
        (KEY, DAILY_TOKENS, True, True),
    ],
)
def test_whom_a_limit_stops(kind: str, limit: str, remote: bool, local: bool) -> None:
    one = Limit(Scope(kind, "x"), limit, 1)
    assert (one.stops(is_remote=True), one.stops(is_remote=False)) == (remote, local)


def test_reached_is_what_was_spent_and_taken_what_may_be() -> None:
    one = Limit(Scope(ALL), DAILY_USD, 1.0)
    one.spent, one.held = 0.7, 0.2
    assert (one.is_reached, one.is_taken) == (False, False)
    one.held = 0.3
    assert (one.is_reached, one.is_taken) == (False, True)
    one.spent = sum([0.1] * 10)  # which is a little less than 1
    assert (one.is_reached, one.is_taken) == (True, True)


def test_a_limit_of_nothing_is_reached_from_the_start() -> None:
    assert Limit(Scope(ALL), DAILY_TOKENS, 0).is_reached


def test_what_counts_for_it_and_since_when() -> None:
    day_, month, tokens = (Limit(Scope(ALL), kind, 1) for kind in (DAILY_USD, MONTHLY_USD, DAILY_TOKENS))
    assert [one.of(Spent(2.0, 3)) for one in (day_, month, tokens)] == [2.0, 2.0, 3]
    covered = {day: [one.covers(day, NOW) for one in (day_, month, tokens)] for day in DAYS}
    assert covered == {20260131: [True, True, True], 20260101: [False, True, False], 20251231: [False, False, False]}


def test_it_is_told_in_words_and_numbers() -> None:
    one = Limit(Scope(KEY, "alice"), DAILY_TOKENS, 1_000_000)
    assert (str(one), one.shown(one.amount)) == ("The daily budget of the key alice", "1,000,000 tokens")
    two = Limit(Scope(ALL), MONTHLY_USD, 30)
    two.spent = 0.0123456789012
    assert (str(two), two.shown(two.spent)) == ("The monthly budget of all providers together", "$0.012")
    assert two.status() == {
        "scope": "all",
        "name": None,
        "kind": "monthly_usd",
        "limit": 30,
        "spent": 0.012345679,
        "reserved": 0,
        "ends_at": 0,
        "reached": False,
    }


def test_the_budgets_of_a_config() -> None:
    found = scopes(
        BudgetShape(daily_usd=1.0),
        {"paid": BudgetShape(monthly_usd=2.0, daily_tokens=3), "home": None},
        {"alice": None},
    )
    assert list(found) == [Scope(ALL), Scope(PROVIDER, "paid")]
    assert [(one.scope, one.kind, one.amount) for one in limits_of(found)] == [
        (Scope(ALL), DAILY_USD, 1.0),
        (Scope(PROVIDER, "paid"), MONTHLY_USD, 2.0),
        (Scope(PROVIDER, "paid"), DAILY_TOKENS, 3),
    ]
