"""The writer: batches, problems with the file that pass or do not, and rows that are too old."""

from __future__ import annotations

import logging
import sqlite3
from typing import TYPE_CHECKING

import pytest

from linx.core.redaction import Redactor
from linx.ledger import database, writer
from linx.ledger.writer import FORGET_EVERY_S, LONGEST_RETRY_S, Settings, Writer
from tests.ledger.records import DAY_S, NOON, record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from linx.core.chat import Usage
    from linx.ledger.rows import Estimate


class Bench:
    """A writer, its settings, and the clock that it is told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings = Settings(path, 400)
        self.clock = 1000.0
        self.asked: list[str] = []
        self.redactor = Redactor()
        self.writer = Writer(self._estimate_for, self.redactor.clean)

    def _estimate_for(self, asked: str) -> Estimate | None:
        self.asked.append(asked)
        return _one_dollar

    def work(self, number: int = 1, *, is_last: bool = False) -> float | None:
        records = [record() for _ in range(number)]
        return self.writer.work(self.settings, records, self.clock, NOON, is_last=is_last)

    def count(self, table: str = "requests") -> int:
        connection = sqlite3.connect(self.path)
        try:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - tables of this test
        finally:
            connection.close()


def _one_dollar(_usage: Usage) -> float:
    return 1.0


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "state" / "ledger.db")
    yield made
    made.writer.close()


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.0)


def test_a_batch_is_written_and_its_price_looked_up_once(bench: Bench) -> None:
    assert bench.work(3) == FORGET_EVERY_S
    assert bench.count() == 3
    assert bench.asked == ["gpt-4o"]
    assert (bench.writer.problem, bench.writer.waiting, bench.writer.lost) == ("", 0, 0)


@pytest.mark.usefixtures("_impatient")
def test_while_it_is_locked_rows_wait_and_it_is_told_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.work()
    other = sqlite3.connect(bench.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    pauses = []
    for _ in range(8):
        pause = bench.work()
        assert pause is not None
        pauses.append(pause)
        bench.clock += pause
    assert pauses == [1, 2, 4, 8, 16, LONGEST_RETRY_S, LONGEST_RETRY_S, LONGEST_RETRY_S]
    assert bench.writer.waiting == 8
    assert bench.writer.problem == "another program has locked it"
    other.execute("ROLLBACK")
    other.close()
    bench.work()
    assert bench.count() == 10
    said = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert len(said) == 2
    assert "cannot be written: another program has locked it; requests are answered all the same" in said[0]
    assert "is written again" in said[1]


@pytest.mark.usefixtures("_impatient")
def test_a_pause_is_waited_out_but_not_at_the_end(bench: Bench) -> None:
    bench.work()
    other = sqlite3.connect(bench.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert bench.work() == 1.0
    other.close()
    bench.clock += 0.5
    assert bench.work() == 0.5
    assert bench.count() == 1
    bench.work(is_last=True)
    assert bench.count() == 4


def test_only_so_many_rows_wait(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer, "MOST_WAITING", 5)
    (tmp_path / "state").touch()  # a file where the folder should be
    bench.work(3)
    bench.work(4)
    assert (bench.writer.waiting, bench.writer.lost) == (5, 2)
    (tmp_path / "state").unlink()
    bench.clock += 60
    bench.work(0)
    assert bench.count() == 5
    assert "is written again; 2 requests are missing" in caplog.text


def test_what_is_never_written_is_told_at_the_end(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").touch()
    bench.work(3)
    bench.writer.close()
    assert "3 requests are not in the ledger" in caplog.text


def test_damage_that_shows_later_loses_no_row(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.work(500)
    bench.writer.close()
    whole = bench.path.read_bytes()
    bench.path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    bench.work()
    assert bench.count() == 1
    assert bench.writer.problem == ""
    assert "is damaged: it is kept as ledger.db.damaged-" in caplog.text
    assert "is damaged" in bench.writer.notice


def test_a_file_that_was_deleted_is_begun_anew(bench: Bench) -> None:
    bench.work()
    for one in bench.path.parent.iterdir():
        one.unlink()
    bench.work()
    assert bench.count() == 1


def test_another_path_takes_over(bench: Bench, tmp_path: Path) -> None:
    bench.work()
    bench.settings = Settings(tmp_path / "other.db", 400)
    bench.work(2)
    assert bench.writer.path == tmp_path / "other.db"
    assert bench.count() == 1
    bench.path = tmp_path / "other.db"
    assert bench.count() == 2


def test_old_rows_go_a_few_at_a_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "FORGET_AT_A_TIME", 10)
    old = [record(NOON - 3 * DAY_S) for _ in range(25)]
    bench.writer.work(bench.settings, old, bench.clock, NOON)
    bench.work(5)
    bench.settings = Settings(bench.path, 2)
    left = []
    for _ in range(3):
        pause = bench.work(0)
        left.append((pause, bench.count()))
    assert left == [(0.0, 20), (0.0, 10), (FORGET_EVERY_S, 5)]
    assert bench.count("days") == 1


def test_days_that_are_kept_stay(bench: Bench) -> None:
    bench.settings = Settings(bench.path, 2)
    records = [record(NOON - days * DAY_S) for days in range(5)]
    bench.writer.work(bench.settings, records, bench.clock, NOON)
    bench.clock += FORGET_EVERY_S
    bench.work(0)
    assert bench.count() == 3  # today, and two whole days


def test_a_key_in_the_place_of_a_model_is_not_kept(bench: Bench) -> None:
    bench.redactor.add("the-key-of-this-linx")
    known, shaped = "the-key-of-this-linx", "sk-or-v1-0123456789abcdef0123456789abcdef"
    records = [record(model=name, served_model=name) for name in (known, shaped)]
    bench.writer.work(bench.settings, records, bench.clock, NOON)
    bench.writer.close()
    data = bench.path.read_bytes()
    assert b"qwen3" not in data
    assert known.encode() not in data
    assert shaped.encode() not in data
