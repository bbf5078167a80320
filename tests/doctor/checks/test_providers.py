"""Providers: what is wrong has a line that mends it, and the summary tells what is there."""

from __future__ import annotations

from typing import Any

import pytest

from linx.doctor.checks.providers import adding, credit, kinds, numbers_of, reachable, unlisted, versions
from linx.doctor.facts import ConfigFacts, FoundServer, KeyFacts, Trouble
from linx.doctor.finding import Change, Level
from linx.providers.model import Model
from tests.doctor.pieces import facts, provider


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_has_words_and_a_mend(trouble: Trouble) -> None:
    found = list(reachable(facts(provider(trouble=trouble, problem="went wrong"))))
    assert found[0].level is Level.WARNING
    assert found[0].what
    assert found[0].mend
    is_broken = any(one.level is Level.BROKEN for one in found)
    assert is_broken == (trouble is not Trouble.LOADING)


def test_a_server_elsewhere_is_started_there() -> None:
    away = provider(endpoint="http://192.168.1.20:11434", trouble=Trouble.REFUSED, problem="refused")
    assert next(iter(reachable(facts(away)))).mend.startswith("start the server, or correct providers.box.endpoint")


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
    below = provider(endpoint="http://127.0.0.1:8080", really="llamacpp", server="llama.cpp", trouble=Trouble.SHAPE)
    found = list(kinds(facts(below)))
    assert [one.edits for one in found] == [(Change(("providers", "box", "kind"), "llamacpp"),)]
    assert not [one for one in reachable(facts(below)) if one.level is Level.WARNING], "told once"
    section = provider("ollama", endpoint="http://127.0.0.1:8080", really="llamacpp", server="llama.cpp")
    assert [one.edits for one in kinds(facts(section))] == [
        (
            Change(("llamacpp",), {"enabled": True, "endpoint": "http://127.0.0.1:8080"}),
            Change(("ollama", "enabled"), False),
        )
    ]
    other = provider("ollama", endpoint="http://127.0.0.1:8000", really="openai", server="vLLM")
    assert next(iter(kinds(facts(other)))).edits[0] == Change(
        ("providers", "openai-8000"), {"kind": "openai", "endpoint": "http://127.0.0.1:8000"}
    )


@pytest.mark.parametrize(
    ("key", "level"),
    [
        (KeyFacts(5, 0), Level.WARNING),
        (KeyFacts(5, 0.5), Level.NOTE),
        (KeyFacts(5, 4), None),
        (KeyFacts(None, None, is_free_tier=True), Level.NOTE),
        (KeyFacts(), None),
    ],
)
def test_credit(key: KeyFacts, level: Level | None) -> None:
    found = [
        one.level for one in credit(facts(provider("paid", "openrouter", "https://openrouter.ai/api/v1", key=key)))
    ]
    assert found == ([] if level is None else [level])


def test_a_server_that_is_in_no_config_gets_a_name_that_is_free() -> None:
    tree: dict[str, Any] = {"ollama": {}, "providers": {"lm-studio": {}}}
    config = ConfigFacts(facts().config.config, "/c.json", "", tree)
    here = facts(config=config, found=(FoundServer("LM Studio", "openai", "http://127.0.0.1:1234", ("m",)),))
    assert [one.edits[0].key for one in unlisted(here)] == ["providers.lm-studio-1234"]
    assert adding(here, "llama.cpp", "llamacpp", "http://127.0.0.1:8080").key == "llamacpp"
    assert adding(here, "Ollama", "ollama", "http://127.0.0.1:11435").key == "providers.ollama-11435"
