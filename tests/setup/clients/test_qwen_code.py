"""Qwen Code 0.15.10 was run with these settings."""

from __future__ import annotations

from linx.setup.clients.qwen_code import QWEN_CODE
from tests.setup.clients.kit import KEY, LOCKED, OPEN, files, started


def test_its_file() -> None:
    assert files(QWEN_CODE, OPEN) == {
        "/home/ann/.qwen/settings.json": {
            "security": {"auth": {"selectedType": "openai", "apiKey": "unused", "baseUrl": "http://127.0.0.1:8080/v1"}},
            "model": {"name": "qwen3:8b"},
        }
    }


def test_one_run_keeps_the_key_off_the_command_line() -> None:
    run = started(QWEN_CODE, LOCKED)
    assert KEY not in run.args
    assert dict(run.env)["OPENAI_API_KEY"] == KEY
    assert run.args[-2:] == ("--model", "qwen3:8b")
