"""What a model can hold, on every face: no prompt is cut silently, and none goes where it does not fit."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from linx.providers.contexts import FRESH_S
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes import scripted
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider
from tests.handlers.ollama_world import linx_for, port_of

if TYPE_CHECKING:
    from pathlib import Path

LONG = "word " * 1149
PATHS = ("/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/completions", "/api/chat", "/api/generate")
NEWER_WORDS = (  # llm/llama_server.go of Ollama 0.33
    "the prompt is longer than the context length currently available to the model; shorten the prompt, adjust the "
    "context length in settings, or use a model with a longer context length"
)


def body_for(path: str, text: str, **more: Any) -> dict[str, Any]:
    messages = {"messages": [{"role": "user", "content": text}]}
    prompts = {"/v1/responses": {"input": text}, "/v1/completions": {"prompt": text}, "/api/generate": {"prompt": text}}
    limit = {} if path.startswith("/api/") else {"max_output_tokens" if "resp" in path else "max_tokens": 9}
    return {"model": "m", **prompts.get(path, messages), **limit, **more}


def ollama(trained: int = 8192, *, loaded: int | None = None, modelfile: int | None = None) -> FakeProvider:
    parameters = (("stop", "<|im_end|>"), *((("num_ctx", modelfile),) if modelfile is not None else ()))
    model = Model("m", context_length=trained, default_num_ctx=modelfile or loaded, parameters=parameters)
    fake = FakeProvider("ollama", [model])
    fake.ollama.is_cold = loaded is None
    return fake


SMALL: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "trained": ({"trained": 512}, {}),
    "Modelfile": ({"modelfile": 512}, {}),
    "config": ({}, {"num_ctx": 512}),
    "loaded": ({"loaded": 512}, {"num_ctx": None}),
}


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("why", SMALL)
async def test_a_prompt_goes_where_it_fits_and_else_is_refused_with_both_counts(
    tmp_path: Path, why: str, path: str, streams: bool
) -> None:
    made, settings = SMALL[why]
    async with ollama(**made) as small, FakeProvider("openrouter", [Model("m", context_length=8192)]) as large:
        alone = linx_for(tmp_path, small, providers={"ollama1": settings})
        async with alone as port:
            answer = await ask(port, path, body_for(path, LONG, stream=streams))
            # A streamed Responses answer tells it in a stream of status 200, as OpenAI does.
            is_told_in_stream = streams and path == "/v1/responses"
            assert answer.status == (200 if is_told_in_stream else 400)
            if is_told_in_stream:
                assert answer.events[-1]["response"]["error"]["code"] == "context_length_exceeded"
            assert b"512" in answer.body
            assert b"1,4" in answer.body
            assert (await ask(port, path, body_for(path, "hi", stream=streams))).status == 200
        small.requests.clear()
        async with linx_for(tmp_path, small, large, providers={"ollama1": settings}) as port:
            answer = await ask(port, path, body_for(path, LONG, stream=streams))
            assert (answer.status, answer.headers["x-linx-provider"]) == (200, "openrouter2")
        assert small.calls == []


async def test_the_lists_tell_it_too(tmp_path: Path) -> None:
    for why, (made, settings) in SMALL.items():
        async with ollama(**made) as fake, linx_for(tmp_path, fake, providers={"ollama1": settings}) as port:
            (entry,) = (await ask(port, "/v1/models")).json["data"]
            assert (entry["context_length"], entry["max_model_len"]) == (512, 512), why


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize(
    "words", [NEWER_WORDS, "request (1899 tokens) exceeds the available context size (512 tokens), try increasing it"]
)
async def test_an_ollama_is_told_not_to_cut_and_its_refusal_goes_to_a_larger_one(
    tmp_path: Path, words: str, streams: bool
) -> None:
    async with ollama(4096) as small, FakeProvider("openrouter", [Model("m", context_length=8192)]) as large:
        async with linx_for(tmp_path, small, large) as port:
            small.next(scripted.ollama_status(400, words))
            body = body_for("/v1/chat/completions", "word " * 2200, stream=streams)
            answer = await ask(port, "/v1/chat/completions", body)
            assert answer.headers["x-linx-attempts"] == "ollama1=http_400, openrouter2=ok"
            assert small.calls[-1].json["truncate"] is False
            status = (await ask(port, "/v1/providers/status")).json["data"][0]
            assert status["consecutive_failures"] == 0


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/v1/chat/completions"])
async def test_no_reload_between_clients(tmp_path: Path, path: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "linx.catalog")
    async with ollama(65536, loaded=8192) as fake, linx_here(config_for(fake), tmp_path) as app:
        contexts, port = app.context.providers[0].contexts, port_of(app)

        async def sent(text: str, **more: Any) -> int | None:
            assert (await ask(port, path, body_for(path, text, **more))).status == 200
            found: int | None = (fake.calls[-1].json.get("options") or {}).get("num_ctx")
            return found

        assert await sent("hi") is None
        assert await sent("word " * 4000) is None
        assert not [one for one in caplog.messages if "anew" in one]
        assert await sent("word " * 8000) == 16384
        assert [
            one for one in caplog.messages if "ollama1 loads m:latest anew: its context grows from 8192 to 16384" in one
        ]
        assert await sent("hi") == 16384
        assert await sent("hi", options={"num_ctx": 32768}) == 32768
        assert await sent("hi") == 32768
        assert [runner.num_ctx for _name, runner in fake.ollama.loads] == [16384, 32768]
        assert (
            await ask(port, path, body_for(path, "") | {"messages": []} if "v1" not in path else body_for(path, "hi"))
        ).status == 200
        assert len(fake.ollama.loads) == 2  # nor for a load without a prompt
        # Somebody has it loaded with the default, past Linx.
        fake.ollama.runners.clear()
        contexts._seen_at -= FRESH_S
        contexts._models["m:latest"].asked_at -= 100
        assert await sent("hi") is None


async def test_nor_where_another_client_asks_past_linx(tmp_path: Path) -> None:
    async with ollama(65536, loaded=4096) as fake, linx_here(config_for(fake), tmp_path) as app:
        port, contexts = port_of(app), app.context.providers[0].contexts
        for _turn in range(3):
            assert (await ask(port, "/api/chat", body_for("/api/chat", "hi"))).status == 200
            direct = body_for("/api/chat", "hi", options={"num_ctx": 16384})
            assert (await ask(fake.port, "/api/chat", direct)).status == 200
            contexts._seen_at -= FRESH_S
        assert [runner.num_ctx for _name, runner in fake.ollama.loads] == [16384]


async def test_a_client_that_asks_for_a_cut_gets_it(tmp_path: Path) -> None:
    async with ollama(512) as fake, linx_for(tmp_path, fake) as port:
        assert (await ask(port, "/api/chat", body_for("/api/chat", LONG, truncate=True))).status == 200
        assert fake.calls[-1].json["truncate"] is True


async def test_what_is_loaded_is_waited_for_only_so_long(tmp_path: Path) -> None:
    async with ollama() as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.at["/api/ps"] = scripted.status(404)
        app.context.providers[0].contexts._seen_at -= FRESH_S
        assert (await ask(port_of(app), "/api/chat", body_for("/api/chat", "hi"))).status == 200


async def test_a_client_that_asks_for_more_than_there_is_makes_nobody_reload(tmp_path: Path) -> None:
    async with ollama(8192, loaded=4096) as fake, linx_here(config_for(fake), tmp_path) as app:
        port, contexts = port_of(app), app.context.providers[0].contexts
        assert (await ask(port, "/api/chat", body_for("/api/chat", "hi", options={"num_ctx": 131072}))).status == 200
        contexts._seen_at -= FRESH_S
        contexts._models["m:latest"].asked_at -= 100
        assert (await ask(port, "/api/chat", body_for("/api/chat", "hi"))).status == 200
        assert [runner.num_ctx for _name, runner in fake.ollama.loads] == [8192]


async def test_a_clients_own_num_ctx_counts_for_more_than_the_modelfile(tmp_path: Path) -> None:
    async with ollama(8192, modelfile=512) as fake, linx_for(tmp_path, fake) as port:
        larger = {"options": {"num_ctx": 4096}}
        assert (await ask(port, "/api/chat", body_for("/api/chat", LONG, **larger))).status == 200
        assert fake.ollama.loads[-1][1].num_ctx == 4096
        smaller = await ask(port, "/api/chat", body_for("/api/chat", LONG, options={"num_ctx": 256}))
        assert smaller.status == 400
        assert "256" in smaller.json["error"]


async def test_inputs_of_embeddings_are_cut_as_ollama_says_it_does(tmp_path: Path) -> None:
    async with ollama(8192, modelfile=512) as fake, linx_for(tmp_path, fake) as port:
        assert (await ask(port, "/api/embed", {"model": "m", "input": LONG})).status == 200
        answer = await ask(port, "/api/embed", {"model": "m", "input": LONG, "truncate": False})
        assert answer.status == 400
