"""What the handlers share. ``app`` builds it once and replaces its parts at a reload."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

from linx.handlers.heartbeat import Heartbeats
from linx.routing.hedging import HedgeBudget

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from linx.children.tunnel.supervisor import Tunnel
    from linx.config.model import Config
    from linx.core.redaction import Redactor
    from linx.core.telemetry import Telemetry
    from linx.providers.provider import Provider
    from linx.routing.router import Router
    from linx.upstream.pool import Pool


@dataclass(slots=True)
class Context:
    """Long-lived objects, and the config in force.

    A request takes ``config`` and ``router`` once, at its start, and keeps them: a reload
    changes nothing under its feet.
    """

    config: Config
    router: Router
    pool: Pool
    telemetry: Telemetry
    redactor: Redactor
    tunnel: Tunnel
    reload: Callable[[], Awaitable[None]]
    """Reads the config again; ``config_problem`` says what came of it."""
    config_problem: str | None = None
    config_loaded_at: float = 0.0
    instance: bytes = field(default_factory=lambda: secrets.token_hex(8).encode())
    """Marks this process in the hop header, so that a loop is seen."""
    budget: HedgeBudget = field(default_factory=HedgeBudget)
    heartbeats: Heartbeats = field(init=False)
    started: float = field(default_factory=trio.current_time)
    _epoch: float = field(default_factory=lambda: time.time() - trio.current_time())

    def __post_init__(self) -> None:
        self.heartbeats = Heartbeats(lambda: self.config.server.heartbeat_s)

    def apply(self, config: Config, router: Router) -> None:
        """Put a config and its router in force for the requests that begin from now on."""
        self.config, self.router = config, router
        self.config_problem, self.config_loaded_at = None, self.now()

    @property
    def providers(self) -> tuple[Provider, ...]:
        return self.router.providers

    def now(self) -> float:
        """Seconds since 1970 that never run backwards: the start's, plus trio's clock."""
        return self._epoch + trio.current_time()

    def at(self, clock: float) -> float:
        """A time of trio's clock as seconds since 1970."""
        return self._epoch + clock


def new_id() -> str:
    """24 random hex digits, for tool calls that came without an id."""
    return secrets.token_hex(12)
