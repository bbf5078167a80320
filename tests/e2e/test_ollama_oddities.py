"""Small things that a real Ollama 0.33 answers, asked through Linx: names, thinking, the prompt itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Whole

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.exchange import Exchange

HI: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
ENDPOINTS: dict[str, dict[str, Any]] = {
    "/api/chat": {"messages": HI},
    "/api/generate": {"prompt": "hi"},
    "/api/show": {},
    "/api/embed": {"input": "hi"},
    "/api/embeddings": {"prompt": "hi"},
}


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_a_name_that_no_model_can_have(path: str, tmp_path: Path) -> None:
    async with (
        FakeProvider("ollama", ["m"]) as fake,
        FakeProvider("openai", ["my model"]) as other,
        linx_here(config_for(fake, other), tmp_path) as app,
    ):
        port = app.bound[0][1]
        refused = await ask(port, path, {"model": "a b", **ENDPOINTS[path]})
        assert (refused.status, refused.json) == (400, {"error": "invalid model name"})
        missing = await ask(port, path, {"model": "nope", **ENDPOINTS[path]})
        assert missing.status == 404
        assert "model 'nope' not found" in missing.json["error"]
        if path != "/api/embeddings":
            found = await ask(port, path, {"model": "my model", **ENDPOINTS[path]})
            assert found.status == 200, "another provider's models may be called anything"


@pytest.mark.parametrize("stream", [None, True, False])
@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
async def test_the_prompt_itself_is_one_object(path: str, stream: bool | None, tmp_path: Path) -> None:
    shown = {
        "model": "m:latest",
        "created_at": "2026-11-28T20:00:00Z",
        **({"message": {"role": "", "content": ""}} if path == "/api/chat" else {"response": ""}),
        "done": False,
        "_debug_info": {"rendered_template": "<|user|>hi"},
    }
    async with FakeProvider("ollama", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(Whole(200, jsontext.dumps(shown), "application/json; charset=utf-8"))
        body = {"model": "m", **ENDPOINTS[path], "stream": stream, "_debug_render_only": True}
        answer = await ask(app.bound[0][1], path, body)
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        assert answer.json == {**shown, "model": "m"}
        assert list(answer.json) == list(shown)


THINKING: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/api/chat", {"messages": HI, "think": True}),
    "chat, a level": ("/api/chat", {"messages": HI, "think": "high"}),
    "generate": ("/api/generate", {"prompt": "hi", "think": True}),
    "openai": ("/v1/chat/completions", {"messages": HI, "reasoning_effort": "high"}),
    "anthropic": (
        "/v1/messages",
        {"messages": HI, "max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 1024}},
    ),
    "responses": ("/v1/responses", {"input": "hi", "reasoning": {"effort": "high"}}),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("what", THINKING)
async def test_a_wish_to_think_never_goes_to_a_second_provider(what: str, stream: bool, tmp_path: Path) -> None:
    path, body = THINKING[what]
    cannot = Model("m", ("completion",))
    async with (
        FakeProvider("ollama", [cannot]) as fake,
        FakeProvider("openrouter", [Model("m", ("completion", "thinking"))], api_key="sk-paid") as paid,
        linx_here(config_for(fake, paid), tmp_path) as app,
    ):
        for number in range(2):
            answer = await ask(app.bound[0][1], path, {"model": "m", "stream": stream, **body})
            assert (answer.status, answer.headers["x-linx-provider"]) == (200, "ollama1"), answer.body
            if path.startswith("/api/"):
                assert answer.headers["x-linx-adapted"] == "think:*>"
            assert "think" not in fake.calls[-1].json
            assert len(fake.calls) == (1 if path.startswith("/v1/") else 2) + number
        assert paid.calls == []
        assert app.context.providers[0].counters.failures == 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", ["openai", "openrouter", "llamacpp", "anthropic"])
@pytest.mark.parametrize("what", THINKING)
async def test_nor_at_any_other_kind(what: str, kind: Any, stream: bool, tmp_path: Path) -> None:
    """A switch without a level has no name that plain servers share, so not every wish is written."""
    path, body = THINKING[what]
    wishes = ("reasoning_effort", "reasoning", "thinking", "think", "thinking_budget_tokens")
    async with FakeProvider(kind, ["claude-m"]) as fake, FakeProvider("openai", ["claude-m"]) as paid:

        def thinks(exchange: Exchange) -> bool:
            kwargs = exchange.json.get("chat_template_kwargs") or {}
            return any(exchange.json.get(name) for name in wishes) or bool(kwargs.get("enable_thinking"))

        def refuse(exchange: Exchange) -> Whole | None:
            words = b'{"error":{"message":"\\"m\\" does not support thinking","type":"invalid_request_error"}}'
            return Whole(400, words) if thinks(exchange) else None

        fake.rule = refuse
        async with linx_here(config_for(fake, paid, names=("own", "paid")), tmp_path) as app:
            answer = await ask(app.bound[0][1], path, {"model": "claude-m", "stream": stream, **body})
            assert (answer.status, answer.headers["x-linx-provider"]) == (200, "own"), answer.body
            was_refused = [thinks(call) for call in fake.calls]
            assert was_refused in ([True, False], [False])
            if True in was_refused:
                assert answer.headers["x-linx-adapted"] == "thinking_wish:cannot"
            assert paid.calls == []
            assert app.context.providers[0].counters.failures == 0
