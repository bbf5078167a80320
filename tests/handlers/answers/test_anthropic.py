"""Counting tokens: who is asked, for how long, and what stands in for an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.handlers.answers import anthropic
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PATH = "/v1/messages/count_tokens"
BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


async def test_a_provider_that_does_not_answer_costs_little_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anthropic, "COUNT_TIMEOUT_S", 0.1)
    async with FakeProvider("llamacpp", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.at[PATH] = scripted.hang()
        answer = await ask(app.bound[0][1], PATH, BODY)
        assert answer.json["input_tokens"] >= 1
        assert "x-linx-provider" not in answer.headers


async def test_while_everybody_is_paused_it_is_an_estimate(tmp_path: Path) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(scripted.status(429, retry_after="40"))
        assert (await ask(app.bound[0][1], "/v1/messages", {**BODY, "max_tokens": 5})).status == 429
        answer = await ask(app.bound[0][1], PATH, BODY)
        assert answer.status == 200
        assert "x-linx-provider" not in answer.headers


async def test_it_marks_its_way_so_that_a_loop_ends(tmp_path: Path) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        await ask(app.bound[0][1], PATH, BODY)
        hop = fake.requests[-1].headers["x-linx-hop"]
        answer = await ask(app.bound[0][1], PATH, BODY, headers={"x-linx-hop": hop})
        assert answer.status == 508


async def test_a_prompt_stays_local_where_that_is_asked(tmp_path: Path) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake:
        async with linx_here(config_for(fake, providers={"llamacpp1": {"local": False}}), tmp_path) as app:
            before = len(fake.requests)
            answer = await ask(app.bound[0][1], PATH, BODY, headers={"x-linx-local-only": "true"})
        assert (answer.status, answer.json["error"]["type"]) == (503, "api_error")
        assert len(fake.requests) == before


async def test_hello(tmp_path: Path) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        answer = await ask(app.bound[0][1], "/api/hello", method="HEAD")
        assert (answer.status, answer.body) == (200, b"")
