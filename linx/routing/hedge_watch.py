"""Says when attempts have been silent for too long. One task serves all requests of the process.

Nearly every first attempt speaks before its hedge is due, so a hedge that is only ready costs its request an entry in a
dict: no task, no timer. The watch is woken for the earliest entry alone, and not at all while there is none, unless
requests come in quick succession. Its task is a system task: it belongs to no request, and ends with trio.
"""

from __future__ import annotations

import math
from typing import Protocol

import trio

QUICK_S = 0.01
"""Between two entries: while they come so fast, the timer is left as it is when none is left. To move it away and back
costs a request more than its share of the wakes for nothing, of which there is one in the time until a hedge is due."""


class Waiting(Protocol):
    """An attempt that is silent."""

    def due(self) -> None:
        """Called once, when its time has come, in the task of the watch. Must neither wait nor raise."""


class HedgeWatch:
    """Calls ``due`` of everything that is expected, exactly in time, unless it is forgotten before."""

    __slots__ = ("_is_quick", "_last", "_scope", "_times")

    def __init__(self) -> None:
        self._times: dict[Waiting, float] = {}
        self._last = -math.inf  # when the last entry was made
        self._is_quick = False  # was that soon after the entry before it?
        self._scope = trio.CancelScope()
        """Around the sleep of the watch: its deadline is when the watch looks next."""
        trio.lowlevel.spawn_system_task(self._watch)

    @property
    def watched(self) -> int:
        """How many are expected now."""
        return len(self._times)

    def expect(self, waiting: Waiting, now: float, at: float) -> None:
        """Call ``waiting.due`` at ``at`` (trio's clock)."""
        self._times[waiting] = at
        self._is_quick, self._last = now - self._last < QUICK_S, now
        if at < self._scope.deadline:
            self._scope.deadline = at

    def forget(self, waiting: Waiting) -> None:
        times = self._times
        if times.pop(waiting, None) is not None and not times and not self._is_quick:
            self._scope.deadline = math.inf  # an idle process is not woken for nothing

    async def _watch(self) -> None:
        while True:
            with self._scope:
                await trio.sleep_forever()
            self._look(trio.current_time())

    def _look(self, now: float) -> None:
        """A function of its own, since the variables of a task that sleeps would keep the requests in memory."""
        over = [waiting for waiting, at in self._times.items() if at <= now]
        for waiting in over:
            del self._times[waiting]
        self._scope = trio.CancelScope(deadline=min(self._times.values(), default=math.inf))
        for waiting in over:
            waiting.due()
