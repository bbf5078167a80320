"""Keep-alives for clients that have heard nothing for a while.

One task looks after all streamed answers, so an answer pays for it only with a place in a
set: no timer, no task and no lock of its own. A heartbeat is written without waiting: where
it would have to wait, data for the client waits already.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

JUST_NOW = math.inf
"""In place of a time: since the last tick. So sending a frame need not read the clock."""
LONGEST_TICK_S = 1.0
TICKS_A_BEAT = 5  # so a heartbeat is late by a fifth of its interval at most


class Stream(Protocol):
    """An answer that is being streamed."""

    heard_at: float
    """When the client last got something (trio's clock), or JUST_NOW."""

    def beat(self) -> None:
        """Send a keep-alive now, without waiting."""


class Heartbeats:
    """All answers that may need a heartbeat. ``interval_s`` is asked anew at each tick."""

    def __init__(self, interval_s: Callable[[], float]) -> None:
        self.streams: set[Stream] = set()
        self._interval_s = interval_s

    async def run(self) -> None:
        while True:
            interval_s = self._interval_s()
            await trio.sleep(min(LONGEST_TICK_S, interval_s / TICKS_A_BEAT))
            self._tick(trio.current_time(), interval_s)

    def _tick(self, now: float, interval_s: float) -> None:
        for stream in list(self.streams):
            if stream.heard_at == JUST_NOW:
                stream.heard_at = now
            elif now - stream.heard_at >= interval_s:
                stream.heard_at = now
                stream.beat()
