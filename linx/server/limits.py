"""The bounds toward clients, the deadline of each waiting connection, and what all connections count together."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import trio

from linx.core.errors import Overloaded
from linx.server.refusal import ErrorAnswer, usual_error_answer

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Limits:
    """Times in seconds, sizes in bytes. May be replaced while the server runs."""

    head_timeout_s: float = 10.0  # the whole head, from its first byte (the first head: from the accept)
    body_timeout_s: float = 30.0  # without one byte of a body
    keep_alive_s: float = 75.0  # between two requests
    stalled_client_s: float = 300.0  # without taking a byte of what waits
    max_body: int = 64 * 2**20
    max_connections: int = 4096
    max_bodies: int = 256 * 2**20  # all bodies in memory at one time


class Waiter(Protocol):
    """A connection that waits for its client."""

    def timed_out(self) -> None:
        """The deadline has passed. Synchronous."""


class Watch:
    """Tells a waiter when its deadline has passed: one task for all connections of a listener.

    Nearly every wait ends in time, so it should cost nothing but a place in a dict. A
    cancel scope for each wait, entered and left for every request, would cost a twentieth
    of the request.
    """

    def __init__(self) -> None:
        self._deadlines: dict[Waiter, float] = {}
        self._next_look = math.inf
        self._sooner = trio.Event()

    def expect(self, waiter: Waiter, deadline: float) -> None:
        """``waiter`` waits until ``deadline`` (trio's clock) and no longer."""
        self._deadlines[waiter] = deadline
        if deadline < self._next_look:
            self._next_look = deadline
            self._sooner.set()

    def forget(self, waiter: Waiter) -> None:
        self._deadlines.pop(waiter, None)

    async def watch(self) -> None:
        while True:
            with trio.move_on_at(self._next_look):
                await self._sooner.wait()
            self._sooner = trio.Event()
            now = trio.current_time()
            if now < self._next_look:
                continue
            # Never early, and exactly at the time for the waiter with the first deadline.
            for waiter in [waiter for waiter, deadline in self._deadlines.items() if deadline <= now]:
                del self._deadlines[waiter]
                waiter.timed_out()
            self._next_look = min(self._deadlines.values(), default=math.inf)


@dataclass(slots=True)
class Shared:
    """What the connections of one server have in common."""

    limits: Limits = field(default_factory=Limits)
    bodies: int = 0  # bytes of bodies in memory
    requests_running: int = 0
    is_draining: bool = False
    on_request_end: Callable[[], None] | None = None
    error_answer: ErrorAnswer = usual_error_answer  # to the errors that the server answers by itself

    def hold(self, size: int) -> None:
        """Count ``size`` more bytes of bodies; raises Overloaded where there is no room."""
        if self.bodies + size > self.limits.max_bodies:
            raise Overloaded("Too many large requests at one time; try again in a moment")
        self.bodies += size
