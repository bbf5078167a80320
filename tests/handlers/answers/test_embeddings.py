"""Embeddings on both faces, over every kind, and who may take over."""

from __future__ import annotations

import struct
import time
from base64 import b64decode
from typing import Any

import pytest
import trio
import trio.lowlevel

from linx.config.shape import PriceShape
from linx.core import jsontext
from tests.fakes import scripted
from tests.fakes.catalogue import Kind, embedding
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Whole
from tests.handlers.answers.world import world

KINDS: tuple[Kind, ...] = ("ollama", "llamacpp", "openrouter", "openai")


@pytest.mark.parametrize("kind", KINDS)
async def test_all_three_paths_over_every_kind(kind: Kind) -> None:
    async with FakeProvider(kind, ["e"]) as fake, world(fake) as here:
        a, b = embedding("a"), embedding("b")
        answer = await here.fetch("/v1/embeddings", {"model": "e", "input": ["a", "b"]})
        assert [item["embedding"] for item in answer.json["data"]] == [a, b]
        assert answer.json["model"] == "e"
        assert answer.json["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
        assert answer.headers["x-linx-provider"] == f"{kind}1"
        packed = (await here.fetch("/v1/embeddings", {"model": "e", "input": "a", "encoding_format": "base64"})).json
        assert struct.unpack("<8f", b64decode(packed["data"][0]["embedding"])) == pytest.approx(a)
        whole = (await here.fetch("/api/embed", {"model": "e", "input": ["a", "b"]})).json
        assert (whole["model"], whole["embeddings"], whole["prompt_eval_count"]) == ("e", [a, b], 2)
        assert (await here.fetch("/api/embed", {"model": "e", "input": "a"})).json["embeddings"] == [a]
        old = (await here.fetch("/api/embeddings", {"model": "e", "prompt": "a"})).json
        assert old == {"embedding": a}  # an Ollama's old path normalises too (0.33)


@pytest.mark.parametrize(("path", "nothing"), [("/api/embed", {"input": ""}), ("/api/embeddings", {"prompt": ""})])
async def test_no_text_needs_nobody(path: str, nothing: dict[str, Any]) -> None:
    async with FakeProvider("openai", ["e"]) as fake, world(fake) as here:
        answer = (await here.fetch(path, {"model": "e", **nothing})).json
        assert answer.get("embeddings", answer.get("embedding")) == []
        assert (await here.fetch(path, {"model": "nope", **nothing})).status == 404
        assert fake.calls == []


async def test_the_same_model_elsewhere_takes_over() -> None:
    async with FakeProvider("ollama", ["e"]) as first, FakeProvider("openai", ["E"]) as second:
        mapped = {"openai2": {"model_mappings": {"e": "E"}}}
        async with world(first, second, providers=mapped) as here:
            first.next(scripted.Whole(500, b'{"error":"crashed"}'))
            answer = await here.fetch("/v1/embeddings", {"model": "e", "input": "a"})
            assert answer.headers["x-linx-attempts"] == "ollama1=http_500, openai2=ok"
            assert answer.json["data"][0]["embedding"] == embedding("a")


@pytest.mark.parametrize("is_down", [False, True])
async def test_another_model_never_does(is_down: bool) -> None:
    """Not even when the first is known to be down and the other would be tried first for chat."""
    async with FakeProvider("ollama", ["nomic"]) as first, FakeProvider("openai", ["ada"]) as second:
        mapped = {"ollama1": {"model_mappings": {"e": "nomic"}}, "openai2": {"model_mappings": {"e": "ada"}}}
        async with world(first, second, providers=mapped) as here:
            if is_down:
                first.down()
            else:
                first.next(scripted.Whole(500, b'{"error":"crashed"}'))
            for path, body in (("/v1/embeddings", {"input": "a"}), ("/api/embed", {"input": "a"})):
                answer = await here.fetch(path, {"model": "e", **body})
                assert answer.status == 502 if is_down or path == "/v1/embeddings" else answer.status == 200
            assert second.calls == []


async def test_the_order_of_the_config_says_which_model_it_is() -> None:
    """Which model a name means must not change with a price or with the weather."""
    async with FakeProvider("openai", ["ada"]) as paid, FakeProvider("ollama", ["nomic"]) as free:
        mapped = {
            "openai1": {"model_mappings": {"e": "ada"}, "local": False, "price": {"*": PriceShape(prompt=5)}},
            "ollama2": {"model_mappings": {"e": "nomic"}},
        }
        async with world(paid, free, providers=mapped) as here:
            answer = await here.fetch("/v1/embeddings", {"model": "e", "input": "a"})
            assert answer.headers["x-linx-model"] == "ada"
            local_only = {"x-linx-local-only": "true"}
            private = await here.fetch("/v1/embeddings", {"model": "e", "input": "a"}, headers=local_only)
            assert private.headers["x-linx-model"] == "nomic"


async def test_tokens_go_where_they_are_understood() -> None:
    async with (
        FakeProvider("ollama", ["e"]) as ollama,
        FakeProvider("openai", ["e"]) as openai,
        world(ollama, openai) as here,
    ):
        answer = await here.fetch("/v1/embeddings", {"model": "e", "input": [[1, 2], [3]]})
        assert len(answer.json["data"]) == 2
        assert answer.headers["x-linx-provider"] == "openai2"
        assert ollama.calls == []


async def test_a_server_without_embeddings_says_so() -> None:
    async with FakeProvider("openai", ["e"]) as fake, world(fake) as here:
        fake.at["/v1/embeddings"] = Whole(404, b'{"error":{"message":"Invalid URL (POST /v1/embeddings)"}}')
        answer = await here.fetch("/v1/embeddings", {"model": "e", "input": "a"})
        assert answer.status == 400
        assert answer.json["error"]["code"] == "unsupported_feature"
        assert "does not support embeddings" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    "reply",
    [
        Whole(200, b"<html>", "text/html"),
        Whole(200, b'{"data":[]}'),
        Whole(200, b'{"object":"list"}'),
        Whole(200, b'{"error":{"message":"it broke"}}'),
    ],
)
async def test_what_is_no_embedding_never_looks_like_one(reply: Whole) -> None:
    async with FakeProvider("openai", ["e"]) as fake, world(fake) as here:
        fake.default = reply
        for path, body in (("/v1/embeddings", {"input": "a"}), ("/api/embed", {"input": "a"})):
            answer = await here.fetch(path, {"model": "e", **body})
            assert answer.status == 502
            assert "openai1" in str(answer.json["error"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"model": "e", "input": []}),
        ("/v1/embeddings", {"input": "a"}),
        ("/api/embed", {"model": "e", "input": [1]}),
        ("/api/embeddings", {"model": "e", "prompt": ["a"]}),
    ],
)
async def test_each_face_refuses_in_its_own_shape(path: str, body: dict[str, Any]) -> None:
    async with FakeProvider("openai", ["e"]) as fake, world(fake) as here:
        answer = await here.fetch(path, body)
        assert answer.status == 400
        assert isinstance(answer.json["error"], str if path.startswith("/api") else dict)


