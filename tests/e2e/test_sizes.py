"""Names of models that a client chooses: what is too long is refused, and what is kept is bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider

if TYPE_CHECKING:
    from pathlib import Path

HI = [{"role": "user", "content": "hi"}]
ASKED: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": HI},
    "/v1/completions": {"prompt": "hi"},
    "/v1/embeddings": {"input": "hi"},
    "/v1/responses": {"input": "hi"},
    "/v1/messages": {"messages": HI, "max_tokens": 5},
    "/v1/messages/count_tokens": {"messages": HI},
    "/v1/rerank": {"query": "a", "documents": ["b"]},
    "/api/chat": {"messages": HI},
    "/api/generate": {"prompt": "hi"},
    "/api/embed": {"input": "hi"},
    "/api/embeddings": {"prompt": "hi"},
    "/api/show": {},
}


@pytest.mark.parametrize("path", ASKED)
async def test_a_name_that_is_too_long_is_refused(path: str, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        asked = len(fake.requests)
        answer = await ask(port, path, {**ASKED[path], "model": "m" * 513})
        assert answer.status == 400, answer.body
        assert len(answer.body) < 1024
        assert "at most 512 characters" in answer.body.decode()
        assert len(fake.requests) == asked


async def test_a_long_name_is_kept_in_part(tmp_path: Path) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake:
        config = config_for(fake, names=("box",), providers={"box": {"model_mappings": {"default": "m"}}})
        async with linx_here(config, tmp_path) as app:
            port = app.bound[0][1]
            name = "box/" + "n" * 508
            answer = await ask(port, "/v1/chat/completions?" + "q" * 4000, {"model": name, "messages": HI})
            assert len(answer.headers.get("x-linx-model", "")) <= 400
            for path in ("/linx/requests", "/metrics", "/v1/providers/status"):
                kept = (await ask(port, path)).body.decode()
                assert "n" * 401 not in kept
                assert "q" * 401 not in kept
