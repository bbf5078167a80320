"""The binary does what Linx does in a Python, with nothing in its environment and from any folder."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio_websocket
import trustme

import linx
from linx.config.shape import json_schema
from linx.core import jsontext
from linx.dashboard import static_files
from tests.e2e.http_client import ask
from tests.e2e.linx_process import LinxProcess, config_for, write_config
from tests.e2e.test_tunnel import status_is, tunnel_to, with_marks
from tests.fakes.programs import Life, Program, dead, is_alive, lhr
from tests.fakes.provider import FakeProvider
from tests.fakes.sshd import Sshd, free_port
from tests.packaging.launched import run
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.untraced
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
PATH = "/v1/chat/completions"
KEY = "a-key-of-this-linx-0123"
NOWHERE = Path("/proc" if sys.platform == "linux" else "/")
"""A folder that nobody can write to, root included."""


async def until(is_so: Callable[[], bool]) -> None:
    with trio.fail_after(HANG_S):
        while not is_so():
            await trio.sleep(0.005)


# --- what is in it ---


def test_it_says_its_version_and_is_wrong_about_nothing_it_was_told(built: Path, bare: dict[str, str]) -> None:
    good = run(built, "--version", env=bare, cwd=NOWHERE)
    assert (good.returncode, good.stdout, good.stderr) == (0, f"Linx {linx.__version__}\n", "")
    bad = run(built, "--prot", "1", env=bare, cwd=NOWHERE)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == "linx: unknown option '--prot'; did you mean --port?\n"


def test_the_schema_has_its_descriptions(built: Path, bare: dict[str, str]) -> None:
    """They are docstrings, which an optimised build leaves out."""
    assert jsontext.loads(run(built, "schema", env=bare).stdout.encode()) == json_schema()


def test_a_client_is_set_up_and_put_back(built: Path, bare: dict[str, str]) -> None:
    done = run(built, "setup", "claude-code", "--write", env=bare)
    assert done.returncode == 0, done.stderr
    assert [*Path(bare["HOME"]).rglob("settings*.json")]
    assert run(built, "setup", "claude-code", "--undo", env=bare).returncode == 0
    assert not [*Path(bare["HOME"]).rglob("settings*.json")]


@pytest.mark.skipif(sys.platform != "linux", reason="the unit is systemd's")
def test_a_service_runs_the_file_that_the_user_has(built: Path, bare: dict[str, str], tmp_path: Path) -> None:
    """The folder that it has unpacked is a cache, and another one after an upgrade."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "systemctl").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "systemctl").chmod(0o755)
    done = run(built, "service", "install", "--port", "9000", env={**bare, "PATH": str(tmp_path / "bin")})
    assert done.returncode == 0, done.stderr
    (unit,) = Path(bare["HOME"]).rglob("linx.service")
    assert f'ExecStart="{built}" "--port" "9000" ' in unit.read_text()


def test_a_demo_is_not_in_it_and_it_says_what_to_do(built: Path, bare: dict[str, str]) -> None:
    done = run(built, "--demo", env=bare)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("linx: --demo: the single binary has no llama.cpp in it. Start a small model with ")
    assert len(done.stderr.splitlines()) == 1


def test_text_that_is_not_ascii_in_an_environment_without_a_locale(built: Path, bare: dict[str, str]) -> None:
    done = run(built, "--config", "größe.json", env=bare)
    assert (done.returncode, done.stderr) == (2, "linx: größe.json: no such file (given by --config)\n")


def test_the_authorities_of_certifi_are_in_it(built: Path, cache: Path, bare: dict[str, str]) -> None:
    assert run(built, "--version", env=bare).returncode == 0
    (found,) = cache.rglob("cacert.pem")
    assert found.read_text().count("BEGIN CERTIFICATE") > 100


# --- the main job ---


