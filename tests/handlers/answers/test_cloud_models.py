"""The cloud models of a local Ollama: remote for every rule, passed on unlisted, and blamed on nobody.

What a real one lists and answers is in Ollama's server/routes.go and server/cloud_proxy.go; which names it sends to
its cloud is in its internal/modelref.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from linx.providers.catalog import AGAIN_S
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Whole
from tests.handlers.ollama_world import HI, linx_for, port_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.http_client import Answer

URL = "https://ollama.com/connect?name=here&key=c3NoLWVkMjU1MTkgQUFBQUMz"
NOT_SIGNED_IN = Whole(401, jsontext.dumps({"error": "unauthorized", "signin_url": URL}))
PATHS = ("/v1/chat/completions", "/v1/messages", "/v1/responses", "/api/chat", "/api/generate", "/v1/completions")


def with_clouds(*models: str, clouds: tuple[str, ...]) -> FakeProvider:
    """An Ollama whose cloud answers. A cloud model may have a plain name, as ``ollama cp`` makes it."""
    remote = ("gpt-oss:120b", "https://ollama.com:443")
    fake = FakeProvider("ollama", [*models, *(Model(name, (), remote=remote) for name in clouds)])
    fake.ollama.account = "signed in"
    return fake


def body_for(path: str, model: str, **more: Any) -> dict[str, Any]:
    prompts = {"/v1/responses": {"input": "hi"}, "/v1/completions": {"prompt": "hi"}, "/api/generate": {"prompt": "hi"}}
    return {"model": model, **prompts.get(path, {"messages": HI}), "max_tokens": 9, **more}


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("path", PATHS)
async def test_a_prompt_that_must_stay_local_never_reaches_one(tmp_path: Path, path: str, streams: bool) -> None:
    async with (
        with_clouds("m:latest", clouds=("gpt-oss:120b-cloud", "plain:latest")) as fake,
        linx_for(tmp_path, fake, providers={"ollama1": {"model_mappings": {"gpt-4o": "plain"}}}) as port,
    ):
        for name in (
            "gpt-oss:120b-cloud",
            "plain",
            "gpt-4o",
            "ollama1/plain",
            "unlisted:cloud",
            "library/plain:latest",
        ):
            body = body_for(path, name, stream=streams)
            answer = await ask(port, path, body, headers={"x-linx-local-only": "true"})
            assert answer.status in (503, 529), name
            assert b"cloud model" in answer.body, name
        assert fake.calls == []
        answer = await ask(port, path, body_for(path, "m", stream=streams), headers={"x-linx-local-only": "true"})
        assert answer.status == 200


async def test_nor_by_the_config(tmp_path: Path) -> None:
    routing = {"local_only": ["plain"]}
    async with with_clouds("m:latest", clouds=("plain:latest",)) as fake:
        async with linx_for(tmp_path, fake, routing=routing) as port:
            for name in ("plain", "PLAIN:latest", "library/plain", "registry.ollama.ai/library/plain"):
                assert (await ask(port, "/api/chat", {"model": name, "messages": HI})).status == 503, name
        assert fake.calls == []


async def test_nor_before_the_first_list_is_read(tmp_path: Path) -> None:
    mapped = {"ollama1": {"model_mappings": {"gpt-4o": "plain"}}}
    async with with_clouds(clouds=("plain:latest",)) as fake:
        config = config_for(fake, providers=mapped, routing={"local_only": True})
        async with linx_here(config, tmp_path, wait_for_models=False) as app:
            answer = await ask(port_of(app), "/v1/chat/completions", body_for("/v1/chat/completions", "gpt-4o"))
        assert answer.status == 503
        assert fake.calls == []


async def test_its_price_is_unknown_and_a_local_model_comes_first(tmp_path: Path) -> None:
    routing = {"provider_priority": ["ollama1", "ollama2"]}
    async with (
        with_clouds(clouds=("both:latest",)) as cloud,
        FakeProvider("ollama", ["both"]) as local,
        linx_for(tmp_path, cloud, local, routing=routing) as port,
    ):
        answer = await ask(port, "/v1/chat/completions", body_for("/v1/chat/completions", "both"))
        assert answer.headers["x-linx-provider"] == "ollama2"


async def test_lists_say_that_it_is_remote(tmp_path: Path) -> None:
    async with (
        with_clouds("m:latest", clouds=("plain:latest",)) as fake,
        linx_for(tmp_path, fake) as port,
    ):
        models = {one["id"]: one for one in (await ask(port, "/v1/models")).json["data"]}
        assert models["m:latest"]["pricing"] == {"prompt": "0", "completion": "0"}
        assert "pricing" not in models["plain:latest"]
        assert models["plain:latest"]["local"] is False
        tags = {one["name"]: one for one in (await ask(port, "/api/tags")).json["models"]}
        assert tags["plain:latest"]["remote_host"] == "https://ollama.com:443"
        assert "remote_host" not in tags["m:latest"]
        status = (await ask(port, "/v1/providers/status")).json["data"][0]
        assert (status["local"], status["remote_models"]) == (True, ["plain:latest"])


@pytest.mark.parametrize("name", ["glm-5:cloud", "gpt-oss:120b-cloud", "ollama1/gpt-oss:120b-CLOUD"])
async def test_one_that_is_not_listed_is_passed_on(tmp_path: Path, name: str) -> None:
    mapped = {"openai2": {"model_mappings": {"default": "x"}}}
    async with (
        with_clouds("m", clouds=()) as fake,
        FakeProvider("openai", ["x"]) as other,
        linx_for(tmp_path, fake, other, providers=mapped) as port,
    ):
        answer = await ask(port, "/api/chat", {"model": name, "messages": HI})
        assert answer.status == 200
        assert fake.calls[-1].json["model"] == name.removeprefix("ollama1/")


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("path", PATHS)
async def test_not_signed_in_is_told_and_harms_nobody(tmp_path: Path, path: str, streams: bool) -> None:
    async with with_clouds("m:latest", clouds=("gpt-oss:120b-cloud",)) as fake, linx_for(tmp_path, fake) as port:
        fake.next(*[NOT_SIGNED_IN] * 4)
        for _ in range(4):
            answer: Answer = await ask(port, path, body_for(path, "gpt-oss:120b-cloud", stream=streams))
            assert answer.status == 401
            assert URL in answer.body.decode().replace("\\/", "/")
            assert answer.headers["x-linx-attempts"] == "ollama1=http_401"
        if path.startswith("/api/"):
            assert answer.json["signin_url"] == URL
        status = (await ask(port, "/v1/providers/status")).json["data"][0]
        assert (status["state"], status["consecutive_failures"], status["last_error"]) == ("up", 0, None)
        assert (await ask(port, path, body_for(path, "m", stream=streams))).status == 200


@pytest.mark.parametrize(
    "reply",
    [
        Whole(
            502,
            b'{"error":"Post \\"https://ollama.com:443/api/chat?ts=1\\": dial tcp: lookup ollama.com: no such host"}',
        ),
        Whole(403, b'{"error":"ollama cloud is disabled: remote model is unavailable"}'),
        Whole(429, b'{"error":"you have reached your hourly usage limit"}', headers=[("Retry-After", "60")]),
    ],
    ids=["away", "switched off", "limit"],
)
async def test_a_cloud_that_fails_does_not_harm_the_local_models(tmp_path: Path, reply: Whole) -> None:
    async with with_clouds("m:latest", clouds=("gpt-oss:120b-cloud",)) as fake, linx_for(tmp_path, fake) as port:
        fake.next(*[reply] * 4)
        for _ in range(4):
            assert (await ask(port, "/api/chat", {"model": "gpt-oss:120b-cloud", "messages": HI})).status >= 400
        status = (await ask(port, "/v1/providers/status")).json["data"][0]
        assert (status["state"], status["consecutive_failures"]) == ("up", 0)
        fake.forget()  # a model that is paused was asked once only
        assert (await ask(port, "/api/chat", {"model": "m", "messages": HI})).status == 200


@pytest.mark.parametrize("status", [429, 503])
async def test_a_pause_that_the_cloud_asks_for_is_that_of_its_model(tmp_path: Path, status: int) -> None:
    """Also where its words or its status would be those of a whole provider."""
    words = b'{"error":"you have reached your account\'s usage limit"}'
    async with with_clouds("m:latest", clouds=("gpt-oss:120b-cloud",)) as fake, linx_for(tmp_path, fake) as port:
        fake.next(Whole(status, words, headers=[("Retry-After", "60")]))
        for model, expected in (("gpt-oss:120b-cloud", status), ("gpt-oss:120b-cloud", status), ("m", 200)):
            answer = await ask(port, "/api/chat", {"model": model, "messages": HI})
            assert answer.status == expected
            assert (answer.headers.get("retry-after") == "60") == (expected != 200)
        assert len(fake.calls) == 2, "the paused model is not asked again"
        shown = (await ask(port, "/v1/providers/status")).json["data"][0]
        assert (shown["state"], list(shown["paused_models"])) == ("up", ["gpt-oss:120b-cloud"])


async def test_with_another_provider_the_prompt_falls_over_and_the_url_is_told_when_that_fails(tmp_path: Path) -> None:
    mapped = {"ollama1": {"model_mappings": {"big": "gpt-oss:120b-cloud"}}, "openai2": {"model_mappings": {"big": "x"}}}
    async with (
        with_clouds(clouds=("gpt-oss:120b-cloud",)) as fake,
        FakeProvider("openai", ["x"]) as other,
        linx_for(tmp_path, fake, other, providers=mapped, routing={"cost_optimization": False}) as port,
    ):
        fake.next(NOT_SIGNED_IN, NOT_SIGNED_IN)
        body = body_for("/v1/chat/completions", "big")
        answer = await ask(port, "/v1/chat/completions", body)
        assert answer.headers["x-linx-attempts"] == "ollama1=http_401, openai2=ok"
        other.next(Whole(500, b'{"error":{"message":"it failed"}}'))
        answer = await ask(port, "/v1/chat/completions", body)
        assert answer.status == 401
        assert URL in answer.json["error"]["message"]


async def test_a_mapping_to_a_plain_name_that_was_just_made_one_is_looked_up_first(tmp_path: Path) -> None:
    mapped = {"ollama1": {"model_mappings": {"gpt-4o": "plain"}}}
    async with with_clouds("m:latest", clouds=("plain:latest",)) as fake:
        plain = fake.models.pop()
        async with linx_here(config_for(fake, providers=mapped), tmp_path) as app:
            fake.models.append(plain)
            app.context.providers[0].read_at -= AGAIN_S
            body = body_for("/v1/chat/completions", "gpt-4o")
            answer = await ask(port_of(app), "/v1/chat/completions", body, headers={"x-linx-local-only": "1"})
        assert answer.status == 503
        assert fake.calls == []


@pytest.mark.parametrize("is_recent", [False, True])
@pytest.mark.parametrize("name", ["gpt-4o", "ollama1/plain", "unheard-of"])
async def test_what_no_list_has_yet_stays_unasked(name: str, is_recent: bool, tmp_path: Path) -> None:
    """Also where the list was read a moment ago, and is not read again so soon: then a mapping to it does not hold."""
    mapped = {"ollama1": {"model_mappings": {"gpt-4o": "plain", "default": "plain"}}}
    async with with_clouds("m:latest", clouds=("plain:latest",)) as fake:
        plain = fake.models.pop()
        async with linx_here(config_for(fake, providers=mapped), tmp_path) as app:
            fake.models.append(plain)
            if not is_recent:
                app.context.providers[0].read_at -= AGAIN_S
            body = body_for("/v1/chat/completions", name)
            answer = await ask(port_of(app), "/v1/chat/completions", body, headers={"x-linx-local-only": "1"})
        message = answer.json["error"]["message"]
        if is_recent and name != "ollama1/plain":
            assert answer.status == 404
            assert "is mapped to plain, which is not there" in message
            assert "ollama pull plain" in message
        else:
            assert answer.status == 503
            assert ("does not list 'plain'" in message) is is_recent
        assert fake.calls == []
