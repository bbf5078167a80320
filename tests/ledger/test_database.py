"""The file of the ledger: made, shared, and in every state in which a file can be found."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from typing import TYPE_CHECKING

import pytest

from linx.ledger import database
from linx.ledger.database import (
    Damaged,
    LedgerProblem,
    Locked,
    NotOurs,
    look_at,
    open_for_reading,
    open_for_writing,
    path_beside,
)
from linx.ledger.questions import spent_since
from linx.ledger.rows import Correction, row_of
from linx.ledger.schema import APPLICATION_ID, MIGRATIONS
from linx.ledger.spending import Spent, Where
from tests.ledger.records import DAY_S, NOON, record, row

if TYPE_CHECKING:
    from pathlib import Path

COUNT = "SELECT count(*) FROM requests"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.db"


def count(path: Path) -> int:
    reader = open_for_reading(path)
    try:
        return int(reader.ask(COUNT, {})[0][0])
    finally:
        reader.close()


def write(path: Path, *rows: object) -> str:
    """Write rows as a Linx that starts and ends; what it would tell."""
    writer, notice = open_for_writing(path)
    writer.write(list(rows) or [row()])  # type: ignore[arg-type]  # all are rows
    writer.close()
    return notice


def test_it_is_made_with_its_folder_for_its_owner_alone(path: Path) -> None:
    assert write(path) == ""
    assert count(path) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_it_is_written_in_the_mode_in_which_readers_do_not_wait(path: Path) -> None:
    writer, _ = open_for_writing(path)
    assert writer.ask("PRAGMA journal_mode", {}) == [("wal",)]
    assert writer.ask("PRAGMA synchronous", {}) == [(1,)]
    writer.close()


def test_the_sums_of_the_days_are_those_of_the_rows(path: Path) -> None:
    for _ in range(3):
        write(path, row(), row(NOON + DAY_S, is_local=False), row(outcome="timeout"))
    reader = open_for_reading(path)
    of_days = "SELECT sum(requests), sum(failed), sum(prompt_tokens), sum(completion_tokens), sum(cost_usd) FROM days"
    of_rows = (
        "SELECT count(*), sum(outcome = 'timeout'), sum(prompt_tokens), sum(completion_tokens), sum(cost_usd) "
        "FROM requests"
    )
    assert reader.ask(of_days, {}) == reader.ask(of_rows, {})
    assert reader.ask("SELECT count(*) FROM days", {}) == [(2,)]
    reader.close()


def test_a_batch_is_written_whole_or_not_at_all(path: Path) -> None:
    writer, _ = open_for_writing(path)
    with pytest.raises(LedgerProblem):
        writer.write([row(), row()._replace(model=None)])  # type: ignore[arg-type]  # what no row can be
    assert writer.ask(COUNT, {}) == [(0,)]
    writer.write([row()])
    assert writer.ask(COUNT, {}) == [(1,)]
    writer.close()


def test_two_share_the_file(path: Path) -> None:
    (one, _), (other, _) = open_for_writing(path), open_for_writing(path)
    for _ in range(3):
        one.write([row()])
        other.write([row(), row()])
    one.close()
    other.close()
    assert count(path) == 9
    reader = open_for_reading(path)
    assert reader.ask("SELECT sum(requests) FROM days", {}) == [(9,)]
    reader.close()


def test_a_file_that_another_linx_is_making_is_no_strangers(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.0)
    path.parent.mkdir()
    connection = sqlite3.connect(path, isolation_level=None)

    def meanwhile(statement: str) -> None:
        """Another Linx makes the tables, if it may, when all but them has been looked at."""
        if "sqlite_master" in statement:
            with contextlib.suppress(LedgerProblem):
                open_for_writing(path)[0].close()

    connection.set_trace_callback(meanwhile)
    assert database._looked_at(connection) == 0
    connection.close()


def test_a_lock_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.0)
    write(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writer, _ = open_for_writing(path)
    with pytest.raises(LedgerProblem, match="another program has locked it"):
        writer.write([row()])
    writer.close()
    assert count(path) == 1  # who reads does not wait
    other.close()


@pytest.mark.parametrize("damage", ["text", "head", "pages"])
def test_a_damaged_file_is_set_aside_with_its_bytes(damage: str, path: Path) -> None:
    write(path, *[row()] * 200)
    whole = path.read_bytes()
    if damage == "text":
        path.write_bytes(b"this was a ledger once\n" * 100)
    elif damage == "head":
        path.write_bytes(b"\0" * 100 + whole[100:])
    else:
        path.write_bytes(whole[:200] + b"\xff" * (len(whole) - 200))
    damaged = path.read_bytes()
    notice = write(path)
    assert "is damaged: it is kept as ledger.db.damaged-" in notice
    assert count(path) == 1
    (kept,) = [one for one in path.parent.iterdir() if ".damaged-" in one.name]
    assert kept.read_bytes() == damaged


def test_several_damaged_files_are_all_kept(path: Path) -> None:
    for text in ("one", "two", "three"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text * 1000)
        write(path)
        path.unlink()
    assert len([one for one in path.parent.iterdir() if ".damaged-" in one.name]) == 3


def test_damage_behind_the_head_shows_when_it_is_written(path: Path) -> None:
    write(path, *[row()] * 500)
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    writer, notice = open_for_writing(path)
    assert notice == ""
    with pytest.raises(Damaged):
        writer.write([row()])
    writer.close()


@pytest.mark.parametrize("version", [len(MIGRATIONS) + 1, 999])
def test_a_file_of_a_newer_linx_is_left_alone(version: int, path: Path) -> None:
    write(path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    before = path.read_bytes()
    assert f"is left alone, since a newer Linx wrote it; {path_beside(path).name} beside it is used" in write(path)
    write(path)
    assert path.read_bytes() == before
    assert count(path) == 2
    assert path_beside(path).exists()


def test_the_database_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    before = path.read_bytes()
    assert "another program wrote it" in write(path)
    assert path.read_bytes() == before
    with pytest.raises(NotOurs):
        database._open(path)


def test_an_older_file_is_brought_up_to_date_and_keeps_its_rows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path)
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, ("ALTER TABLE requests ADD COLUMN colour TEXT",)))
    with pytest.raises(LedgerProblem, match="of an older version"):
        open_for_reading(path)
    assert write(path) == ""
    assert count(path) == 2
    reader = open_for_reading(path)
    assert reader.ask("PRAGMA user_version", {}) == [(len(MIGRATIONS) + 1,)]
    assert reader.ask("SELECT colour FROM requests", {}) == [(None,), (None,)]
    reader.close()


def test_a_step_that_fails_leaves_the_old_version(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path)
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", (*MIGRATIONS, ("ALTER TABLE days ADD COLUMN a TEXT", "NONSENSE")))
        with pytest.raises(LedgerProblem, match="NONSENSE"):
            open_for_writing(path)
    assert write(path) == ""
    assert count(path) == 2


def test_an_empty_file_becomes_a_ledger(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    assert write(path) == ""
    reader = open_for_reading(path)
    assert reader.ask("PRAGMA application_id", {}) == [(APPLICATION_ID,)]
    reader.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(path: Path) -> None:
    path.parent.mkdir(mode=0o500)
    with pytest.raises(LedgerProblem, match="Permission denied"):
        open_for_writing(path)


def test_where_there_can_be_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerProblem, match=r"Not a directory|File exists"):
        open_for_writing(tmp_path / "file" / "ledger.db")
    with pytest.raises(LedgerProblem):
        open_for_writing(tmp_path)  # a folder itself


def test_a_file_that_is_gone_or_replaced_is_noticed(path: Path) -> None:
    writer, _ = open_for_writing(path)
    assert writer.is_in_place()
    path.rename(path.with_name("moved"))
    assert not writer.is_in_place()
    path.touch()
    assert not writer.is_in_place()
    writer.close()


def test_old_rows_go_in_small_steps(path: Path) -> None:
    writer, _ = open_for_writing(path)
    writer.write([row(NOON - DAY_S)] * 25 + [row()] * 5)
    assert [writer.forget(20260131, 10) for _ in range(4)] == [10, 10, 5, 0]
    assert writer.ask(COUNT, {}) == [(5,)]
    assert writer.ask("SELECT day, requests FROM days", {}) == [(20260131, 5)]
    writer.close()


def test_reading_makes_no_file(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_for_reading(path)
    assert not path.parent.exists()


def test_what_is_in_the_log_beside_the_file_is_read(path: Path) -> None:
    """As after a Linx that was killed: nothing has moved the last rows into the file itself."""
    writer, _ = open_for_writing(path)
    writer.write([row()])
    assert path.with_name("ledger.db-wal").stat().st_size > 0
    assert count(path) == 1
    writer.close()


def ask_all(path: Path, question: str) -> list[tuple[object, ...]]:
    reader = open_for_reading(path)
    try:
        return reader.ask(question, {})
    finally:
        reader.close()


SPENT = "SELECT sum(prompt_tokens), sum(completion_tokens), round(sum(cost_usd), 6) FROM "


def test_what_a_request_has_cost_is_put_in_later(path: Path) -> None:
    request = record(is_local=False, outcome="cancelled", cost_usd=None)
    request.usage = None
    where = Where(20260131, "paid", "-")
    one = Correction(request, where, Spent(0.1, 40), Spent(0.25, 42), 30, is_of_row=True, is_counted=True)
    writer, _ = open_for_writing(path)
    cut = row_of(request, None, str)
    writer.write([row(is_local=False), cut], [(where, Spent(0.1, 40))])
    assert writer.correct(cut, one)
    assert not writer.correct(cut, one)  # once only
    writer.close()
    assert ask_all(path, SPENT + "requests") == ask_all(path, SPENT + "days") == [(1030, 212, 0.75)]
    assert ask_all(path, "SELECT round(usd, 6), tokens FROM estimates") == [(0.0, 0)]


def test_of_the_loser_of_a_race_only_the_estimate_is_corrected(path: Path) -> None:
    where = Where(20260131, "other", "-")
    one = Correction(record(), where, Spent(0.1, 40), Spent(0.25, 42), 30, is_of_row=False, is_counted=True)
    writer, _ = open_for_writing(path)
    writer.write([row()], [(where, Spent(0.1, 40))])
    assert writer.correct(row(), one)
    writer.close()
    assert ask_all(path, SPENT + "requests") == [(1000, 200, 0.0)]
    assert ask_all(path, "SELECT round(usd, 6), tokens FROM estimates") == [(0.25, 42)]


def test_what_budgets_have_counted_beside_the_rows(path: Path) -> None:
    where = Where(20260131, "paid", "alice")
    write(path, row())
    writer, _ = open_for_writing(path)
    writer.write([row()], [(where, Spent(0.1, 40)), (where, Spent(0.2, 2))])
    found = spent_since(writer, 20260131)
    assert found.pop(Where(20260131, "ollama", "-")) == Spent(0, 2400)
    assert (list(found), round(found[where].usd, 6), found[where].tokens) == ([where], 0.3, 42)
    assert spent_since(writer, 20260201) == {}
    writer.forget(20260201, 100)
    assert spent_since(writer, 0) == {}
    writer.close()


def test_a_look_changes_nothing_and_says_why_a_linx_could_not_write(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOOK_S", 0.02)
    with pytest.raises(FileNotFoundError):
        look_at(path)
    opened, _notice = open_for_writing(path)
    opened.close()
    before = path.read_bytes()
    look_at(path)
    assert path.read_bytes() == before
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Locked):
            look_at(path)
        other.execute("ROLLBACK")
    path.write_bytes(before[:4096] + b"\xff" * (len(before) - 4096))
    with pytest.raises(Damaged):
        look_at(path)
