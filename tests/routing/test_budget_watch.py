"""Reading the ledger: before anything is spent, and again and again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

import trio

from linx.config.shape import BudgetShape
from linx.ledger.spending import Spent, Where, day_of
from linx.routing import budget_watch
from linx.routing.budget_watch import PATIENCE_S, READ_EVERY_S
from linx.routing.budgets import Budgets
from linx.routing.limits import ALL, Scope

if TYPE_CHECKING:
    from trio.testing import MockClock

    from linx.ledger.ledger import Ledger

TODAY = Where(day_of(time.time()), "paid", "-")


class SlowLedger:
    """A ledger's file that says after ``after_s`` what was spent; None: it cannot be read."""

    def __init__(self, *says: float | None, after_s: float = 0.0) -> None:
        self.says = list(says)
        self.after_s = after_s
        self.first_days: list[int] = []

    async def spent(self, first_day: int) -> dict[Where, Spent] | None:
        self.first_days.append(first_day)
        await trio.sleep(self.after_s)
        usd = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        return None if usd is None else {TODAY: Spent(usd, 1)}


def budgets() -> Budgets:
    made = Budgets()
    made.apply({Scope(ALL): BudgetShape(daily_usd=5)})
    return made


def ledger(*says: float | None, after_s: float = 0.0) -> Ledger:
    return cast("Ledger", SlowLedger(*says, after_s=after_s))


def spent(made: Budgets) -> Any:
    [row] = made.status()
    return row["spent"], row.get("memory", False)


async def test_it_is_read_before_anything_is_spent(autojump_clock: MockClock) -> None:
    made, file = budgets(), ledger(3.0)
    await budget_watch.read_soon(made, file)
    assert spent(made) == (3.0, False)
    assert cast("SlowLedger", file).first_days == [TODAY.day // 100 * 100 + 1]


async def test_a_start_does_not_wait_for_ever(autojump_clock: MockClock) -> None:
    made = budgets()
    await budget_watch.read_soon(made, ledger(3.0, after_s=99))
    assert (spent(made), trio.current_time()) == ((0, True), PATIENCE_S)


async def test_it_is_read_again_and_a_problem_takes_nothing_back(autojump_clock: MockClock) -> None:
    made = budgets()
    with trio.move_on_after(READ_EVERY_S * 3.5):
        await budget_watch.run(made, ledger(None, 3.0, None))
    assert spent(made) == (3.0, False)


async def test_without_a_budget_it_is_left_alone(autojump_clock: MockClock) -> None:
    file = ledger(3.0)
    with trio.move_on_after(READ_EVERY_S * 3.5):
        await budget_watch.run(Budgets(), file)
    assert cast("SlowLedger", file).first_days == []
