"""Codex 0.171.0 was run with these settings, by its file and by ``-c``."""

from __future__ import annotations

import tomllib

from linx.setup.clients.codex import CODEX
from linx.setup.target import Target
from tests.setup.clients.kit import KEY, LOCKED, OPEN, files, started

PROVIDER = {"name": "Linx", "base_url": "http://127.0.0.1:8080/v1", "wire_api": "responses"}


def test_its_file() -> None:
    found = {"model": "qwen3:8b", "model_provider": "linx", "model_context_window": 65_536}
    assert files(CODEX, OPEN) == {"/home/ann/.codex/config.toml": {**found, "model_providers": {"linx": PROVIDER}}}
    (unknown,) = files(CODEX, Target("http://h")).values()
    assert unknown["model_context_window"] == 272_000
    assert CODEX.left_to_do(OPEN) == []


def test_the_key_is_read_from_the_environment() -> None:
    (found,) = files(CODEX, LOCKED).values()
    assert found["model_providers"]["linx"] == {**PROVIDER, "env_key": "LINX_API_KEY"}
    assert KEY not in str(found)
    assert CODEX.left_to_do(LOCKED)[1] == f"    export LINX_API_KEY={KEY}"


def test_one_run() -> None:
    run = started(CODEX, LOCKED)
    assert run.args[::2] == ("-c", "-c", "-c", "-c")
    settings = tomllib.loads("\n".join(run.args[1::2]))
    assert settings["model_providers"]["linx"] == {**PROVIDER, "env_key": "LINX_API_KEY"}
    assert (settings["model"], settings["model_provider"]) == ("qwen3:8b", "linx")
    assert run.env == (("LINX_API_KEY", KEY),)
    assert started(CODEX, OPEN).env == ()
