"""Continue's cn 1.5.47 was run with this file."""

from __future__ import annotations

import yaml

from linx.setup.clients.continue_dev import CONTINUE
from linx.setup.target import Target
from tests.setup.clients.kit import KEY, LOCKED, OPEN, files, started

MODEL = {
    "name": "Linx qwen3:8b",
    "provider": "openai",
    "model": "qwen3:8b",
    "apiBase": "http://127.0.0.1:8080/v1",
    "apiKey": "unused",
    "roles": ["chat", "edit", "apply"],
    "capabilities": ["tool_use"],
}
FILE = {"name": "Linx", "version": "1.0.0", "schema": "v1"}


def test_its_file() -> None:
    assert files(CONTINUE, OPEN) == {"/home/ann/.continue/config.yaml": {**FILE, "models": [MODEL]}}


def test_one_run_has_a_file_of_its_own() -> None:
    run = started(CONTINUE, LOCKED)
    ((name, text),) = run.files
    assert run.args == ("--config", f"/run/{name}")
    assert yaml.safe_load(text)["models"] == [{**MODEL, "apiKey": KEY}]


def test_a_model_without_tools_is_not_said_to_have_them() -> None:
    (found,) = files(CONTINUE, Target("http://h", None, OPEN.models, wanted="plain")).values()
    assert "capabilities" not in found["models"][0]
