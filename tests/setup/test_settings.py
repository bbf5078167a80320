"""The settings of every client as text, for a page that has the key itself."""

from __future__ import annotations

import pytest

from linx.core import jsontext
from linx.setup.clients.table import CLIENTS
from linx.setup.folders import Folders
from linx.setup.settings import YOUR_KEY, for_shell, settings, settings_of, too_small
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
    folders = Folders.of("linux", {"HOME": "/home/ann", "CODEX_HOME": "/home/anna/codex"})
    ((path, _text),) = settings_of(CLIENTS["codex"], Target(ADDRESS), folders).files
    assert path == "/home/anna/codex/config.toml"


@pytest.mark.parametrize(
    ("line", "windows"),
    [
        ("    export A=b", "    $env:A = 'b'"),
        ("    export A='it'\"'\"'s b'", "    $env:A = 'it''s b'"),
        ("    export A=''", "    $env:A = ''"),
        ("    claude", "    claude"),
        ("In the shell that starts it:", "In the shell that starts it:"),
    ],
)
def test_the_shell_of_windows(line: str, windows: str) -> None:
    assert for_shell(line, "win32") == windows
    assert for_shell(line, "linux") == line


def test_on_windows() -> None:
    folders = Folders.of("win32", {"USERPROFILE": r"C:\Users\ann"})
    told = settings_of(CLIENTS["claude-code"], Target(ADDRESS), folders)
    assert "    $env:ANTHROPIC_BASE_URL = 'http://127.0.0.1:8080'" in told.steps
    assert told.files[0][0] == r"~\.claude\settings.json"


def test_a_model_that_cannot_hold_the_prompt_of_the_client() -> None:
    claude = CLIENTS["claude-code"]
    line = too_small(claude, Target(ADDRESS, None, (Model("small", 8_192, True, True),)))
    assert line is not None
    assert "about 19,000 tokens" in line
    assert "small holds 8,192" in line
    assert too_small(claude, Target(ADDRESS, None, MODELS)) is None
    assert too_small(claude, Target(ADDRESS)) is None
