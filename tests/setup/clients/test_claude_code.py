"""Claude Code 2.1.197 was run with these settings, by its file and by ``--settings`` over another file."""

from __future__ import annotations

from linx.core import jsontext
from linx.setup.clients.claude_code import CLAUDE_CODE
from tests.setup.clients.kit import KEY, LOCKED, OPEN, files, started

ENV = {
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:8080",
    "ANTHROPIC_AUTH_TOKEN": "unused",
    "ANTHROPIC_API_KEY": "",
    "ANTHROPIC_MODEL": "qwen3:8b",
    "ANTHROPIC_DEFAULT_OPUS_MODEL": "qwen3:8b",
    "ANTHROPIC_DEFAULT_SONNET_MODEL": "qwen3:8b",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL": "qwen3:8b",
    "CLAUDE_CODE_AUTO_COMPACT_WINDOW": "65536",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
}


def test_its_file() -> None:
    assert files(CLAUDE_CODE, OPEN) == {"/home/ann/.claude/settings.json": {"env": ENV}}
    assert "    export ANTHROPIC_API_KEY=''" in CLAUDE_CODE.steps(OPEN)


def test_one_run_keeps_the_key_off_the_command_line() -> None:
    run = started(CLAUDE_CODE, LOCKED)
    assert run.args == ("--settings", "/run/linx-settings.json")
    ((name, text),) = run.files
    assert name == "linx-settings.json"
    assert jsontext.loads(text.encode()) == {"env": {**ENV, "ANTHROPIC_AUTH_TOKEN": KEY}}
    assert dict(run.env)["ANTHROPIC_AUTH_TOKEN"] == KEY
