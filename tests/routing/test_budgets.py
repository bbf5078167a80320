"""The budgets: what is left is given to one attempt only, and a new day begins with nothing spent."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import pytest

from linx.config.shape import BudgetShape
from linx.core.attempt_errors import BudgetReached
from linx.core.errors import NotAsked
from linx.ledger.spending import Spent, Where, day_of
from linx.routing.budgets import BUDGET, SOON_S, Budgets
from linx.routing.candidate import Candidate
from linx.routing.demand import Demand
from linx.routing.gate import Gate
from linx.routing.limits import ALL, KEY, PROVIDER, Scope
from tests.routing.world import has, provider

if TYPE_CHECKING:
    from linx.routing.budgets import Share

PAID = Candidate(has(provider("paid", local=False, usd=1.0), "m"), "m")
HOME = Candidate(has(provider("home"), "m"), "m")
NOON = time.mktime((2026, 1, 30, 12, 0, 0, 0, 0, -1))
HOUR_S = 3600.0


class Bench:
    """Budgets, and the clock that they are told."""

    def __init__(self, shapes: dict[Scope, BudgetShape] | None = None, **budget: Any) -> None:
        self.now = NOON
        self.budgets = Budgets(lambda: self.now)
        self.budgets.apply({Scope(ALL): BudgetShape(**budget)} if shapes is None else shapes)

    def take(self, usd: float = 0.1, tokens: int = 100, one: Candidate = PAID, key: str = "-") -> Share:
        return self.budgets.take(one, key, self.now, Spent(usd, tokens))

    def spend(self, usd: float, tokens: int = 0, one: Candidate = PAID, key: str = "-") -> None:
        self.budgets.add(Where(day_of(self.now), one.provider.name, key), Spent(usd, tokens))

    def row(self) -> Any:
        [row] = self.budgets.status()
        return row

    def stops(self, one: Candidate, key: str = "-") -> bool:
        return self.budgets.barrier(one, key) is not None


def test_what_running_attempts_may_cost_is_taken() -> None:
    bench = Bench(daily_usd=0.25)
    shares = [bench.take() for _ in range(3)]
    assert bench.row()["reserved"] == pytest.approx(0.3)
    with pytest.raises(BudgetReached, match=r"has no room now: \$0 of \$0.25 are spent.* may cost \$0.30") as caught:
        bench.take()
    assert (caught.value.retry_after_s, caught.value.may_retry) == (SOON_S, None)
    for share in shares:
        bench.budgets.settle(share, Spent(0.01, 5))
        bench.budgets.settle(share, Spent(9.0, 9))  # once only
    assert (bench.row()["spent"], bench.row()["reserved"]) == (pytest.approx(0.03), pytest.approx(0.0))
    bench.take()


def test_one_that_may_cost_more_than_the_world_has_hides_no_other() -> None:
    """What a float cannot hold beside a huge amount is not lost when that is given back."""
    bench = Bench(daily_usd=0.25)
    bench.take()
    huge = bench.take(usd=1e30, tokens=10**40)
    bench.budgets.settle(huge, Spent())
    assert bench.row()["reserved"] == pytest.approx(0.1)


def test_a_clock_that_is_put_back_by_days_frees_no_budget() -> None:
    """Requests come by a clock that never runs back, so on a later day than it is."""
    bench = Bench({Scope(ALL): BudgetShape(daily_usd=1, monthly_usd=3)})
    came_at = bench.now
    bench.now -= 48 * HOUR_S
    for _ in range(2):
        share = bench.budgets.take(PAID, "-", came_at, Spent(0.5, 1))
        bench.budgets.settle(share, Spent(0.5, 1))
    with pytest.raises(BudgetReached):
        bench.budgets.take(PAID, "-", came_at, Spent(0.5, 1))
    bench.now += 24 * HOUR_S
    assert not bench.stops(PAID)
    assert [row["spent"] for row in bench.budgets.status()] == [0, 1]


def test_the_error_says_which_limit_how_much_and_when_it_ends() -> None:
    bench = Bench(daily_usd=5)
    bench.spend(5.25)
    words = r"The daily budget of all providers together is spent: \$5.25 of \$5.00, until 2026-01-31 00:00."
    with pytest.raises(BudgetReached, match=words) as caught:
        bench.take()
    error = caught.value
    assert (error.status, error.code, error.outcome) == (429, "budget_exceeded", "not_asked(budget)")
    assert (error.retry_after_s, error.may_retry) == (12 * HOUR_S, False)


@pytest.mark.parametrize(
    ("scope", "budget", "stopped"),
    [
        (Scope(ALL), {"daily_usd": 1}, ["paid a", "paid b"]),
        (Scope(ALL), {"daily_tokens": 10}, ["paid a", "paid b"]),
        (Scope(PROVIDER, "paid"), {"monthly_usd": 1}, ["paid a", "paid b"]),
        (Scope(PROVIDER, "home"), {"daily_tokens": 10}, ["home a", "home b"]),
        (Scope(KEY, "a"), {"daily_usd": 1}, ["paid a"]),
        (Scope(KEY, "a"), {"daily_tokens": 10}, ["paid a", "home a"]),
    ],
    ids=str,
)
def test_who_is_stopped(scope: Scope, budget: dict[str, Any], stopped: list[str]) -> None:
    bench = Bench({scope: BudgetShape(**budget)})
    for one in (PAID, HOME):
        bench.spend(2.0, 20, one, "a")
    found = [f"{one.provider.name} {key}" for one in (PAID, HOME) for key in "ab" if bench.stops(one, key)]
    assert sorted(found) == sorted(stopped)


def test_the_rule_of_the_gate() -> None:
    bench = Bench(daily_usd=1)
    gate = Gate([bench.budgets.rule])
    assert bench.budgets.rule("m", Demand()) is None
    bench.spend(1.0)
    admitted = gate.admit([PAID, HOME], "m", Demand())
    assert [one.provider.name for one in admitted.candidates] == ["home"]
    assert admitted.not_asked == (NotAsked("paid", BUDGET),)
    with pytest.raises(BudgetReached, match="is spent"):
        gate.admit([PAID], "m", Demand())
    assert gate.admit([PAID], "m", Demand(may_cost=False)).candidates  # it is none for an answer
    assert gate.admit([PAID], None, Demand()).candidates


def test_where_none_is_left_the_limit_that_ends_first_is_told() -> None:
    other = Candidate(has(provider("other", local=False), "m"), "m")
    shapes = {Scope(PROVIDER, "paid"): BudgetShape(monthly_usd=1), Scope(PROVIDER, "other"): BudgetShape(daily_usd=1)}
    bench = Bench(shapes)
    bench.spend(1.0, one=PAID)
    bench.spend(1.0, one=other)
    with pytest.raises(BudgetReached, match="The daily budget of the provider other"):
        Gate([bench.budgets.rule]).admit([PAID, other], "m", Demand())


def test_a_new_day_and_a_new_month(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench = Bench({Scope(ALL): BudgetShape(daily_usd=1, monthly_usd=2)})
    running = bench.take()
    bench.spend(1.5)
    assert bench.stops(PAID)
    bench.now = NOON + 12 * HOUR_S  # the 31st begins
    assert not bench.stops(PAID)
    day, month = bench.budgets.status()
    assert (day["spent"], day["reserved"], month["spent"]) == (0, 0, 1.5)
    bench.budgets.settle(running, Spent(0.5, 1))  # it came yesterday
    day, month = bench.budgets.status()
    assert (day["spent"], day["reached"], month["spent"], month["reached"]) == (0, False, 2.0, True)
    assert bench.stops(PAID)
    bench.now = NOON + 36 * HOUR_S  # February
    assert not bench.stops(PAID)
    assert [row["spent"] for row in bench.budgets.status()] == [0, 0]
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "The daily budget of all providers together is spent: $1.50 of $1.00, until 2026-01-31 00:00",
        "The daily budget of all providers together has room again: $0 of $1.00",
        "The monthly budget of all providers together is spent: $2.00 of $2.00, until 2026-02-01 00:00",
        "The monthly budget of all providers together has room again: $0 of $2.00",
    ]


def test_the_end_of_a_day_is_told_where_nobody_asks(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench = Bench(daily_usd=1)
    bench.spend(1.0)
    bench.now += 24 * HOUR_S
    bench.budgets.look()
    assert "has room again" in caplog.text


def test_what_the_ledger_says_counts_too(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(daily_usd=1)
    assert bench.row()["memory"] is True
    bench.spend(0.4)
    bench.budgets.learn([(Where(day_of(NOON), "paid", "-"), Spent(0.6, 10))])
    assert (bench.row()["spent"], bench.row()["reached"]) == (1.0, True)
    assert "memory" not in bench.row()
    bench.budgets.learn([])
    assert bench.row()["spent"] == 1.0
    assert len(caplog.records) == 1
    bench.budgets.apply({Scope(ALL): BudgetShape(daily_usd=1)}, is_kept=False)
    assert (bench.row()["spent"], bench.row()["memory"]) == (1.0, True)


def test_a_reload_keeps_what_was_spent_and_what_runs(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(daily_usd=1)
    share = bench.take(0.3)
    bench.spend(1.0)
    bench.budgets.apply({Scope(ALL): BudgetShape(daily_usd=5)})
    assert (bench.row()["spent"], bench.row()["reserved"], bench.row()["reached"]) == (1.0, pytest.approx(0.3), False)
    bench.budgets.apply({Scope(ALL): BudgetShape(daily_usd=5)})
    bench.budgets.settle(share, Spent(0.2))
    assert (bench.row()["spent"], bench.row()["reserved"]) == (pytest.approx(1.2), pytest.approx(0))
    assert [one.levelno for one in caplog.records] == [logging.WARNING] * 2


def test_without_a_budget_nothing_is_asked_or_held() -> None:
    bench = Bench({})
    assert not bench.budgets.is_wanted
    assert bench.budgets.rule("m", Demand()) is None
    assert not bench.stops(PAID)
    assert bench.budgets.status() == []


def test_a_clock_that_is_put_back_begins_the_day_anew() -> None:
    bench = Bench(daily_usd=1)
    bench.spend(1.0)
    bench.now -= 48 * HOUR_S
    assert bench.row()["spent"] == 0
