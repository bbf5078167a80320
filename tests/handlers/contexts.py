"""A Context of real objects, none of which runs: for tests of handlers without a whole Linx."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.children.tunnel.supervisor import Tunnel
from linx.core.redaction import Redactor
from linx.core.request_feed import RequestFeed
from linx.core.telemetry import Telemetry
from linx.dashboard.dashboard import Dashboard
from linx.handlers.context import Context
from linx.ledger.ledger import Ledger
from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool

if TYPE_CHECKING:
    from linx.config.model import Config
    from linx.routing.router import Router


def context_for(config: Config, router: Router, pool: Pool | None = None) -> Context:
    redactor = Redactor()
    tunnel = Tunnel(_never, redactor, {})
    feed = RequestFeed(redactor)
    telemetry = Telemetry()
    telemetry.watchers.append(feed.tell)
    return Context(
        *(config, router, pool or Pool(Dialer({})), telemetry, redactor),
        tunnel=tunnel,
        feed=feed,
        reload=_never,
        ledger=Ledger(lambda _asked: None, redactor.clean),
        dashboard=Dashboard(telemetry, redactor, lambda _asked: None),
    )


async def _never(*_: object) -> None:
    raise AssertionError("nothing serves a tunnel here, and no handler of an answer reads the config again")
