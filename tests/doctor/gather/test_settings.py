"""Which config is in force, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linx.config.layers import Overrides
from linx.config.load import Sources
from linx.core.folders import config_file
from linx.doctor.gather.settings import passed_over_of, read
from linx.providers.kinds import KINDS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(path: Path, text: str = "{}") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o600)
    path.write_text(text)
    return str(path)


def test_why_a_file_is_in_force(tmp_path: Path) -> None:
    assert read(Sources(KINDS)).reason == "there is no config file"
    own = write(config_file("config.json"))
    assert (read(Sources(KINDS)).path, read(Sources(KINDS)).reason) == (own, "it is in your config folder")
    here = write(tmp_path / "config.json", '{"ollama": {"enabled": false}}')
    facts = read(Sources(KINDS))
    assert (facts.path, facts.reason, facts.place_to_write) == (here, "it is in this folder", "config.json")
    assert facts.tree == {"ollama": {"enabled": False}}
    other = write(tmp_path / "other.json")
    assert read(Sources(KINDS, other)).reason == "--config names it"
    assert read(Sources(KINDS, env={"LINX_CONFIG": other})).reason == "LINX_CONFIG names it"


def test_a_file_of_another_program_is_neither_in_force_nor_written(tmp_path: Path) -> None:
    here, own = tmp_path / "config.json", tmp_path / "own.json"
    candidates = (str(here), str(own))
    assert passed_over_of(candidates, str(here)) == ()
    write(here)
    assert passed_over_of(candidates, str(own)) == (str(here),)
    assert passed_over_of(candidates, None) == (str(here),)
    assert passed_over_of((), None) == ()


def test_whether_a_port_is_chosen(tmp_path: Path) -> None:
    assert not read(Sources(KINDS)).is_port_chosen
    assert read(Sources(KINDS, overrides=Overrides(port=1))).is_port_chosen
    write(tmp_path / "config.json", '{"server": {"port": 8080}}')
    assert read(Sources(KINDS)).is_port_chosen


def test_what_cannot_be_used_is_a_fact(tmp_path: Path) -> None:
    assert "no such file" in str(read(Sources(KINDS, "missing.json")).problem)
    path = write(tmp_path / "config.json", "{")
    facts = read(Sources(KINDS))
    assert (facts.config, facts.path, facts.tree) == (None, path, {})
    assert "is not JSON" in str(facts.problem)


def test_a_provider_that_is_linx_itself(tmp_path: Path) -> None:
    write(tmp_path / "config.json", '{"ollama": {"endpoint": "http://localhost:9123"}}')
    assert "is Linx's own address" in str(read(Sources(KINDS, overrides=Overrides(port=9123))).problem)
