"""The ledger's file: opened, written, asked. The only place that names sqlite3.

Everything here waits for the disk, so a running Linx calls it in a thread. A file that is damaged is set aside, never
deleted; one that a newer Linx or another program wrote is left alone, and another file beside it is used. Every problem
is a LedgerProblem, whose text is for people.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from typing import TYPE_CHECKING, Any

from linx.ledger.rows import Row, SumKey, Sums, sums_of
from linx.ledger.schema import APPLICATION_ID, MIGRATIONS
from linx.ledger.spending import NOTHING, Spent, Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from linx.ledger.rows import Correction

BUSY_S = 2.0  # how long a write waits for another Linx that writes
_BESIDE = ("-wal", "-shm")  # what SQLite keeps beside a file
_WORDS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "it may not be written",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_BUSY: "another program has locked it",
    sqlite3.SQLITE_LOCKED: "another program has locked it",
    sqlite3.SQLITE_PERM: "it may not be opened",
    sqlite3.SQLITE_IOERR: "the disk fails",
}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_PLACES = ", ".join("?" * len(Row._fields))
_INSERT = f"INSERT INTO requests ({', '.join(Row._fields)}) VALUES ({_PLACES})"  # noqa: S608 - names of this house
_ADD = (
    f"INSERT INTO days ({', '.join(SumKey._fields + Sums._fields)}) "  # noqa: S608 - names of this house
    f"VALUES ({', '.join('?' * len(SumKey._fields + Sums._fields))}) "
    f"ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in Sums._fields)}"
)
_ESTIMATE = (
    f"INSERT INTO estimates ({', '.join(Where._fields + Spent._fields)}) VALUES (?, ?, ?, ?, ?) "  # noqa: S608 - names of this house
    f"ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in Spent._fields)}"
)
_FIND = """
SELECT id FROM requests WHERE day = ? AND started = ? AND key = ? AND model = ? AND provider = ? AND duration_ms = ?
    AND prompt_tokens IS NULL LIMIT 1"""
_CORRECT = "UPDATE requests SET prompt_tokens = ?, completion_tokens = ?, cost_usd = ? WHERE id = ?"
_CORRECT_DAY = (
    "UPDATE days SET prompt_tokens = prompt_tokens + ?, completion_tokens = completion_tokens + ?, "  # noqa: S608 - names of this house
    f"cost_usd = cost_usd + ? WHERE {' AND '.join(f'{name} = ?' for name in SumKey._fields)}"
)


class LedgerProblem(Exception):
    """The file cannot be used now."""


class Damaged(LedgerProblem):
    """What is in the file is no database any more."""


class Locked(LedgerProblem):
    """Another program holds the file."""


class NotOurs(LedgerProblem):
    """A newer Linx or another program wrote the file."""


class Database:
    """One open file. After a LedgerProblem it is to be closed: a new one may do better."""

    __slots__ = ("_connection", "_identity", "path")

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._identity = _identity(path)

    def is_in_place(self) -> bool:
        """Is the open file still the one at its path? It may have been deleted, or set aside by another Linx."""
        return self._identity == _identity(self.path)

    @property
    def identity(self) -> tuple[int, int] | None:
        """Tells the file from every other."""
        return self._identity

    def write(self, rows: Sequence[Row], estimates: Iterable[tuple[Where, Spent]] = ()) -> None:
        """Add the rows to both tables, and what else budgets have counted, all or none."""
        sums = [(*key, *added) for key, added in sums_of(rows).items()]
        with _said(), _transaction(self._connection):
            self._connection.executemany(_INSERT, rows)
            self._connection.executemany(_ADD, sums)
            self._connection.executemany(_ESTIMATE, [(*where, *spent) for where, spent in estimates])

    def correct(self, row: Row, correction: Correction) -> bool:
        """Put in what was not known when ``row`` was written. False where the file has no such row."""
        where, before, real = correction.where, correction.before, correction.real
        prompt, answer = correction.prompt_tokens, real.tokens - correction.prompt_tokens
        estimated = Spent(-before.usd, -before.tokens)
        with _said(), _transaction(self._connection):
            ask = self._connection.execute
            if not correction.is_of_row:
                estimated = estimated.plus(real)
            else:
                known = ask(_FIND, (row.day, row.started, row.key, row.model, row.provider, row.duration_ms)).fetchone()
                if known is None:
                    return False
                ask(_CORRECT, (prompt, answer, real.usd, known[0]))
                ask(_CORRECT_DAY, (prompt, answer, real.usd, *(getattr(row, name) for name in SumKey._fields)))
            if estimated != NOTHING:
                ask(_ESTIMATE, (*where, *estimated))
            return True

    def forget(self, before: int, most: int) -> int:
        """Delete at most so many rows of the days before ``before``; return how many there were."""
        with _said(), _transaction(self._connection):
            found = self._connection.execute(
                "DELETE FROM requests WHERE id IN (SELECT id FROM requests WHERE day < ? LIMIT ?)", (before, most)
            )
            for table in ("days", "estimates"):
                self._connection.execute(f"DELETE FROM {table} WHERE day < ?", (before,))  # noqa: S608 - names of this house
            return found.rowcount

    def ask(self, question: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        with _said():
            return self._connection.execute(question, values).fetchall()

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()


def open_for_writing(path: Path) -> tuple[Database, str]:
    """The ledger at ``path``, made or brought up to date, and what is to be told about it ("" for nothing)."""
    try:
        return _open_or_set_aside(path)
    except NotOurs as error:
        beside = path_beside(path)
        database, _notice = _open_or_set_aside(beside)
        return database, f"{path} is left alone, since {error}; {beside.name} beside it is used"


def open_for_reading(path: Path) -> Database:
    """The ledger at ``path``, or the one beside it, which is not changed. Raises FileNotFoundError where none is."""
    try:
        return _open_to_read(path)
    except NotOurs:
        return _open_to_read(path_beside(path))


LOOK_S = 0.5  # that a look at the file waits for another Linx that writes
CHECKED_BYTES = 64 << 20  # so large a file is read whole in well under a second


def look_at(path: Path) -> None:
    """Can a Linx write to the file at ``path``? Nothing is changed. Raises LedgerProblem, or FileNotFoundError."""
    _open_to_read(path).close()
    with _said():
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", timeout=LOOK_S, uri=True)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
            if os.stat(path).st_size <= CHECKED_BYTES:
                found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
                if found != "ok":
                    raise Damaged("it is damaged")
        finally:
            connection.close()


def path_beside(path: Path) -> Path:
    """The path that this version of Linx uses where the file at ``path`` is not its own."""
    return path.with_name(f"{path.stem}.v{len(MIGRATIONS)}{path.suffix}")


# --- opening --------------------------------------------------------------------------


def _open_or_set_aside(path: Path) -> tuple[Database, str]:
    before = _identity(path)
    try:
        return _open(path), ""
    except Damaged:
        if _identity(path) != before:
            return _open(path), ""  # another Linx has set it aside
        notice = set_aside(path)
        return _open(path), notice


def set_aside(path: Path) -> str:
    """Rename a damaged file, and what SQLite keeps beside it, to a name that nothing has yet; say so."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = [f"{path.name}.damaged-{stamp}{more}" for more in ("", *(f"-{number}" for number in range(2, 100)))]
    aside = next((path.with_name(name) for name in names if not path.with_name(name).exists()), None)
    if aside is None:
        raise LedgerProblem("it is damaged, and too many damaged ones are kept beside it")
    try:
        path.rename(aside)
        for suffix in _BESIDE:
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    except OSError as error:
        raise LedgerProblem(f"it is damaged and cannot be set aside: {error.strerror or error}") from None
    return f"{path} is damaged: it is kept as {aside.name}, and a new ledger is begun"


