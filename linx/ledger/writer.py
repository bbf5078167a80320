"""What the thread beside the event loop does: write the rows that wait, wait out a problem, delete what is too old.

Rule: nothing here raises for a problem with the file, since no request may suffer from one. Rows wait in memory, up to
MOST_WAITING; a problem is told once, and its end too. One thread at a time calls ``work``.
"""

from __future__ import annotations

import contextlib
import logging
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from linx.core.errors import quote
from linx.ledger.rows import counted_of, row_of
from linx.ledger.spending import NOTHING, Spent, Where, day_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from linx.core.telemetry import RequestRecord
    from linx.ledger.database import Database
    from linx.ledger.rows import Correction, Estimate, EstimateFor, Row

MOST_WAITING = 10_000  # rows in memory; each has about a kilobyte
RETRY_S, LONGEST_RETRY_S = 1.0, 30.0  # after a problem, doubling
FORGET_EVERY_S = 3600.0
FORGET_AT_A_TIME = 1000  # rows deleted between two batches, which takes about 10 ms
DAY_S = 86400.0
CLEANED_NAMES = 1024  # names of models in which secrets have been looked for

log = logging.getLogger("linx.ledger")


class Settings(NamedTuple):
    """Where rows are written, and for how many days they are kept."""

    path: Path
    keep_days: int


