"""Linx as a user starts it: the ready line, exit codes, reload, and the end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core import jsontext
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import ROOT, LinxProcess, config_for
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from pathlib import Path

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


async def run_to_end(*args: str, cwd: Path) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a Linx that ends by itself."""
    with trio.fail_after(HANG_S):
        done = await trio.run_process(
            [sys.executable, str(ROOT / "linx.py"), *args],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            cwd=cwd,
        )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


async def test_it_starts_without_any_provider_and_finds_one_later(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.down()
        async with LinxProcess(config_for(fake), tmp_path) as linx:
            answer = await ask(linx.port, "/v1/chat/completions", {**CHAT, "model": "openai1/m"})
            assert answer.status == 502
            assert "openai1" in answer.json["error"]["message"]
            await fake.up()
            with trio.fail_after(HANG_S):
                while not (await ask(linx.port, "/v1/models")).json["data"]:
                    await trio.sleep(0.5)
            assert (await ask(linx.port, "/v1/chat/completions", CHAT)).status == 200


async def test_a_taken_port_is_exit_code_1_and_says_what_to_try(tmp_path: Path) -> None:
    async with FakeProvider("openai") as fake:
        async with LinxProcess(config_for(fake), tmp_path) as linx:
            code, out, err = await run_to_end("--config", str(linx.path), "--port", str(linx.port), cwd=tmp_path)
    assert (code, out) == (1, "")
    assert str(linx.port) in err
    assert "--port" in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"ollama": {"enpoint": "http://x"}}, ["config.json", "ollama.enpoint", "endpoint"]),
        ({"server": {"port": "8080"}}, ["config.json", "server.port"]),
    ],
)
async def test_a_bad_config_is_exit_code_2_and_one_line(config: Any, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(jsontext.dumps(config))
    code, out, err = await run_to_end(cwd=tmp_path)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert all(word in err for word in words), err


async def test_its_own_address_as_a_provider_is_refused(tmp_path: Path) -> None:
    async with FakeProvider("openai") as fake:
        port = fake.port
    config = config_for(
        server={"port": port}, providers={"loop": {"kind": "openai", "endpoint": f"http://localhost:{port}"}}
    )
    (tmp_path / "config.json").write_bytes(jsontext.dumps(config))
    code, _out, err = await run_to_end(cwd=tmp_path)
    assert code == 2
    assert "providers.loop.endpoint" in err


async def test_a_reload_takes_over_whole_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        async with LinxProcess(config_for(fake), tmp_path) as linx:
            config = config_for(fake, providers={"openai1": {"model_mappings": {"gpt-4o": "m"}}})
            linx.path.write_bytes(jsontext.dumps(config))
            with trio.fail_after(HANG_S):
                while "gpt-4o" not in {one["id"] for one in (await ask(linx.port, "/v1/models")).json["data"]}:
                    await trio.sleep(0.1)
            linx.path.write_bytes(b'{"ollama": ')
            with trio.fail_after(HANG_S):
                while not (problem := (await ask(linx.port, "/v1/providers/status")).json["config"]["problem"]):
                    await trio.sleep(0.1)
            assert "config.json" in problem
            answer = await ask(linx.port, "/v1/chat/completions", {**CHAT, "model": "gpt-4o"})
            assert answer.json["model"] == "gpt-4o"
            assert answer.headers["x-linx-model"] == "m"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_running_requests_finish(number: signal.Signals, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Answer(interval_s=0.1))
        async with contextlib.AsyncExitStack() as clients, LinxProcess(config_for(fake), tmp_path) as linx:
            idle = await clients.enter_async_context(Client(linx.port))
            await idle.send("GET", "/v1/models")
            await idle.answer()
            client = await clients.enter_async_context(Client(linx.port))
            await client.send("POST", "/v1/chat/completions", {**CHAT, "stream": True})
            await fake.received()
            linx.process.send_signal(number)
            with trio.fail_after(1):
                assert await idle.stream.receive_some() == b""
            answer = await client.answer()
            assert answer.text == "Hello from the fake."
            assert answer.events[-1] == "[DONE]"
            with trio.fail_after(HANG_S):
                assert await linx.process.wait() == 0


async def test_after_the_grace_a_stream_ends_with_an_error_frame(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Answer(tokens=["x"] * 1000, interval_s=0.05))
        async with (
            contextlib.AsyncExitStack() as clients,
            LinxProcess(config_for(fake, server={"drain_s": 0.5}), tmp_path) as linx,
        ):
            client = await clients.enter_async_context(Client(linx.port))
            await client.send("POST", "/v1/chat/completions", {**CHAT, "stream": True})
            call = await fake.received()
            await trio.sleep(0.2)
            linx.process.terminate()
            answer = await client.answer()
            assert answer.is_whole
            assert answer.events[-1]["error"]["code"] == "shutting_down"
            with trio.fail_after(HANG_S):
                assert await linx.process.wait() == 0
                await call.hung_up.wait()


async def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Answer(tokens=["x"] * 10000, interval_s=0.05))
        config = config_for(fake, server={"drain_s": 3600})
        async with contextlib.AsyncExitStack() as clients, LinxProcess(config, tmp_path) as linx:
            client = await clients.enter_async_context(Client(linx.port))
            await client.send("POST", "/v1/chat/completions", {**CHAT, "stream": True})
            await fake.received()
            linx.process.terminate()
            await trio.sleep(0.3)
            assert linx.process.poll() is None
            linx.process.terminate()
            answer = await client.answer()
            assert "error" in answer.events[-1]
            with trio.fail_after(HANG_S):
                assert await linx.process.wait() == 0


