"""All parts of the dashboard's side in one object, which the handlers are given."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import trio

from linx.dashboard import static_files
from linx.dashboard.activity import Activity
from linx.dashboard.hub import Hub
from linx.dashboard.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.config.shape import LedgerConfig
    from linx.core.redaction import Redactor
    from linx.core.telemetry import Telemetry
    from linx.dashboard.hub import World
    from linx.dashboard.series import Point
    from linx.dashboard.totals import EstimateFor


class Dashboard:
    """Built once; ``run`` it as long as Linx runs."""

    __slots__ = ("activity", "address", "files", "hub", "needs_key", "rows")

    def __init__(
        self,
        telemetry: Telemetry,
        redactor: Redactor,
        estimate_for: EstimateFor,
        needs_key: Callable[[], bool] = lambda: False,
    ) -> None:
        """``estimate_for``: see ``totals``. ``needs_key``: must a client of the local listener send a key?"""
        self.activity = Activity(telemetry, estimate_for, partial(_now, time.time() - trio.current_time()))
        self.rows = Rows(redactor, self.activity.totals.saved)
        self.hub = Hub(telemetry, self.rows)
        self.files = static_files.read()
        self.address = ""
        """Where Linx listens, as clients write it; known once it listens."""
        self.needs_key = needs_key
        telemetry.watchers.append(self.activity.note)

    async def run(self, world: World, ledger: LedgerConfig) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.activity.run, ledger, self._point)
            nursery.start_soon(self.hub.run, world)

    def _point(self, at: float, point: Point) -> None:
        self.hub.point(at, point._asdict())


def _now(epoch: float) -> float:
    """Seconds since 1970, by a clock that never runs backwards."""
    return epoch + trio.current_time()
