"""What each kind's lists are found to say, and what is made of odd ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.dialects.anthropic.model_list import MAX_PAGES
from linx.providers.catalog import refresh
from linx.providers.known_hosts import known_host
from linx.providers.places import Places, possible_places
from linx.providers.prices import Price
from tests.fakes import ollama_catalogue, scripted
from tests.fakes.catalogue import OLLAMA_VERSION, Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Whole
from tests.providers.asked import KEY, at, listing, paths

if TYPE_CHECKING:
    from linx.core.redaction import Redactor
    from linx.providers.provider import Provider
    from linx.upstream.pool import Pool


async def test_an_ollama_and_what_each_model_can(pool: Pool, redactor: Redactor) -> None:
    models = [
        Model("a:1b", ("completion", "tools"), 4096),
        Model("b", ("completion", "thinking"), None),
        *(Model(f"m{n}") for n in range(6)),
    ]
    async with FakeProvider("ollama", models) as fake:
        one = at(fake)
        await refresh(one, pool, redactor)
        assert list(one.models) == ["a:1b", "b:latest", *(f"m{n}:latest" for n in range(6))]
        assert one.models["a:1b"].capabilities == frozenset({"completion", "tools"})
        assert one.models["a:1b"].context_length == 4096
        assert one.models["b:latest"].context_length is None
        assert one.listed("B") == "b:latest"
        assert one.version == OLLAMA_VERSION
        assert one.health.state(0.0) == "up"
        assert one.probed.is_set()
        assert one.listed_at is not None
        assert fake.requests[0].headers["authorization"] == f"Bearer {KEY}"
        assert paths(fake).count("POST /api/show") == 8
        await refresh(one, pool, redactor)
        assert paths(fake).count("POST /api/show") == 8  # nothing has changed
        assert one.models["a:1b"].capabilities == frozenset({"completion", "tools"})
        fake.models.append(Model("new"))
        del fake.models[0]
        await refresh(one, pool, redactor)
        assert paths(fake).count("POST /api/show") == 9
        assert "new:latest" in one.models
        assert one.listed("a:1b") is None


async def test_one_odd_model_hides_no_other(pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("ollama", ["good"]) as fake:
        tags = ollama_catalogue.tags(fake.models)
        tags["models"] += [{"model": "gone:1b", "digest": "x"}, {"name": "odd"}]
        fake.at["/api/tags"] = listing(tags)
        fake.at["/api/version"] = scripted.status(404)
        one = at(fake)
        await refresh(one, pool, redactor)
        assert set(one.models) == {"good:latest", "gone:1b", "odd"}
        assert one.models["gone:1b"].capabilities is None
        assert one.version is None
        fake.at["/api/version"] = listing([1])
        await refresh(one, pool, redactor)
        assert one.version is None
        fake.at["/api/version"] = listing({"version": 7})
        fake.at["/api/show"] = Whole(200, b"not JSON")
        await refresh(one, pool, redactor)
        assert one.version is None
        assert one.health.state(0.0) == "up"


async def test_a_llamacpp(pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("llamacpp", [Model("tiny", ("completion", "vision"), 2048)]) as fake:
        one = at(fake)
        await refresh(one, pool, redactor)
        assert one.models["tiny"].context_length == 2048
        assert one.models["tiny"].capabilities == frozenset({"completion", "tools", "vision"})
        fake.models = [Model("tiny", context_length=2048), Model("other", context_length=4096)]
        await refresh(one, pool, redactor)
        assert one.models["tiny"].capabilities == frozenset({"completion", "tools"})
        assert one.models["other"].context_length == 131072  # of several models, the slot's size says nothing
        for props in (
            scripted.status(404),
            Whole(200, b"<html>"),
            listing({"modalities": 5, "default_generation_settings": {"n_ctx": 0}}),
        ):
            fake.at["/props"] = props
            await refresh(one, pool, redactor)
            assert one.health.state(0.0) == "up"
            assert set(one.models) == {"tiny", "other"}


async def test_a_llamacpp_calls_tools_with_any_chat_template(pool: Pool, redactor: Redactor) -> None:
    """VS Code and Roo offer no model without tools, and a llama.cpp takes tools for a template without them, too."""
    async with FakeProvider("llamacpp", [Model("tiny")]) as fake:
        fake.at["/props"] = listing({"chat_template_caps": {"supports_tools": False, "supports_tool_calls": False}})
        one = at(fake)
        await refresh(one, pool, redactor)
        assert "tools" in (one.models["tiny"].capabilities or ())


async def test_a_llamacpp_that_swaps_models_tells_which_one_is_loaded(pool: Pool, redactor: Redactor) -> None:
    """As the router of llama-server does (llama.cpp: tools/server/README.md, "Using multiple models")."""
    async with FakeProvider("llamacpp", []) as fake:
        one = at(fake, model_mappings={"default": "auto"})
        values = {"a": "unloaded", "b": "loaded", "c": "loading"}
        entries = [{"id": name, "object": "model", "status": {"value": value}} for name, value in values.items()]
        fake.at["/v1/models"] = listing({"object": "list", "data": entries})
        await refresh(one, pool, redactor)
        assert list(one.loaded.latest_first()) == ["b"]
        assert one.default("x") == "b"
        fake.at["/v1/models"] = listing({"data": [{"id": "a", "status": 7}, {"id": "b", "status": {}}]})
        await refresh(one, pool, redactor)
        assert list(one.loaded.latest_first()) == []
        assert one.default("x") == "a"


async def test_an_openrouter(pool: Pool, redactor: Redactor) -> None:
    models = [Model("x/y:free", ("completion",), 100, ("0", "0")), Model("p/q", price=("-1", "0"))]
    async with FakeProvider("openrouter", models) as fake:
        one = at(fake, local=False)
        await refresh(one, pool, redactor)
        assert one.models["x/y:free"].price == Price(0.0, 0.0)
        assert one.models["p/q"].price is None
        assert one.models["x/y:free"].capabilities == frozenset({"completion"})
        assert one.models["p/q"].capabilities == frozenset({"completion", "tools"})
        assert one.models["p/q"].created == 1_755_800_000
        assert one.models["x/y:free"].context_length == 100


async def test_an_anthropic_page_by_page(pool: Pool, redactor: Redactor) -> None:
    dated = [Model("claude-haiku-4-5-20251001"), Model("claude-sonnet-5-20260101"), Model("claude-sonnet-5-20250601")]
    async with FakeProvider("anthropic", [*dated, *(Model(f"m{n}") for n in range(1000))]) as fake:
        one = at(fake, local=False)
        await refresh(one, pool, redactor)
        assert len(one.models) == 1003
        assert paths(fake) == ["GET /v1/models", "GET /v1/models"]
        assert fake.requests[0].headers["x-api-key"] == KEY
        assert fake.requests[0].headers["anthropic-version"] == "2023-06-01"
        assert one.listed("claude-haiku-4-5") == "claude-haiku-4-5-20251001"
        assert one.listed("claude-sonnet-5") == "claude-sonnet-5-20260101"  # the newest, which is listed first
        haiku = one.models["claude-haiku-4-5-20251001"]
        assert (haiku.context_length, haiku.price) == (200_000, None)
        assert haiku.capabilities == frozenset({"completion", "tools", "vision", "thinking"})
        assert haiku.listed["max_tokens"] == 64_000
        assert one.health.state(0.0) == "up"


async def test_an_anthropic_whose_pages_never_end(pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("anthropic") as fake:
        fake.at["/v1/models"] = listing({"data": [{"id": "m"}], "has_more": True, "last_id": "m"})
        one = at(fake)
        await refresh(one, pool, redactor)
        assert list(one.models) == ["m"]
        assert len(fake.requests) == MAX_PAGES
        fake.at["/v1/models"] = listing({"object": "list"})
        await refresh(one, pool, redactor)
        assert list(one.models) == ["m"]  # as before


@pytest.mark.parametrize(
    ("entry", "context", "capabilities"),
    [
        ({}, None, None),
        ({"context_length": 5}, 5, None),
        ({"context_length": None, "max_model_len": 6}, 6, None),
        ({"context_window": 7, "meta": {"n_ctx_train": 9}}, 7, None),
        ({"context_length": 0, "meta": {"n_ctx_train": 9}}, 9, None),
        ({"context_length": "many", "meta": "none"}, None, None),
        ({"supported_parameters": "tools"}, None, None),
        ({"supported_parameters": []}, None, {"completion"}),
        (
            {"supported_parameters": ["tools", "reasoning"], "architecture": {"input_modalities": ["text", "image"]}},
            None,
            {"completion", "tools", "thinking", "vision"},
        ),
        (
            {"supported_parameters": ["reasoning"], "architecture": {"input_modalities": None}},
            None,
            {"completion", "thinking"},
        ),
        ({"supported_parameters": [], "architecture": []}, None, {"completion"}),
    ],
)
async def test_what_an_entry_says(
    entry: dict[str, Any], context: int | None, capabilities: set[str] | None, pool: Pool, redactor: Redactor
) -> None:
    async with FakeProvider("openai") as fake:
        fake.at["/v1/models"] = listing({"data": [{"id": "m", "created": "yesterday", **entry}]})
        one = at(fake)
        await refresh(one, pool, redactor)
        known = one.models["m"]
        assert (known.context_length, known.capabilities, known.created) == (
            context,
            capabilities and frozenset(capabilities),
            None,
        )


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        ({"data": []}, []),
        ({"data": None}, []),
        ([{"id": "a"}, {"id": "b"}], ["a", "b"]),
        (["a", "models/b"], ["a", "b"]),
        ({"models": [{"name": "models/a"}, {"name": "b"}]}, ["a", "b"]),
        ({"data": [{"id": ""}, {"id": 7}, {"name": "x"}, {"id": "a"}]}, ["x", "a"]),
    ],
)
async def test_odd_lists(listed: Any, names: list[str], pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("openai") as fake:
        fake.at["/v1/models"] = listing(listed)
        one = at(fake, models=("configured",))
        await refresh(one, pool, redactor)
        assert list(one.models) == ["configured", *names]
        assert one.health.state(0.0) == "up"


async def test_a_list_in_pages(pool: Pool, redactor: Redactor) -> None:
    """Cohere gives 20 models a page (kilocode#10563: the list was incomplete)."""
    async with FakeProvider("openai") as fake:
        fake.at["/v1/models"] = listing({"models": [{"name": "a", "context_length": 9}], "next_page_token": "t1"})
        fake.at["/v1/models?page_token=t1"] = listing({"models": [{"name": "b"}]})
        one = at(fake)
        await refresh(one, pool, redactor)
        assert list(one.models) == ["a", "b"]
        assert one.models["a"].context_length == 9
        del fake.at["/v1/models?page_token=t1"]  # then each page is the first, and there is no end
        fake.requests.clear()
        await refresh(one, pool, redactor)
        assert list(one.models) == ["a"]
        assert len(fake.requests) == MAX_PAGES + 1


async def test_a_prefix_that_is_part_of_no_name(pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("openai") as fake:
        fake.at["/v1/models"] = listing({"object": "list", "data": [{"id": "models/gemini-x"}]})
        one = at(fake, model_mappings={"mine": "gemini-x"})
        await refresh(one, pool, redactor)
        assert [one.listed(name) for name in ("gemini-x", "models/gemini-x", "gemini-y")] == [
            "gemini-x",
            "gemini-x",
            None,
        ]
        assert (one.mapped("mine"), one.mapped("models/mine")) == ("gemini-x", "gemini-x")


# --- lists that are elsewhere, or nowhere ---

NOT_FOUND = scripted.status(404, "Not Found")
HERE = [{"id": "a"}]


def known_at(fake: FakeProvider, host: str, path: str = "", **config: Any) -> Provider:
    """A provider at a fake that stands for ``host``."""
    known = known_host(host)
    one = at(fake, endpoint=fake.url + path, **config)
    one.http.known = known
    one.http.places = Places(possible_places(path, known, has_query=False))
    return one


@pytest.mark.parametrize(
    ("host", "path", "listed_at", "value"),
    [
        ("models.github.ai", "/inference", "/catalog/models", [{"id": "a", "name": "The A"}]),
        ("x.cloud.databricks.com", "/serving-endpoints", "/api/2.0/serving-endpoints", {"endpoints": [{"name": "a"}]}),
        (
            "api.cloudflare.com",
            "/client/v4/accounts/x/ai/v1",
            "/client/v4/accounts/x/ai/models/search?per_page=1000",
            {"success": True, "result": [{"name": "a"}]},
        ),
        ("api.cohere.com", "/compatibility/v1", "/v1/models", {"models": [{"name": "a"}]}),
    ],
)
async def test_a_list_beside_the_api(
    host: str, path: str, listed_at: str, value: Any, pool: Pool, redactor: Redactor
) -> None:
    async with FakeProvider("openai") as fake:
        fake.at["/v1/models"] = NOT_FOUND
        fake.at[listed_at] = listing(value)
        one = known_at(fake, host, path)
        await refresh(one, pool, redactor)
        assert list(one.models) == ["a"]
        assert (one.health.state(0.0), one.health.last_error) == ("up", None)
        assert one.http.places.current == path  # the list does not tell where the rest is


async def test_a_list_of_what_could_be_deployed(pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("openai") as fake:
        fake.at["/openai/v1/models"] = listing({"data": HERE})
        one = known_at(fake, "x.openai.azure.com", models=("mine",))
        await refresh(one, pool, redactor)
        assert (list(one.models), one.health.state(0.0), one.health.last_error) == (["mine"], "up", None)
        one = known_at(fake, "x.openai.azure.com")
        await refresh(one, pool, redactor)
        assert one.health.state(0.0) == "down"
        assert "have to be named" in (one.health.last_error or "")


async def test_an_empty_list_may_be_another_one(pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("openai") as fake:
        fake.at["/api/v1/models"] = listing([])
        fake.at["/api/models"] = listing({"data": HERE})
        one = at(fake, endpoint=fake.url + "/api")
        await refresh(one, pool, redactor)
        assert (list(one.models), one.http.places.current) == (["a"], "/api")


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_a_refusal_is_no_reason_to_look_elsewhere(status: int, pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("openai") as fake:
        fake.at["/v1/models"] = scripted.status(status)
        fake.at["/models"] = listing({"data": HERE})
        one = at(fake)
        await refresh(one, pool, redactor)
        assert paths(fake) == ["GET /v1/models"]
        assert one.health.state(0.0) == "down"


async def test_what_was_found_outlives_a_reload(pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("openai") as fake:
        fake.at["/v1/models"] = NOT_FOUND
        fake.at["/models"] = listing({"data": HERE})
        one, new = at(fake), at(fake, max_concurrent=2)
        await refresh(one, pool, redactor)
        assert paths(fake) == ["GET /v1/models", "GET /models"]
        new.inherit(one)
        assert (new.http.places.current, new.http.places.is_sure) == ("", True)
        await refresh(new, pool, redactor)
        assert paths(fake)[2:] == ["GET /models"]
