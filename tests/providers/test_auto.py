"""Which model ``"auto"`` stands for: the rule on examples, and what holds for any models."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linx.providers.auto import ANY_CHAT, can_chat, can_embed, choose
from linx.providers.model import Model

if TYPE_CHECKING:
    from collections.abc import Sequence

GB = 10**9
CHAT, TOOLS = frozenset({"completion"}), frozenset({"completion", "tools"})
EMBED = frozenset({"embedding"})
# The capabilities are those of an Ollama 0.13 (GET /api/tags), the sizes those of its library.
MODELS = {
    "gemma3:4b": Model("gemma3:4b", capabilities=CHAT | {"vision"}, size=3 * GB),
    "qwen3:4b": Model("qwen3:4b", capabilities=TOOLS, size=2 * GB),
    "qwen3:32b": Model("qwen3:32b", capabilities=TOOLS, size=20 * GB),
    "nomic-embed-text:latest": Model("nomic-embed-text:latest", capabilities=EMBED, size=274_000_000),
    "bge-m3:latest": Model("bge-m3:latest", capabilities=EMBED, size=1_200_000_000),
}


@dataclass(frozen=True)
class Wish:
    embeds: bool = False
    wants: frozenset[str] = field(default_factory=frozenset)

    def needs(self) -> frozenset[str]:
        return self.wants


def lacks(name: str) -> frozenset[str]:
    model = MODELS.get(name)
    return (
        frozenset({"tools", "vision"}) - model.capabilities if model is not None and model.capabilities else frozenset()
    )


def chosen(
    recent: Sequence[str] = (), memory: int | None = None, *needs: str, embeds: bool = False, without: str = ""
) -> str | None:
    models = {name: model for name, model in MODELS.items() if name != without}
    return choose(models, recent, memory, Wish(embeds, frozenset(needs)), lacks)


@pytest.mark.parametrize(
    ("recent", "memory", "needs", "expected"),
    [
        (["gemma3:4b", "qwen3:32b"], None, [], "gemma3:4b"),
        (["nomic-embed-text:latest", "qwen3:4b"], None, [], "qwen3:4b"),
        (["gone:7b"], None, [], "qwen3:32b"),
        ([], 10 * GB, [], "gemma3:4b"),
        ([], 10 * GB, ["tools"], "qwen3:4b"),
        (["gemma3:4b"], 10 * GB, ["tools"], "qwen3:4b"),
        (["gemma3:4b", "qwen3:32b"], 10 * GB, ["tools"], "qwen3:32b"),
        (["qwen3:4b"], None, ["vision"], "gemma3:4b"),
        ([], 1 * GB, [], "qwen3:4b"),
        ([], None, ["tools", "vision"], "qwen3:32b"),
    ],
    ids=[
        "the latest of those in use",
        "not the embedding model that is loaded",
        "no model that is gone",
        "the largest that fits",
        "the largest that fits with tools",
        "tools before what is loaded",
        "what was used with tools before the largest",
        "images",
        "the smallest where none fits",
        "nobody has all: the first",
    ],
)
def test_the_rule(recent: list[str], memory: int | None, needs: list[str], expected: str) -> None:
    assert chosen(recent, memory, *needs) == expected


def test_vectors_come_from_a_model_for_embeddings_alone() -> None:
    assert chosen(["qwen3:4b"], embeds=True) == "bge-m3:latest"
    assert chosen(["qwen3:4b", "nomic-embed-text:latest"], embeds=True) == "nomic-embed-text:latest"
    assert choose({"qwen3:4b": MODELS["qwen3:4b"], "x": Model("x")}, (), None, Wish(embeds=True), lacks) is None


def test_the_only_model_of_a_server_may_embed() -> None:
    """As a llama.cpp that was started with ``--embeddings``, which does not say so in its list."""
    only = {"some.gguf": Model("some.gguf", capabilities=TOOLS)}
    assert choose(only, (), None, Wish(embeds=True), lacks) == "some.gguf"
    assert choose(only, (), None, Wish(embeds=True), lacks, is_told=True) is None  # an Ollama says what it can
    assert choose({"whisper": Model("whisper")}, (), None, Wish(embeds=True), lacks) is None


@pytest.mark.parametrize(
    "name",
    [
        "nomic-embed-text",
        "text-embedding-nomic-embed-text-v1.5",
        "mxbai-embed-large",
        "embeddinggemma:300m",
        "bge-m3",
        "BAAI/bge-large-en",
        "all-minilm:22m",
        "intfloat/e5-small",
        "thenlper/gte-base",
    ],
)
def test_a_model_for_embeddings_is_known_by_its_name_as_well(name: str) -> None:
    assert can_embed(Model(name))
    assert not can_chat(Model(name))


@pytest.mark.parametrize(
    "name", ["qwen3:4b", "llama3.2", "local-model", "gpt-oss:20b", "minimax-m2", "phi-4", "some.gguf"]
)
def test_other_names_are_of_models_that_talk(name: str) -> None:
    assert can_chat(Model(name))
    assert not can_embed(Model(name))


@pytest.mark.parametrize("name", ["bge-reranker-v2-m3", "whisper-1", "kokoro-tts", "hf.co/x/parakeet"])
def test_some_models_do_neither(name: str) -> None:
    assert not can_chat(Model(name))
    assert not can_embed(Model(name))


def test_what_a_provider_says_counts_more_than_a_name() -> None:
    assert not can_chat(Model("x", capabilities=frozenset({"image"})))
    assert can_embed(Model("x", capabilities=EMBED | CHAT))
    assert can_chat(Model("x", capabilities=EMBED | CHAT))
    assert can_chat(Model("x", capabilities=frozenset()))  # an Ollama before 0.6.4 says nothing


NAMES = ["a:1b", "b:2b", "c-embed", "bge-d", "e:70b"]
CAPABILITIES = [None, frozenset[str](), CHAT, TOOLS, EMBED, CHAT | {"vision"}]
worlds = st.lists(
    st.builds(
        Model,
        st.sampled_from(NAMES),
        capabilities=st.sampled_from(CAPABILITIES),
        size=st.none() | st.integers(0, 100),
    ),
    unique_by=lambda model: model.name,
)


@given(
    worlds,
    st.lists(st.sampled_from([*NAMES, "gone"])),
    st.none() | st.integers(0, 100),
    st.booleans(),
    st.frozensets(st.sampled_from(["tools", "vision"])),
)
def test_what_always_holds(
    listed: list[Model], recent: list[str], memory: int | None, embeds: bool, needs: frozenset[str]
) -> None:
    models = {model.name: model for model in listed}

    def lacking(name: str) -> frozenset[str]:
        has = models[name].capabilities
        return frozenset({"tools", "vision"}) - has if has else frozenset()

    found = choose(models, recent, memory, Wish(embeds, needs), lacking)
    can = can_embed if embeds else can_chat
    able = [name for name, model in models.items() if can(model)]
    if found is None:
        assert not able
        return
    assert found in able or (embeds and len(models) == 1)
    meets = [name for name in able if needs.isdisjoint(lacking(name))]
    if not meets:
        return
    assert found in meets
    in_use = [name for name in recent if name in meets]
    if in_use:
        assert found == in_use[0]
        return
    fits = [models[name].size or 0 for name in meets if memory is None or (models[name].size or 0) <= memory]
    assert (models[found].size or 0) == (max(fits) if fits else min(models[name].size or 0 for name in meets))


def test_nothing_is_asked_for_where_the_model_in_use_can_do_all() -> None:
    class Unasked:
        embeds = False

        def needs(self) -> frozenset[str]:
            raise AssertionError("all messages would be looked at")

    assert choose(MODELS, ["a"], None, ANY_CHAT, lacks) is not None
    assert choose({"a": Model("a")}, ["a"], None, Unasked(), lambda name: ()) == "a"
