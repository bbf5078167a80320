"""The settings of every client as text, for a page that has the key itself."""

from __future__ import annotations

from linx.core import jsontext
from linx.setup.clients.table import CLIENTS
from linx.setup.settings import YOUR_KEY, settings, settings_of, too_small
from linx.setup.target import Model, Target
from tests.setup.clients.kit import FOLDERS, MODELS

ADDRESS = "http://127.0.0.1:8080"


def test_all_clients_without_a_key_in_them() -> None:
    told = settings(ADDRESS, MODELS, FOLDERS, needs_key=True)
    assert [one.client for one in told] == [*CLIENTS]
    assert [one.client for one in told if one.needs_tunnel] == ["cursor"]
    claude = told[6].as_json()
    assert set(claude) == {"client", "title", "steps", "files", "needs_tunnel"}
    ((path, text),) = told[6].files
    assert path == "~/.claude/settings.json"
    assert jsontext.loads(text.encode())["env"]["ANTHROPIC_AUTH_TOKEN"] == YOUR_KEY
    open_ones = settings(ADDRESS, MODELS, FOLDERS, needs_key=False)
    assert YOUR_KEY not in str(open_ones)


def test_a_path_elsewhere_is_shown_whole() -> None:
    folders = type(FOLDERS).of("linux", {"HOME": "/home/ann", "CODEX_HOME": "/home/anna/codex"})
    ((path, _text),) = settings_of(CLIENTS["codex"], Target(ADDRESS), folders).files
    assert path == "/home/anna/codex/config.toml"


def test_a_model_that_cannot_hold_the_prompt_of_the_client() -> None:
    claude = CLIENTS["claude-code"]
    line = too_small(claude, Target(ADDRESS, None, (Model("small", 8_192, True, True),)))
    assert line is not None
    assert "about 19,000 tokens" in line
    assert "small holds 8,192" in line
    assert too_small(claude, Target(ADDRESS, None, MODELS)) is None
    assert too_small(claude, Target(ADDRESS)) is None
