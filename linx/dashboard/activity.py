"""Counts what the charts and the totals show, whether a page is open or not: ``note`` is a watcher of the telemetry."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

import trio

from linx.core.errors import quote
from linx.dashboard.series import STEP_S, Series
from linx.dashboard.totals import Totals
from linx.ledger.database import LedgerProblem
from linx.ledger.today import read_today

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.config.shape import LedgerConfig
    from linx.core.chat import JsonObject
    from linx.core.telemetry import RequestRecord, Telemetry
    from linx.dashboard.series import Point
    from linx.dashboard.totals import EstimateFor

    OnPoint = Callable[[float, Point], None]

BATCH = 64
GAP_S = 60.0  # that a step may be late while the machine is awake
RUNNING_A_TURN = 200  # running requests that are looked at between two turns of other tasks

log = logging.getLogger("linx.dashboard")


class Activity:
    """The last hour, and today. ``now`` gives seconds since 1970, which may leap forward.

    Requests are counted some at a time, since that costs less for each.
    """

    __slots__ = ("_begun", "_ended", "_now", "_series", "_telemetry", "totals")

    def __init__(self, telemetry: Telemetry, estimate_for: EstimateFor, now: Callable[[], float]) -> None:
        self._telemetry = telemetry
        self._now = now
        self._begun = now()
        self._ended: list[RequestRecord] = []
        self._series = Series(self._begun // STEP_S * STEP_S)
        self.totals = Totals(estimate_for)

    def note(self, record: RequestRecord) -> None:
        """A request has ended."""
        if record.is_model_path and record.is_admitted:
            ended = self._ended
            ended.append(record)
            if len(ended) >= BATCH:
                self._count()

    def series_json(self) -> JsonObject:
        """The last hour, up to the step before this one."""
        return self._series.as_json()

    def totals_json(self) -> JsonObject:
        """Today, up to now."""
        self._count()
        return self.totals.as_json()

    def _count(self) -> None:
        ended, self._ended = self._ended, []
        self._series.note(ended)
        self.totals.note(ended)

    async def run(self, config: LedgerConfig, on_point: OnPoint, on_gap: Callable[[], None]) -> None:
        """Begin with what the ledger has of today, and end a step every few seconds.

        ``on_gap``: steps were left out after the last point, since the machine slept.
        """
        async with trio.open_nursery() as nursery:
            if config.enabled:
                nursery.start_soon(self._read_ledger, config)
            while True:
                ends_at = self._series.at + STEP_S
                await trio.sleep(max(0.0, ends_at - self._now()))
                running = list(self._telemetry.running.values())
                for start in range(0, len(running), RUNNING_A_TURN):
                    self._series.progress(running[start : start + RUNNING_A_TURN])
                    await trio.lowlevel.checkpoint()
                self._count()
                on_point(ends_at, self._series.step())
                if self._now() - ends_at > GAP_S and self._series.skip_to(self._now()):
                    on_gap()

    async def _read_ledger(self, config: LedgerConfig) -> None:
        try:
            read = partial(read_today, config, self._begun)
            self.totals.add(await trio.to_thread.run_sync(read, abandon_on_cancel=True))
        except (LedgerProblem, OSError) as error:
            log.info("today's totals begin at zero, since the ledger cannot be read: %s", quote(str(error), 300))
