"""Errors that clients act on: whether they ask again, whether they shorten a conversation, and what the log says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from linx.core.request_feed import MAX_SHOWN
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from pathlib import Path

HI = [{"role": "user", "content": "hi"}]
FACES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": HI},
    "/v1/completions": {"prompt": "hi"},
    "/v1/embeddings": {"input": "hi"},
    "/v1/responses": {"input": "hi"},
    "/v1/messages": {"messages": HI, "max_tokens": 5},
    "/v1/messages/count_tokens": {"messages": HI},
    "/api/chat": {"messages": HI},
    "/api/generate": {"prompt": "hi"},
    "/api/embed": {"input": "hi"},
}
CHATS = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/api/chat", "/api/generate")


@pytest.mark.parametrize("path", FACES)
async def test_a_wrong_key_or_host_is_not_worth_another_try(path: str, tmp_path: Path) -> None:
    """Claude Code asks ten times in three minutes, in silence, unless x-should-retry says that it is of no use."""
    body = {"model": "m", **FACES[path]}
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config_for(fake, server={"api_key": "right-key-0123456789"}), tmp_path) as app:
            for headers in ({}, {"authorization": "Bearer wrong"}, {"x-api-key": "wrong"}):
                answer = await ask(app.bound[0][1], path, body, headers=headers)
                assert (answer.status, answer.headers["x-should-retry"]) == (401, "false")
        async with linx_here(config_for(fake), tmp_path) as app:
            answer = await ask(app.bound[0][1], path, body, headers={"host": "evil.example"})
            assert (answer.status, answer.headers["x-should-retry"]) == (403, "false")
        assert fake.calls == []


@pytest.mark.parametrize("path", FACES)
@pytest.mark.parametrize("model", [None, "", " ", 5, []], ids=["null", "empty", "blank", "number", "list"])
async def test_a_model_that_is_no_name_is_said_to_be_none(path: str, model: Any, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        answer = await ask(app.bound[0][1], path, {**FACES[path], "model": model})
        absent = await ask(app.bound[0][1], path, FACES[path])
    assert answer.status == absent.status == 400
    error = answer.json["error"]
    assert "model" in (error if isinstance(error, str) else error["message"])
    if path.startswith("/v1/") and "messages" not in path.removeprefix("/v1/"):
        assert error["param"] == "model"


# llama.cpp's answer to a prompt that does not fit (tools/server/server-context.cpp).
OVERFLOW = scripted.status(
    400,
    "request (9412 tokens) exceeds the available context size (8192 tokens), try increasing it",
    n_prompt_tokens=9412,
    n_ctx=8192,
)
# claude-code's own pattern, and what pi, opencode and openclaw look for in other dialects.
_CLAUDE_CODE = re.compile(r"prompt is too long[^0-9]*(\d+)\s*tokens?\s*>\s*(\d+)", re.IGNORECASE)


@pytest.mark.parametrize("path", CHATS)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_a_prompt_that_does_not_fit_is_told_with_both_counts(path: str, stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = OVERFLOW
        answer = await ask(app.bound[0][1], path, {**FACES[path], "model": "m", "stream": stream})
    if path == "/v1/responses" and stream:
        assert answer.status == 200
        assert answer.headers["x-linx-attempts"] == "openai1=http_400"
        kinds = [event["type"] for event in answer.events]
        assert kinds[-2:] == ["error", "response.failed"]
        failed = answer.events[-1]["response"]
        assert (failed["status"], failed["error"]["code"]) == ("failed", "context_length_exceeded")
        return
    assert answer.status == 400
    error = answer.json["error"]
    if path == "/v1/messages":
        assert (found := _CLAUDE_CODE.search(error["message"])) is not None
        assert found.groups() == ("9412", "8192")
    elif path.startswith("/api/"):
        assert "prompt too long; exceeded max context length by 1220 tokens" in error
    else:
        assert (error["code"], error["n_prompt_tokens"], error["n_ctx"]) == ("context_length_exceeded", 9412, 8192)
        assert "prompt is too long" in error["message"]


@pytest.mark.parametrize("path", FACES)
async def test_the_name_that_nobody_has_is_in_the_line_of_the_request(path: str, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        follower = app.context.feed.follow()
        assert follower is not None
        answer = await ask(app.bound[0][1], path, {**FACES[path], "model": "claude\n\x1b[31m-opus" + "x" * 300})
        (line,) = [jsontext.loads(text) for text in (await follower.wait(HANG_S)).splitlines()]
    assert answer.status in (400, 404)
    assert (line["path"], line["status"], line["outcome"]) == (path, answer.status, "model_not_found")
    assert line["model"].startswith("claude\\n\\x1b[31m-opusxxx")
    assert len(line["model"]) <= MAX_SHOWN
