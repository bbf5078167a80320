"""Races the attempts along a route; the attempt with the first meaningful chunk wins.

The method is that of happy eyeballs (RFC 8305), with providers in place of addresses. ``decision.py``
decides what to do next; this file carries out its orders: it starts attempts as tasks, and closes those
that did not win at once, so that their providers stop generating.

If the winner fails before anything has been sent to the client, ``winner`` may be called again: the race
goes on with the candidates that are left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

import trio

from linx.core.attempt_errors import AttemptError
from linx.core.errors import LinxError, is_out_of_memory
from linx.routing.decision import A, Decision, Failed, Lost, Spoke, Start, WaitUntil

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from linx.routing.candidate import Candidate
    from linx.routing.decision import Runnable
    from linx.routing.hedging import Rules
    from linx.routing.router import Route


class Race(Generic[A]):
    """The attempts for one request. ``start(candidate, is_hedge, is_last)`` makes an attempt, or raises an
    AttemptError where the candidate may not be asked any more.

    ``turn``: awaited before the first attempt, if the request has to wait for its turn.
    """

    __slots__ = ("_decision", "_start", "_timeout_s", "_turn")

    def __init__(
        self,
        route: Route,
        rules: Rules,
        start: Callable[[Candidate, bool, bool], A],
        turn: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._decision: Decision[A] = Decision(route, rules)
        self._timeout_s = rules.first_token_timeout_s
        self._start = start
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
            order = self._decision.next(trio.current_time(), events)
            if isinstance(order, Lost):
                raise order.error
            assert isinstance(order, Start)  # while no attempt runs, no order says to wait
            events = ()
            attempt = self._started(order)
            if attempt is None:
                continue
            if not order.is_alone:
                return await self._side_by_side(attempt)
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

    async def _side_by_side(self, first: A) -> A:
        """Run each attempt in a task of its own; the nursery is cancelled as soon as the race is over."""
        events: list[Spoke[A] | Failed[A]] = []
        spoken: list[A] = []
        happened = trio.Event()

        async def run(attempt: A) -> None:
            try:
                await attempt.begin(self._timeout_s)
            except LinxError as error:
                events.append(Failed(attempt, error))
            else:
                spoken.append(attempt)
                events.append(Spoke(attempt))
            happened.set()

        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run, first)
                order = self._decision.next(trio.current_time())
                while isinstance(order, Start | WaitUntil):
                    if isinstance(order, Start):
                        attempt = self._started(order)
                        if attempt is not None:
                            nursery.start_soon(run, attempt)
                    elif not events:
                        happened = trio.Event()
                        with trio.move_on_at(order.at):
                            await happened.wait()
                    news, events[:] = events[:], []
                    order = self._decision.next(trio.current_time(), news)
                nursery.cancel_scope.cancel()
        except BaseException as error:
            _close(spoken)
            problem: BaseException | None = _only(error)
        else:
            problem = None
        if problem is not None:
            try:
                # Raised here and not above, where its context would be the group that holds it: a reference cycle, and
                # with it the whole request. The frame must not hold it either.
                raise problem
            finally:
                del problem
        assert not isinstance(order, Start | WaitUntil)  # the loop has ended without an exception
        if isinstance(order, Lost):
            _close(spoken)
            raise order.error
        _close(attempt for attempt in spoken if attempt is not order.attempt)
        return order.attempt


def _close(attempts: Iterable[Runnable]) -> None:
    for attempt in attempts:
        attempt.close()


def _only(error: BaseException) -> BaseException:
    """The exception that a nursery has put into a group; it is a bug, a cancellation, or memory that ran out."""
    while isinstance(error, BaseExceptionGroup):
        error = next(filter(is_out_of_memory, error.exceptions), error.exceptions[0])
    return error
