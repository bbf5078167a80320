"""Watches the event loop: for how long did nothing get its turn?

All clients share the loop, so a step that takes long makes everybody wait. The watchdog asks to be woken every TICK_S;
the delay of its waking is a stall. The longest stall of the last minutes is kept for the status, and a stall of more
than LOGGED_S is logged, one line each. At each waking, lines of the log that found no room before are written.

While no request runs, a stall holds nobody up. After QUIET_TICKS without a request the watchdog rests: it wakes every
REST_S, and again every TICK_S from the next request on. An idle process is woken nine times a second less by that.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

import trio

from linx.core.log import flush_log

if TYPE_CHECKING:
    from collections.abc import Callable

TICK_S = 0.1
REST_S = 1.0
QUIET_TICKS = 5
LOGGED_S = 1.0
SPAN_S = 300.0  # for which a stall is remembered

log = logging.getLogger("linx")


class Watchdog:
    """``run`` watches until cancelled; ``longest_s`` may be asked at any time."""

    def __init__(self) -> None:
        self.is_stirred = False
        """Has a request begun since the watchdog woke last?"""
        self._stalls: deque[tuple[float, float]] = deque()
        """When the stalls ended, and how long they were; shorter ones before a longer one are dropped."""
        self._due = 0.0
        self._rest: trio.Event | None = None  # what ends the rest early

    def stir(self) -> None:
        """A request begins. Need not be called while ``is_stirred``."""
        self.is_stirred = True
        if self._rest is not None:
            # From here on the watchdog is late: the step that begins the request may itself be the one that takes long.
            self._due = trio.current_time()
            self._rest.set()
            self._rest = None

    async def run(self, is_busy: Callable[[], bool], look: Callable[[], None]) -> None:
        """``is_busy`` tells whether a request runs; ``look`` is called at each waking."""
        quiet = 0
        while True:
            self.is_stirred = False
            self._due = trio.current_time() + (TICK_S if quiet < QUIET_TICKS else REST_S)
            if quiet < QUIET_TICKS:
                await trio.sleep_until(self._due)
            else:
                self._rest = trio.Event()
                with trio.move_on_at(self._due):
                    await self._rest.wait()
                self._rest = None
            now = trio.current_time()
            self.woken(now, now - self._due)
            quiet = 0 if self.is_stirred or is_busy() else quiet + 1
            look()
            flush_log()

    def woken(self, now: float, late_s: float) -> None:
        while self._stalls and self._stalls[-1][1] <= late_s:
            self._stalls.pop()
        self._stalls.append((now, late_s))
        if late_s > LOGGED_S:
            log.warning("the event loop stood still for %.1f s: nobody was served meanwhile", late_s)

    def longest_s(self, now: float) -> float:
        """The longest stall of the last SPAN_S."""
        while self._stalls and self._stalls[0][0] < now - SPAN_S:
            self._stalls.popleft()
        return self._stalls[0][1] if self._stalls else 0.0
