"""Contexts, mappings and tools: cases beside those of real servers."""

from __future__ import annotations

import pytest

from linx.doctor.checks.models import contexts, mappings, tools
from linx.doctor.facts import PropsFacts
from linx.doctor.finding import Level
from linx.providers.missing import MissingModel
from linx.providers.model import Model
from tests.doctor.pieces import facts, provider

BIG = {"m:latest": Model("m:latest", context_length=131072, capabilities=frozenset({"completion", "tools"}))}


@pytest.mark.parametrize(
    ("tokens", "num_ctx", "level"),
    [
        (4096, None, Level.WARNING),
        (4096, "auto", Level.NOTE),
        (32768, None, Level.OK),
        (0, None, None),
    ],
    ids=["left to Ollama", "auto", "enough", "not told"],
)
def test_what_an_ollama_has_loaded(tokens: int, num_ctx: str | None, level: Level | None) -> None:
    found = [
        one.level
        for one in contexts(facts(provider(models=BIG, loaded={"m:latest": tokens}, config={"num_ctx": num_ctx})))
    ]
    assert found == ([] if level is None else [level])


def test_a_modelfile_that_allows_little() -> None:
    small = {"m": Model("m", context_length=131072, set_context=2048)}
    (found,) = contexts(facts(provider(models=small)))
    assert "allows 2,048 of its 131,072" in found.what
    assert found.mend == "ollama run m, and there: /set parameter num_ctx 32768, then /save m"


@pytest.mark.parametrize(
    ("props", "level"),
    [
        (PropsFacts(4096, 4, 131072), Level.WARNING),
        (PropsFacts(4096, 1, None), Level.WARNING),
        (PropsFacts(2048, 1, 2048), Level.NOTE),
        (PropsFacts(65536, 1, 131072), Level.OK),
    ],
)
def test_what_a_llamacpp_can_hold(props: PropsFacts, level: Level) -> None:
    found = list(contexts(facts(provider("cpp", "llamacpp", props=props))))
    assert [one.level for one in found] == [level]


def test_a_mapping_without_its_model() -> None:
    pull = MissingModel("gpt-4o", "qwen3:8b", "ollama pull qwen3:8b", ("qwen3:4b",))
    far = MissingModel("gpt-5", "x/y", "", ())
    found = list(mappings(facts(provider(missing=(pull, far)))))
    assert [one.mend.partition(" in /")[0] for one in found] == [
        "ollama pull qwen3:8b",
        "name a model that is there: providers.box.model_mappings",
    ]
    assert "there is qwen3:4b" in found[0].what


def test_auto_that_stands_for_no_model() -> None:
    (found,) = mappings(facts(provider(auto_problem="there is no model yet: ollama pull qwen3:4b")))
    assert (found.what, found.mend) == ("there is no model", "ollama pull qwen3:4b")


def test_tools_of_remote_models_and_of_embedders_are_no_matter() -> None:
    embedder = {"e": Model("e", capabilities=frozenset({"embedding"}))}
    far = {"r": Model("r", capabilities=frozenset({"completion"}))}
    remote = provider("paid", "openrouter", "https://openrouter.ai/api/v1", models=far)
    assert not list(tools(facts(provider(models=embedder), remote)))
