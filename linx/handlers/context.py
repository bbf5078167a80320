"""The objects that all handlers use. ``app`` builds the Context once; a reload replaces config and router in it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

from linx.core.kept_bodies import KeptBodies
from linx.core.watchdog import Watchdog
from linx.handlers.heartbeat import Heartbeats
from linx.handlers.kept_lists import KeptLists
from linx.handlers.key_uses import KeyUses
from linx.handlers.response_store import ResponseStore
from linx.routing.budgets import Budgets
from linx.routing.hedge_watch import HedgeWatch
from linx.routing.hedging import HedgeBudget

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from linx.children.tunnel.supervisor import Tunnel
    from linx.config.model import Config
    from linx.core.redaction import Redactor
    from linx.core.request_feed import RequestFeed
    from linx.core.telemetry import Telemetry
    from linx.dashboard.dashboard import Dashboard
    from linx.ledger.ledger import Ledger
    from linx.providers.provider import Provider
    from linx.routing.router import Router
    from linx.server.request import Request
    from linx.upstream.pool import Pool


LEAP_S = 1.0  # by which trio's clock must be behind the time of day before Linx follows


@dataclass(slots=True)
class Context:
    """The long-lived objects, and the config and router in force.

    A request takes ``config`` and ``router`` once, at its start, and keeps them, so a reload
    does not change them while the request runs.
    """

    config: Config
    router: Router
    pool: Pool
    telemetry: Telemetry
    redactor: Redactor
    tunnel: Tunnel
    feed: RequestFeed
    """The line of every request, and those who follow them."""
    reload: Callable[[], Awaitable[None]]
    """Reads the config again; afterwards ``config_problem`` is the mistake in it, or None."""
    ledger: Ledger
    dashboard: Dashboard
    budgets: Budgets = field(default_factory=Budgets)
    """What may be spent; ``budget`` is that of hedges."""
    config_problem: str | None = None
    config_loaded_at: float = 0.0
    is_leaving: bool = False
    """Does Linx end soon? A front is told so, and sends its requests elsewhere."""
    instance: bytes = field(default_factory=lambda: secrets.token_hex(8).encode())
    """The name of this process in the hop header, by which a request that comes back is recognised."""
    budget: HedgeBudget = field(default_factory=HedgeBudget)
    hedge_watch: HedgeWatch = field(default_factory=HedgeWatch)
    following: set[Request] = field(default_factory=set)
    """The requests that follow the request lines, and have no end of their own."""
    heartbeats: Heartbeats = field(default_factory=Heartbeats)
    key_uses: KeyUses = field(default_factory=KeyUses)
    lists: KeptLists = field(default_factory=KeptLists)
    kept_bodies: KeptBodies = field(default_factory=KeptBodies)
    responses: ResponseStore = field(default_factory=ResponseStore)
    watchdog: Watchdog = field(default_factory=Watchdog)
    started: float = field(default_factory=trio.current_time)
    _epoch: float = field(default_factory=lambda: time.time() - trio.current_time())

    def apply(self, config: Config, router: Router) -> None:
        """Put a config and its router in force for requests that begin from now on."""
        self.config, self.router = config, router
        self.config_problem, self.config_loaded_at = None, self.now()
        self.key_uses.apply(config.server.accepted_keys().values(), trio.current_time())
        self.kept_bodies.apply(is_on=config.server.capture)

    @property
    def providers(self) -> tuple[Provider, ...]:
        return self.router.providers

    def heartbeat_s(self) -> float:
        """The interval of heartbeats in the config in force."""
        return self.config.server.heartbeat_s

    def keep_time(self) -> None:
        """Catch up with the time of day, now and then: trio's clock stands still while the machine sleeps.

        Otherwise a laptop that slept overnight would count today's requests for yesterday.
        """
        epoch = time.time() - trio.current_time()
        if epoch > self._epoch + LEAP_S:
            self._epoch = epoch

    def now(self) -> float:
        """Seconds since 1970. They never run backwards, since they follow trio's clock, and only ever leap forward."""
        return self._epoch + trio.current_time()

    def at(self, clock: float) -> float:
        """``clock``, a time of trio's clock, in seconds since 1970."""
        return self._epoch + clock


def new_id() -> str:
    """24 random hex digits, for tool calls without an id."""
    return secrets.token_hex(12)