class Writer:
    """The rows that wait, and the file while it is open. The event loop only reads ``problem`` and the numbers."""

    __slots__ = (
        *(
            "_clean",
            "_counted",
            "_counted_in",
            "_database",
            "_estimate_for",
            "_forget_at",
            "_notice",
            "_pause_s",
            "_retry_at",
            "_settings",
            "_uncounted",
            "_waiting",
        ),
        *("lost", "problem", "to_correct"),
    )

    def __init__(self, estimate_for: EstimateFor, clean: Callable[[str], str]) -> None:
        self._estimate_for = estimate_for
        self._clean = lru_cache(CLEANED_NAMES)(clean)
        self.problem = ""
        self.lost = 0  # rows for which there was no room while they waited
        self.to_correct: list[Correction] = []
        """What has become known of rows that were written before."""
        self._notice = ""
        self._waiting: list[Row] = []
        self._uncounted: list[tuple[Where, Spent, bool]] = []  # what budgets have counted for the rows that wait
        self._counted: dict[Where, Spent] = {}  # ... and for those that this Linx has written into the present file
        self._counted_in: tuple[int, int] | None = None
        self._settings: Settings | None = None
        self._database: Database | None = None
        self._retry_at = 0.0
        self._pause_s = RETRY_S
        self._forget_at = 0.0

    @property
    def notice(self) -> str:
        """What is to be known of the file although it can be written: that another was damaged, or is left alone."""
        return self._notice

    @property
    def path(self) -> Path | None:
        """The file that is written; it may be another than the configured one."""
        database, settings = self._database, self._settings
        return database.path if database is not None else settings.path if settings is not None else None

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def work(
        self,
        settings: Settings,
        records: Sequence[RequestRecord],
        clock: float,
        now: float,
        *,
        is_last: bool = False,
    ) -> float | None:
        """Write what waits; return the seconds after which there is more to do without new records, None for nothing.

        ``clock`` only runs forward; ``now`` is in seconds since 1970. The last call does not wait for a pause to end.
        """
        self._take(records)
        if settings != self._settings:
            self._change(settings)
        elif clock < self._retry_at and not is_last:
            return self._retry_at - clock
        # Imported here, in the thread, since it loads sqlite3, for which no start has to wait.
        from linx.ledger.database import Damaged, LedgerProblem

        try:
            try:
                more_s = self._write(settings, clock, now)
            except Damaged:
                self._set_aside()
                more_s = self._write(settings, clock, now)
        except LedgerProblem as error:
            self._close()
            self._fail(str(error), clock)
            return self._retry_at - clock
        self._succeed()
        return more_s

    def close(self) -> None:
        """At the end, or before another file: SQLite moves what it kept beside the file into it."""
        if self._waiting:
            log.warning("%d requests are not in the ledger: %s", len(self._waiting), quote(self.problem, 300))
            self._waiting, self._uncounted = [], []
        self._close()

    def spent(self, settings: Settings, first_day: int, clock: float, now: float) -> dict[Where, Spent] | None:
        """What stands in the file since ``first_day``, without what this process has counted itself.

        None where the file cannot be read now.
        """
        from linx.ledger.database import LedgerProblem, open_for_reading
        from linx.ledger.questions import spent_since

        try:
            if not settings.path.exists():
                return {}
            self.work(settings, (), clock, now)  # brings the file up to date, or sets it aside
            with contextlib.closing(open_for_reading(settings.path)) as database:
                found = spent_since(database, first_day)
                if database.identity != self._counted_in:
                    return found
        except (LedgerProblem, OSError):
            return None
        for where, own in self._counted.items():
            if where in found:
                usd, tokens = found[where]
                found[where] = Spent(max(0.0, usd - own.usd), max(0, tokens - own.tokens))
        return found

    def _take(self, records: Sequence[RequestRecord]) -> None:
        room = MOST_WAITING - len(self._waiting)
        self.lost += max(0, len(records) - room)
        estimates: dict[str, Estimate | None] = {}
        for record in records[:room]:
            if record.usage is not None and record.model not in estimates:
                estimates[record.model] = self._estimate_for(record.model)
            self._waiting.append(row_of(record, estimates.get(record.model), self._clean))
            self._uncounted.extend(counted_of(record))

    def _change(self, settings: Settings) -> None:
        """Write to another file from now on, at once, or keep rows for another time."""
        if self._settings is None or settings.path != self._settings.path:
            self._close()
            self._notice = ""
        self._settings = settings
        self._retry_at, self._pause_s, self._forget_at = 0.0, RETRY_S, 0.0

    def _write(self, settings: Settings, clock: float, now: float) -> float | None:
        from linx.ledger.database import open_for_writing

        if self._database is not None and not self._database.is_in_place():
            self._close()
        if self._database is None:
            self._database, notice = open_for_writing(settings.path)
            if notice:
                self._tell(notice)
        if self._waiting:
            estimates = [(where, spent) for where, spent, is_reported in self._uncounted if not is_reported]
            self._database.write(self._waiting, estimates)
            self._written(self._database)
        while self.to_correct:
            self._correct(self._database, self.to_correct[0])
            del self.to_correct[0]
        if clock >= self._forget_at:
            before = day_of(now - settings.keep_days * DAY_S)
            if self._database.forget(before, FORGET_AT_A_TIME) >= FORGET_AT_A_TIME:
                return 0.0
            self._forget_at = clock + FORGET_EVERY_S
        return self._forget_at - clock

    def _written(self, database: Database) -> None:
        if database.identity != self._counted_in:
            self._counted_in = database.identity
            self._counted.clear()
        for where, spent, _is_reported in self._uncounted:
            self._counted[where] = self._counted.get(where, NOTHING).plus(spent)
        self._waiting, self._uncounted = [], []

    def _correct(self, database: Database, one: Correction) -> None:
        is_done = database.correct(row_of(one.record, None, self._clean), one)
        if is_done and one.is_counted and database.identity == self._counted_in:
            own = self._counted.get(one.where, NOTHING)
            usd, tokens = one.real.usd - one.before.usd, one.real.tokens - one.before.tokens
            self._counted[one.where] = own.plus(Spent(usd, tokens))

    def _set_aside(self) -> None:
        """Damage may show only where a row is written, long after the file was opened."""
        from linx.ledger.database import set_aside

        damaged = self._database
        self._close()
        if damaged is not None and damaged.is_in_place():
            self._tell(set_aside(damaged.path))

    def _tell(self, notice: str) -> None:
        self._notice = notice
        log.warning("the ledger %s", quote(notice, 600))

    def _fail(self, problem: str, clock: float) -> None:
        if problem != self.problem:
            log.warning(
                "the ledger %s cannot be written: %s; requests are answered all the same, and up to %d rows wait",
                *(quote(str(self.path), 300), quote(problem, 300), MOST_WAITING),
            )
        self.problem = problem
        self._retry_at = clock + self._pause_s
        self._pause_s = min(LONGEST_RETRY_S, self._pause_s * 2)

    def _succeed(self) -> None:
        if self.problem:
            lost = f"; {self.lost} requests are missing" if self.lost else ""
            log.warning("the ledger %s is written again%s", quote(str(self.path), 300), lost)
        self.problem = ""
        self._retry_at, self._pause_s = 0.0, RETRY_S

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
