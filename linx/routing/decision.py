"""What a race does next: pure, without a clock, a task or a socket.

``Decision.next`` is told the time and what has happened since it was asked last, and answers with one
order: start an attempt, wait, or end the race. The orders are carried out by ``race.py``.

An attempt has two outcomes, and no third:

- It speaks (its first meaningful chunk): it has won.
- It fails: the failure is kept for the report, and the next candidate starts at once. If another attempt
  still runs then, the next candidate would be an extra one beside it, so it must be in scope like a
  hedge; if it is not, it waits until that attempt has failed as well.

An attempt that is silent for longer than its model usually is gets a hedge beside it: one a race, within
the rules' scope and budget, and only at a provider that could answer now.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import msgspec

from linx.core.errors import AttemptError, Fallback, LinxError, RouteExhausted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.providers.provider import Provider
    from linx.routing.candidate import Candidate
    from linx.routing.hedging import Rules
    from linx.routing.router import Route

# Seconds between two looks at a silent attempt that could not be hedged at the last look.
SHORTEST_LOOK_S, LONGEST_LOOK_S = 0.05, 5.0


class Runnable(Protocol):
    """What a race needs of an attempt."""

    candidate: Candidate

    @property
    def asked_at(self) -> float | None:
        """When the attempt got its place at the provider (trio's clock); None while it waits for one."""

    async def begin(self, timeout_s: float | None = None) -> object: ...

    def close(self, outcome: str = "lost") -> None: ...


A = TypeVar("A", bound=Runnable)


# --- what happened --------------------------------------------------------------------


class Spoke(msgspec.Struct, Generic[A], frozen=True):
    """The attempt's first meaningful chunk is here."""

    attempt: A


class Failed(msgspec.Struct, Generic[A], frozen=True):
    """The attempt is over. An error that is no AttemptError means that no candidate can take the request."""

    attempt: A
    error: LinxError


# --- what is to be done ---------------------------------------------------------------


class Start(msgspec.Struct, frozen=True):
    """Start an attempt at the candidate, and tell ``Decision.started``."""

    candidate: Candidate
    is_hedge: bool = False
    is_last: bool = False
    """No candidate is left behind this one, and no attempt runs beside it."""
    is_alone: bool = False
    """No other attempt can be started while this one is silent, so it needs no task of its own."""


class WaitUntil(msgspec.Struct, frozen=True):
    """Wait for something to happen, at most until then (trio's clock; infinity for no such time)."""

    at: float


class Won(msgspec.Struct, Generic[A], frozen=True):
    attempt: A


class Lost(msgspec.Struct, frozen=True):
    """The race is over without a winner; the error says why."""

    error: LinxError


class Decision(Generic[A]):
    """The state of one race: the candidates that are left, the attempts that run, the failures so far."""

    __slots__ = (
        "_again", "_delay_s", "_has_hedged", "_left", "_look_at", "_rules", "_running", "_since", "failures", "model",
    )  # fmt: skip

    def __init__(self, route: Route, rules: Rules) -> None:
        self.model = route.model
        self.failures: list[AttemptError] = []
        self._left = list(route.candidates)
        self._again: set[Candidate] = set()
        """Candidates that were loading their model and are in ``_left`` a second time."""
        self._rules = rules
        self._running: list[A] = []
        self._has_hedged = False
        # Of the attempt that runs alone: since when, how long it may be silent, when to look at it again.
        self._since = 0.0
        self._delay_s = self._look_at = math.inf

    def next(self, now: float, events: Sequence[Spoke[A] | Failed[A]] = ()) -> Start | WaitUntil | Won[A] | Lost:
        """The next order. ``events`` are those since the last call, in their order.

        A win is worth more than what failed in the same instant: a candidate that was started for such a
        failure would send its request before it could notice that the race is over.
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
        return extra or WaitUntil(self._look_at if self._left else math.inf)

    def started(self, attempt: A) -> None:
        """The attempt that the last order asked for."""
        self._left.remove(attempt.candidate)
        self._running.append(attempt)

    def won(self) -> None:
        """An attempt has won, so no other goes on."""
        self._running.clear()

    def lost(self, error: AttemptError, candidate: Candidate) -> None:
        """Keep a failure for the report, and strike out the candidates that may not be tried after it."""
        # Its frames hold the race, which holds the error: a circle that would keep the request in memory.
        error.__traceback__ = None
        self.failures.append(error)
        if error.fallback is Fallback.NO:
            self._left.clear()
        elif error.fallback is Fallback.LARGER:
            self._left = [other for other in self._left if self._is_larger(other, candidate)]
        elif error.code == "loading" and candidate not in self._again:
            # When all others have failed, a model that is still loading is worth waiting for.
            self._again.add(candidate)
            self._left.append(candidate)

    # --- within ---

    def _start_first(self, now: float) -> Start:
        """The next candidate in line, while no attempt runs."""
        candidate = self._left[0]
        if len(self._left) == 1:
            return Start(candidate, False, True, True)  # the commonest race: by place, which costs less than by name
        self._since = now
        self._delay_s = math.inf if self._has_hedged else self._rules.delay_s(candidate)
        self._look_at = now + self._delay_s
        return Start(candidate, is_alone=not self._may_be_hedged(candidate))

    def _may_be_hedged(self, first: Candidate) -> bool:
        """Could there be an extra attempt beside one at ``first``?"""
        if self._has_hedged or self._rules.share <= 0 or self._delay_s == math.inf:
            return False
        return any(self._rules.may_run_beside(other, (first,)) for other in self._left[1:])

    def _extra(self, now: float, *, has_failed: bool) -> Start | None:
        """A second attempt beside the one that runs: in place of one that has just failed, or a hedge."""
        if len(self._running) > 1:
            return None
        is_late = self._is_late(now)
        if not (is_late or has_failed):
            return None
        beside = [attempt.candidate for attempt in self._running]
        allowed = [one for one in self._left if one not in self._again and self._rules.may_run_beside(one, beside)]
        if has_failed:
            return Start(allowed[0]) if allowed else None
        ready = next((one for one in allowed if _is_ready(one.provider, now)), None)
        if ready is None or not self._rules.budget.take(self._rules.share, now):
            return None
        self._has_hedged = True
        self._look_at = math.inf
        return Start(ready, is_hedge=True)

    def _is_late(self, now: float) -> bool:
        """Has the only attempt been silent for too long? If so, it is looked at again after a pause.

        An attempt that waits for its place has not been asked yet, so it is not silent; but a provider
        that has a place free is better than waiting on.
        """
        if now < self._look_at:
            return False
        asked_at = self._running[0].asked_at
        if asked_at is not None and asked_at + self._delay_s > now:
            self._look_at = asked_at + self._delay_s
            return False
        pause_s = min(max(now - self._since, SHORTEST_LOOK_S), LONGEST_LOOK_S)
        self._look_at = now + max(self._delay_s, pause_s)
        return True

    def _is_larger(self, other: Candidate, failed: Candidate) -> bool:
        theirs = other.provider.context_length(other.model)
        ours = failed.provider.context_length(failed.model)
        return theirs is not None and theirs > (self._rules.demand.prompt_tokens if ours is None else ours)


def _is_ready(provider: Provider, now: float) -> bool:
    """Is a hedge there likely to be of any use?"""
    return provider.slots.has_room and not provider.health.is_ill(now) and not provider.health.is_paused(now)
