"""Clients set up for Azure: the deployment in the path, ``api-version`` in the query, the key in ``api-key``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import openai
import pytest
import trio

from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fakes.catalogue import Kind

T = TypeVar("T")
KEY = "linx-key-0123456789"
VERSION = "?api-version=2024-10-21"
HI: list[Any] = [{"role": "user", "content": "hi"}]
MARK = b"--b\r\nContent-Disposition: form-data; name="
FORM = {"content-type": "multipart/form-data; boundary=b"}


async def azure(port: int, work: Callable[[openai.AzureOpenAI], T], **settings: Any) -> T:
    def run() -> T:
        with openai.AzureOpenAI(
            **{
                "azure_endpoint": f"http://127.0.0.1:{port}",
                "api_key": KEY,
                "api_version": "2024-10-21",
                "max_retries": 0,
                "timeout": HANG_S,
                **settings,
            }
        ) as sdk:
            return work(sdk)

    return await trio.to_thread.run_sync(run)


@pytest.mark.parametrize("settings", [{}, {"azure_deployment": "acme/m"}], ids=["by the model", "one deployment"])
@pytest.mark.parametrize("kind", ["openai", "ollama", "llamacpp", "openrouter"])
async def test_the_sdk_for_azure(kind: Kind, settings: dict[str, str], tmp_path: Path) -> None:
    def everything(sdk: openai.AzureOpenAI) -> None:
        model = "acme/m" if not settings else "what the path says counts"
        whole = sdk.chat.completions.create(model=model, messages=HI)
        assert whole.choices[0].message.content == "Hello from the fake."
        stream = sdk.chat.completions.create(model=model, messages=HI, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "Hello from the fake."
        assert sdk.completions.create(model=model, prompt="Hi").choices[0].text
        assert sdk.embeddings.create(model=model, input="a").data[0].embedding
        if not settings:
            assert "acme/m" in sdk.models.list().data[0].id

    async with FakeProvider(kind, ["acme/m"]) as fake:
        config = config_for(fake, server={"api_key": KEY})
        async with linx_here(config, tmp_path) as app:
            await azure(app.bound[0][1], everything, **settings)
            assert len(fake.calls) == 4
            for call in fake.calls:
                assert call.json["model"].removesuffix(":latest") == "acme/m"
                assert "api-key" not in call.headers
                assert KEY not in str(call.headers)
                assert "api-version" not in call.target


async def test_the_newer_paths_of_azure(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config_for(fake, server={"api_key": KEY}), tmp_path) as app:
            port, key = app.bound[0][1], {"api-key": KEY}
            for path in ("/openai/v1/chat/completions", f"/openai/v1/chat/completions{VERSION}"):
                assert (await ask(port, path, {"model": "m", "messages": HI}, headers=key)).status == 200
            assert (await ask(port, "/openai/v1/responses", {"model": "m", "input": "hi"}, headers=key)).status == 200
            assert (await ask(port, f"/openai/models{VERSION}", headers=key)).json["data"][0]["id"] == "m"
            assert (await ask(port, "/openai/v1/models/m", headers=key)).json["id"] == "m"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("chat/completions", {"messages": HI}),
        ("completions", {"prompt": "hi"}),
        ("embeddings", {"input": "hi"}),
        ("images/generations", {"prompt": "hi"}),
        ("rerank", {"query": "hi", "documents": ["a"]}),
    ],
)
async def test_the_body_need_not_name_the_model(path: str, body: dict[str, Any], tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m/1"]) as fake:
        config = config_for(fake, providers={"openai1": {"model_mappings": {"named": "m/1"}}})
        async with linx_here(config, tmp_path) as app:
            for name in ("named", "m%2F1"):
                answer = await ask(app.bound[0][1], f"/openai/deployments/{name}/{path}{VERSION}", body)
                assert answer.status == 200
                assert fake.requests[-1].json["model"] == "m/1"
            unknown = await ask(app.bound[0][1], f"/openai/deployments/no/{path}{VERSION}", body)
            assert (unknown.status, unknown.json["error"]["code"]) == (404, "model_not_found")
            long = await ask(app.bound[0][1], f"/openai/deployments/{'x' * 600}/{path}{VERSION}", body)
            assert long.status == 400


@pytest.mark.parametrize("size", [10, 3_000_000])
@pytest.mark.parametrize("named", [True, False], ids=["a model in the form", "none"])
async def test_a_form_gets_the_model_of_the_path(named: bool, size: int, tmp_path: Path) -> None:
    file = MARK + b'"file"; filename="a.wav"\r\n\r\n' + b"x" * size + b"\r\n"
    field = MARK + b'"model"\r\n\r\n%b\r\n'
    body = (field % b"whisper-1" if named else b"") + file + b"--b--\r\n"
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        path = f"/openai/deployments/m/audio/transcriptions{VERSION}"
        answer = await ask(app.bound[0][1], path, body, headers=FORM)
        assert answer.status == 200
        assert fake.requests[-1].body == field % b"m" + file + b"--b--\r\n"


@pytest.mark.parametrize(
    ("headers", "status"), [({"api-key": KEY}, 200), ({"api-key": "wrong"}, 401), ({}, 401), ({"api-key": ""}, 401)]
)
async def test_the_key_in_api_key(headers: dict[str, str], status: int, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config_for(fake, server={"api_key": KEY}), tmp_path) as app:
            assert (await ask(app.bound[0][1], "/v1/models", headers=headers)).status == status


async def test_two_keys_are_refused(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        raw = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\napi-key: a\r\nAPI-Key: b\r\n\r\n"
        async with await trio.open_tcp_stream("127.0.0.1", app.bound[0][1]) as stream:
            await stream.send_all(raw)
            assert (await stream.receive_some(64)).startswith(b"HTTP/1.1 400 ")
