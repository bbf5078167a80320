"""The event loop's side of the ledger: it collects records, and hands them to the writer's thread about once a second.

A request costs an append here. There is no thread of its own: the task ``run`` calls the writer in one of trio's
threads and waits for it, and a disk that hangs keeps Linx neither from answering nor from ending, since trio's threads
do not outlive the program. A thread that nobody waits for any more still keeps others out of the file until it is done.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import trio

from linx.core.folders import state_file
from linx.ledger.rows import belongs
from linx.ledger.writer import MOST_WAITING, Settings, Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.config.shape import LedgerConfig
    from linx.core.telemetry import RequestRecord
    from linx.ledger.rows import Correction, EstimateFor
    from linx.ledger.spending import Spent, Where

Result = TypeVar("Result")

LEDGER_FILE = "ledger.db"
BATCH_S = 0.9  # between a record and the write, for the records that follow
LAST_WRITE_S = 5.0


def ledger_path(config: LedgerConfig) -> Path:
    """The file of a config; a path of the config may begin with ``~``."""
    return state_file(LEDGER_FILE) if config.path is None else Path(config.path).expanduser()


class Ledger:
    """``apply`` each config, ``note`` each finished request, ``run`` until all requests have ended."""

    __slots__ = ("_clock", "_corrections", "_lost", "_one", "_records", "_settings", "_something", "_writer")

    def __init__(
        self, estimate_for: EstimateFor, clean: Callable[[str], str], clock: Callable[[], float] = time.time
    ) -> None:
        """``estimate_for`` and ``clean``, which takes secrets out of a name, are called in the writer's thread.

        ``clock`` is in seconds since 1970.
        """
        self._clock = clock
        self._settings: Settings | None = None  # None: the config wants no ledger
        self._records: list[RequestRecord] = []
        self._corrections: list[Correction] = []
        self._something = trio.Event()
        self._writer = Writer(estimate_for, clean)
        self._lost = 0
        self._one = trio.CapacityLimiter(1)  # threads in the writer; one that was abandoned counts until it is done

    def apply(self, config: LedgerConfig) -> None:
        settings = Settings(ledger_path(config), config.keep_days) if config.enabled else None
        if settings != self._settings:
            self._settings = settings
            if settings is not None and settings.path.exists():
                self._something.set()  # a file that cannot be used is told of at the start

    def note(self, record: RequestRecord) -> None:
        """A request has ended; nothing changes its record any more."""
        if self._settings is None or not belongs(record):
            return
        records = self._records
        if len(records) < MOST_WAITING:
            records.append(record)
        else:
            self._lost += 1
        if len(records) == 1:
            self._something.set()

    def status(self) -> dict[str, object]:
        """For the status page."""
        settings, writer = self._settings, self._writer
        if settings is None:
            return {"enabled": False}
        return {
            "enabled": True,
            "path": str(writer.path or settings.path),
            "problem": writer.problem or writer.notice or None,
            "rows_waiting": writer.waiting + len(self._records),
            "rows_lost": writer.lost + self._lost,
        }

    async def run(self) -> None:
        """Write about once a second what was noted, and at the end what is left."""
        wait_s: float | None = None
        try:
            while True:
                with trio.move_on_after(float("inf") if wait_s is None else wait_s):
                    await self._something.wait()
                await trio.sleep(BATCH_S)
                wait_s = await self._write()
        finally:
            with trio.move_on_after(LAST_WRITE_S, shield=True):
                await self._write(is_last=True)
                await self._in_thread(self._writer.close)

    def correct(self, correction: Correction) -> None:
        """What a request has cost was learnt after its end."""
        if self._settings is not None and belongs(correction.record):
            self._corrections.append(correction)
            self._something.set()

    @property
    def is_wanted(self) -> bool:
        return self._settings is not None

    async def spent(self, first_day: int) -> dict[Where, Spent] | None:
        """What was spent since ``first_day``, by the file, but for what this process has counted itself.

        None where the file cannot be read now, or where there is to be none.
        """
        settings = self._settings
        if settings is None:
            return None
        return await self._in_thread(
            partial(self._writer.spent, settings, first_day, trio.current_time(), self._clock())
        )

    async def _write(self, *, is_last: bool = False) -> float | None:
        self._something = trio.Event()
        records, self._records = self._records, []
        corrections, self._corrections = self._corrections, []
        settings = self._settings
        if settings is None or (is_last and not records and not corrections and not self._writer.waiting):
            return None
        self._writer.to_correct += corrections
        work = partial(self._writer.work, settings, records, trio.current_time(), self._clock(), is_last=is_last)
        return await self._in_thread(work)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await trio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._one)