async def test_the_main_job_over_tls(built: Path, bare: dict[str, str], tmp_path: Path) -> None:
    """Whole and streamed, with every request in the ledger, as the user's own authority vouches for the provider."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    env = {**bare, "SSL_CERT_FILE": str(tmp_path / "ca.pem")}
    async with FakeProvider("openai", ["m"], tls=context) as fake:
        async with LinxProcess(config_for(fake), tmp_path, env=env, command=[str(built)], cwd=NOWHERE) as linx:
            whole = await ask(linx.port, PATH, CHAT)
            assert (whole.status, whole.headers["x-linx-provider"]) == (200, "openai1")
            streamed = await ask(linx.port, PATH, {**CHAT, "stream": True})
            assert streamed.body.rstrip().endswith(b"data: [DONE]")
            claude = await ask(linx.port, "/v1/messages", {**CHAT, "max_tokens": 9})
            assert claude.json["content"]
            metrics = await ask(linx.port, "/metrics")
            assert b"linx_" in metrics.body
            linx.process.send_signal(signal.SIGTERM)
            with trio.fail_after(HANG_S):
                assert await linx.process.wait() == 0
    assert "Traceback" not in linx.log.read_text()
    own = {name: linx.env[name] for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME")}
    usage = run(built, "usage", "--format", "json", env={**bare, **own})
    assert jsontext.loads(usage.stdout.encode())["total"]["requests"] == 3


async def test_the_dashboard_and_its_feed(built: Path, bare: dict[str, str], tmp_path: Path) -> None:
    async with LinxProcess(config_for(), tmp_path, env=bare, command=[str(built)]) as linx:
        for name, file in static_files.read().items():
            answer = await ask(linx.port, f"/dashboard/{name}")
            assert (answer.status, answer.body) == (200, file.body), name
        async with trio_websocket.open_websocket("127.0.0.1", linx.port, "/linx/events", use_ssl=False) as page:
            with trio.fail_after(HANG_S):
                assert '{"type":"snapshot"' in str(await page.get_message())


async def test_the_config_beside_it_also_where_a_link_to_it_is_started(
    built: Path, bare: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "linx").symlink_to(built)
    write_config(built.parent / "config.json", config_for(server={"api_key": KEY}))
    try:
        linked = LinxProcess(None, tmp_path, env=bare, command=[str(tmp_path / "links" / "linx")], cwd=NOWHERE)
        async with linked as linx:
            assert (await ask(linx.port, PATH, CHAT)).status == 401
    finally:
        (built.parent / "config.json").unlink()


# --- its children, and its end ---


@pytest.mark.skipif(sys.platform == "darwin", reason="the loader sets no library path there")
async def test_the_tunnel_has_the_users_environment_and_ends_with_linx(
    built: Path, bare: dict[str, str], tmp_path: Path
) -> None:
    """Also where Linx is killed; and then there is nothing to clean up in the folder for temporary files."""
    ssh = Program(tmp_path / "bin", "ssh", [Life(out=[lhr("abc123.lhr.life")])])
    env = {**bare, "PATH": ssh.path, "LD_LIBRARY_PATH": "/opt/my libraries"}
    config = config_for(server={"api_key": KEY}, tunnel={"use_tunnel": True})
    async with LinxProcess(config, tmp_path, env=env, command=[str(built)]) as linx:
        call = await ssh.called()
        seen = call["env"]
        assert (seen["LD_LIBRARY_PATH"], seen["PATH"]) == ("/opt/my libraries", ssh.path)
        assert not [name for name in seen if name.startswith(("_PYI", "_MEI", "_LINX")) or name.endswith("_ORIG")]
        assert is_alive(call["pid"])
        linx.process.kill()
        await linx.process.wait()
        await dead(call["pid"])
    assert os.listdir(bare["TMPDIR"]) == []


@with_marks
async def test_the_systems_own_ssh_runs_with_the_systems_libraries(
    built: Path, bare: dict[str, str], tmp_path: Path
) -> None:
    remote = free_port()
    async with Sshd(tmp_path / "sshd", lhr("abc123.lhr.life")) as server, FakeProvider("openai", ["m"]) as fake:
        config = config_for(fake, server={"api_key": KEY}, tunnel=tunnel_to(server, remote))
        env = {**bare, "PATH": os.environ["PATH"]}
        async with LinxProcess(config, tmp_path, env=env, command=[str(built)]) as linx:
            headers = {"authorization": f"Bearer {KEY}"}
            await status_is(linx.port, "running", headers)
            answer = await ask(remote, PATH, CHAT, headers={**headers, "host": "abc123.lhr.life"})
            assert answer.status == 200


def test_a_client_is_launched_with_the_users_environment(built: Path, bare: dict[str, str], tmp_path: Path) -> None:
    """By a Linx that the binary starts as its own child, and that ends with the client."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "claude").write_text('#!/bin/sh\necho "$LD_LIBRARY_PATH $ANTHROPIC_BASE_URL"\nexit 5\n')
    (tmp_path / "bin" / "claude").chmod(0o755)
    config = config_for(providers={"x": {"kind": "openai", "endpoint": "http://127.0.0.1:9/v1", "models": ["m"]}})
    write_config(tmp_path / "config.json", config)
    words = ("--config", str(tmp_path / "config.json"), "--port", "0", "--model", "m")
    env = {**bare, "PATH": str(tmp_path / "bin"), "LD_LIBRARY_PATH": "/opt/lib"}
    done = run(built, "launch", "claude-code", *words, env=env)
    assert done.returncode == 5, done.stderr
    libraries, address = done.stdout.split()
    assert libraries == "/opt/lib"
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address)


