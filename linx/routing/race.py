"""Race the attempts along a route; the first meaningful chunk wins.

The shape is happy eyeballs, one floor up: providers in place of addresses. The next
candidate is started when an attempt has failed, or beside one that has been silent for
longer than that model usually is (a hedge). A hedge costs a second request, so it is
bounded three ways: by the budget, by its scope, and by one extra attempt in flight.

An attempt has two outcomes, and no third:
- a first meaningful chunk: it wins, and every other attempt is closed at once;
- an AttemptError: it is kept for the report, and the next candidate starts at once. If
  another attempt still runs then, the next one is an extra beside it, so it must be in
  scope too; else it waits until that attempt has failed as well.

``winner`` may be called again when the winner broke before its client saw anything: it
goes on with the candidates that are left.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import trio

from linx.core.errors import AttemptError, Fallback, LinxError, RouteExhausted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linx.providers.provider import Provider
    from linx.routing.candidate import Candidate
    from linx.routing.hedging import Rules
    from linx.routing.router import Route

SHORTEST_LOOK_S, LONGEST_LOOK_S = 0.05, 5.0  # between two looks at a silent attempt that could not be hedged


class Runnable(Protocol):
    """What a race needs of an attempt."""

    candidate: Candidate

    @property
    def asked_at(self) -> float | None:
        """When it got its place at the provider; None while it waits for one."""

    async def begin(self, timeout_s: float | None = None) -> object: ...

    def close(self, outcome: str = "lost") -> None: ...


A = TypeVar("A", bound=Runnable)


class Race(Generic[A]):
    """The attempts for one request. ``start(candidate, is_hedge, is_last)`` makes an attempt."""

    def __init__(self, route: Route, rules: Rules, start: Callable[[Candidate, bool, bool], A]) -> None:
        self.model = route.model
        self.failures: list[AttemptError] = []
        self._left = list(route.candidates)
        self._again: set[Candidate] = set()
        self._rules = rules
        self._start = start
        self._hedged = False
        self._is_hedge = False

    async def winner(self) -> A:
        """The attempt that said something first; its other rivals are closed.

        Raises RouteExhausted, or the error itself where the request is at fault.
        """
        while self._left:
            if self._may_hedge(self._left[0]):
                return await self._side_by_side()
            attempt = self._next(self._left[0], is_hedge=False, is_last=len(self._left) == 1)
            try:
                await attempt.begin(self._rules.first_token_timeout_s)
            except AttemptError as error:
                self.lost(error, attempt.candidate)
            else:
                return attempt
        raise RouteExhausted(self.model, self.failures)

    def lost(self, error: AttemptError, candidate: Candidate) -> None:
        """Keep a failure for the report, and strike out whoever may not be tried after it."""
        self.failures.append(error)
        if error.fallback is Fallback.NO:
            self._left.clear()
        elif error.fallback is Fallback.LARGER:
            self._left = [other for other in self._left if self._is_larger(other, candidate)]
        elif error.code == "loading" and candidate not in self._again:
            # When all others have failed it is worth waiting for.
            self._again.add(candidate)
            self._left.append(candidate)

    # --- within ---

    def _may_hedge(self, first: Candidate) -> bool:
        """Could there be a hedge beside ``first``? If not, it runs alone, which costs no task."""
        rules = self._rules
        if self._hedged or rules.share <= 0 or len(self._left) < 2 or rules.delay_s(first) == math.inf:
            return False
        return any(rules.may_run_beside(other, (first,)) for other in self._left[1:])

    def _next(self, candidate: Candidate, *, is_hedge: bool, is_last: bool) -> A:
        self._left.remove(candidate)
        return self._start(candidate, is_hedge, is_last)

    def _is_larger(self, other: Candidate, failed: Candidate) -> bool:
        theirs = other.provider.context_length(other.model)
        ours = failed.provider.context_length(failed.model)
        return theirs is not None and theirs > (self._rules.demand.prompt_tokens if ours is None else ours)

    async def _side_by_side(self) -> A:
        """With a clock: the nursery ends as soon as there is a winner, and takes the losers along."""
        running: list[A] = []
        won: list[A] = []
        at_fault: list[LinxError] = []
        settled = trio.Event()

        try:
            async with trio.open_nursery() as nursery:

                async def run(attempt: A) -> None:
                    nonlocal settled
                    try:
                        await attempt.begin(self._rules.first_token_timeout_s)
                    except AttemptError as error:
                        self.lost(error, attempt.candidate)
                        if error.fallback is Fallback.NO:
                            nursery.cancel_scope.cancel()
                    except LinxError as error:
                        at_fault.append(error)
                        nursery.cancel_scope.cancel()
                    else:
                        if won:  # it spoke in the same instant, and too late
                            attempt.close()
                        else:
                            won.append(attempt)
                            nursery.cancel_scope.cancel()
                    running.remove(attempt)
                    settled.set()
                    settled = trio.Event()

                look_at = delay_s = math.inf
                since = trio.current_time()
                seen = len(self.failures)
                # Woken by a failure in the same instant as somebody won, it must start nobody:
                # a request goes out before its attempt could notice that it is cancelled.
                while (running or self._left) and not (won or at_fault):
                    now = trio.current_time()
                    is_late = False
                    if look_at <= now and running:
                        is_late, look_at = _look(running[0], since, delay_s, now)
                    candidate = self._choose(running, is_late, len(self.failures) > seen)
                    seen = len(self.failures)
                    if self._hedged:
                        look_at = math.inf
                    if candidate is not None:
                        if not running:
                            delay_s = math.inf if self._hedged else self._rules.delay_s(candidate)
                            look_at = now + delay_s
                            since = now
                        attempt = self._next(
                            candidate, is_hedge=self._is_hedge, is_last=not running and not self._left[1:]
                        )
                        running.append(attempt)
                        nursery.start_soon(run, attempt)
                    until = settled
                    with trio.move_on_at(look_at if self._left else math.inf):
                        await until.wait()
        except BaseException as error:
            for attempt in won:
                attempt.close()
            if isinstance(error, BaseExceptionGroup):
                raise _only(error) from None
            raise
        if at_fault:
            for attempt in won:
                attempt.close()
            raise at_fault[0]
        if won:
            return won[0]
        raise RouteExhausted(self.model, self.failures)

    def _choose(self, running: Sequence[A], is_late: bool, has_failed: bool) -> Candidate | None:
        """Who is to be started now, if anybody? Sets whether that is a hedge."""
        self._is_hedge = False
        if not running:
            return self._left[0]
        if len(running) > 1 or not (is_late or has_failed):
            return None
        beside = [attempt.candidate for attempt in running]
        allowed = [one for one in self._left if one not in self._again and self._rules.may_run_beside(one, beside)]
        if has_failed:
            return next(iter(allowed), None)
        now = trio.current_time()
        candidate = next((one for one in allowed if _is_ready(one.provider, now)), None)
        if candidate is None or not self._rules.budget.take(self._rules.share, now):
            return None
        self._hedged = self._is_hedge = True
        return candidate


def _look(attempt: Runnable, since: float, delay_s: float, now: float) -> tuple[bool, float]:
    """Has it been silent for too long, and when should it be looked at again if that changes nothing?

    One that waits for a place has not been asked yet, so it is not silent; but a provider
    that has a place free is better than waiting on.
    """
    again = now + max(delay_s, min(max(now - since, SHORTEST_LOOK_S), LONGEST_LOOK_S))
    if attempt.asked_at is None:
        return True, again
    due = attempt.asked_at + delay_s
    return (True, again) if due <= now else (False, due)


def _is_ready(provider: Provider, now: float) -> bool:
    """Is a hedge there likely to be of any use?"""
    return provider.slots.has_room and not provider.health.is_ill(now) and not provider.health.is_paused(now)


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one exception in a group that a nursery made: only a bug or a cancellation gets here."""
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
