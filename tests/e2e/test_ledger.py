"""The ledger of a real Linx: what stands in it, and that nothing which befalls its file harms an answer."""

from __future__ import annotations

import random
import resource
import sqlite3
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.config.shape import LedgerConfig
from linx.core import jsontext
from linx.core.folders import state_file
from linx.ledger.period import EVERYTHING
from linx.ledger.report import Style
from linx.ledger.usage import Asked, report
from tests.e2e.http_client import ask
from tests.e2e.linx_process import ROOT, LinxProcess, config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from linx.app import App

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
PATH = "/v1/chat/completions"


def config(path: Path, *fakes: FakeProvider, **more: Any) -> dict[str, Any]:
    return config_for(*fakes, ledger={"path": str(path)}, **more)


def rows_of(path: Path) -> list[dict[str, Any]]:
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute("SELECT * FROM requests ORDER BY id")]
    except sqlite3.DatabaseError:
        return []  # Linx has not begun it yet
    finally:
        connection.close()


def ledgers_in(folder: Path) -> list[bytes]:
    return [one.read_bytes() for one in folder.glob("ledger.db*")]


def usage(path: Path, by: str = "model") -> Any:
    """What the command answers, beside the Linx that may run."""
    asked = Asked(by, EVERYTHING, "json")
    return jsontext.loads(report(LedgerConfig(path=str(path)), asked, Style()).encode())


async def until(is_so: Callable[[], Any]) -> None:
    with trio.fail_after(HANG_S):
        while not is_so():
            await trio.sleep(0.02)


def port_of(app: App) -> int:
    return app.bound[0][1]


async def ledger_status(port: int) -> Any:
    return (await ask(port, "/v1/providers/status")).json["ledger"]


async def test_a_row_for_each_request_of_who_may_ask(tmp_path: Path) -> None:
    path = tmp_path / "state" / "ledger.db"
    key = {"authorization": "Bearer a-key-of-some-length"}
    async with FakeProvider("openai", ["m"]) as fake:
        async with LinxProcess(config(path, fake, server={"api_key": key["authorization"][7:]}), tmp_path) as linx:
            for body in (CHAT, {**CHAT, "stream": True}, {**CHAT, "model": "nobody"}, {**CHAT, "messages": 3}):
                await ask(linx.port, PATH, body, headers={**key, "user-agent": "Cursor/1.2"})
            assert (await ask(linx.port, PATH, CHAT)).status == 401
            assert (await ask(linx.port, "/v1/models", headers=key)).status == 200
    rows = rows_of(path)
    assert [(row["status"], row["outcome"]) for row in rows[:2]] == [(200, "ok")] * 2
    assert [row["status"] for row in rows[2:]] == [404, 400]
    assert {(row["key"], row["face"]) for row in rows} == {("key-1", "openai")}
    assert {row["client"].lower() for row in rows} == {"cursor"}
    assert [(row["prompt_tokens"], row["completion_tokens"], row["is_local"]) for row in rows[:2]] == [(9, 5, 1)] * 2


