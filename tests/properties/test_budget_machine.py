"""Budgets, tried to be broken: random limits, prices and traffic, many requests at once, restarts in between.

Real are the router and its gate, the race, the stakes, the budgets, and the ledger's file; scripted is what providers
do. Whatever happens, no attempt begins where a limit is reached, so that a limit is passed by no more than what the
requests cost that were running then; and the budgets know of every cent and every token, also after a restart.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import event, given
from hypothesis import strategies as st
from trio.testing import MockClock

from linx.config.shape import BudgetShape, RoutingConfig
from linx.core.chat import ChatBody, ChatRequest, Usage
from linx.core.client_key import ClientKey
from linx.core.errors import LinxError
from linx.core.telemetry import AttemptRecord, RequestRecord
from linx.ledger.spending import Spent, Where, day_of, today
from linx.ledger.writer import Settings, Writer
from linx.routing.budgets import Budgets
from linx.routing.demand import Demand, of_size
from linx.routing.hedge_watch import HedgeWatch
from linx.routing.hedging import HedgeBudget, Rules
from linx.routing.limits import ALL, KEY, PROVIDER, Scope, limits_of
from linx.routing.race import Race
from linx.routing.router import Router
from linx.routing.stakes import AttemptStake
from tests.properties.machines import QUICK
from tests.routing.test_metered import FRAME
from tests.routing.world import ScriptedAttempt, has, provider

if TYPE_CHECKING:
    from linx.routing.candidate import Candidate
    from linx.routing.limits import Limit

NAMES = ("home", "one", "two")
KEYS = ("anna", "bob")
EVENING = time.mktime((2026, 1, 30, 23, 59, 59, 0, 0, -1))
"""A second before a day ends, and a day before a month does."""
STREAM_S = 0.2
PATIENCE_S = 1.5


@dataclass(frozen=True)
class Asked:
    """One request: when it comes, what it asks for, and what its attempts do, in the order of their start."""

    at_s: float
    key: str
    prompt: int
    limit: int | None
    answer: int
    is_private: bool
    does: tuple[tuple[str, float], ...]


class Linx:
    """What is real, of one run of Linx; ``spent`` and ``providers`` outlive it."""

    def __init__(self, path: Path, shapes: dict[Scope, BudgetShape], usd: tuple[float, float]) -> None:
        prices = (None, *usd)
        self.providers = [
            has(provider(name, local=price is None, usd=price), "m") for name, price in zip(NAMES, prices, strict=True)
        ]
        self.shapes = shapes
        self.settings = Settings(path, 400)
        self.spent: dict[Where, Spent] = {}
        """What has been spent, as this test counts it."""
        self.ended: list[RequestRecord] = []
        self.start()

    def write(self) -> None:
        self.writer.work(self.settings, self.ended, trio.current_time(), self.now())
        self.ended = []

    def start(self) -> None:
        self.writer = Writer(lambda _asked: None, str)
        self.budgets = Budgets(self.now)
        found = self.writer.spent(self.settings, today(self.now()).first_of_month, trio.current_time(), self.now())
        assert found is not None
        self.budgets.learn(found.items())
        self.budgets.apply(self.shapes)
        routing = RoutingConfig(provider_priority=(("one", "two"), "home"), cost_optimization=False)
        self.router = Router(self.providers, routing, [self.budgets.rule])

    def now(self) -> float:
        return EVENING + trio.current_time()

    def gone(self, limit: Limit) -> float:
        now = today(self.now())
        counts = (
            one for where, one in self.spent.items() if limit.covers(where.day, now) and limit.scope.counts(where)
        )
        return sum(map(limit.of, counts))

    def begins(self, candidate: Candidate, key: str) -> None:
        """An attempt begins: no limit that would stop it may be reached."""
        where = Where(0, candidate.provider.name, key)
        for limit in limits_of(self.shapes):
            if limit.scope.counts(where) and limit.stops(is_remote=not candidate.is_local):
                assert self.gone(limit) < limit.amount, f"{candidate} begins, although: {limit}"

    def check(self) -> None:
        """The budgets know what was spent, and that nothing runs."""
        for limit, row in zip(limits_of(self.shapes), self.budgets.status(), strict=True):
            assert row["spent"] == pytest.approx(self.gone(limit), abs=1e-8)
            assert row["reserved"] == pytest.approx(0, abs=1e-8)

    async def ask(self, asked: Asked) -> None:
        await trio.sleep(asked.at_s)
        record = RequestRecord("id", self.now(), trio.current_time(), "POST", "/x", model="m", key=asked.key)
        attempts: list[Attempt] = []

        def start(candidate: Candidate, is_hedge: bool, is_last: bool) -> Attempt:
            attempts.append(Attempt(self, candidate, asked, record))
            return attempts[-1]

        demand = Demand(
            of_size(asked.prompt, asked.limit or 1024), local_only=asked.is_private, key=ClientKey(name=asked.key)
        )
        rules = Rules(after=0.05, scope="any", share=1.0, budget=HedgeBudget(), demand=demand)
        with trio.move_on_after(PATIENCE_S):
            try:
                race: Race[Attempt] = Race(
                    self.router.route("m", trio.current_time(), demand), rules, start, HedgeWatch()
                )
                won = await race.winner()
                record.first_token = trio.current_time()
                record.provider, record.is_local = won.candidate.provider.name, won.candidate.is_local
                won.meter.count((FRAME % b"abcd") * 3)
                await trio.sleep(STREAM_S)
                record.usage, record.cost_usd = won.finish()
            except LinxError as error:
                event(f"refused: {error.code}")
        for attempt in attempts:
            attempt.close()
        assert not (asked.is_private and any(one.candidate.provider.name != "home" for one in attempts))
        event(f"{len(attempts)} attempts")
        self.ended.append(record)


class Attempt(ScriptedAttempt):
    """A scripted attempt that holds a real stake, and ends as a real attempt does."""

    def __init__(self, linx: Linx, candidate: Candidate, asked: Asked, request: RequestRecord) -> None:
        """Raises BudgetReached."""
        messages = [{"role": "user", "content": "x" * 4 * asked.prompt}]
        chat = ChatRequest("m", ChatBody({"messages": messages, "max_tokens": asked.limit}))
        self.stake = AttemptStake(linx.budgets, candidate, chat, asked.key, request.started_at)
        assert self.stake.meter is not None
        self.meter = self.stake.meter
        linx.begins(candidate, asked.key)
        what, after_s = asked.does[len(request.attempts) % len(asked.does)]
        super().__init__(candidate, after_s, what)
        self.stake.is_sent = True
        self.record = AttemptRecord(
            candidate.provider.name, "m", trio.current_time(), request=request, stake=self.stake
        )
        request.attempts.append(self.record)
        self._linx, self._asked = linx, asked

    def finish(self) -> tuple[Usage, float]:
        asked, price = self._asked, self.candidate.provider.price("m")
        assert price is not None
        usage, cost = Usage(asked.prompt, asked.answer), price.estimate(asked.prompt, asked.answer)
        self.record.end("ok", trio.current_time())
        self.stake.settle(self.record, usage, cost)
        self._count(Spent(cost, asked.prompt + asked.answer))
        return usage, cost

    def close(self, outcome: str = "lost") -> None:
        super().close(outcome)
        if self.record.outcome:
            return
        self.record.end("http_500" if self.does == "fails" else outcome, trio.current_time())
        counted = self.record.counted
        if counted is not None:
            assert not counted.is_reported
            self._count(Spent(counted.usd, counted.tokens))

    def _count(self, spent: Spent) -> None:
        assert self.record.request is not None
        where = Where(day_of(self.record.request.started_at), self.candidate.provider.name, self._asked.key)
        self._linx.spent[where] = self._linx.spent.get(where, Spent()).plus(spent)


shapes_drawn = st.dictionaries(
    st.sampled_from([Scope(ALL), *(Scope(PROVIDER, name) for name in NAMES), *(Scope(KEY, name) for name in KEYS)]),
    st.builds(
        BudgetShape,
        daily_usd=st.sampled_from([None, None, 0.0, 0.001, 0.01]),
        monthly_usd=st.sampled_from([None, None, 0.003, 0.03]),
        daily_tokens=st.sampled_from([None, None, 0, 500, 5000]),
    ),
    min_size=1,
)
asked_drawn = st.builds(
    Asked,
    at_s=st.sampled_from([0.0, 0.0, 0.1, 0.3, 1.0]),
    key=st.sampled_from(KEYS),
    prompt=st.integers(1, 600),  # a usage of zeros alone is none: it would be estimated
    limit=st.sampled_from([None, 10, 500]),
    answer=st.integers(0, 600),
    is_private=st.sampled_from([False, False, False, True]),
    does=st.lists(
        st.tuples(st.sampled_from(["answers", "answers", "fails", "hangs"]), st.sampled_from([0.0, 0.02, 0.3])),
        min_size=1,
        max_size=3,
    ).map(tuple),
)
waves_drawn = st.lists(
    st.tuples(st.lists(asked_drawn, min_size=1, max_size=6), st.booleans(), st.sampled_from([0.0, 90.0, 86_400.0])),
    min_size=1,
    max_size=3,
)


@QUICK
@given(shapes=shapes_drawn, usd=st.tuples(*[st.sampled_from([0.0, 1.0, 15.0])] * 2), waves=waves_drawn)
def test_no_limit_is_passed_by_more_than_what_was_running(
    shapes: dict[Scope, BudgetShape], usd: tuple[float, float], waves: list[tuple[list[Asked], bool, float]]
) -> None:
    async def main(path: Path) -> None:
        linx = Linx(path, shapes, usd)
        for asked, is_restarted, pause_s in waves:
            async with trio.open_nursery() as nursery:
                for one in asked:
                    nursery.start_soon(linx.ask, one)
            linx.check()
            linx.write()
            await trio.sleep(pause_s)
            if is_restarted:
                linx.writer.close()
                linx.start()
                linx.check()
        linx.writer.close()

    with tempfile.TemporaryDirectory() as folder:
        trio.run(main, Path(folder) / "ledger.db", clock=MockClock(autojump_threshold=0))
