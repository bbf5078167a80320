"""Races the attempts along a route; the attempt with the first meaningful chunk wins.

The method is that of happy eyeballs (RFC 8305), with providers in place of addresses. ``decision.py``
decides what to do next; this file carries out its orders. The first attempt runs in the task of its
request; what runs beside it, once it has been silent for too long, is in ``rivals.py``. Attempts that
did not win are closed at once, so that their providers stop generating.

If the winner fails before anything has been sent to the client, ``winner`` may be called again: the race
goes on with the candidates that are left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

import trio

from linx.core.attempt_errors import AttemptError
from linx.core.errors import LinxError
from linx.routing.decision import A, Decision, Failed, Lost, Start
from linx.routing.rivals import Rivals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from linx.routing.candidate import Candidate
    from linx.routing.hedge_watch import HedgeWatch
    from linx.routing.hedging import Rules
    from linx.routing.router import Route


class Race(Generic[A]):
    """The attempts for one request. ``start(candidate, is_hedge, is_last)`` makes an attempt, or raises an
    AttemptError where the candidate may not be asked any more.

    ``watch``: says when an attempt has been silent for too long.
    ``turn``: awaited before the first attempt, if the request has to wait for its turn.
    """

    __slots__ = ("_decision", "_start", "_timeout_s", "_turn", "_watch")

    def __init__(
        self,
        route: Route,
        rules: Rules,
        start: Callable[[Candidate, bool, bool], A],
        watch: HedgeWatch,
        turn: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._decision: Decision[A] = Decision(route, rules)
        self._timeout_s = rules.first_token_timeout_s
        self._start = start
        self._watch = watch
        self._turn = turn

    @property
    def failures(self) -> list[AttemptError]:
        return self._decision.failures

    def lost(self, error: AttemptError, candidate: Candidate) -> None:
        """The winner failed before anything was sent to the client; call ``winner`` again."""
        self._decision.lost(error, candidate)

    async def winner(self) -> A:
        """The attempt whose first meaningful chunk came first. All other attempts are closed.

        Raises RouteExhausted, or another LinxError if no candidate can take the request.
        """
        events: tuple[Failed[A], ...] = ()
        if self._turn is not None:
            await self._turn()
            self._turn = None
        while True:
            now = trio.current_time()
            order = self._decision.next(now, events)
            if isinstance(order, Lost):
                raise order.error
            assert isinstance(order, Start)  # while no attempt runs, no order says to wait
            events = ()
            attempt = self._started(order)
            if attempt is None:
                continue
            if not order.is_alone:
                outcome = await self._watched(attempt, now)
                if not isinstance(outcome, Failed):
                    return outcome
                events = (outcome,)
                continue
            try:
                await attempt.begin(self._timeout_s)
            except AttemptError as error:
                events = (Failed(attempt, error),)
            else:
                self._decision.won()
                return attempt

    def _started(self, order: Start) -> A | None:
        """The attempt that the order says to start; None where the candidate may not be asked any more."""
        try:
            attempt = self._start(order.candidate, order.is_hedge, order.is_last)
        except AttemptError as error:
            self._decision.barred(error, order.candidate)
            return None
        self._decision.started(attempt)
        return attempt

    async def _watched(self, first: A, now: float) -> A | Failed[A]:
        """Run ``first``, and once it has been silent for too long, others beside it.

        Returns the attempt that has won, or the failure of ``first`` if no other was started beside it.
        """
        rivals = Rivals(first, self._decision, self._started, self._timeout_s)
        self._watch.expect(rivals, now, self._decision.look_at)
        try:
            with rivals.scope_of_first:
                try:
                    await first.begin(self._timeout_s)
                except LinxError as error:
                    if not rivals.have_begun:
                        return Failed(first, error)
                    rivals.failed(error)
                else:
                    if not rivals.have_begun:
                        self._decision.won()
                        return first
                    rivals.spoke()
                finally:
                    self._watch.forget(rivals)
            return await rivals.result()
        except BaseException:
            await rivals.stop()
            raise