async def test_kill_9_loses_at_most_the_last_second(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with FakeProvider("openai", ["m"]) as fake:
        async with LinxProcess(config(path, fake), tmp_path) as linx:
            for _ in range(20):
                await ask(linx.port, PATH, CHAT)
            await trio.sleep(1.0)
            await ask(linx.port, PATH, CHAT)
            linx.process.kill()
            await linx.process.wait()
    assert 20 <= len(rows_of(path)) <= 21
    assert usage(path)["total"]["requests"] == len(rows_of(path))


async def test_the_sums_are_what_the_providers_counted(tmp_path: Path) -> None:
    """Traffic of every kind at once, through two Linx that share the file; in the end every token is accounted for."""
    path, dice = tmp_path / "ledger.db", random.Random(15)
    price = {"prompt": 3.0, "completion": 7.0}
    async with FakeProvider("openai", ["m"]) as home, FakeProvider("openai", ["m"]) as paid:
        sections = {"providers": {"paid": {"local": False, "price": price}}}
        counted = {"home": [0, 0, 0], "paid": [0, 0, 0]}
        for name, fake in (("home", home), ("paid", paid)):
            for _ in range(30):
                answer = Answer(tokens=["x"] * dice.randrange(1, 9), prompt_tokens=dice.randrange(1, 4000))
                fake.next(answer)
                for place, number in enumerate((1, answer.prompt_tokens, len(answer.tokens))):
                    counted[name][place] += number
        folders = [tmp_path / "one", tmp_path / "two"]
        for folder in folders:
            folder.mkdir()
        both = config(path, home, paid, names=("home", "paid"), **sections)
        async with LinxProcess(both, folders[0]) as one, LinxProcess(both, folders[1]) as two:

            async def some(port: int, name: str) -> None:
                for _ in range(15):
                    body = {**CHAT, "model": f"{name}/m", "stream": dice.random() < 0.5}
                    assert (await ask(port, PATH, body)).status == 200

            async with trio.open_nursery() as nursery:
                for linx in (one, two):
                    for name in counted:
                        nursery.start_soon(some, linx.port, name)
            await until(lambda: len(rows_of(path)) == 60)
            found = usage(path, "provider")
    by_name = {row["provider"]: row for row in found["rows"]}
    for name, (requests, prompt, completion) in counted.items():
        row = by_name[name]
        assert (row["requests"], row["prompt_tokens"], row["completion_tokens"]) == (requests, prompt, completion)
    _, prompt, completion = counted["paid"]
    assert found["total"]["cost_usd"] == pytest.approx((3 * prompt + 7 * completion) / 1e6, abs=1e-9)
    # What was answered at home was asked for by a name of its own, which nobody sells.
    assert (found["total"]["local_requests"], found["total"]["saved_usd"]) == (30, 0)


async def test_what_local_answers_saved(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    compare = {"path": str(path), "compare_to": {"prompt": 1_000_000, "completion": 0}}
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here({**config_for(fake), "ledger": compare}, tmp_path) as app:
            await ask(port_of(app), PATH, CHAT)
        assert usage(path)["total"]["saved_usd"] == 9.0


def damaged(path: Path) -> None:
    path.write_text("no ledger " * 1000)


def from_the_future(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE t (a); PRAGMA application_id = 1279872600; PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize(
    ("spoil", "said", "used"),
    [
        (damaged, "is damaged: it is kept as ledger.db.damaged-", "ledger.db"),
        (from_the_future, "is left alone, since a newer Linx wrote it", "ledger.v2.db"),
    ],
    ids=["damaged", "from the future"],
)
async def test_a_file_that_is_no_ledger(
    spoil: Callable[[Path], None], said: str, used: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ledger.db"
    spoil(path)
    before = path.read_bytes()
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config(path, fake), tmp_path) as app:
            assert (await ask(port_of(app), PATH, CHAT)).status == 200
            await until(lambda: path.with_name(used).exists() and rows_of(path.with_name(used)))
            status = await ledger_status(port_of(app))
    assert said in status["problem"]
    assert status["path"] == str(path.with_name(used))
    assert caplog.text.count(said) == 1
    assert before in ledgers_in(tmp_path)
    assert usage(path)["total"]["requests"] == 1


async def test_while_it_is_locked_rows_wait(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "ledger.db"
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config(path, fake), tmp_path) as app:
            await ask(port_of(app), PATH, CHAT)
            await until(lambda: path.exists() and rows_of(path))
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            assert (await ask(port_of(app), PATH, CHAT)).status == 200
            await until(lambda: "another program has locked it" in caplog.text)
            status = await ledger_status(port_of(app))
            assert (status["problem"], status["rows_waiting"]) == ("another program has locked it", 1)
            other.close()
    assert len(rows_of(path)) == 2


async def test_where_nothing_may_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A path below a file, which not even root can write to."""
    (tmp_path / "file").touch()
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config(tmp_path / "file" / "ledger.db", fake), tmp_path) as app:
            for _ in range(3):
                assert (await ask(port_of(app), PATH, CHAT)).status == 200
            await until(lambda: "cannot be written" in caplog.text)
            status = await ledger_status(port_of(app))
            assert (status["problem"], status["rows_waiting"]) == ("Not a directory", 3)
    log = caplog.text
    assert log.count("cannot be written") == 1
    assert "3 requests are not in the ledger" in log


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="the limit of another process is Linux's")
async def test_a_disk_that_is_full_for_a_while(tmp_path: Path) -> None:
    """No file of this Linx may grow beyond a few blocks, as on a disk that is full; then it may again."""
    path = tmp_path / "ledger.db"
    async with FakeProvider("openai", ["m"]) as fake:
        async with LinxProcess(config(path, fake), tmp_path) as linx:
            await ask(linx.port, PATH, CHAT)
            await until(lambda: path.exists() and rows_of(path))
            resource.prlimit(linx.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
            for _ in range(5):
                assert (await ask(linx.port, PATH, CHAT)).status == 200
            with trio.fail_after(HANG_S):
                while not (status := await ledger_status(linx.port))["problem"]:
                    await trio.sleep(0.05)
            assert status["rows_waiting"] == 5
            resource.prlimit(linx.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            await until(lambda: len(rows_of(path)) == 6)
            assert (await ledger_status(linx.port))["problem"] is None
            assert (await ask(linx.port, PATH, CHAT)).status == 200
    assert len(rows_of(path)) == 7


async def test_without_a_ledger(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here({**config_for(fake), "ledger": {"enabled": False}}, tmp_path) as app:
            assert (await ask(port_of(app), PATH, CHAT)).status == 200
            assert await ledger_status(port_of(app)) == {"enabled": False}
    assert not state_file("ledger.db").exists()
    command = [sys.executable, str(ROOT / "linx.py"), "usage", "--config", str(tmp_path / "config.json")]
    done = await trio.run_process(command, capture_stdout=True)
    assert b"ledger.enabled is false" in done.stdout
