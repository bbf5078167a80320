"""The process between: it passes on what it is told, and ends the command with Linx."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from linx.children.tunnel import child
from linx.children.tunnel.commands import environment, leashed
from linx.config.shape import TunnelConfig
from tests.fakes.programs import Program, dead, is_alive

if TYPE_CHECKING:
    from pathlib import Path


def start(*argv: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        leashed(list(argv)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=env,
    )


def finish(process: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
    out, err = process.communicate(timeout=10)
    return process.returncode, out, err


def test_output_and_exit_code_are_the_commands() -> None:
    process = start(sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)")
    assert finish_open(process) == (7, b"out\n", b"err\n")


def test_a_signal_is_told_as_a_shell_tells_it() -> None:
    process = start(sys.executable, "-c", "import os; os.kill(os.getpid(), 15)")
    assert finish_open(process)[0] == 128 + 15


def test_a_command_that_is_not_there() -> None:
    code, _, err = finish_open(start("/nonexistent/ssh"))
    assert code == child.NOT_STARTED
    assert err == b"cannot start /nonexistent/ssh: No such file or directory\n"


def finish_open(process: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
    """Without letting go of the leash."""
    assert process.stdin is not None
    stdin, process.stdin = process.stdin, None
    try:
        return finish(process)
    finally:
        stdin.close()


async def test_the_leash(tmp_path: Path) -> None:
    program = Program(tmp_path, "ssh")
    process = start(str(tmp_path / "ssh"))
    command = (await program.called())["pid"]
    assert is_alive(command)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(10) == -signal.SIGKILL  # its whole group, so itself, too
    await dead(command)
    for pipe in (process.stdout, process.stderr):
        assert pipe is not None
        pipe.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
async def test_killed_itself_it_takes_the_command_along(tmp_path: Path) -> None:
    program = Program(tmp_path, "ssh")
    process = start(str(tmp_path / "ssh"))
    command = (await program.called())["pid"]
    process.kill()
    finish(process)
    await dead(command, within=2)


async def test_the_commands_input_stays_open(tmp_path: Path) -> None:
    process = start("cat")
    assert process.stdout is not None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    finish(process)  # closes the leash


def test_the_environment_holds_no_keys(tmp_path: Path) -> None:
    env = {**os.environ, "LINX_API_KEY": "secret-secret-secret", "OPENROUTER_API_KEY": "secret-secret", "KEPT": "yes"}
    process = start(sys.executable, "-c", "import os; print(sorted(os.environ))", env=env)
    _, out, _ = finish_open(process)
    assert b"KEPT" in out
    assert b"API_KEY" not in out


def test_the_program_gets_only_what_it_needs() -> None:
    kept = {"PATH": "/bin", "HOME": "/home/me", "LANG": "C.UTF-8", "LC_ALL": "C"}
    keys = {"OPENROUTER_API_KEY": "a", "LINX_API_KEY": "b", "AWS_SECRET_ACCESS_KEY": "c", "MY_TOKEN": "d"}
    ours = {"SSH_AUTH_SOCK": "/run/agent", "NGROK_AUTHTOKEN": "e", "HTTPS_PROXY": "http://me:pw@proxy"}
    env = {**kept, **keys, **ours}
    agent = {"SSH_AUTH_SOCK": "/run/agent"}
    assert environment(TunnelConfig(), env) == kept
    own = TunnelConfig(type="ssh", ssh_host="h", ssh_user="u")
    assert environment(own, env) == {**kept, **agent}
    assert environment(TunnelConfig(type="ssh", ssh_host="h", ssh_user="u", ssh_identity="/id"), env) == kept
    assert environment(TunnelConfig(type="ngrok"), env) == {
        **kept,
        "NGROK_AUTHTOKEN": "e",
        "HTTPS_PROXY": "http://me:pw@proxy",
    }


def test_the_single_binary_is_its_own_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert leashed(["ssh", "-T"]) == [sys.executable, "--tunnel-child", "ssh", "-T"]
