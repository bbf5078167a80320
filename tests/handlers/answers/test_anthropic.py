"""Counting tokens: who is asked, for how long, and what stands in for an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.dialects.shared import opaque_reasoning
from linx.handlers.answers import anthropic
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.handlers.answers.world import world

if TYPE_CHECKING:
    from tests.fakes.catalogue import Kind

PATH = "/v1/messages/count_tokens"
BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


async def test_a_provider_that_does_not_answer_costs_little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anthropic, "COUNT_TIMEOUT_S", 0.1)
    async with FakeProvider("llamacpp", ["m"]) as fake, world(fake) as here:
        fake.at[PATH] = scripted.hang()
        answer = await here.fetch(PATH, BODY)
        assert answer.json["input_tokens"] >= 1
        assert "x-linx-provider" not in answer.headers


async def test_while_everybody_is_paused_it_is_an_estimate() -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, world(fake) as here:
        fake.next(scripted.status(429, retry_after="40"))
        assert (await here.fetch("/v1/messages", {**BODY, "max_tokens": 5})).status == 429
        answer = await here.fetch(PATH, BODY)
        assert answer.status == 200
        assert "x-linx-provider" not in answer.headers


async def test_it_marks_its_way_so_that_a_loop_ends() -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, world(fake) as here:
        await here.fetch(PATH, BODY)
        hop = fake.requests[-1].headers["x-linx-hop"]
        answer = await here.fetch(PATH, BODY, headers={"x-linx-hop": hop})
        assert answer.status == 508


async def test_a_prompt_stays_local_where_that_is_asked() -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake:
        async with world(fake, providers={"llamacpp1": {"local": False}}) as here:
            before = len(fake.requests)
            answer = await here.fetch(PATH, BODY, headers={"x-linx-local-only": "true"})
        assert (answer.status, answer.json["error"]["type"]) == (503, "api_error")
        assert len(fake.requests) == before


PACKED = opaque_reasoning.pack([{"type": "reasoning.encrypted", "data": "x"}])
THOUGHTS: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "signed by Linx", "signature": "linx"},
    {"type": "thinking", "thinking": "signed by nobody", "signature": ""},
    {"type": "redacted_thinking", "data": PACKED},
    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
]
LOOP: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": THOUGHTS},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "r"}]},
    ],
    "tools": [{"name": "f", "input_schema": {"type": "object"}}],
}


@pytest.mark.parametrize("native", [False, True], ids=["translated", "native"])
@pytest.mark.parametrize("kind", ["llamacpp", "openai", "anthropic"])
async def test_the_thoughts_are_counted_that_the_prompt_carries(kind: Kind, native: bool) -> None:
    """A Qwen3 template carries them through a loop of tools: 1,320 tokens, of which 791 were counted."""
    settings = {f"{kind}1": {"native": native}} if native else None
    async with FakeProvider(kind, ["m"]) as fake, world(fake, providers=settings) as here:
        counted = (await here.fetch(PATH, LOOP)).headers.get("x-linx-provider")
        assert (await here.fetch("/v1/messages", {**LOOP, "max_tokens": 5})).status == 200
        asked = [call.json for call in fake.requests if call.path.endswith("/count_tokens")]
        sent = [call.json for call in fake.requests if call.path.endswith(("/messages", "/chat/completions"))]
    assert (counted is not None) is bool(asked) is (kind != "openai" or native)
    assert len(sent) == 1
    keeps = kind == "llamacpp" or (kind == "openai" and not native)  # the others verify signatures, or may do so
    for body in (*asked, *sent):
        assert "linx:" not in str(body)
        for thought in ("signed by Linx", "signed by nobody"):
            assert (thought in str(body)) is keeps


async def test_hello() -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, world(fake) as here:
        answer = await here.fetch("/api/hello", method="HEAD")
        assert (answer.status, answer.body) == (200, b"")
