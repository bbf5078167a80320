"""The bounds toward clients, and what all connections of one server count together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from linx.errors import Overloaded

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


@dataclass(slots=True)
class Shared:
    """What the connections of one server have in common."""

    limits: Limits = field(default_factory=Limits)
    bodies: int = 0  # bytes of bodies in memory
    requests_running: int = 0
    draining: bool = False
    on_rest: Callable[[], None] | None = None  # called when a request has ended

    def hold(self, size: int) -> None:
        """Count ``size`` more bytes of bodies; raises Overloaded where there is no room."""
        if self.bodies + size > self.limits.max_bodies:
            raise Overloaded("Too many large requests at one time; try again in a moment")
        self.bodies += size
