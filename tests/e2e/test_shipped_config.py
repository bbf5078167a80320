"""The config.json beside the program works for anybody who has any one model, in whatever server, under any name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from tests.e2e.http_client import ask
from tests.e2e.linx_process import ROOT, linx_here
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider

if TYPE_CHECKING:
    from pathlib import Path

MESSAGES = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
ASKED: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "gpt-4o", "messages": MESSAGES},
    "/v1/responses": {"model": "gpt-4o", "input": "hi"},
    "/v1/completions": {"model": "davinci", "prompt": "hi"},
    "/v1/messages": {"model": "claude-sonnet-4", "messages": MESSAGES, "max_tokens": 9},
    "/api/chat": {"model": "llama3", "messages": MESSAGES, "stream": False},
    "/api/generate": {"model": "llama3", "prompt": "hi", "stream": False},
}


def shipped(**fakes: FakeProvider) -> dict[str, Any]:
    """The file as it is, but that the servers are the fakes, or nowhere."""
    config: dict[str, Any] = jsontext.loads((ROOT / "config.json").read_bytes())
    for name in ("ollama", "llamacpp"):
        config[name]["endpoint"] = fakes[name].endpoint if name in fakes else "http://127.0.0.1:9"
    config["server"]["port"] = 0
    return config


@pytest.mark.parametrize("kind", ["ollama", "llamacpp"])
@pytest.mark.parametrize("path", ASKED)
async def test_any_name_on_any_path_is_answered_by_the_model_that_is_there(
    kind: Any, path: str, tmp_path: Path
) -> None:
    async with FakeProvider(kind, ["mine:4b"]) as fake, linx_here(shipped(**{kind: fake}), tmp_path) as app:
        port = app.bound[0][1]
        for is_streamed in (False, True):
            body = {**ASKED[path], "stream": is_streamed}
            answer = await ask(port, path, body)
            assert answer.status == 200, answer.body
            assert answer.headers["x-linx-model"] == "mine:4b"
            assert body["model"].encode() in answer.body
            assert b"mine:4b" not in answer.body


async def test_a_model_without_thoughts_and_one_without_tools_are_asked_as_they_can(tmp_path: Path) -> None:
    plain = Model("plain", capabilities=("completion",))
    async with FakeProvider("ollama", [plain]) as fake, linx_here(shipped(ollama=fake), tmp_path) as app:
        port = app.bound[0][1]
        answer = await ask(port, "/v1/chat/completions", ASKED["/v1/chat/completions"])
        assert answer.status == 200, answer.body
        fake.models.append(Model("able", capabilities=("completion", "tools")))
        app.context.providers[0].read_at -= 60
        body = {**ASKED["/v1/chat/completions"], "tools": [TOOL]}
        answer = await ask(port, "/v1/chat/completions", body)
        assert (answer.status, answer.headers["x-linx-model"]) == (200, "able:latest")
        assert (await ask(port, "/v1/chat/completions", body | {"tools": []})).headers["x-linx-model"] in (
            "able:latest",
            "plain:latest",
        )


async def test_vectors_come_from_the_model_for_embeddings(tmp_path: Path) -> None:
    embed = Model("nomic-embed-text", capabilities=("embedding",))
    async with FakeProvider("ollama", ["mine:4b", embed]) as fake, linx_here(shipped(ollama=fake), tmp_path) as app:
        port = app.bound[0][1]
        asked = {"/v1/embeddings": {"input": "x"}, "/api/embed": {"input": "x"}, "/api/embeddings": {"prompt": "x"}}
        for path, body in asked.items():
            answer = await ask(port, path, {"model": "text-embedding-3-small", **body})
            assert (answer.status, answer.headers["x-linx-model"]) == (200, "nomic-embed-text:latest"), answer.body
        answer = await ask(port, "/v1/chat/completions", ASKED["/v1/chat/completions"])
        assert answer.headers["x-linx-model"] == "mine:4b"


async def test_what_is_not_there_is_told_with_the_command_and_used_as_soon_as_it_is_there(tmp_path: Path) -> None:
    async with FakeProvider("ollama", []) as fake, linx_here(shipped(ollama=fake), tmp_path) as app:
        port = app.bound[0][1]
        for path, body in ASKED.items():
            answer = await ask(port, path, body)
            assert answer.status == 404
            assert b"ollama pull qwen3:4b" in answer.body
        answer = await ask(port, "/v1/embeddings", {"model": "e", "input": "x"})
        assert (answer.status, b"ollama pull nomic-embed-text" in answer.body) == (404, True)
        fake.models.append(Model("mine:4b"))
        app.context.providers[0].read_at -= 60
        answer = await ask(port, "/v1/chat/completions", ASKED["/v1/chat/completions"])
        assert answer.headers["x-linx-model"] == "mine:4b"


async def test_an_auto_name_is_listed_as_what_it_stands_for(tmp_path: Path) -> None:
    config = shipped()
    small = Model("small:1b", context_length=2048)
    async with FakeProvider("ollama", [small, Model("big:9b", context_length=8192)]) as fake:
        config["ollama"] |= {"endpoint": fake.endpoint, "model_mappings": {"gpt-4o": "auto"}}
        async with linx_here(config, tmp_path) as app:
            port = app.bound[0][1]
            for name, length in (("small:1b", 2048), ("big:9b", 8192)):
                await ask(port, "/v1/chat/completions", {"model": name, "messages": MESSAGES})
                (entry,) = (e for e in (await ask(port, "/v1/models")).json["data"] if e["id"] == "gpt-4o")
                assert entry["context_length"] == length
                answer = await ask(port, "/v1/chat/completions", ASKED["/v1/chat/completions"])
                assert (answer.headers["x-linx-model"], answer.json["model"]) == (name, "gpt-4o")
            fake.models.clear()
            app.context.providers[0].read_at -= 60
            await ask(port, "/v1/chat/completions", {"model": "x", "messages": MESSAGES})
            assert (await ask(port, "/v1/models")).json["data"] == []
