"""The README says what Linx does: every flag, every key, both commands."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import msgspec

from linx import command_line
from linx.config.load import load
from linx.config.shape import json_schema
from linx.core import jsontext
from linx.providers.kinds import KINDS
from linx.setup.clients.table import CLIENTS
from linx.setup.folders import Folders
from linx.setup.target import Target

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_command_line_is_shown_as_it_is() -> None:
    assert command_line.USAGE.strip() in README


def keys_of(schema: Any, definitions: dict[str, Any]) -> set[str]:
    """All property names of a JSON Schema, at every depth."""
    found: set[str] = set()
    pending, seen = [schema], set()
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            reference = part.get("$ref")
            if reference is not None and reference not in seen:
                seen.add(reference)
                pending.append(definitions[reference.rpartition("/")[2]])
            found |= set(part.get("properties", {}))
            pending += part.values()
        elif isinstance(part, list):
            pending += part
    return found


def test_every_key_is_explained() -> None:
    schema = json_schema()
    keys = keys_of({key: value for key, value in schema.items() if key != "$defs"}, schema.get("$defs", {}))
    assert len(keys) > 40
    missing = {
        key for key in keys if not re.search(rf"`(?:[a-z]+\.)?{re.escape(key)}[`.]|\"{re.escape(key)}\"", README)
    }
    assert not missing


def test_both_commands_are_there_and_can_be_run() -> None:
    for command in ("scripts/run", "scripts/test"):
        assert f"\n{command}\n" in README
        assert os.access(ROOT / command, os.X_OK)
    assert "scripts/test" in (ROOT / ".ci" / "run").read_text()


def test_its_config_is_a_config(tmp_path: Path) -> None:
    text = README.partition("```json\n")[2].partition("```")[0]
    path = tmp_path / "config.json"
    path.write_text(text)
    env = dict.fromkeys(("OPENROUTER_API_KEY", "ANTHROPIC_API_KEY", "GROQ_API_KEY"), "sk-0123456789abcdef")
    config = load(str(path), env, KINDS)
    enabled = [one.name for one in config.providers if one.enabled]
    assert enabled == ["ollama", "openrouter", "workstation", "claude", "groq"]


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_example_config_runs_as_it_is() -> None:
    assert load(str(ROOT / "config.json"), {}, KINDS).providers
    assert msgspec.json.decode((ROOT / "config.json").read_bytes()) == jsontext.loads(
        (ROOT / "config.json").read_bytes()
    )


def test_every_client_is_in_the_table() -> None:
    """It says what the table of clients says; what docs/clients says is made from that (``tests/test_docs.py``)."""
    folders = Folders.of("linux", {"HOME": "~"})
    for client in CLIENTS.values():
        edits = client.edits(Target(""), folders) if client.edits is not None else []
        written = ", ".join(f"`{one.path}`" for one in edits) or "prints what to click"
        row = f"| {client.title} | `linx launch {client.name}` | `linx setup {client.name}` | {written}"
        assert row in README
