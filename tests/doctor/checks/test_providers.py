"""Providers: what is wrong has a line that mends it, and the summary tells what is there."""

from __future__ import annotations

import pytest

from linx.doctor.checks.providers import credit, kinds, numbers_of, reachable, versions
from linx.doctor.facts import Trouble
from linx.doctor.finding import Change, Level
from linx.providers.credit import Credit
from linx.providers.kinds import KINDS
from linx.providers.model import Model
from tests.doctor.pieces import facts, provider


def test_the_summary() -> None:
    there = provider(
        models={"a": Model("a"), "b": Model("b")}, version="0.33.0", loaded={"a": 4096, "b": 0}, latency_s=0.0123
    )
    found = list(reachable(facts(there)))
    assert [one.what for one in found] == ["ollama 0.33.0, 2 models, loaded: a (4,096 tokens), b, 12 ms"]


def test_nobody_is_enabled() -> None:
    assert [one.level for one in reachable(facts())] == [Level.BROKEN]


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("0.12.6", (0, 12, 6)), ("v0.33.0-rc2", (0, 33, 0)), ("0.0.0", None), ("b10434", None), ("0.9.6-ipex", (0, 9, 6))],
)
def test_a_version_in_numbers(version: str, numbers: tuple[int, ...] | None) -> None:
    assert numbers_of(version) == numbers


@pytest.mark.parametrize(
    ("version", "lacks"),
    [("0.5.1", "what its models can do"), ("0.9.6", "which context"), ("0.12.5", "without a word"), ("0.12.6", "")],
)
def test_what_an_old_ollama_lacks(version: str, lacks: str) -> None:
    found = list(versions(facts(provider(version=version))))
    assert len(found) == bool(lacks)
    assert all(lacks in one.what for one in found)


def test_a_provider_of_another_kind() -> None:
    url = "http://127.0.0.1:8080"
    below = provider(endpoint=url, really=KINDS["llamacpp"], server="llama.cpp b1", trouble=Trouble.SHAPE)
    (found,) = kinds(facts(below))
    assert found.what == "is llama.cpp b1, and is asked as ollama"
    assert found.edits == (Change(("providers", "box", "kind"), "llamacpp"),)
    assert not [one for one in reachable(facts(below)) if one.level is Level.WARNING], "told once"
    (found,) = kinds(facts(provider("ollama", endpoint=url, really=KINDS["llamacpp"])))
    section = {"enabled": True, "endpoint": url}
    assert found.edits == (Change(("llamacpp",), section), Change(("ollama", "enabled"), False))
    (found,) = kinds(facts(provider("ollama", endpoint=url, really=KINDS["openai"], trouble=Trouble.STATUS)))
    assert found.edits[0] == Change(("providers", "openai-8080"), {"kind": "openai", "endpoint": url})


def test_what_imitates_an_ollama_well_is_left_alone_and_so_is_the_dialect_that_all_speak() -> None:
    assert not list(kinds(facts(provider(really=KINDS["openai"], server="KoboldCpp"))))
    assert not list(kinds(facts(provider(kind="openai", really=KINDS["llamacpp"]))))
    (found,) = kinds(facts(provider(kind="openai", really=KINDS["ollama"], server="Ollama 0.33.0")))
    assert "longer prompts are cut" in found.what
    assert found.edits == (Change(("providers", "box", "kind"), "ollama"),)


@pytest.mark.parametrize(
    ("key", "level"),
    [
        (Credit(5, 0), Level.WARNING),
        (Credit(5, 0.5), Level.NOTE),
        (Credit(5, 4), None),
        (Credit(None, None, is_free_tier=True), Level.NOTE),
        (Credit(), None),
    ],
)
def test_credit(key: Credit, level: Level | None) -> None:
    found = [
        one.level for one in credit(facts(provider("paid", "openrouter", "https://openrouter.ai/api/v1", credit=key)))
    ]
    assert found == ([] if level is None else [level])
