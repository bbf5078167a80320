"""Asks what an answer has cost that was cut short, and corrects what the ledger and the budgets say of it.

Only where the provider can be asked (``providers.late_costs``), and had begun to answer. It costs the request nothing,
and carries nothing of it but the id of the answer. What cannot be learnt in a few minutes stays estimated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from linx.core.attempt_errors import AttemptError
from linx.core.chat import Usage
from linx.core.telemetry import OK, Counted
from linx.ledger.rows import Correction
from linx.ledger.spending import NOTHING, Spent, Where, day_of
from linx.providers.kind import Feature
from linx.providers.late_costs import look_up

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linx.core.telemetry import AttemptRecord, RequestRecord
    from linx.ledger.ledger import Ledger
    from linx.providers.late_costs import LateCost
    from linx.providers.provider import Provider
    from linx.routing.budgets import Budgets
    from linx.upstream.pool import Pool

PAUSES_S = (3.0, 5.0, 10.0, 20.0, 60.0, 180.0)
"""Before each question: the record of an answer is there after some seconds, or minutes."""
MOST_WAITING = 64
"""Answers that are asked for at a time; further ones stay estimated."""
_NEVER = (401, 402, 403)
"""Refusals that no later question would mend."""


class LateCosts:
    """``note`` each finished request; ``run`` until cancelled. ``providers`` are those in force."""

    __slots__ = ("_budgets", "_came", "_ledger", "_new", "_pool", "_providers", "_running")

    def __init__(
        self, providers: Callable[[], Sequence[Provider]], pool: Pool, budgets: Budgets, ledger: Ledger
    ) -> None:
        self._providers = providers
        self._pool = pool
        self._budgets = budgets
        self._ledger = ledger
        self._new: list[tuple[RequestRecord, AttemptRecord]] = []
        self._came = trio.Event()
        self._running = 0

    def note(self, record: RequestRecord) -> None:
        """A request has ended."""
        if record.outcome == OK and len(record.attempts) == 1:
            return
        for attempt in record.attempts:
            if attempt.answer_id is not None and self._running + len(self._new) < MOST_WAITING:
                self._new.append((record, attempt))
                self._came.set()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            while True:
                await self._came.wait()
                self._came = trio.Event()
                new, self._new = self._new, []
                for record, attempt in new:
                    self._running += 1
                    nursery.start_soon(self._follow, record, attempt)

    async def _follow(self, record: RequestRecord, attempt: AttemptRecord) -> None:
        try:
            cost = await self._learn(attempt.provider, attempt.answer_id or "")
            if cost is not None:
                self._correct(record, attempt, cost)
        finally:
            self._running -= 1

    async def _learn(self, name: str, answer_id: str) -> LateCost | None:
        for pause_s in PAUSES_S:
            await trio.sleep(pause_s)
            provider = next((one for one in self._providers() if one.name == name), None)
            if provider is None or Feature.TELLS_COSTS_LATER not in provider.kind.features:
                return None
            try:
                cost = await look_up(provider, self._pool, answer_id)
            except AttemptError as error:
                if getattr(error, "upstream_status", None) in _NEVER:
                    return None
            else:
                if cost is not None:
                    return cost
        return None

    def _correct(self, record: RequestRecord, attempt: AttemptRecord, cost: LateCost) -> None:
        counted = attempt.counted
        real = Spent(cost.usd, cost.prompt + cost.completion)
        day = day_of(record.started_at) if counted is None else counted.day
        where = Where(day, attempt.provider, record.key)
        before = NOTHING if counted is None else Spent(counted.usd, counted.tokens)
        is_of_row = record.provider == attempt.provider and record.usage is None
        self._ledger.correct(Correction(record, where, before, real, cost.prompt, is_of_row, counted is not None))
        if counted is not None:
            attempt.counted = Counted(counted.day, *real, is_reported=is_of_row)
            self._budgets.add(where, Spent(real.usd - before.usd, real.tokens - before.tokens))
        if is_of_row:
            record.usage = Usage(cost.prompt, cost.completion, cost_usd=cost.usd)
            record.cost_usd = cost.usd
