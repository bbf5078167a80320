"""``linx service`` with programs in place of the service managers, which write down how they were called."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from linx.cli import main
from linx.service import command
from linx.service.command import DO, Refused, asked_for
from linx.service.environment_file import values_in
from linx.service.job import Step

ROOT = Path(__file__).parent.parent.parent
KEY = "a-key-of-this-linx-0123"
PROGRAM = """\
#!/bin/sh
echo "${0##*/} $*" >>"$CALLS"
case "$*" in %s) echo "$2 cannot do that" >&2; exit 5;; *is-active*) echo active;; esac
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are scripts of a shell")


class World:
    """A user with a home, and service managers that succeed, or fail where ``refuse`` says."""

    def __init__(self, folder: Path) -> None:
        self.home, self.bin, self.calls = folder / "home", folder / "bin", folder / "calls"
        for path in (self.home, self.bin):
            path.mkdir()
        self.env = {"HOME": str(self.home), "PATH": f"{self.bin}:/bin:/usr/bin", "CALLS": str(self.calls)}
        self.unit = self.home / "config" / "systemd" / "user" / "linx.service"
        self.variables = self.home / "config" / "linx" / "service.env"

    def have(self, program: str, refuse: str = "none") -> None:
        path = self.bin / program
        path.write_text(PROGRAM % refuse)
        path.chmod(0o755)

    def called(self) -> list[str]:
        """The calls since the last time."""
        found = self.calls.read_text().splitlines() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return found

    def run(self, line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
        code = main(["service", *line.split()])
        return code, *capsys.readouterr()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in made.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(made.home / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(made.home / "state"))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.chdir(made.home)
    return made


def test_the_single_binary_is_named_by_its_own_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder that it has unpacked may be gone at the next login."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setenv("_LINX_BINARY", "/home/me/bin/linx")
    assert command.own_words() == ("/home/me/bin/linx",)


def test_installed_asked_and_removed(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.have("systemctl")
    (world.home / "my.json").write_text(
        '{"providers": {"groq": {"kind": "openai", "endpoint": "https://groq.example/v1",'
        ' "api_key": "env:GROQ_KEY"}}, "server": {"drain_s": 5}}'
    )
    os.environ["GROQ_KEY"] = "gsk-0123456789abcdef"
    code, out, err = world.run(f"install --config my.json --port 9000 --api-key {KEY}", capsys)
    assert (code, err) == (0, "")
    assert str(world.unit) in out
    assert "journalctl --user --unit linx.service" in out
    assert world.called() == [
        f"systemctl --user {words}"
        for words in ("show-environment", "daemon-reload", "enable linx.service", "restart linx.service")
    ]
    unit = world.unit.read_text()
    words = " ".join(f'"{one}"' for one in (sys.executable, ROOT / "linx.py", "--port", 9000))
    assert f"ExecStart={words} " in unit
    assert f'"--config" "{world.home}/my.json"' in unit
    assert "TimeoutStopSec=20\n" in unit
    assert KEY not in unit
    assert "gsk-" not in unit
    values = values_in(world.variables.read_text())
    assert (values["LINX_API_KEY"], values["GROQ_KEY"]) == (KEY, "gsk-0123456789abcdef")
    assert stat.S_IMODE(world.variables.stat().st_mode) == 0o600

    code, out, err = world.run("status", capsys)
    assert (code, err) == (0, "")
    assert out.startswith("Linx is installed with systemd and runs")

    world.called()
    code, out, err = world.run("remove", capsys)
    assert (code, out, err) == (0, f"Linx does not run at login any more: {world.unit} is gone\n", "")
    assert [path for path in world.home.rglob("*") if path.is_file()] == [world.home / "my.json"]
    assert world.called() == [
        f"systemctl --user {words}"
        for words in ("show-environment", "disable --now linx.service", "daemon-reload", "reset-failed linx.service")
    ]
    assert world.run("remove", capsys) == (0, "Linx was not installed\n", "")
    assert world.run("status", capsys) == (1, "Linx is not installed as a service: linx service install\n", "")


def test_installed_again_it_is_the_same_and_keeps_what_was_added(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.have("systemctl")
    assert world.run(f"install --api-key {KEY}", capsys)[0] == 0
    unit = world.unit.read_text()
    world.variables.chmod(0o644)
    with world.variables.open("a") as file:
        file.write("EXTRA=of the user\n")
    assert world.run("install", capsys)[0] == 0
    assert world.unit.read_text() == unit
    values = values_in(world.variables.read_text())
    assert (values["LINX_API_KEY"], values["EXTRA"]) == (KEY, "of the user")
    assert stat.S_IMODE(world.variables.stat().st_mode) == 0o600


def test_a_bad_config_is_told_and_nothing_is_installed(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.have("systemctl")
    (world.home / "config.json").write_text('{"server": {"prot": 1}}')
    code, out, err = world.run("install", capsys)
    assert (code, out) == (2, "")
    assert "did you mean" in err
    assert not world.unit.exists()
    assert world.run("remove", capsys)[0] == 0


@pytest.mark.parametrize("action", DO)
def test_no_service_manager(action: str, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    os.environ["PATH"] = str(world.bin)
    code, out, err = world.run(action, capsys)
    assert (code, out) == (1, "")
    assert err.startswith("linx: systemctl is missing, so there is no systemd; have yours run: ")
    assert err.count("\n") == 1
    assert not world.variables.exists()


def test_a_service_manager_that_does_not_answer(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """As in a container, or under ``sudo -u``: systemd is installed, but runs for nobody."""
    world.have("systemctl", refuse="*show-environment*")
    code, out, err = world.run("install", capsys)
    assert (code, out) == (1, "")
    assert err == (
        "linx: the systemd of this user cannot be reached: systemctl --user show-environment: "
        "show-environment cannot do that\n"
    )
    assert not world.variables.exists()


def test_a_system_that_is_not_known(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "freebsd14")
    with pytest.raises(Refused, match=r"knows no service manager of freebsd14; have yours run: .*linx\.py --port 1"):
        command.status(asked_for(("--port", "1"), None, 30.0, os.environ), print)


def test_no_line_of_its_own_gets_into_a_unit(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.have("systemctl")
    name = "x.json\n[Service]\nExecStart=false"
    Path(name).write_text("{}")
    assert main(["service", "install", "--config", name]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("linx: a service cannot be given a control character: ")
    assert err.count("\n") == 1
    assert not world.unit.exists()


def test_a_step_that_fails_is_told_in_one_line(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.have("systemctl", refuse="*enable*")
    assert world.run("install", capsys) == (
        1,
        "",
        "linx: systemctl --user enable linx.service: enable cannot do that\n",
    )


def test_launchd_is_asked_again_while_it_still_ends_the_old_job(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(command, "AGAIN_S", 0.0)
    world.have("launchctl", refuse="bootstrap*")
    code, _out, err = world.run("install", capsys)
    assert code == 1
    assert "cannot do that" in err
    assert [line.split()[1] for line in world.called()] == ["print", "bootout", "enable", *["bootstrap"] * 3]
    world.have("launchctl", refuse="bootout*")
    assert world.run("install", capsys)[0] == 0


def test_the_scheduler_of_windows_gets_the_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_for((), None, 30.0, {**os.environ, "USERDOMAIN": "DESK", "USERNAME": "anna"})
    monkeypatch.chdir(world.bin)  # where a path of Windows is a name with a backslash
    monkeypatch.setattr(command, "variables_file", lambda: Path("own") / "service.env")
    world.have("schtasks")
    told: list[str] = []
    assert command.install(replace(asked, platform="win32"), told.append)
    assert [line.split()[1] for line in world.called()] == ["/Query", "/End", "/Create", "/Run"]
    assert "<UserId>DESK\\anna</UserId>" in (world.bin / "own\\linx-task.xml").read_bytes().decode("utf-16")


def test_a_program_that_cannot_be_run(world: World) -> None:
    asked = asked_for((), None, 30.0, os.environ)
    with pytest.raises(Refused, match="no-such-program cannot be run: No such file"):
        command._run(Step(("no-such-program",)), asked)
