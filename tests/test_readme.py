"""The README says what Linx does: every flag, every key, both commands."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from linx import command_line
from linx.config.layers import Overrides
from linx.config.load import load
from linx.config.misfit import known_keys
from linx.config.shape import FileShape, json_schema
from linx.core import jsontext
from linx.core.errors import ConfigError
from linx.providers.kinds import KINDS
from linx.setup.clients.table import CLIENTS
from linx.setup.folders import Folders
from linx.setup.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    reference = (ROOT / "docs" / "configuration.md").read_text()
    missing = {key for key in keys if f"| `{key}` |" not in reference}
    assert not missing


def test_the_keys_that_are_used_most_are_keys() -> None:
    schema = json_schema()
    keys = keys_of({key: value for key, value in schema.items() if key != "$defs"}, schema.get("$defs", {}))
    table = README.partition("These are used most:")[2].partition("## ")[0]
    told = {name for row in re.findall(r"^\| (.*?) \|", table, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)}
    assert len(told) > 9
    assert {name.rpartition(".")[2] for name in told} <= keys


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


def configs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every example of a config in README and docs, with the file it stands in."""
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for number, text in enumerate(re.findall(r"^```json\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)):
            value = jsontext.loads(text)
            if isinstance(value, dict) and value.keys() & known_keys(FileShape):
                yield f"{path.relative_to(ROOT)}-{number}", value


@pytest.mark.parametrize(("where", "config"), [pytest.param(*each, id=each[0]) for each in configs()])
def test_every_example_starts_without_its_variables(where: str, config: dict[str, Any], tmp_path: Path) -> None:
    """A provider whose variable is not set is disabled, with a warning. Only a key that clients must send is missed:
    Linx would be open without it."""
    path = tmp_path / "config.json"
    path.write_bytes(jsontext.dumps(config))
    path.chmod(0o600)
    if "env:" in str(config.get("server", {}).get("api_key")):
        assert where != "README.md-0"
        with pytest.raises(ConfigError, match=r"server\.api_key.*environment variable [A-Z_]+ is not set"):
            load(str(path), {}, KINDS)
        return
    found = load(str(path), {}, KINDS)
    named = {**config, **config.get("providers", {})}
    if not any(provider.name in named for provider in found.providers):
        assert found.warnings == ()  # an example without any provider, so those of a Linx without a file are there
        return
    for provider in found.providers:
        missing = "env:" in str(named.get(provider.name, {}))
        assert provider.enabled == (not missing and provider.name in named)
        assert (
            any("so this provider is disabled" in each and provider.name in each for each in found.warnings) == missing
        )


def test_there_are_examples() -> None:
    assert len(list(configs())) >= 4


def test_the_example_config_keeps_the_key_of_the_environment() -> None:
    """``"api_key": null`` in a file is no more than its default: the variable is a layer above the file."""
    path, key = str(ROOT / "config.json"), "a-key-of-the-environment"
    assert load(path, {}, KINDS).server.api_keys == ()
    assert load(path, {"LINX_API_KEY": key}, KINDS).server.api_keys == (key,)
    assert load(path, {"LINX_API_KEY": key}, KINDS, Overrides(api_key="of-the-command-line")).server.api_keys == (
        "of-the-command-line",
    )
    (openrouter,) = (one for one in load(path, {"OPENROUTER_API_KEY": key}, KINDS).providers if one.api_key)
    assert (openrouter.name, openrouter.enabled, openrouter.api_key) == ("openrouter", True, key)


def test_the_example_config_keeps_the_sections_of_old() -> None:
    config = jsontext.loads((ROOT / "config.json").read_bytes())
    assert config["ollama"].keys() == {"enabled", "endpoint", "thinking_mode", "model_mappings"}
    assert config["llamacpp"].keys() == {"enabled", "endpoint", "model_mappings"}
    assert config["openrouter"].keys() == {"enabled", "endpoint", "api_key", "model_mappings"}
    assert config["ollama"]["model_mappings"]["default"] == config["llamacpp"]["model_mappings"]["default"] == "auto"


def test_every_client_is_in_the_table() -> None:
    """It says what the table of clients says; what docs/clients says is made from that (``tests/test_docs.py``)."""
    folders = Folders.of("linux", {"HOME": "~"})
    for client in CLIENTS.values():
        edits = client.edits(Target(""), folders) if client.edits is not None else []
        written = ", ".join(f"`{one.path}`" for one in edits) or "prints what to click"
        row = f"| {client.title} | `linx launch {client.name}` | `linx setup {client.name}` | {written}"
        assert row in README
