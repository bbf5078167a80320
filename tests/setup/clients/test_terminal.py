"""aider 0.86.2 and llm 0.32.1 were run with these settings."""

from __future__ import annotations

import yaml

from linx.setup.clients.terminal import AIDER, LLM
from tests.setup.clients.kit import KEY, LOCKED, OPEN, files, started

ENTRY = {
    "model_id": "linx",
    "model_name": "qwen3:8b",
    "api_base": "http://127.0.0.1:8080/v1",
    "api_key_name": "linx",
    "supports_tools": True,
    "supports_schema": True,
}


def test_aider() -> None:
    settings = {
        "model": "openai/qwen3:8b",
        "openai-api-base": "http://127.0.0.1:8080/v1",
        "openai-api-key": "unused",
    }
    assert files(AIDER, OPEN) == {"/home/ann/.aider.conf.yml": settings}
    assert dict(started(AIDER, LOCKED).env) == {
        "AIDER_MODEL": "openai/qwen3:8b",
        "AIDER_OPENAI_API_BASE": "http://127.0.0.1:8080/v1",
        "AIDER_OPENAI_API_KEY": KEY,
    }


def test_llm_has_a_key_of_its_own_name_so_that_the_one_for_openai_stays_at_home() -> None:
    folder = "/home/ann/.config/io.datasette.llm"
    assert files(LLM, LOCKED) == {
        f"{folder}/extra-openai-models.yaml": [ENTRY],
        f"{folder}/keys.json": {"linx": KEY},
    }


def test_llm_for_one_run() -> None:
    run = started(LLM, OPEN)
    assert run.env == (("LLM_USER_PATH", "/run"),)
    texts = dict(run.files)
    assert yaml.safe_load(texts["extra-openai-models.yaml"]) == [ENTRY]
    assert texts["default_model.txt"] == "linx"
