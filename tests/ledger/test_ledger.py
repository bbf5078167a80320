"""The event loop's side: what is noted is written within a second, and all of it at the end."""

from __future__ import annotations

import gc
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest
import trio

from linx.config.shape import LedgerConfig
from linx.core.folders import state_file
from linx.ledger import ledger
from linx.ledger.ledger import Ledger, ledger_path
from tests.ledger.records import record, refused
from tests.waiting import within

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def count(path: Path) -> int:
    if not path.exists():
        return 0
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM requests").fetchone()[0])
    except sqlite3.OperationalError:
        return 0  # the file is being made
    finally:
        connection.close()


def made(path: Path, **more: object) -> Ledger:
    one = Ledger(lambda _asked: None, str)
    one.apply(LedgerConfig(path=str(path), **more))  # type: ignore[arg-type]  # keys of the config
    return one


def files_in(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


def damage(path: Path) -> None:
    path.write_text("no ledger" * 1000)


async def until(is_so: Callable[[], bool]) -> None:
    with within(2.0):
        while not is_so():
            await trio.sleep(0.01)


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ledger_path(LedgerConfig()) == state_file("ledger.db")
    assert ledger_path(LedgerConfig(path="~/money.db")) == tmp_path / "money.db"


async def test_it_is_written_soon_and_whole_at_the_end(path: Path) -> None:
    one = made(path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run)
        one.note(record())
        one.note(refused())
        one.note(refused(status=401, is_admitted=False))
        await until(lambda: count(path) == 2)
        one.note(record())
        nursery.cancel_scope.cancel()
    assert count(path) == 3
    assert files_in(path.parent) == ["ledger.db"]  # a clean end leaves nothing beside it


async def test_without_a_request_no_file_is_made(path: Path) -> None:
    one = made(path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run)
        await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert files_in(path.parent) == []


async def test_a_file_that_cannot_be_used_is_told_of_at_the_start(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ledger, "BATCH_S", 0.0)
    damage(path)
    one = made(path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run)
        await until(lambda: "is damaged" in caplog.text)
        nursery.cancel_scope.cancel()
    assert "is damaged" in str(one.status()["problem"])


async def test_disabled_it_keeps_nothing(path: Path) -> None:
    one = made(path, enabled=False)
    one.note(record())
    assert one.status() == {"enabled": False}
    with trio.move_on_after(0.01):
        await one.run()
    assert files_in(path.parent) == []


async def test_the_status_tells_what_waits(path: Path) -> None:
    one = made(path)
    one.note(record())
    assert one.status() == {
        "enabled": True,
        "path": str(path),
        "problem": None,
        "rows_waiting": 1,
        "rows_lost": 0,
    }


async def test_records_that_nobody_fetches_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MOST_WAITING", 5)
    one = made(path)
    for _ in range(7):
        one.note(record())
    assert (one.status()["rows_waiting"], one.status()["rows_lost"]) == (5, 2)


async def test_a_request_costs_next_to_nothing(path: Path) -> None:
    one, records = made(path), [record() for _ in range(5000)]
    gc.disable()
    try:
        start = time.process_time()
        for each in records:
            one.note(each)
        took_s = (time.process_time() - start) / len(records)
    finally:
        gc.enable()
    assert took_s < 10e-6, f"{took_s * 1e6:.1f} µs"


async def test_the_end_waits_for_the_thread_that_is_writing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads in one file of SQLite's would end the whole program."""
    monkeypatch.setattr(ledger, "BATCH_S", 0.0)
    is_writing = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def estimate_for(_asked: str) -> None:
        token.run_sync_soon(is_writing.set)
        time.sleep(0.2)

    one = Ledger(estimate_for, str)
    one.apply(LedgerConfig(path=str(path)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run)
        one.note(record())
        await is_writing.wait()
        nursery.cancel_scope.cancel()
    assert count(path) == 1
    assert files_in(path.parent) == [path.name]  # no journal beside it: it is closed
