"""The budget of hedges, and who may run beside whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from linx.providers.prices import Price
from linx.routing.candidate import Candidate
from linx.routing.demand import Demand
from linx.routing.hedging import HedgeBudget, Rules
from tests.routing.world import has, provider, told

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_the_budget_is_a_share_of_the_last_minute(autojump_clock: MockClock) -> None:
    budget = HedgeBudget()
    for _ in range(100):
        budget.requested(trio.current_time())
    assert [budget.take(0.1, trio.current_time()) for _ in range(11)] == [True] * 10 + [False]
    await trio.sleep(61)
    assert [budget.take(0.1, trio.current_time()) for _ in range(4)] == [True] * 3 + [False]
    assert not budget.take(0, trio.current_time() + 100)


def test_a_cloud_model_of_a_local_ollama_is_no_free_hedge() -> None:
    running = Candidate(has(provider("a", kind="ollama"), "m:latest"), "m:latest")
    cloud = has(provider("b", kind="ollama", usd=0.0), "m:latest")
    told(cloud, "m:latest", is_remote=True)
    rules = Rules(after=1.0, scope="same", share=1.0, budget=HedgeBudget(), demand=Demand())
    assert not rules.may_run_beside(Candidate(cloud, "m:latest"), [running])
    assert rules.may_run_beside(running, [Candidate(cloud, "m:latest")])
    named = provider("c", kind="ollama", usd=0.0)
    assert not rules.may_run_beside(Candidate(named, "m:cloud"), [running])
    assert rules.may_run_beside(Candidate(named, "m"), [running])
    assert provider("d", kind="ollama").price("m:cloud") is None


def test_unknown_is_dearer_than_anything_known() -> None:
    known = has(provider("a", local=False), "m", price=Price(1.0, 1.0))
    assert known.price("m") == Price(1.0, 1.0)
