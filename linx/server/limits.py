"""The bounds toward clients, and what all connections of one server count together."""

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

    head_timeout_s: float = 10.0  # the whole head, from its first byte (the first one: from the accept)
    body_timeout_s: float = 30.0  # without one byte of a body
    keep_alive_s: float = 75.0  # between two requests
    stalled_client_s: float = 300.0  # without taking a byte of what waits
    max_body: int = 64 * 2**20
    max_connections: int = 4096
    max_bodies: int = 256 * 2**20  # all bodies in memory at one time


class Patient(Protocol):
    """Who waits for a client."""

    def run_out(self) -> None:
        """The time is over. Synchronous."""


class Watch:
    """Says when a wait was too long: one task for all connections of a listener.

    Nearly every wait ends in time, so it should cost nothing but a place in a dict; a
    scope to cancel each by, entered and left for every request, cost a twentieth of it.
    """

    def __init__(self) -> None:
        self._due: dict[Patient, float] = {}
        self._looks_at = math.inf
        self._sooner = trio.Event()

    def expect(self, who: Patient, due: float) -> None:
        """``who`` waits until ``due`` (trio's clock) and no longer."""
        self._due[who] = due
        if due < self._looks_at:
            self._looks_at = due
            self._sooner.set()

    def forget(self, who: Patient) -> None:
        self._due.pop(who, None)

    async def watch(self) -> None:
        while True:
            with trio.move_on_at(self._looks_at):
                await self._sooner.wait()
            self._sooner = trio.Event()
            now = trio.current_time()
            if now < self._looks_at:
                continue
            # Never early, and exactly at the time for whoever is the first to be due.
            for who in [who for who, due in self._due.items() if due <= now]:
                del self._due[who]
                who.run_out()
            self._looks_at = min(self._due.values(), default=math.inf)


@dataclass(slots=True)
class Shared:
    """What the connections of one server have in common."""

    limits: Limits = field(default_factory=Limits)
    bodies: int = 0  # bytes of bodies in memory
    requests_running: int = 0
    draining: bool = False
    on_rest: Callable[[], None] | None = None  # called when a request has ended
    error_answer: ErrorAnswer = usual_error_answer  # to the errors that the server answers by itself

    def hold(self, size: int) -> None:
        """Count ``size`` more bytes of bodies; raises Overloaded where there is no room."""
        if self.bodies + size > self.limits.max_bodies:
            raise Overloaded("Too many large requests at one time; try again in a moment")
        self.bodies += size
