"""``linx key``: what it writes, what it shows once, and what it never shows."""

from __future__ import annotations

import hashlib
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from linx.cli import main
from linx.config.load import load
from linx.core import jsontext
from linx.core.folders import config_file
from linx.core.redaction import Redactor
from linx.providers.kinds import KINDS

if TYPE_CHECKING:
    from linx.core.client_key import ClientKey


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("LINX_CONFIG", "LINX_API_KEY", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: str, code: int = 0) -> tuple[str, str]:
        assert main(["key", *words]) == code
        told = capsys.readouterr()
        return told.out, told.err

    return run


def keys_in(path: str | Path) -> dict[bytes, ClientKey]:
    return load(str(path), {}, KINDS).server.accepted_keys()


def test_a_key_is_shown_once_and_kept_as_its_hash(run: Any) -> None:
    Path("config.json").write_text('{"$schema": "s", "server": {"port": 1}}\n')
    Path("config.json").chmod(0o600)
    out, told = run("add", "anna")
    key = out.strip()
    assert out == key + "\n"
    assert len(key) > 40
    digest = hashlib.sha256(key.encode())
    text = Path("config.json").read_text()
    entry = f'{{"name": "anna", "key_sha256": "{digest.hexdigest()}"}}'
    assert text == f'{{"$schema": "s", "server": {{"port": 1, "api_key": [{entry}]}}}}\n'
    assert key not in told + text
    assert [(found, each.name) for found, each in keys_in("config.json").items()] == [(digest.digest(), "anna")]
    assert "the first key of this Linx: from now on every client needs a key" in told
    for told in run("list"):
        assert key not in told
        assert digest.hexdigest() not in told


def test_a_key_that_only_its_hash_is_known_of_is_masked_all_the_same(run: Any) -> None:
    key = run("add", "anna")[0].strip()
    assert key not in Redactor().clean(f"a client sent {key} in its prompt")


def test_without_a_file_it_is_made_in_the_users_folder(run: Any) -> None:
    own = config_file("config.json")
    _, told = run("add", "anna")
    assert str(own) in told
    assert own.stat().st_mode & 0o777 == 0o600
    run("add", "ben")
    assert [key.name for key in load(None, {}, KINDS).server.accepted_keys().values()] == ["anna", "ben"]
    assert own.read_text().startswith('{\n  "server": {\n    "api_key": [\n      {"name": "anna"')


def test_a_file_that_is_named_must_be_there(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "a.json: no such file (given by --config)" in run("add", "anna", "--config", "a.json", code=2)[1]
    monkeypatch.setenv("LINX_CONFIG", "b.json")
    assert "b.json: no such file (given by LINX_CONFIG)" in run("add", "anna", code=2)[1]
    Path("b.json").write_text("{}")
    Path("b.json").chmod(0o600)
    run("add", "anna")
    assert [key.name for key in keys_in("b.json").values()] == ["anna"]


def test_limits_are_written_as_the_config_has_them(run: Any) -> None:
    limits = "models=qwen*,ollama/* local_only=true max_concurrent=2 requests_per_minute=20"
    _, told = run("add", "anna", *limits.split(), "daily_usd=0.5", "monthly_usd=10", "daily_tokens=1000")
    own = config_file("config.json")
    assert jsontext.loads(own.read_bytes())["server"]["api_key"][0] | {"key_sha256": ""} == {
        "name": "anna",
        "key_sha256": "",
        "models": ["qwen*", "ollama/*"],
        "local_only": True,
        "max_concurrent": 2,
        "requests_per_minute": 20,
        "budget": {"daily_usd": 0.5, "monthly_usd": 10, "daily_tokens": 1000},
    }
    [key] = keys_in(own).values()
    assert (key.models, key.max_concurrent, key.is_limited) == (("qwen*", "ollama/*"), 2, True)
    assert "There is no key without limits, so nobody may manage this Linx" in told
    _, told = run("add", "owner")
    assert "nobody may manage" not in told
    assert run("list") == (
        "anna   models qwen*, ollama/*; local models alone; 2 at a time; 20 requests a minute; "
        "$0.5 a day, $10 a month, 1000 tokens a day\n"
        "owner  no limits\n",
        "",
    )


def test_a_plain_key_stays_beside(run: Any) -> None:
    Path("config.json").write_text('{"server": {"api_key": "a-plain-key-0123456789"}}')
    Path("config.json").chmod(0o600)
    _, told = run("add", "anna", "local_only=true")
    assert "nobody may manage" not in told
    assert "first key" not in told
    assert [key.name for key in keys_in("config.json").values()] == ["key-1", "anna"]
    listed, _ = run("list")
    assert listed == "key-1  no limits (a key without a name, called by its place)\nanna   local models alone\n"
    assert "a-plain-key" not in listed


def test_a_key_is_removed(run: Any) -> None:
    run("add", "anna")
    run("add", "ben")
    assert "there is no key named 'anne'; did you mean anna?" in run("remove", "anne", code=2)[1]
    assert "It was the last key" not in run("remove", "anna")[1]
    assert "It was the last key" in run("remove", "ben")[1]
    assert run("list")[0].startswith("No keys")


def test_where_there_is_no_file_there_is_nothing_to_remove(run: Any) -> None:
    assert "there is no config file, so there are no keys" in run("remove", "anna", code=2)[1]
    assert run("list")[0].startswith("No keys")


def test_a_key_in_the_environment_makes_all_others_idle(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINX_API_KEY", "the-key-of-the-environment")
    assert "LINX_API_KEY is set" in run("add", "anna")[1]


def test_the_config_and_the_command_of_the_documents_work(run: Any) -> None:
    text = (Path(__file__).parents[1] / "docs" / "keys.md").read_text()
    Path("shown.json").write_text(text.partition("```json\n")[2].partition("```")[0])
    Path("shown.json").chmod(0o600)
    keys = load("shown.json", {"MY_KEY": "m" * 16, "CI_KEY": "c" * 16}, KINDS).server.client_keys()
    assert [key.name for key in keys] == ["key-1", "anna", "ci"]
    command = re.search(r"^linx key (add .*)$", text, re.MULTILINE)
    assert command is not None
    run(*shlex.split(command[1]))
    assert run("list")[0].startswith("anna  models qwen*, workstation/*; 2 at a time; 20 requests a minute; $1 a day")


def test_a_file_that_is_not_json_stays_as_it_is(run: Any) -> None:
    Path("config.json").write_text('{"server": {} // comment\n}')
    assert "config.json:1:15: is not JSON: comments are not allowed" in run("add", "anna", code=2)[1]
    assert Path("config.json").read_text() == '{"server": {} // comment\n}'
