"""Late costs: who is asked, how often, and what is corrected."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio

from linx.config.shape import BudgetShape
from linx.core.attempt_errors import Refused
from linx.core.chat import Usage
from linx.core.telemetry import AttemptRecord, Counted, RequestRecord
from linx.ledger.spending import NOTHING, Spent, Where, day_of
from linx.providers.late_costs import LateCost
from linx.routing import late_costs
from linx.routing.budgets import Budgets
from linx.routing.late_costs import MOST_WAITING, PAUSES_S, LateCosts
from linx.routing.limits import ALL, Scope
from tests.routing.world import provider

if TYPE_CHECKING:
    from trio.testing import MockClock

    from linx.ledger.ledger import Ledger
    from linx.ledger.rows import Correction
    from linx.providers.provider import Provider
    from linx.upstream.pool import Pool

NOW = time.time()
TODAY = day_of(NOW)
WHERE = Where(TODAY, "router", "-")
NOT_YET = Refused("Generation gen-1 not found", status=404, upstream_status=404)
WRONG_KEY = Refused("No auth credentials found", status=401, upstream_status=401)


class Bench:
    """``says``: what the provider answers to one question after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *says: LateCost | Refused | None) -> None:
        self.says = list(says)
        self.asked_at: list[float] = []
        self.corrections: list[Correction] = []
        self.budgets = Budgets(lambda: NOW)
        self.budgets.apply({Scope(ALL): BudgetShape(daily_usd=1)})
        self.providers: list[Provider] = [provider("router", kind="openrouter")]
        self.costs = LateCosts(lambda: self.providers, cast("Pool", None), self.budgets, cast("Ledger", self))
        monkeypatch.setattr(late_costs, "look_up", self._look_up)

    def correct(self, correction: Correction) -> None:
        """As the ledger."""
        self.corrections.append(correction)

    async def _look_up(self, one: Provider, _pool: Any, answer_id: str) -> LateCost | None:
        assert (one.name, answer_id) == ("router", "gen-1")
        self.asked_at.append(trio.current_time())
        answer = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if isinstance(answer, Refused):
            raise answer
        return answer

    async def run(self, record: RequestRecord, seconds: float = 1000.0) -> None:
        self.costs.note(record)
        with trio.move_on_after(seconds):
            await self.costs.run()


def cut(counted: Counted | None = None, **more: Any) -> RequestRecord:
    """A request whose client has left in the middle of the answer."""
    record = RequestRecord("id", NOW, 0.0, "POST", "/x", model="m", outcome="cancelled")
    record.provider = "router"
    record.attempts = [AttemptRecord("router", "m", 0.0, 1.0, "lost", counted=counted, answer_id="gen-1")]
    for name, value in more.items():
        setattr(record, name, value)
    return record


async def test_it_is_asked_until_it_is_known(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, NOT_YET, None, LateCost(0.25, 30, 12))
    bench.budgets.add(WHERE, Spent(0.1, 40))
    record = cut(Counted(TODAY, 0.1, 40, False))
    await bench.run(record)
    assert bench.asked_at == [3.0, 8.0, 18.0]
    [one] = bench.corrections
    assert (one.where, one.before, one.real) == (WHERE, Spent(0.1, 40), Spent(0.25, 42))
    assert (one.prompt_tokens, one.is_of_row, one.is_counted) == (30, True, True)
    assert bench.budgets.status()[0]["spent"] == 0.25
    assert (record.cost_usd, record.usage) == (0.25, Usage(30, 12, cost_usd=0.25))
    assert record.attempts[0].counted == Counted(TODAY, 0.25, 42, True)


async def test_without_budgets_the_ledger_alone_is_corrected(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(monkeypatch, LateCost(0.25, 30, 12))
    await bench.run(cut())
    [one] = bench.corrections
    assert (one.before, one.is_of_row, one.is_counted) == (NOTHING, True, False)
    assert bench.budgets.status()[0]["spent"] == 0


async def test_the_loser_of_a_race_is_not_in_the_row(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(monkeypatch, LateCost(0.25, 30, 12))
    record = cut(Counted(TODAY, 0.1, 40, False), provider="other", outcome="ok", usage=Usage(1, 2), cost_usd=0.5)
    record.attempts.append(AttemptRecord("other", "m", 0.0, 1.0, "ok"))
    await bench.run(record)
    assert [one.is_of_row for one in bench.corrections] == [False]
    assert (record.cost_usd, record.usage) == (0.5, Usage(1, 2))


@pytest.mark.parametrize(("says", "times"), [(NOT_YET, len(PAUSES_S)), (WRONG_KEY, 1), (None, len(PAUSES_S))])
async def test_it_is_given_up(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, says: Refused | None, times: int
) -> None:
    bench = Bench(monkeypatch, says)
    await bench.run(cut())
    assert (len(bench.asked_at), bench.corrections) == (times, [])


async def test_who_is_not_asked(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, LateCost(0.25, 30, 12))
    bench.providers = [provider("router", kind="openai")]  # after a reload
    await bench.run(cut())
    bench.providers = []
    await bench.run(cut())
    bench.costs.note(cut(outcome="ok"))
    ordinary = cut()
    ordinary.attempts[0].answer_id = None
    await bench.run(ordinary)
    assert bench.asked_at == []


async def test_only_so_many_are_asked_for(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, LateCost(0.25, 30, 12))
    for _ in range(MOST_WAITING + 20):
        bench.costs.note(cut())
    await bench.run(cut())
    assert len(bench.asked_at) == MOST_WAITING
    await bench.run(cut())
    assert len(bench.asked_at) == MOST_WAITING + 1
