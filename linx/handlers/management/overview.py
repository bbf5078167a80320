"""What the dashboard is told besides the requests: see ``dashboard.hub.World``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx import __version__
from linx.handlers.management.status import config_status, provider_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linx.core.chat import JsonObject
    from linx.handlers.context import Context


class Overview:
    """Reads the context when it is asked."""

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context = context

    def head(self) -> JsonObject:
        context = self._context
        return {
            "now": context.now(),
            "version": __version__,
            "address": context.dashboard.address,
            "needs_key": context.dashboard.needs_key(),
            "capture": context.config.server.capture,
            "series": context.dashboard.activity.series_json(),
            "ledger": context.ledger.status(),
        }

    def parts(self) -> JsonObject:
        context = self._context
        return {
            "tunnel": context.tunnel.as_json(context.at),
            "config": config_status(context),
            "totals": context.dashboard.activity.totals_json(),
            "budget": context.budgets.status(),
        }

    def providers(self) -> Iterator[tuple[str, JsonObject]]:
        return provider_rows(self._context)
