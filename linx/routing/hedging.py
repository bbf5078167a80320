"""When a second attempt may be started beside a silent one, and where.

A hedge costs a second request, so it is bounded three ways: by the budget, by its scope, and by one
extra attempt in flight (see ``decision.py``).
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.routing.candidate import Candidate
    from linx.routing.router import Demand

WINDOW_S = 60.0  # over which the hedge budget is counted
FEWEST_HEDGES = 3  # that the budget allows in a window, however few requests there are
FEWEST_SAMPLES = 20  # of first-token times before "auto" dares to hedge
AUTO_SHARE = 0.95  # of a model's first-token times are shorter than what "auto" waits for
SHORTEST_AUTO_S = 0.05  # nobody notices a shorter silence, so no second request is spent on it


class HedgeBudget:
    """At most ``share`` of the requests of the last minute may be hedged."""

    def __init__(self) -> None:
        self._requests: deque[float] = deque()
        self._hedges: deque[float] = deque()

    def requested(self, now: float) -> None:
        self._requests.append(now)
        self._forget(now)

    def take(self, share: float, now: float) -> bool:
        """May one more request be hedged? Counts it if so."""
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
    """When and where a race may hedge, and how long a silent attempt is kept."""

    after: float | str | None
    """Seconds of silence before a hedge, ``"auto"``, or None for no hedges."""
    scope: str
    """``same``: no less local and no dearer than what runs; ``any``: any candidate."""
    share: float
    """Of the requests of the last minute that may be hedged."""
    budget: HedgeBudget
    demand: Demand
    first_token_timeout_s: float | None = None

    def delay_s(self, candidate: Candidate) -> float:
        """How long ``candidate`` may be silent before a hedge; infinity for never."""
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
        """Is ``candidate`` at a server of its own, no less local than all that run, and no dearer than the dearest?"""
        if any(candidate.provider.server == other.provider.server for other in running):
            return False
        if self.scope == "any":
            return True
        if not candidate.is_local and all(other.is_local for other in running):
            return False
        cost = self._cost(candidate)
        return cost < math.inf and cost <= max(self._cost(other) for other in running)

    def _cost(self, candidate: Candidate) -> float:
        """USD, estimated for this request. An unknown price is dearer than any known one."""
        price = candidate.provider.price(candidate.model)
        if price is None:
            return math.inf
        return price.estimate(self.demand.prompt_tokens, self.demand.answer_tokens)
