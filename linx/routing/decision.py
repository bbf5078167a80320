"""Decides what a race does next. Pure: no clock, no task, no socket.

``Decision.next`` is given the time and the events since the last call, and returns one order: start an
attempt, wait, or end the race. ``race.py`` carries out the orders.

An attempt ends in one of two ways:

- It speaks: its first meaningful chunk has come, and it wins the race.
- It fails: the failure is kept for the report, and the next candidate is started at once. If another
  attempt still runs, the next candidate would run beside it, so the rules for hedges decide whether it
  may; if it may not, it waits until the other attempt has failed too.

Beside an attempt that is silent for longer than usual for its model, a hedge is started: at most one in a
race, within the rules' scope and budget, and only at a provider that could answer now.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import msgspec

from linx.core.attempt_errors import AttemptError, Fallback, RouteExhausted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.errors import LinxError
    from linx.routing.candidate import Candidate
    from linx.routing.hedging import Rules
    from linx.routing.router import Route

# If a silent attempt cannot be hedged, it is looked at again after so many seconds: the longer it is silent, the more.
SHORTEST_LOOK_S, LONGEST_LOOK_S = 0.05, 5.0


class Runnable(Protocol):
    """The part of an attempt that a race uses."""

    candidate: Candidate

    @property
    def asked_at(self) -> float | None:
        """When the attempt got its place at the provider (trio's clock); None while it waits for one."""

    async def begin(self, timeout_s: float | None = None) -> object: ...

    def close(self, outcome: str = "lost") -> None: ...


A = TypeVar("A", bound=Runnable)


# --- events ---------------------------------------------------------------------------


class Spoke(msgspec.Struct, Generic[A], frozen=True):
    """The attempt's first meaningful chunk has come."""

    attempt: A


class Failed(msgspec.Struct, Generic[A], frozen=True):
    """The attempt has failed. If the error is not an AttemptError, no candidate can take the request."""

    attempt: A
    error: LinxError


# --- orders ---------------------------------------------------------------------------


class Start(msgspec.Struct, frozen=True):
    """Start an attempt at the candidate, then call ``Decision.started``."""

    candidate: Candidate
    is_hedge: bool = False
    is_last: bool = False
    """No candidate is left after this one, and no attempt runs beside it."""
    is_alone: bool = False
    """No other attempt can be started while this attempt is silent, so it needs no task of its own."""


class WaitUntil(msgspec.Struct, frozen=True):
    """Wait for an event, at most until ``at`` (trio's clock; infinite: without a limit)."""

    at: float


class Won(msgspec.Struct, Generic[A], frozen=True):
    """The race is over: this attempt has won."""

    attempt: A


class Lost(msgspec.Struct, frozen=True):
    """The race is over without a winner, for the reason in ``error``."""

    error: LinxError


class Decision(Generic[A]):
    """The state of one race: the candidates that are left, the attempts that run, the failures so far."""

    __slots__ = (
        "_again", "_delay_s", "_has_hedged", "_is_owed", "_left", "_rules", "_running", "_since", "failures", "look_at",
        "model",
    )  # fmt: skip

    def __init__(self, route: Route, rules: Rules) -> None:
        self.model = route.model
        self.failures: list[AttemptError] = []
        self._left = list(route.candidates)
        self._again: set[Candidate] = set()
        """Candidates that were loading their model, and stand in ``_left`` a second time for that reason."""
        self._rules = rules
        self._running: list[A] = []
        self._has_hedged = False
        self._is_owed = False  # an attempt that was to run beside another could not be started
        # For an attempt that runs alone: when it started, and how long it may be silent.
        self._since = 0.0
        self._delay_s = math.inf
        self.look_at = math.inf
        """When an attempt that runs alone is to be looked at again (trio's clock): is it still silent?"""

    def next(self, now: float, events: Sequence[Spoke[A] | Failed[A]] = ()) -> Start | WaitUntil | Won[A] | Lost:
        """The next order. ``events`` are the events since the last call, in their order.

        A win counts before a failure in the same instant. Otherwise a candidate would be started for the
        failure, and would send its request although the race is over.
        """
        for event in events:
            if isinstance(event, Spoke):
                self.won()
                return Won(event.attempt)
        for event in events:
            if isinstance(event, Failed):
                self._running.remove(event.attempt)
                if not isinstance(event.error, AttemptError):
                    return Lost(event.error)
                self.lost(event.error, event.attempt.candidate)
                if event.error.fallback is Fallback.NO:
                    return Lost(RouteExhausted(self.model, self.failures))
        if not self._running:
            return self._start_first(now) if self._left else Lost(RouteExhausted(self.model, self.failures))
        extra = self._extra(now, has_failed=bool(events))
        return extra or WaitUntil(self.look_at if self._left else math.inf)

    def started(self, attempt: A) -> None:
        """``attempt`` has been started, as the last order said."""
        self._left.remove(attempt.candidate)
        self._running.append(attempt)

    def barred(self, error: AttemptError, candidate: Candidate) -> None:
        """No attempt at ``candidate`` could be started, as the last order said."""
        error.__traceback__ = None
        self.failures.append(error)
        self._left.remove(candidate)
        self._is_owed = bool(self._running)

    def won(self) -> None:
        """An attempt has won, so no attempt counts as running any more."""
        self._running.clear()

    def lost(self, error: AttemptError, candidate: Candidate) -> None:
        """Keep a failure for the report, and remove the candidates that may not be tried after it."""
        # The traceback's frames refer to the race, which refers to the error: a reference cycle that would keep the
        # request in memory.
        error.__traceback__ = None
        self.failures.append(error)
        if error.fallback is Fallback.NO:
            self._left.clear()
        elif error.fallback is Fallback.LARGER:
            self._left = [other for other in self._left if self._is_larger(other, candidate)]
        elif error.code == "loading" and candidate not in self._again:
            # If all other candidates fail, this candidate is asked again, and its model waited for.
            self._again.add(candidate)
            self._left.append(candidate)

    # --- private ---

    def _start_first(self, now: float) -> Start:
        """Start the next candidate, when no attempt runs."""
        candidate = self._left[0]
        if len(self._left) == 1:
            # The commonest race. Positional arguments cost less than keywords: is_hedge, is_last, is_alone.
            return Start(candidate, False, True, True)
        self._since = now
        self._delay_s = math.inf if self._has_hedged else self._rules.delay_s(candidate)
        self.look_at = now + self._delay_s
        return Start(candidate, is_alone=not self._may_be_hedged(candidate))

    def _may_be_hedged(self, first: Candidate) -> bool:
        """Could a hedge be started beside an attempt at ``first``?"""
        if self._has_hedged or self._rules.share <= 0 or self._delay_s == math.inf:
            return False
        return any(self._rules.may_run_beside(other, (first,)) for other in self._left[1:])

    def _extra(self, now: float, *, has_failed: bool) -> Start | None:
        """A second attempt beside the running attempt: a hedge, or in place of an attempt that has just failed."""
        if len(self._running) > 1:
            return None
        has_failed, self._is_owed = has_failed or self._is_owed, False
        is_late = self._is_late(now)
        if not (is_late or has_failed):
            return None
        beside = [attempt.candidate for attempt in self._running]
        allowed = [one for one in self._left if one not in self._again and self._rules.may_run_beside(one, beside)]
        if has_failed:
            return Start(allowed[0]) if allowed else None
        ready = next((one for one in allowed if _is_ready(one, now)), None)
        if ready is None or not self._rules.budget.take(self._rules.share, now):
            return None
        self._has_hedged = True
        self.look_at = math.inf
        return Start(ready, is_hedge=True)

    def _is_late(self, now: float) -> bool:
        """Has the only running attempt been silent for too long? If so, it is looked at again after a pause.

        An attempt that waits for a place at its provider has not been asked yet, so it is not silent. It may
        be hedged too, since a provider with a free place is better than waiting.
        """
        if now < self.look_at:
            return False
        asked_at = self._running[0].asked_at
        if asked_at is not None and asked_at + self._delay_s > now:
            self.look_at = asked_at + self._delay_s
            return False
        pause_s = min(max(now - self._since, SHORTEST_LOOK_S), LONGEST_LOOK_S)
        self.look_at = now + max(self._delay_s, pause_s)
        return True

    def _is_larger(self, other: Candidate, failed: Candidate) -> bool:
        theirs = other.provider.context_length(other.model)
        ours = failed.provider.context_length(failed.model)
        return theirs is not None and theirs > (self._rules.demand.prompt_tokens if ours is None else ours)


def _is_ready(one: Candidate, now: float) -> bool:
    """Could it answer a hedge now: is there a free place, is the provider healthy and the model not paused?"""
    health = one.provider.health
    return one.provider.slots.has_room and not health.is_ill(now) and one.pause(now) is None
