"""What Ollama's clients learn of models: complete entries for every provider's and every mapping."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from linx.handlers.models import ollama as ollama_models
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes import scripted
from tests.fakes.catalogue import Kind, Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Raw, ReadRequest, Stall, Whole
from tests.handlers.ollama_world import linx_for, port_of
from tests.waiting import within

if TYPE_CHECKING:
    from pathlib import Path

TYPES: dict[str, type] = {"name": str, "model": str, "modified_at": str, "size": int, "digest": str, "details": dict}
DETAILS: dict[str, type] = {
    "parent_model": str,
    "format": str,
    "family": str,
    "families": list,
    "parameter_size": str,
    "quantization_level": str,
}


def check_entry(entry: dict[str, Any]) -> None:
    """What the strictest clients insist on."""
    for name, wanted in TYPES.items():
        assert type(entry[name]) is wanted, name
    for name, wanted in DETAILS.items():
        assert type(entry["details"][name]) is wanted, name
    assert len(bytes.fromhex(entry["digest"])) == 32
    assert entry["size"] > 0
    assert entry["model"] == entry["name"]
    assert datetime.fromisoformat(entry["modified_at"][:19])


async def test_tags_lists_all_models_and_all_mappings(tmp_path: Path) -> None:
    async with (
        FakeProvider("ollama", ["q:1"]) as ollama,
        FakeProvider("llamacpp", ["local"]) as llamacpp,
        FakeProvider("openrouter", ["openai/gpt-4o", "x/y:free"]) as openrouter,
        FakeProvider("openai", ["remote"]) as openai,
    ):
        mapped = {
            "ollama1": {"model_mappings": {"gpt-4o": "q:1", "default": "q:1"}},
            "openai4": {"model_mappings": {"alias": "unlisted"}},
        }
        fakes = (ollama, llamacpp, openrouter, openai)
        async with linx_for(tmp_path, *fakes, providers=mapped) as port:
            models = (await ask(port, "/api/tags")).json["models"]
            for entry in models:
                check_entry(entry)
            # Open WebUI with both connections at Linx shows a model once if its id is the same in both lists.
            ids = [entry["id"] for entry in (await ask(port, "/v1/models")).json["data"]]
            assert [entry["model"] for entry in models] == ids
            assert [entry["name"] for entry in models] == [
                "gpt-4o",
                "q:1",
                "local",
                "openai/gpt-4o",
                "x/y:free",
                "alias",
                "remote",
            ]
            assert models[0]["digest"] == models[1]["digest"] == Model("q:1").digest
            assert models[0]["capabilities"] == ["completion", "tools"]
            assert (await ask(port, "/api/tags", method="HEAD")).status == 200
            for entry in models:
                for name in (entry["name"], entry["model"]):
                    assert (await ask(port, "/api/show", {"model": name})).status == 200, name


async def test_tags_never_wait_for_a_provider(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as quick, FakeProvider("ollama", ["q"]) as slow:
        slow.at["/api/tags"] = Raw([ReadRequest(), Stall()])
        async with linx_here(config_for(quick, slow), tmp_path, wait_for_models=False) as app:
            await app.context.providers[0].probed.wait()
            with within(1):
                models = (await ask(port_of(app), "/api/tags")).json["models"]
            assert [entry["name"] for entry in models] == ["m"]


async def test_without_providers_there_is_nothing_and_no_error(tmp_path: Path) -> None:
    async with linx_for(tmp_path) as port:
        assert (await ask(port, "/api/tags")).json == {"models": []}
        assert (await ask(port, "/api/ps")).json == {"models": []}
        assert (await ask(port, "/api/version")).json == {"version": ollama_models.VERSION}
        assert (await ask(port, "/api/show", {"model": "m"})).status == 404


@pytest.mark.parametrize("key", ["model", "name"])
async def test_show_asks_the_ollama_behind_a_mapping(tmp_path: Path, key: str) -> None:
    async with (
        FakeProvider("ollama", ["q:1"]) as fake,
        linx_for(tmp_path, fake, providers={"ollama1": {"model_mappings": {"gpt-4o": "q:1"}}}) as port,
    ):
        answer = await ask(port, "/api/show", {key: "gpt-4o", "verbose": True})
        shown = answer.json
        assert "\nFROM q:1\n" in shown["modelfile"]
        assert shown["model_info"]["llama.context_length"] == 8192
        assert shown["capabilities"] == ["completion", "tools"]
        assert answer.headers["x-linx-provider"] == "ollama1"
        asked = [one for one in fake.requests if one.path == "/api/show"][-1]
        assert asked.json == {"model": "q:1", "verbose": True}
        assert "x-linx-hop" in asked.headers


@pytest.mark.parametrize("kind", ["llamacpp", "openrouter", "openai"])
async def test_show_is_whole_for_everybody_else(tmp_path: Path, kind: Kind) -> None:
    async with FakeProvider(kind, [Model("m", context_length=4096)]) as fake, linx_for(tmp_path, fake) as port:
        shown = (await ask(port, "/api/show", {"model": "m"})).json
        info = shown["model_info"]
        context = info[info["general.architecture"] + ".context_length"]
        assert context == (4096 if kind != "openai" else 32768)
        assert "tools" in shown["capabilities"]
        assert type(shown["parameters"]) is type(shown["template"]) is type(shown["license"]) is str
        assert datetime.fromisoformat(shown["modified_at"])
        assert set(DETAILS) <= shown["details"].keys()


async def test_show_invents_nothing_of_an_ollama_that_is_gone(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["q:1"]) as fake, linx_for(tmp_path, fake) as port:
        fake.down()
        answer = await ask(port, "/api/show", {"model": "q:1"})
        assert answer.status == 502
        assert list(answer.json) == ["error"]
        assert answer.json["error"].startswith("ollama1: ")
        assert "refused" in answer.json["error"]


async def test_show_asks_the_next_provider_that_has_the_model(tmp_path: Path) -> None:
    async with (
        FakeProvider("ollama", ["q:1"]) as one,
        FakeProvider("ollama", ["q:1"]) as two,
        linx_for(tmp_path, one, two) as port,
    ):
        one.down()
        answer = await ask(port, "/api/show", {"model": "q:1"})
        assert "FROM q:1" in answer.json["modelfile"]
        assert answer.headers["x-linx-provider"] == "ollama2"


async def test_show_tells_why_an_ollama_refuses(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["q:1"]) as fake, linx_for(tmp_path, fake) as port:
        fake.at["/api/show"] = scripted.ollama_status(500, "the model file is damaged")
        answer = await ask(port, "/api/show", {"model": "q:1"})
        assert answer.status == 502
        assert "the model file is damaged" in answer.json["error"]


async def test_an_old_ollamas_show_gets_what_clients_insist_on(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["q:1"]) as fake, linx_for(tmp_path, fake) as port:
        fake.at["/api/show"] = Whole(200, jsontext.dumps({"template": "t"}))
        shown = (await ask(port, "/api/show", {"model": "q:1"})).json
        assert shown["template"] == "t"
        assert shown["capabilities"] == ["completion", "tools"]
        assert shown["model_info"] == {}
        assert datetime.fromisoformat(shown["modified_at"])


async def test_show_of_what_an_ollama_does_not_have_is_404(tmp_path: Path) -> None:
    async with (
        FakeProvider("ollama", ["q:1"]) as fake,
        linx_for(tmp_path, fake, providers={"ollama1": {"model_mappings": {"alias": "gone"}}}) as port,
    ):
        answer = await ask(port, "/api/show", {"model": "alias"})
        assert answer.status == 404
        assert "not found" in answer.json["error"]


@pytest.mark.parametrize(("body", "status"), [(b"", 400), ({}, 400), ({"model": 3}, 400), ({"model": "nope"}, 404)])
async def test_show_refuses_in_ollamas_shape(tmp_path: Path, body: Any, status: int) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        answer = await ask(port, "/api/show", body)
        assert answer.status == status
        assert list(answer.json) == ["error"]


async def test_ps_merges_what_is_loaded(tmp_path: Path) -> None:
    async with (
        FakeProvider("ollama", ["q:1"]) as one,
        FakeProvider("ollama", ["w:1"]) as two,
        FakeProvider("ollama", ["gone"]) as three,
        FakeProvider("llamacpp", ["local"]) as llamacpp,
        FakeProvider("openai", ["remote"]) as openai,
        linx_for(tmp_path, one, two, three, llamacpp, openai) as port,
    ):
        three.down()
        models = (await ask(port, "/api/ps")).json["models"]
        assert [entry["name"] for entry in models] == ["q:1", "w:1", "local"]
        for entry in models:
            assert datetime.fromisoformat(entry["expires_at"])
            assert type(entry["size_vram"]) is type(entry["context_length"]) is int


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ({"version": "0.12.6"}, "0.12.6"),
        ({"version": "0.6.4"}, "0.6.4"),
        ({"version": "0.6.4-rc1"}, "0.6.4-rc1"),
        ({"version": "1.0"}, "1.0"),
        ({"version": "0.6.3"}, None),
        ({"version": "0.5.13"}, None),
        ({"version": 7}, None),
        ([], None),
    ],
)
async def test_version_is_the_real_one_unless_that_is_too_old(tmp_path: Path, told: Any, version: str | None) -> None:
    async with FakeProvider("ollama", ["q"]) as fake:
        fake.at["/api/version"] = Whole(200, jsontext.dumps(told))
        async with linx_for(tmp_path, fake) as port:
            assert (await ask(port, "/api/version")).json == {"version": version or ollama_models.VERSION}
            assert (await ask(port, "/api/tags")).json["models"]


async def test_an_ollama_that_is_down_lends_no_version(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["q"]) as down, FakeProvider("ollama", ["q"]) as up:
        down.down()
        up.at["/api/version"] = Whole(200, b'{"version":"0.9.9"}')
        async with linx_for(tmp_path, down, up) as port:
            assert (await ask(port, "/api/version")).json == {"version": "0.9.9"}


def test_the_fixed_version_is_new_enough() -> None:
    assert ollama_models._is_new_enough(ollama_models.VERSION)