@pytest.mark.parametrize("path", ["/embeddings", "/v1/v1/embeddings", "/api/v1/embeddings", "/v1/embeddings/"])
async def test_variants(path: str) -> None:
    async with FakeProvider("openai", ["e"]) as fake, world(fake) as here:
        assert (await here.fetch(path, {"model": "e", "input": "a"})).json["object"] == "list"


async def test_usage_and_cost_are_counted() -> None:
    async with FakeProvider("openai", ["e"]) as fake:
        priced = {"openai1": {"local": False, "price": {"*": PriceShape(prompt=10)}}}
        async with world(fake, providers=priced) as here:
            answer = await here.fetch("/v1/embeddings", {"model": "e", "input": ["a", "b"]})
            assert float(answer.headers["x-linx-cost-usd"]) == pytest.approx(2 * 10e-6)
            counters = here.providers[0].counters
            assert (counters.prompt_tokens, counters.completion_tokens) == (2, 0)


async def test_many_vectors_do_not_hold_the_loop() -> None:
    """They are checked and packed in a thread; the longest pause of the loop is that of this test's own fake."""
    vector = [0.123456789 * number for number in range(2048)]
    texts = ["x"] * 200
    body = jsontext.dumps({"data": [{"index": index, "embedding": vector} for index in range(len(texts))]})
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await trio.lowlevel.checkpoint()
            longest = max(longest, time.perf_counter() - before)

    async with FakeProvider("openai", ["e"]) as fake, world(fake) as here, trio.open_nursery() as nursery:
        fake.next(Whole(200, body))
        nursery.start_soon(watch)
        asked = {"model": "e", "input": texts, "encoding_format": "base64"}
        data = (await here.fetch("/v1/embeddings", asked)).json["data"]
        nursery.cancel_scope.cancel()
    assert struct.unpack("<2048f", b64decode(data[-1]["embedding"])) == pytest.approx(vector)
    assert longest < 0.1