def test_an_upgrade_removes_what_the_version_before_has_unpacked(built: Path, bare: dict[str, str]) -> None:
    cache = Path(bare["HOME"]) / "cache" / "linx"
    old = cache / "0.0.1-0123456789abcdef"
    old.mkdir(parents=True)
    os.utime(old, (0, 0))
    assert run(built, "--version", env={**bare, "XDG_CACHE_HOME": str(cache.parent)}).returncode == 0
    (new,) = cache.iterdir()
    assert new != old


HELD_S = [tenth / 10 for tenth in range(8)] if os.environ.get("LINX_TEST_EVERY_TENTH") else [0.0, 0.1]


@pytest.mark.skipif(sys.platform != "linux", reason="env(1) holds no signals back there; /proc tells when it begins")
@pytest.mark.parametrize("after_s", HELD_S, ids=lambda after_s: f"after {after_s} s")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
async def test_an_interrupted_start_ends_with_0_and_no_traceback(
    number: signal.Signals, after_s: float, built: Path, bare: dict[str, str]
) -> None:
    """From the moment in which the launcher has become the program: before that moment it is a shell with a trap."""
    assert run(built, "--version", env=bare).returncode == 0
    with subprocess.Popen([built, "--port", "0", "--log-level", "error"], env=bare, stderr=subprocess.PIPE) as start:
        await until(lambda: os.readlink(f"/proc/{start.pid}/exe").startswith(bare["XDG_CACHE_HOME"]))
        await trio.sleep(after_s)
        start.send_signal(number)
        error = await trio.to_thread.run_sync(start.communicate)
    assert (start.returncode, error[1]) == (0, b"")


async def test_an_interrupted_first_start_leaves_nothing(built: Path, bare: dict[str, str], tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "linx"
    env = {**bare, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    with subprocess.Popen([built, "--port", "0"], env=env, stderr=subprocess.PIPE) as start:
        await until(lambda: cache.is_dir() and bool([*cache.iterdir()]))
        start.send_signal(signal.SIGTERM)
        error = await trio.to_thread.run_sync(start.communicate)
    assert (start.returncode, error[1]) == (0, b"")
    assert [*cache.iterdir()] == []
