"""``linx setup``: what it prints, writes and puts back, by the command line."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest
import trio

from linx.cli import main
from linx.core import jsontext
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider, closed_port

if TYPE_CHECKING:
    from pathlib import Path

KEY = "a-key-of-this-linx-0123"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(tmp_path)
    for name in ("LINX_API_KEY", "LINX_CONFIG", "XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    return folder


def run(line: str) -> int:
    return main(shlex.split(f"setup {line} --port {closed_port()}" if "--port" not in line else f"setup {line}"))


async def test_the_models_of_the_linx_that_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake = FakeProvider("ollama", [Model("small", context_length=8_192), Model("large:8b", context_length=65_536)])
    (tmp_path / "linx").mkdir()
    async with fake, linx_here(config_for(fake, server={"api_key": KEY}), tmp_path / "linx") as app:
        port = app.bound[0][1]
        capsys.readouterr()  # the line that this Linx begins with

        async def setup(line: str) -> tuple[int, str, str]:
            code = await trio.to_thread.run_sync(run, f"{line} --port {port}")
            return code, *capsys.readouterr()

        code, out, err = await setup("claude")
        assert (code, out) == (1, "")
        assert err.startswith(
            f"linx: the Linx at http://127.0.0.1:{port} needs its key: LINX_API_KEY, server.api_key in the"
        )
        code, out, err = await setup(f"claude --api-key {KEY}")
        assert (code, err) == (0, "")
        assert out.startswith(f"Claude Code, with the Linx at http://127.0.0.1:{port}:\n")
        assert "export ANTHROPIC_MODEL=large:8b\n" in out
        assert f"export ANTHROPIC_AUTH_TOKEN={KEY}\n" in out
        code, out, err = await setup(f"claude --api-key {KEY} --model small")
        assert "small:latest holds 8,192" in err
        code, out, err = await setup(f"claude --api-key {KEY} --model gone")
        assert err == f"linx: the Linx at http://127.0.0.1:{port} does not list gone\n"


def test_where_none_runs_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("aider") == 0
    out, err = capsys.readouterr()
    assert "aider --model openai/default" in out
    assert err.startswith("linx: no Linx runs at http://127.0.0.1:")


def test_what_others_have_named_does_not_reach_the_terminal_raw(capsys: pytest.CaptureFixture[str]) -> None:
    """The name of a model comes from its provider."""
    assert main(["setup", "aider", "--port", str(closed_port()), "--model", "a\x1b[31m'; echo b"]) == 0
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert """aider --model 'openai/a""" in out


def test_write_and_undo(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = home / ".claude" / "settings.json"
    path.parent.mkdir()
    before = '{\n  // mine\n  "env": {"MINE": "1"}\n}\n'
    path.write_text(before)
    assert run("claude-code --write") == 0
    env = jsontext.loads(path.read_text().replace("// mine", "").encode())["env"]
    assert (env["MINE"], env["ANTHROPIC_AUTH_TOKEN"]) == ("1", "unused")
    assert run("claude --undo") == 0
    assert path.read_text() == before
    assert [one.name for one in path.parent.iterdir()] == ["settings.json"]
    assert capsys.readouterr().out.splitlines()[-1] == f"put {path} back as it was"


def test_what_cannot_be_written_is_printed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = home / ".codex" / "config.toml"
    path.parent.mkdir()
    path.write_text("model = ")
    assert run("codex --write --api-key " + KEY) == 1
    out, err = capsys.readouterr()
    assert path.read_text() == "model = "
    assert "is not TOML" in err
    assert "linx:     [model_providers.linx]\n" in err
    assert f"export LINX_API_KEY={KEY}" in out


def test_a_client_without_a_file(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("cursor --write") == 0
    assert "only through the tunnel" in capsys.readouterr().out
    assert run("cursor --undo") == 1
    assert "Linx writes no file of Cursor" in capsys.readouterr().err
    assert [*home.iterdir()] == []


def test_a_config_without_a_port(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("aider --port 0") == 1
    assert "say with --port where Linx listens" in capsys.readouterr().err
