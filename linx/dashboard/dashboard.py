"""All parts of the dashboard's side in one object, which the handlers are given."""

from __future__ import annotations

import time
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


LEAP_S = 1.0  # by which the time of day must be ahead; smaller differences are corrections of it


class Clock:
    """Seconds since 1970. They never run backwards; they leap forward once the machine has slept, and the clock of trio
    has stood still meanwhile."""

    __slots__ = ("_epoch",)

    def __init__(self) -> None:
        self._epoch = time.time() - trio.current_time()

    def now(self) -> float:
        clock = trio.current_time()
        epoch = time.time() - clock
        if epoch > self._epoch + LEAP_S:
            self._epoch = epoch
        return self._epoch + clock


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
        self.activity = Activity(telemetry, estimate_for, Clock().now)
        self.rows = Rows(redactor, self.activity.totals.saved)
        self.hub = Hub(telemetry, self.rows)
        self.files = static_files.read()
        self.address = ""
        """Where Linx listens, as clients write it; known once it listens."""
        self.needs_key = needs_key
        telemetry.watchers.append(self.activity.note)

    async def run(self, world: World, ledger: LedgerConfig) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.activity.run, ledger, self._point, self.hub.viewers.refresh)
            nursery.start_soon(self.hub.run, world)

    def _point(self, at: float, point: Point) -> None:
        self.hub.point(at, point._asdict())
