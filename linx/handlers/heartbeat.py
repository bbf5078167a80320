"""Heartbeats: small frames for streaming clients that have received nothing for a while.

One task serves all streamed answers, so an answer costs an entry in a set, but no timer, task
or lock. A heartbeat is sent only if that needs no waiting: if it would have to wait, other
data is waiting for the client already.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

JUST_NOW = math.inf
"""Stands for "since the last tick", so that sending a frame need not read the clock."""
LONGEST_TICK_S = 1.0  # while an answer is being streamed
TICKS_A_BEAT = 5  # ticks in an interval: a heartbeat is at most a fifth of its interval late


class Stream(Protocol):
    """An answer that is being streamed."""

    heard_at: float
    """When the client last received something (trio's clock), or JUST_NOW."""

    def beat(self) -> None:
        """Send a heartbeat now, without waiting."""


class Heartbeats:
    """The streamed answers that may need a heartbeat."""

    def __init__(self) -> None:
        self.streams: set[Stream] = set()

    async def run(self, interval_s: Callable[[], float]) -> None:
        """Send heartbeats until cancelled. ``interval_s`` is called for each tick, since a reload may change it."""
        while True:
            beat_s = interval_s()
            tick_s = beat_s / TICKS_A_BEAT
            await trio.sleep(min(LONGEST_TICK_S, tick_s) if self.streams else tick_s)
            self._tick(trio.current_time(), beat_s)

    def _tick(self, now: float, interval_s: float) -> None:
        for stream in list(self.streams):
            if stream.heard_at == JUST_NOW:
                stream.heard_at = now
            elif now - stream.heard_at >= interval_s:
                stream.heard_at = now
                stream.beat()
