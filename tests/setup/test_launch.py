"""``linx launch``, by the command line, with programs that tell what they were started with."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core import jsontext
from linx.core.folders import state_file
from linx.setup.own_linx import LOG
from linx.setup.running import Place, is_taken
from tests.e2e.linx_process import ROOT, config_for, linx_here
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider, closed_port
from tests.waiting import HANG_S

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

KEY = "a-key-of-this-linx-0123"
TELLS = f"""#!{sys.executable}
import json, os, sys, urllib.request
told = {{"args": sys.argv[1:], "env": dict(os.environ), "files": {{}}}}
for word in [*sys.argv[1:], os.environ.get("READ", "")]:
    if os.path.isfile(word):
        told["files"][word] = open(word).read()
if "ASK" in os.environ:
    with urllib.request.urlopen(os.environ["ANTHROPIC_BASE_URL"] + "/healthz") as answer:
        told["health"] = answer.status
open(os.environ["TOLD"], "w").write(json.dumps(told))
sys.exit(int(os.environ.get("STATUS", "0")))
"""


class World:
    """A home, a PATH with one client in it, and what that client told."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        self.bin, self.home = tmp_path / "bin", tmp_path / "home"
        self.elsewhere = tmp_path / "elsewhere"
        self.elsewhere.mkdir()
        self.bin.mkdir()
        self.home.mkdir()

    def install(self, name: str, text: str = TELLS) -> None:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    async def launch(self, line: str, **env: str) -> subprocess.CompletedProcess[bytes]:
        own = {"HOME": str(self.home), "PATH": str(self.bin), "TOLD": str(self.folder / "told")}
        own |= {"XDG_STATE_HOME": os.environ["XDG_STATE_HOME"], "TMPDIR": str(self.folder), "LINX_PLACES": "none"}
        return await trio.run_process(
            [sys.executable, str(ROOT / "linx.py"), "launch", *shlex.split(line)],
            env={**own, **env},
            cwd=self.folder,
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )

    def told(self) -> Any:
        return jsontext.loads((self.folder / "told").read_bytes())

    def left(self) -> list[str]:
        """Folders of a run that were not deleted."""
        return [one.name for one in self.folder.iterdir() if one.name.startswith("linx-launch-")]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_a_client_with_the_linx_that_runs(world: World) -> None:
    world.install("claude")
    world.install("code")
    fake = FakeProvider("ollama", [Model("large:8b", context_length=65_536)])
    async with fake, linx_here(config_for(fake, server={"api_key": KEY}), world.elsewhere) as app:
        address = f"http://127.0.0.1:{app.bound[0][1]}"
        line = f"--port {app.bound[0][1]}"
        done = await world.launch(f"claude {line} -- -p 'two words' --port 5", LINX_API_KEY=KEY, STATUS="42", MINE="1")
        assert (done.returncode, done.stdout, done.stderr) == (42, b"", b"")
        told = world.told()
        assert told["args"][0] == "--settings"
        assert told["args"][2:] == ["-p", "two words", "--port", "5"]
        assert (told["env"]["ANTHROPIC_BASE_URL"], told["env"]["MINE"]) == (address, "1")
        (text,) = told["files"].values()
        assert jsontext.loads(text.encode())["env"]["ANTHROPIC_MODEL"] == "large:8b"
        assert world.left() == []

        # An editor reads nothing but its settings file, so Linx is in it for that long.
        path = world.home / ".config/Code/User/chatLanguageModels.json"
        path.parent.mkdir(parents=True)
        path.write_text('[\n\t{"name": "Mine"} // kept\n]')
        done = await world.launch(f"vscode {line} -- .", LINX_API_KEY=KEY, READ=str(path))
        assert done.returncode == 0, done.stderr
        told = world.told()
        assert told["args"] == ["--wait", "."]
        assert f'"apiKey": "{KEY}"' in told["files"][str(path)]
        assert path.read_text() == '[\n\t{"name": "Mine"} // kept\n]'
        assert [one.name for one in path.parent.iterdir()] == [path.name]

        done = await world.launch(f"claude {line}")
        assert (done.returncode, b"needs its key" in done.stderr) == (1, True)

        world.install("cursor")
        done = await world.launch(f"cursor {line} -- .", LINX_API_KEY=KEY)
        assert done.returncode == 0
        assert f"linx: the Linx at {address} has no tunnel open: curl -X POST" in done.stderr.decode()
        assert "linx:     linx --tunnel\n" in done.stderr.decode()
        assert world.told()["args"] == ["--wait", "."]


async def test_where_none_runs_one_is_started_for_that_long(world: World) -> None:
    world.install("claude")
    fake = FakeProvider("ollama", [Model("large:8b", context_length=65_536)])
    async with fake:
        config = config_for(fake, server={"port": closed_port()})
        (world.folder / "config.json").write_bytes(jsontext.dumps(config))
        done = await world.launch("claude -- hello", ASK="1")
        assert done.returncode == 0, done.stderr
        told = world.told()
        address = told["env"]["ANTHROPIC_BASE_URL"]
        assert (told["health"], told["env"]["ANTHROPIC_MODEL"]) == (200, "large:8b")
        log = state_file(LOG)
        expected = f"linx: no Linx ran, so one was started at {address} for this run; its log is {log}\n"
        assert done.stderr.decode() == expected
        assert "listening" not in done.stdout.decode()
        assert not await trio.to_thread.run_sync(is_taken, Place("127.0.0.1", int(address.rpartition(":")[2])))


async def test_a_port_that_another_program_has(world: World) -> None:
    world.install("claude")
    async with FakeProvider("llamacpp") as fake:
        done = await world.launch(f"claude --port {fake.port}")
        assert done.returncode == 1
        assert f"another program listens at http://127.0.0.1:{fake.port}; choose another --port" in done.stderr.decode()


async def test_one_that_does_not_start(world: World) -> None:
    world.install("claude")
    (world.folder / "bad.json").write_text('{"server": {"prot": 1}}')
    done = await world.launch("claude --config bad.json")
    assert (done.returncode, b"server.prot" in done.stderr) == (2, True)


async def test_a_client_that_is_not_installed(world: World) -> None:
    done = await world.launch("claude")
    assert (done.returncode, done.stdout) == (1, b"")
    install = "npm install -g @anthropic-ai/claude-code"
    assert done.stderr.decode() == f"linx: claude is not installed, or not in PATH; install Claude Code: {install}\n"


async def test_however_launch_ends_its_linx_ends(world: World) -> None:
    """Killed at once, it can put nothing back itself; the client is its own program, and goes on."""
    world.install(
        "claude", f"#!{sys.executable}\nimport os\nopen(os.environ['TOLD'], 'w').write('')\nos.kill(os.getppid(), 9)\n"
    )
    async with FakeProvider("ollama") as fake:
        config = config_for(fake, server={"port": closed_port()})
        (world.folder / "config.json").write_bytes(jsontext.dumps(config))
        done = await world.launch("claude")
        assert done.returncode == -9
        place = Place("127.0.0.1", config["server"]["port"])
        with trio.fail_after(HANG_S):
            while await trio.to_thread.run_sync(is_taken, place):
                await trio.sleep(0.05)


async def test_a_client_that_a_signal_ended(world: World) -> None:
    world.install("aider", f"#!{sys.executable}\nimport os\nos.kill(os.getpid(), 9)\n")
    async with linx_here(config_for(), world.elsewhere) as app:
        done = await world.launch(f"aider --port {app.bound[0][1]}")
        assert done.returncode == 137
