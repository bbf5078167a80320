"""The model list and its entries: the union of mappings and lists, answered from memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from linx.handlers.models.openai import _decimal
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes import scripted
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider

if TYPE_CHECKING:
    from pathlib import Path

    from linx.app import App
    from tests.fakes.catalogue import Kind


async def listed(app: App, headers: dict[str, str] | None = None, query: str = "") -> Any:
    answer = await ask(app.bound[0][1], f"/v1/models{query}", headers=headers)
    assert answer.status == 200
    return answer.json


async def test_mappings_and_lists_of_all_and_never_the_default(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["a"]) as one, FakeProvider("openai", ["a:latest", "b"]) as two:
        mappings = {"gpt-4o": "a", "b": "a", "default": "a"}
        config = config_for(one, two, names=("one", "two"), providers={"one": {"model_mappings": mappings}})
        async with linx_here(config, tmp_path) as app:
            body = await listed(app)
            assert body["object"] == "list"
            found = [(entry["id"], entry["owned_by"]) for entry in body["data"]]
            assert found == [("gpt-4o", "one"), ("b", "one"), ("a:latest", "one")]
            for entry in body["data"]:
                assert entry["object"] == "model"
                assert isinstance(entry["created"], int)
                assert (await ask(app.bound[0][1], f"/v1/models/{entry['id']}")).json == entry


async def test_nothing_is_an_empty_list(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        assert await listed(app) == {"object": "list", "data": []}


async def test_what_is_known_of_a_model(tmp_path: Path) -> None:
    models = [Model("paid", context_length=1000), Model("x:free", context_length=None), Model("odd", price=("-1", "0"))]
    async with FakeProvider("openrouter", models) as fake:
        async with linx_here(config_for(fake, providers={"openrouter1": {"local": False}}), tmp_path) as app:
            paid, free, odd = (await listed(app))["data"]
        assert paid["created"] == 1_755_800_000
        assert paid["context_length"] == paid["max_model_len"] == 1000
        assert paid["pricing"] == {"prompt": "0.0000005", "completion": "0.0000015"}
        assert free["pricing"] == {"prompt": "0", "completion": "0"}
        assert "context_length" not in free
        assert "pricing" not in odd
        async with linx_here(config_for(fake), tmp_path) as app:
            assert (await listed(app))["data"][0]["pricing"] == {"prompt": "0", "completion": "0"}


async def test_a_name_nobody_has_listed_yet(tmp_path: Path) -> None:
    async with FakeProvider("openai", []) as fake:
        config = config_for(fake, providers={"openai1": {"models": ["named"], "model_mappings": {"alias": "unlisted"}}})
        async with linx_here(config, tmp_path) as app:
            alias, named = (await listed(app))["data"]
    assert (alias["id"], named["id"]) == ("alias", "named")
    assert abs(alias["created"] - app.context.at(app.context.started)) <= 1


async def test_a_slow_provider_delays_nobody(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as quick, FakeProvider("openai", ["n"]) as slow:
        slow.at["/v1/models"] = scripted.hang()
        async with linx_here(config_for(quick, slow), tmp_path, wait_for_models=False) as app:
            await app.context.providers[0].probed.wait()
            assert [entry["id"] for entry in (await listed(app))["data"]] == ["m"]
            assert not app.context.providers[1].probed.is_set()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("llama:latest", "llama:latest"),
        ("llama", "llama"),
        ("LLAMA", "LLAMA"),
        ("llama/", "llama"),
        ("gpt", "gpt"),
        ("gpt:latest", "gpt:latest"),
        ("default", None),
        ("llam", None),
        ("ollama1", None),
        ("%2e", None),
    ],
)
async def test_one_by_any_name_that_chat_takes(asked: str, found: str | None, tmp_path: Path) -> None:
    mapped = {"ollama1": {"model_mappings": {"gpt": "llama", "default": "llama"}}}
    async with FakeProvider("ollama", ["llama"]) as fake:
        async with linx_here(config_for(fake, providers=mapped), tmp_path) as app:
            answer = await ask(app.bound[0][1], f"/v1/models/{asked}")
            if found is None:
                assert answer.status == 404
                assert answer.json["error"]["code"] == "model_not_found"
            else:
                assert (answer.json["id"], answer.json["owned_by"]) == (found, "ollama1")
                assert answer.json["context_length"] == 8192


async def test_the_shapes_of_other_clients(tmp_path: Path) -> None:
    anthropic = {"anthropic-version": "2023-06-01"}
    async with FakeProvider("openai", ["a", "b", "c"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        page = await listed(app, anthropic, "?limit=2")
        assert [entry["type"] for entry in page["data"]] == ["model", "model"]
        assert (page["has_more"], page["last_id"]) == (True, "b")
        assert (await ask(port, "/v1/models/a", headers=anthropic)).json["type"] == "model"
        assert [entry["slug"] for entry in (await listed(app, None, "?client_version=1"))["models"]] == ["a", "b", "c"]
        crowded = "?" + "&".join(f"a{number}=1" for number in range(20))
        answer = await ask(port, f"/v1/models{crowded}")
        assert answer.status == 400
        assert "too many fields" in answer.json["error"]["message"]


async def test_head_and_cross_origin(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        head, get = await ask(port, "/v1/models", method="HEAD"), await ask(port, "/v1/models")
        assert head.body == b""
        assert head.headers["content-length"] == str(len(get.body))
        page = {"origin": "http://localhost:3000"}
        assert (await ask(port, "/v1/models", headers=page)).headers["access-control-allow-origin"] == page["origin"]
        assert (await ask(port, "/v1/models", headers={"origin": "https://evil.example"})).status == 403


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1.0, "1"), (5e-7, "0.0000005"), (1.5e-6, "0.0000015"), (1e-13, "0"), (0.1, "0.1"), (10.0, "10")],
)
def test_prices_are_plain_decimals(value: float, text: str) -> None:
    assert _decimal(value) == text


async def test_line_separators_in_a_name_are_escaped(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["a\u2028b"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        answer = await ask(app.bound[0][1], "/v1/models")
        assert b"\\u2028" in answer.body
        assert jsontext.loads(answer.body)["data"][0]["id"] == "a\u2028b"


@pytest.mark.parametrize("kind", ["ollama", "llamacpp", "openrouter"])
async def test_what_a_model_can_do_in_the_fields_that_clients_read(kind: Kind, tmp_path: Path) -> None:
    able = ("completion", "tools", "vision") if kind == "llamacpp" else ("completion", "tools")
    async with FakeProvider(kind, [Model("m:1", context_length=4096, capabilities=able)]) as fake:
        async with linx_here(config_for(fake), tmp_path) as app:
            (entry,) = (await listed(app))["data"]
            (codex,) = (await listed(app, query="?client_version=1"))["models"]
    sizes = ("context_length", "max_model_len", "context_window", "max_context_length")
    assert [entry[name] for name in sizes] == [4096] * 4
    assert entry["meta"] == {"n_ctx": 4096, "n_ctx_train": 4096}
    assert entry["capabilities"] == [*able, "tool_use"]
    assert entry["architecture"]["input_modalities"] == (["text", "image"] if "vision" in able else ["text"])
    assert entry["architecture"]["output_modalities"] == ["text"]
    assert "tools" in entry["supported_parameters"]
    assert codex["input_modalities"] == entry["architecture"]["input_modalities"]


async def test_what_is_not_known_is_not_said(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        (entry,) = (await listed(app))["data"]
    assert entry.keys() - {"pricing"} == {"id", "object", "created", "owned_by"}


async def test_a_long_list_is_quick_and_not_large(tmp_path: Path) -> None:
    """A list of 400 models, as OpenRouter's: a third of a megabyte, made in some milliseconds."""
    models = [Model(f"maker/model-{number}", context_length=131072) for number in range(400)]
    async with FakeProvider("openrouter", models) as fake, linx_here(config_for(fake), tmp_path) as app:
        answer = await ask(app.bound[0][1], "/v1/models")
        assert len(answer.json["data"]) == 400
        assert len(answer.body) < 400 * 800
