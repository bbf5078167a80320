"""When a second attempt may be started beside a silent one, and where.

A hedge costs a second request, so there are three limits: the budget, the scope, and one hedge in a
race (see ``decision.py``).
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.routing.candidate import Candidate
    from linx.routing.demand import Demand

WINDOW_S = 60.0  # the time over which requests and hedges are counted for the budget
FEWEST_HEDGES = 3  # hedges that the budget always allows in a window, however few requests there are
FEWEST_SAMPLES = 20  # first-token times of a model that must be known before "auto" hedges
AUTO_SHARE = 0.95  # "auto" waits longer than this share of the model's first-token times
SHORTEST_AUTO_S = 0.05  # "auto" never waits less, since nobody notices a shorter silence


class HedgeBudget:
    """Allows hedges for at most a share of the requests of the last minute."""

    def __init__(self) -> None:
        self._requests: deque[float] = deque()
        self._hedges: deque[float] = deque()

    def requested(self, now: float) -> None:
        self._requests.append(now)
        self._forget(now)

    def take(self, share: float, now: float) -> bool:
        """May one more request be hedged? If so, the hedge is counted."""
        self._forget(now)
        allowed = max(FEWEST_HEDGES, share * len(self._requests)) if share > 0 else 0
        if len(self._hedges) + 1 > allowed:
            return False
        self._hedges.append(now)
        return True

    def _forget(self, now: float) -> None:
        for times in (self._requests, self._hedges):
            while times and times[0] <= now - WINDOW_S:
                times.popleft()


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """When and where a race may hedge, and how long an attempt may be silent."""

    after: float | str | None
    """Seconds of silence before a hedge, ``"auto"``, or None for no hedges."""
    scope: str
    """``same``: a hedge may be no less local and no dearer than the running attempts; ``any``: any candidate."""
    share: float
    """The share of the requests of the last minute that may be hedged."""
    budget: HedgeBudget
    demand: Demand
    first_token_timeout_s: float | None = None

    def delay_s(self, candidate: Candidate) -> float:
        """How long ``candidate`` may be silent before a hedge starts; infinite: for ever."""
        if self.after is None:
            return math.inf
        if self.after != "auto":
            return float(self.after)
        seen = candidate.provider.first_token.get(candidate.model)
        if seen is None or seen.samples < FEWEST_SAMPLES:
            return math.inf
        usual = seen.percentile(AUTO_SHARE)
        return math.inf if usual is None else max(usual, SHORTEST_AUTO_S)

    def may_run_beside(self, candidate: Candidate, running: Sequence[Candidate]) -> bool:
        """May an attempt at ``candidate`` run beside attempts at ``running``?

        It must be at another server. Under scope ``same`` it must also be local if all of
        these are local, and no dearer than the dearest of them.
        """
        server = candidate.provider.server
        for other in running:
            if other.provider.server == server:
                return False
        if self.scope == "any":
            return True
        if not candidate.is_local and all(other.is_local for other in running):
            return False
        cost_at = self.demand.cost_at
        cost = cost_at(candidate)
        return not cost or (cost < math.inf and cost <= max(map(cost_at, running)))
