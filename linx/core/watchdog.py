"""Watches the event loop: for how long did nothing get its turn?

All clients share the loop, so a step that takes long makes everybody wait. The watchdog asks to be woken every TICK_S;
the delay of its waking is a stall. The longest stall of the last minutes is kept for the status, and a stall of more
than LOGGED_S is logged, one line each. At each waking, lines of the log that found no room before are written.
"""

from __future__ import annotations

import logging
from collections import deque

import trio

from linx.core.log import flush_log

TICK_S = 0.1
LOGGED_S = 1.0
SPAN_S = 300.0  # for which a stall is remembered

log = logging.getLogger("linx")


class Watchdog:
    """``run`` watches until cancelled; ``longest_s`` may be asked at any time."""

    def __init__(self) -> None:
        self._stalls: deque[tuple[float, float]] = deque()
        """When the stalls ended, and how long they were; shorter ones before a longer one are dropped."""

    async def run(self) -> None:
        while True:
            due = trio.current_time() + TICK_S
            await trio.sleep_until(due)
            now = trio.current_time()
            self.woken(now, now - due)
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
