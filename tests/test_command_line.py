"""The words of the command line: the text has what the contract promises, and is read as it says."""

from __future__ import annotations

import re

from linx.command_line import CLIENTS, USAGE, explain, parse

# The options of the contract; a new one is a new promise.
OPTIONS = {
    *("--config", "--port", "--host", "--tunnel", "--no-tunnel", "--ollama", "--api-key", "--demo", "--demo-model"),
    *("--gui", "--log-level", "--log-format", "--version", "--help", "--fix", "--from", "--write", "--undo"),
    *("--since", "--by", "--format", "--model"),
}


def test_the_text_has_exactly_the_options_of_the_contract() -> None:
    assert set(re.findall(r"--[a-z][a-z-]*", USAGE)) == OPTIONS
    described = re.findall(r"^  (?:-h )?(--[a-z-]+)", USAGE, re.MULTILINE)
    assert sorted(described) == sorted(OPTIONS)
    assert {name for name in parse([]) if name.startswith("--") and name != "--"} == OPTIONS


def test_the_text_names_every_client_and_fits_a_terminal() -> None:
    assert all(re.search(rf"\b{client}\b", USAGE) for client in CLIENTS)
    assert max(len(line) for line in USAGE.splitlines()) <= 90


def test_there_is_an_explanation_for_what_nobody_foresaw() -> None:
    assert explain([]) == "the command line cannot be understood; see linx --help"


def test_flags_may_be_shortened_and_stand_anywhere() -> None:
    assert parse(["--po=7", "--demo"])["--port"] == "7"
    assert parse(["--port", "1", "doctor", "--fix"])["doctor"] is True
