"""The table of clients: those of the contract, each with all that setup and launch need."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from linx.command_line import CLIENTS as NAMES
from linx.setup.clients.table import ALIASES, CLIENTS, find
from linx.setup.edits.jsonc import JsonEdit
from linx.setup.edits.toml import TomlEdit
from linx.setup.edits.yaml import YamlKeys
from linx.setup.target import Target
from tests.setup.clients.kit import FOLDERS, KEY, LOCKED, OPEN

WITH_FILES = {
    *("vscode", "continue", "zed", "claude-code", "codex", "aider", "opencode", "kilo", "qwen-code", "llm"),
}


def test_the_command_line_names_the_same() -> None:
    assert tuple(CLIENTS) == NAMES
    assert {name for name, client in CLIENTS.items() if client.edits is not None} == WITH_FILES


def test_names_in_other_words() -> None:
    assert find("claude") is find("Claude-Code") is CLIENTS["claude-code"]
    assert find("nothing") is None
    assert not ALIASES.keys() & CLIENTS.keys()


@pytest.mark.parametrize("name", CLIENTS)
def test_each_is_whole(name: str) -> None:
    client = CLIENTS[name]
    text = "\n".join(client.steps(OPEN))
    assert text
    assert KEY not in text
    assert client.launch.install
    if client.edits is not None:
        for one in client.edits(LOCKED, FOLDERS):
            fresh = one.edit.apply("")
            assert one.edit.apply(fresh) == fresh
    if client.launch.run is not None:
        run = client.launch.run(LOCKED, PurePosixPath("/run"))
        assert not [word for word in run.args if KEY in word], "other users see the command line"


@pytest.mark.parametrize("name", sorted(WITH_FILES))
def test_the_same_keys_are_set_whatever_is_known_of_linx(name: str) -> None:
    """Otherwise --undo, which asks no Linx, would forget some of them in a file that was changed since."""
    edits = CLIENTS[name].edits
    assert edits is not None

    def keys(target: Target) -> list[object]:
        found: list[object] = []
        for one in edits(target, FOLDERS):
            found.append(str(one.path))
            if isinstance(one.edit, JsonEdit):
                found += [path for path, _value in one.edit.values]
            elif isinstance(one.edit, TomlEdit):
                found += [one.edit.table, *(key for key, _value in one.edit.keys)]
            elif isinstance(one.edit, YamlKeys):
                found += [key for key, _value in one.edit.keys]
        return found

    assert keys(OPEN) == keys(LOCKED) == keys(Target("http://h"))


@pytest.mark.parametrize("name", CLIENTS)
def test_no_line_is_too_long_for_a_terminal(name: str) -> None:
    for line in CLIENTS[name].steps(OPEN):
        assert line.startswith("    ") or len(line) <= 112