async def test_bound_beyond_loopback_without_a_key_it_makes_one(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        async with LinxProcess(config_for(fake, server={"hostname": "0.0.0.0"}), tmp_path) as linx:
            assert (await ask(linx.port, "/v1/models")).status == 401
            key = linx.log.read_text().split("clients must send this key: ")[1].split()[0]
            assert len(key) >= 32
            assert (await ask(linx.port, "/v1/models", headers={"authorization": f"Bearer {key}"})).status == 200
            assert (await ask(linx.port, f"/k/{key}/v1/models")).status == 200


@pytest.mark.parametrize("how", [["linx.py"], ["-m", "linx"]])
def test_every_way_to_start_it(how: list[str]) -> None:
    args = [str(ROOT / "linx.py")] if how == ["linx.py"] else how
    done = subprocess.run([sys.executable, *args, "--version"], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.startswith("Linx ")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("full", [("stdout",), ("stderr",), ("stdout", "stderr")], ids="+".join)
async def test_a_full_disk_behind_its_output_does_not_end_it(full: tuple[str, ...], tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = tmp_path / "config.json"
    path.write_bytes(jsontext.dumps(config_for(server={"port": port})))
    command = [sys.executable, str(ROOT / "linx.py"), "--config", str(path), "--log-level", "debug"]
    disk = os.open("/dev/full", os.O_WRONLY)
    stdout, stderr = (disk if name in full else subprocess.DEVNULL for name in ("stdout", "stderr"))
    process = await trio.lowlevel.open_process(command, cwd=tmp_path, stdout=stdout, stderr=stderr)
    os.close(disk)
    try:
        with trio.fail_after(HANG_S):
            while True:
                try:
                    answer = await ask(port, "/healthz")
                    break
                except OSError:
                    assert process.poll() is None, "Linx has ended"
                    await trio.sleep(0.05)
            assert answer.status == 200
            for _ in range(300):  # more lines of the log than any buffer holds
                assert (await ask(port, "/none")).status == 404
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    finally:
        process.kill()


async def test_a_log_that_nobody_reads_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    nowhere = {"kind": "openai", "endpoint": "http://127.0.0.1:1/v1", "models": ["m"]}
    path.write_bytes(jsontext.dumps(config_for(providers={"p" * 60: nowhere})))
    command = [sys.executable, str(ROOT / "linx.py"), "--config", str(path)]
    process = await trio.lowlevel.open_process(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        with trio.fail_after(HANG_S):
            line = await process.stdout.receive_some()
            port = int(line.decode().rpartition(":")[2])
            async with Client(port) as client:
                for _ in range(600):  # a line of more than 100 bytes each; a pipe holds 64 KiB
                    await client.send("POST", "/v1/chat/completions", CHAT)
                    assert (await client.answer()).status == 502
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
        assert len(await process.stderr.receive_some()) > 50_000  # all that the pipe had room for
    finally:
        process.kill()
        await process.stdout.aclose()
        await process.stderr.aclose()
