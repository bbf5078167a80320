"""opencode 1.18.33 and Kilo 7.7.7 were run with these settings, by file and by variable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linx.core import jsontext
from linx.setup.clients.opencode import KILO, OPENCODE
from tests.setup.clients.kit import KEY, LOCKED, OPEN, files, started

if TYPE_CHECKING:
    from linx.setup.client import Client

BOTH = pytest.mark.parametrize("client", [OPENCODE, KILO], ids=["opencode", "kilo"])


@BOTH
def test_its_file_lists_the_models(client: Client) -> None:
    (found,) = files(client, OPEN).values()
    assert (found["model"], found["small_model"]) == ("linx/qwen3:8b", "linx/qwen3:8b")
    assert found["provider"]["linx"] == {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Linx",
        "options": {"baseURL": "http://127.0.0.1:8080/v1", "apiKey": "unused"},
        "models": {
            "qwen3:8b": {"limit": {"context": 65_536, "output": 8_192}},
            "acme/large": {"limit": {"context": 131_072, "output": 8_192}},
            "plain": {},
        },
    }


@BOTH
def test_one_run_has_the_same_in_a_variable(client: Client) -> None:
    ((name, text),) = started(client, LOCKED).env
    assert name in ("OPENCODE_CONFIG_CONTENT", "KILO_CONFIG_CONTENT")
    (found,) = files(client, LOCKED).values()
    assert jsontext.loads(text.encode()) == found
    assert found["provider"]["linx"]["options"]["apiKey"] == KEY


def test_their_files() -> None:
    assert [*files(OPENCODE, OPEN), *files(KILO, OPEN)] == [
        "/home/ann/.config/opencode/opencode.json",
        "/home/ann/.config/kilo/kilo.jsonc",
    ]
