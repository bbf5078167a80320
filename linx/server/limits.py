"""The limits toward clients, the deadlines of waiting connections, and the counts that all connections share."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import trio

from linx.core.errors import Overloaded
from linx.server.refusal import ErrorAnswer, NoteUnread, note_nothing, usual_error_answer

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Limits:
    """Times in seconds, sizes in bytes. The server's limits may be replaced while it runs."""

    head_timeout_s: float = 10.0  # for a whole head, from its first byte; for the first head, from the accept
    body_timeout_s: float = 30.0  # between two reads of a body
    keep_alive_s: float = 75.0  # between two requests
    stalled_client_s: float = 300.0  # during which a client may take no byte of the data that waits for it
    max_body: int = 64 * 2**20
    max_connections: int = 4096
    max_bodies: int = 256 * 2**20  # for all bodies in memory together


class Waiter(Protocol):
    """A connection that waits for its client."""

    def timed_out(self) -> None:
        """Called once when the deadline has passed. Must not wait."""


class Watch:
    """Calls ``timed_out`` of each waiter whose deadline has passed. One task serves all connections of a listener.

    Nearly every wait ends before its deadline, so a wait should cost no more than an entry in
    a dict. A cancel scope for each wait would cost a twentieth of a request.
    """

    def __init__(self) -> None:
        self._deadlines: dict[Waiter, float] = {}
        self._next_look = math.inf
        self._sooner = trio.Event()

    def expect(self, waiter: Waiter, deadline: float) -> None:
        """Call ``waiter.timed_out`` at ``deadline`` (trio's clock), unless ``forget`` is called before."""
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
            # No waiter is called early; the waiter with the earliest deadline is called exactly in time.
            for waiter in [waiter for waiter, deadline in self._deadlines.items() if deadline <= now]:
                del self._deadlines[waiter]
                waiter.timed_out()
            self._next_look = min(self._deadlines.values(), default=math.inf)


@dataclass(slots=True)
class Shared:
    """The state that all connections of one server share."""

    limits: Limits = field(default_factory=Limits)
    bodies: int = 0  # bytes of all bodies in memory
    requests_running: int = 0
    is_leaving: bool = False  # no connection is kept after its answer
    is_draining: bool = False  # and idle connections end
    on_request_end: Callable[[], None] | None = None
    error_answer: ErrorAnswer = usual_error_answer  # for requests that never reach an endpoint
    note_unread: NoteUnread = note_nothing  # told of each of them

    def hold(self, size: int) -> None:
        """Count ``size`` more bytes of bodies in memory. Raises Overloaded if that is more than ``max_bodies``."""
        if self.bodies + size > self.limits.max_bodies:
            raise Overloaded("Too many large requests at one time; try again in a moment")
        self.bodies += size
