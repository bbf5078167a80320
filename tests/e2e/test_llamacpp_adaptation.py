"""A real llama.cpp whose template and grammar refuse how clients ask: it answers all the same, asked in its own way."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.http_client import Answer, ask
from tests.e2e.linx_process import linx_here
from tests.e2e.llamacpp import running
from tests.fakes.gguf_model import CHATML, write_tiny_model
from tests.fakes.provider import FakeProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.e2e.llamacpp import LlamaCpp

# As the templates of Qwen 3.5 have it.
STRICT = (
    "{% for message in messages %}{% if message['role'] == 'system' and not loop.first %}"
    "{{ raise_exception('System message must be at the beginning.') }}{% endif %}{% endfor %}" + CHATML
)
HI = {"role": "user", "content": "hi"}
NOTE = {"role": "system", "content": "The folder has changed."}
# Each of them is refused: "schema must be an object", "unsupported $ref", "properties must be an object".
ODD_SCHEMAS: dict[str, dict[str, Any]] = {
    "boolean": {"type": "object", "properties": {"a": True}, "required": ["a"]},
    "elsewhere": {"type": "object", "properties": {"a": {"$ref": "https://schemas.test/a"}}, "required": ["a"]},
    "null": {"type": "object", "properties": None},
    "pattern": {"type": "object", "properties": {"a": {"type": "string", "pattern": "^[a-z$"}}, "required": ["a"]},
}
LIMIT = {"max_tokens": 4, "temperature": 0}

ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "system, Messages": ("/v1/messages", {"system": "Be brief.", "messages": [HI, NOTE, HI]}),
    "system, chat": ("/v1/chat/completions", {"messages": [{**NOTE, "role": "developer"}, HI, NOTE, HI]}),
    "system, Ollama": ("/api/chat", {"messages": [HI, NOTE], "options": {"num_predict": 4}}),
    **{
        f"schema, Messages, {name}": (
            "/v1/messages",
            {"messages": [HI], "output_config": {"format": {"type": "json_schema", "schema": schema}}},
        )
        for name, schema in ODD_SCHEMAS.items()
    },
    **{
        f"schema, chat, {name}": (
            "/v1/chat/completions",
            {
                "messages": [HI],
                "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}},
            },
        )
        for name, schema in ODD_SCHEMAS.items()
    },
    "schema, Ollama": (
        "/api/chat",
        {"messages": [HI], "format": ODD_SCHEMAS["boolean"], "options": {"num_predict": 4}},
    ),
}


@pytest.fixture(scope="module")
def strict_llamacpp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaCpp]:
    with running(write_tiny_model(tmp_path_factory.mktemp("strict") / "tiny.gguf", STRICT)) as llama:
        yield llama


@asynccontextmanager
async def linx_before(llama: LlamaCpp, paid: FakeProvider, folder: Path) -> AsyncIterator[int]:
    config = llama.config()
    config["providers"]["paid"] = {"kind": "openai", "endpoint": paid.endpoint, "price": {"prompt": 1, "completion": 1}}
    async with linx_here(config, folder) as app:
        yield app.bound[0][1]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("what", ASKED)
async def test_a_refusal_of_the_form_is_asked_again_in_another(
    what: str, stream: bool, strict_llamacpp: LlamaCpp, tmp_path: Path
) -> None:
    path, fields = ASKED[what]
    body = {"model": "tiny", **(LIMIT if path.startswith("/v1") else {}), **fields, "stream": stream}
    async with FakeProvider("openai", ["tiny"]) as paid, linx_before(strict_llamacpp, paid, tmp_path) as port:
        for _ in range(2):
            answer: Answer = await ask(port, path, body)
            assert answer.status == 200, answer.body
            assert b"error" not in answer.body
            assert answer.headers["x-linx-attempts"] == "llama=ok"
            adapted = answer.headers["x-linx-adapted"]
            assert adapted.startswith("system_messages" if what.startswith("system") else "schemas")
        assert paid.calls == []
        status = (await ask(port, "/v1/providers/status", None)).json["data"]
        llama = next(one for one in status if one["name"] == "llama")
        assert (llama["state"], llama["failures"]) == ("up", 0)
        assert llama["adapted"]["tiny"] == [adapted]


async def test_a_picture_goes_to_a_model_that_can_see(strict_llamacpp: LlamaCpp, tmp_path: Path) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    body = {
        "model": "tiny",
        **LIMIT,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "?"}, picture]}],
    }
    async with FakeProvider("openai", ["tiny"]) as paid, linx_before(strict_llamacpp, paid, tmp_path) as port:
        seen = await ask(port, "/v1/chat/completions", body)
        assert (seen.status, seen.headers["x-linx-attempts"]) == (
            200,
            "paid=ok",
        )  # llama.cpp's list says that it is blind
        words = await ask(port, "/v1/chat/completions", {**body, "messages": [HI]})
        assert words.headers["x-linx-attempts"] == "llama=ok"
        status = (await ask(port, "/v1/providers/status", None)).json["data"]
        assert next(one["state"] for one in status if one["name"] == "llama") == "up"
    async with linx_here(strict_llamacpp.config(), tmp_path) as app:
        alone = await ask(app.bound[0][1], "/v1/chat/completions", body)
        assert alone.status == 400
        assert "image input is not supported" in alone.json["error"]["message"]
