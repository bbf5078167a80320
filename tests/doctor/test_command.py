"""The command as a process: what it prints, its exit code, and that it prints no key."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import trio

from linx.core import jsontext
from tests.doctor.world import NOTHING, World
from tests.e2e.linx_process import ROOT
from tests.fakes.provider import FakeProvider, closed_port
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-doctor-0123456789abcdef"
TYPED = "sk-typed-0123456789abcdef"


async def doctor(world: World, *args: str) -> subprocess.CompletedProcess[bytes]:
    state = {"XDG_STATE_HOME": str(world.path.parent / "state"), "XDG_CONFIG_HOME": str(world.path.parent / "own")}
    return await trio.run_process(
        [sys.executable, str(ROOT / "linx.py"), "doctor", *args],
        env={**world.env, **state},
        cwd=world.path.parent,
        check=False,
        capture_stdout=True,
        capture_stderr=True,
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_broken_then_fixed(world: World) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        section = {"endpoint": fake.endpoint.replace("http:", "https:"), "api_key": KEY}
        world.write({**NOTHING, "ollama": section})
        done = await doctor(world, "--config", "config.json", "--api-key", TYPED)
        text = done.stdout.decode()
        assert done.returncode == 1, text + done.stderr.decode()
        assert "✗" in text
        assert f'→ "ollama": {{"endpoint": "{fake.endpoint}"}} in {world.path}' in text
        assert "1 broken" in text.splitlines()[-1]
        assert "\x1b" not in text, "no colour where no terminal is"
        done = await doctor(world, "--fix", "--format", "json")
        told = jsontext.loads(done.stdout)
        assert done.returncode == 0, told
        assert told["worst"] != "broken"
        assert told["fixed"][1] == f'{world.path}: ollama.endpoint: "{fake.endpoint}"'
        for output in (text, done.stdout.decode(), done.stderr.decode()):
            assert KEY not in output
            assert TYPED not in output


async def test_a_config_that_cannot_be_read_is_a_finding_and_no_bad_command_line(world: World) -> None:
    world.write_text("{")
    done = await doctor(world, "--port", str(closed_port()))
    assert done.returncode == 1
    assert b"is not JSON" in done.stdout
    assert done.stderr == b""


async def test_ctrl_c_ends_it_without_a_traceback(world: World) -> None:
    (silent,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = silent.socket.getsockname()[1]
    world.write(box={"kind": "ollama", "endpoint": f"http://127.0.0.1:{port}"})
    process = await trio.lowlevel.open_process(
        [sys.executable, str(ROOT / "linx.py"), "doctor"],
        env={**world.env, "XDG_STATE_HOME": str(world.path.parent), "XDG_CONFIG_HOME": str(world.path.parent / "own")},
        cwd=world.path.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    with trio.fail_after(HANG_S):
        async with silent, process.stdout, await silent.accept():
            process.send_signal(signal.SIGINT)
            output = b"".join([data async for data in process.stdout])
            assert (await process.wait(), output) == (0, b"")
