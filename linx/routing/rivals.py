"""Runs the attempts beside the first one of a race, from the moment in which that has been silent for too long.

Nearly every first attempt speaks before that moment. So it runs in the task of its request, and the race costs no
nursery and no further task until a hedge is due. Then a task is started that carries out the orders of the decision
from there on: it runs the hedge, and whatever follows, in a nursery of its own. The first attempt stays where it is,
and nothing of it is lost; its end is an event for that task like any other's.

What structured concurrency promises is kept, though the parent of that task is trio and not the request: the request
never leaves the race before that task has ended (``result``, ``stop``). A request that is cancelled cancels it at once,
and an exception in it, even a bug, ends the first attempt and is raised in the request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

import trio

from linx.core.errors import LinxError, is_out_of_memory
from linx.routing.decision import A, Decision, Failed, Lost, Spoke, Start, WaitUntil, Won

if TYPE_CHECKING:
    from collections.abc import Callable


class Rivals(Generic[A]):
    """The attempts beside ``first``. ``start`` begins the attempt that an order names, see ``Race``."""

    __slots__ = (
        "_decision", "_ended", "_events", "_first", "_happened", "_order", "_problem", "_scope", "_spoken", "_start",
        "_timeout_s", "scope_of_first",
    )  # fmt: skip

    def __init__(
        self, first: A, decision: Decision[A], start: Callable[[Start], A | None], timeout_s: float | None
    ) -> None:
        self.scope_of_first = trio.CancelScope()
        """Cancelled when the race is over, if the first attempt still runs then."""
        self._first = first
        self._decision = decision
        self._start = start
        self._timeout_s = timeout_s
        self._scope: trio.CancelScope | None = None  # around the task of the rivals, once there is one
        self._ended: trio.Event | None = None
        self._happened: trio.Event | None = None  # set when an attempt has ended, while the task waits for that
        self._events: list[Spoke[A] | Failed[A]] = []
        self._spoken: list[A] = []
        self._order: Won[A] | Lost | None = None  # how the race has ended
        self._problem: Exception | None = None  # or why it could not go on

    # --- for the request's task ---

    @property
    def have_begun(self) -> bool:
        """Has the first attempt been silent for too long? Then it is for ``result`` to say who has won."""
        return self._ended is not None

    def due(self) -> None:
        """See ``hedge_watch.Waiting``: from now on the race goes on in a task of its own."""
        try:
            self._scope, self._ended = trio.CancelScope(), trio.Event()
            trio.lowlevel.spawn_system_task(self._run)
        except MemoryError as problem:
            self._problem, self._ended = problem, trio.Event()
            self._end()

    def spoke(self) -> None:
        """The first meaningful chunk of the first attempt has come."""
        if self._ended is not None and self._ended.is_set():
            self._first.close()  # another attempt was faster, in the same instant
            return
        self._spoken.append(self._first)
        self._tell(Spoke(self._first))

    def failed(self, error: LinxError) -> None:
        self._tell(Failed(self._first, error))

    async def result(self) -> A:
        """The attempt that has won; all others are closed. Raises why no attempt has."""
        assert self._ended is not None
        await self._ended.wait()
        order, problem = self._order, self._problem
        self._order = self._problem = None
        if problem is not None:
            try:
                raise problem
            finally:
                del problem  # its traceback refers to this frame: a reference cycle, and with it the whole request
        assert order is not None  # only ``stop`` ends the task before the race is over
        if isinstance(order, Lost):
            raise order.error
        return order.attempt

    async def stop(self) -> None:
        """The race is given up: close all attempts beside the first, and wait until their task has ended."""
        if self._scope is None or self._ended is None:
            return
        self._scope.cancel()
        with trio.CancelScope(shield=True):
            await self._ended.wait()
        self._problem = None
        if isinstance(self._order, Won):
            self._order.attempt.close()

    # --- in the task of the rivals ---

    async def _run(self) -> None:
        assert self._scope is not None
        try:
            with self._scope:
                self._order = await self._race_on()
        except Exception as error:  # a bug, or memory that ran out: raised in the request
            self._problem = _only(error)
        finally:
            self._end()

    async def _race_on(self) -> Won[A] | Lost:
        """Run each attempt in a task of its own, until the race is over."""

        async def run(attempt: A) -> None:
            try:
                await attempt.begin(self._timeout_s)
            except LinxError as error:
                self._tell(Failed(attempt, error))
            else:
                self._spoken.append(attempt)
                self._tell(Spoke(attempt))

        async with trio.open_nursery() as nursery:
            while True:
                events, self._events = self._events, []
                order = self._decision.next(trio.current_time(), events)
                if isinstance(order, Start):
                    attempt = self._start(order)
                    if attempt is not None:
                        nursery.start_soon(run, attempt)
                elif not isinstance(order, WaitUntil):
                    nursery.cancel_scope.cancel()
                    break
                elif not self._events:
                    self._happened = trio.Event()
                    with trio.move_on_at(order.at):
                        await self._happened.wait()
        return order

    def _tell(self, event: Spoke[A] | Failed[A]) -> None:
        self._events.append(event)
        if self._happened is not None:
            self._happened.set()

    def _end(self) -> None:
        """Close what has not won, and tell the request."""
        winner = self._order.attempt if isinstance(self._order, Won) else None
        for attempt in self._spoken:
            if attempt is not winner:
                attempt.close()
        self.scope_of_first.cancel()
        if self._ended is not None:
            self._ended.set()


def _only(error: Exception) -> Exception:
    """The exception that a nursery has put into a group; it is a bug, or memory that ran out."""
    while isinstance(error, ExceptionGroup):
        error = next(filter(is_out_of_memory, error.exceptions), error.exceptions[0])
    return error
