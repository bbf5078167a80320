"""Counting tokens: who is asked, for how long, and what stands in for an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.handlers.answers import anthropic
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.handlers.answers.world import world

if TYPE_CHECKING:
    import pytest

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


async def test_hello() -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, world(fake) as here:
        answer = await here.fetch("/api/hello", method="HEAD")
        assert (answer.status, answer.body) == (200, b"")