def _open(path: Path) -> Database:
    try:
        with contextlib.suppress(FileExistsError):  # where it is no folder, the file below it tells
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))  # its owner's alone
    except OSError as error:
        raise LedgerProblem(error.strerror or str(error)) from None
    with _said():
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            # As in a file of a newer Linx nothing is changed, this is asked before anything is set.
            _migrate(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
    return Database(path, connection)


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to this version, whatever another Linx does meanwhile."""
    if _looked_at(connection) == len(MIGRATIONS):
        return
    connection.execute("PRAGMA journal_mode = WAL")
    with _transaction(connection):
        for statements in MIGRATIONS[_version(connection) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _looked_at(connection: sqlite3.Connection) -> int:
    """The version, at one moment: another Linx may be making the tables now. Raises NotOurs."""
    with _transaction(connection, "DEFERRED"):
        return _version(connection)


def _version(connection: sqlite3.Connection) -> int:
    """The version of the tables in the file, 0 for an empty file. Raises NotOurs."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != APPLICATION_ID and (tables or version):
        raise NotOurs("another program wrote it")
    if version > len(MIGRATIONS):
        raise NotOurs("a newer Linx wrote it")
    return version


def _open_to_read(path: Path) -> Database:
    os.stat(path)  # FileNotFoundError
    uri = path.absolute().as_uri()
    with _said():
        try:
            connection = sqlite3.connect(f"{uri}?mode=ro", timeout=BUSY_S, uri=True)
            version = _looked_at(connection)
        except sqlite3.OperationalError as error:
            # In a folder where nothing may be written SQLite reads such a file only if told that nobody writes to it.
            if _code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                raise
            connection = sqlite3.connect(f"{uri}?mode=ro&immutable=1", uri=True)
            version = _looked_at(connection)
    if version < len(MIGRATIONS):
        connection.close()
        raise LedgerProblem("it is empty, or of an older version: the next Linx that writes to it brings it up to date")
    return Database(path, connection)


# --- helpers --------------------------------------------------------------------------


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, kind: str = "IMMEDIATE") -> Any:
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def _said() -> Any:
    """An error of sqlite3 in words for people."""
    try:
        yield
    except sqlite3.Error as error:
        code = _code(error)
        if code in _DAMAGED:
            raise Damaged("it is damaged") from None
        kind = Locked if code in _LOCKED else LedgerProblem
        raise kind(_WORDS.get(code, str(error))) from None


def _code(error: sqlite3.Error) -> int:
    """SQLite's number of the error, without the details that it has in further bits."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
