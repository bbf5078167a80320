"""What an LM Studio tells of its models, and what "auto" makes of it. The entries are those of its documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.providers.catalog import refresh
from linx.providers.lmstudio import is_lmstudio, told
from linx.providers.memory import InMemory
from linx.providers.model import Model as Known
from linx.routing.demand import Demand
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import status
from tests.providers.asked import at, listing

if TYPE_CHECKING:
    from linx.core.redaction import Redactor
    from linx.upstream.pool import Pool

NAMES = ["meta-llama-3.1-8b-instruct", "qwen2-vl-7b-instruct", "text-embedding-nomic-embed-text-v1.5"]
NATIVE: dict[str, Any] = {
    "object": "list",
    "data": [
        {"id": NAMES[1], "object": "model", "type": "vlm", "arch": "qwen2_vl", "compatibility_type": "mlx",
         "quantization": "4bit", "state": "not-loaded", "max_context_length": 32768, "capabilities": []},
        {"id": NAMES[0], "object": "model", "type": "llm", "arch": "llama", "compatibility_type": "gguf",
         "quantization": "Q4_K_M", "state": "loaded", "max_context_length": 131072, "loaded_context_length": 4096,
         "capabilities": ["tool_use"]},
        {"id": NAMES[2], "object": "model", "type": "embeddings", "arch": "nomic-bert", "compatibility_type": "gguf",
         "quantization": "Q4_0", "state": "not-loaded", "max_context_length": 2048},
    ],
}  # fmt: skip
OPENAI: dict[str, Any] = {
    "object": "list",
    "data": [{"id": name, "object": "model", "owned_by": "organization_owner"} for name in NAMES],
}


async def test_its_models_are_known_as_its_own_list_tells_them(pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("openai", [Model("x")]) as fake:
        fake.at["/v1/models"], fake.at["/api/v0/models"] = listing(OPENAI), listing(NATIVE)
        one = at(fake, model_mappings={"default": "auto"})
        await refresh(one, pool, redactor)
        known = one.models
        assert list(known) == NAMES
        assert [set(model.capabilities or ()) for model in known.values()] == [
            {"completion", "tools"},
            {"completion", "vision"},
            {"embedding"},
        ]
        assert [one.context_length(name) for name in NAMES] == [4096, 32768, 2048]
        assert list(one.loaded.latest_first()) == [NAMES[0]]
        assert one.contexts.all_loaded() == {NAMES[0]: 4096}
        assert one.default("gpt-4o") == NAMES[0]
        assert one.default("gpt-4o", Demand(needs=lambda: frozenset({"vision"}))) == NAMES[1]
        assert one.default("ada", Demand(one_model=True)) == NAMES[2]


@pytest.mark.parametrize(
    "answer",
    [status(404), listing({"error": "Unexpected endpoint or method. (GET /api/v0/models)"}), listing([]), listing({})],
    ids=["none", "an error in a 200", "a list", "nothing"],
)
async def test_without_that_list_the_names_are_there_all_the_same(answer: Any, pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("openai", [Model("x")]) as fake:
        fake.at["/v1/models"], fake.at["/api/v0/models"] = listing(OPENAI), answer
        one = at(fake)
        await refresh(one, pool, redactor)
        assert list(one.models) == NAMES
        assert one.models[NAMES[0]].capabilities is None
        assert one.health.state(0.0) == "up"


async def test_no_other_server_is_asked_for_it(pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("openai", [Model("x")]) as fake:
        await refresh(at(fake), pool, redactor)
        assert all("v0" not in one.path for one in fake.requests)


def test_whose_list_it_is() -> None:
    mine, other = {"owned_by": "organization_owner"}, {"owned_by": "me"}
    assert is_lmstudio({"a": mine, "b": mine})
    assert not is_lmstudio({"a": mine, "b": other})
    assert not is_lmstudio({})


def test_an_older_version_says_nothing_of_tools() -> None:
    entry = {"id": "a", "type": "llm", "state": "loaded", "max_context_length": 8192}
    models, loaded = told({"a": Known("a"), "b": Known("b")}, {"data": [entry, 7, {"id": "c", "type": "image"}]})
    assert models["a"].capabilities == frozenset({"completion", "tools"})
    assert (models["a"].context_length, models["b"]) == (8192, Known("b"))
    assert loaded == {"a": InMemory()}
