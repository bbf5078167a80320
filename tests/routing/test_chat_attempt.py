"""How an attempt asks for chat: what must be known before, and what is asked in another way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linx.core.chat import Adapted, ChatBody, ChatRequest
from linx.core.errors import Fallback, Refused
from linx.dialects.ollama.face import OllamaFace
from tests.fakes import scripted
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Whole
from tests.routing.attempts import BODY, assert_clean, at, attempt_at, rest

if TYPE_CHECKING:
    from linx.upstream.pool import Pool


async def test_stream_options_are_left_out_for_who_refuses_them(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"], refuses=["stream_options"]) as fake:
        one = at(fake)
        for _ in range(2):
            attempt = attempt_at(one, pool)
            await attempt.begin()
            await rest(attempt)
            attempt.finish()
        assert ["stream_options" in call.json for call in fake.calls] == [True, False, False]
        assert one.adaptations.of("m") == (Adapted("stream_options"),)
        assert one.adaptations.of("n") == ()
        assert attempt.record.adapted == (Adapted("stream_options"),)
        assert one.health.consecutive_failures == 0


async def test_who_refuses_them_even_so_is_asked_once_more_only(pool: Pool) -> None:
    complaint = scripted.status(400, "no stream_options, please")
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(complaint, complaint, complaint)
        one = at(fake)
        with pytest.raises(Refused) as caught:
            await attempt_at(one, pool).begin()
        assert caught.value.fallback is Fallback.NO
        assert len(fake.calls) == 2
        assert one.adaptations.of("m") == ()  # it did not help


async def test_a_refusal_inside_a_200_is_adapted_to_as_well(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(scripted.error_in_200("unknown field stream_options", 400))
        attempt = attempt_at(one := at(fake), pool)
        await attempt.begin()
        assert "".join(chunk.text for chunk in await rest(attempt))
        attempt.finish()
        assert ["stream_options" in call.json for call in fake.calls] == [True, False]
        assert one.adaptations.of("m") == (Adapted("stream_options"),)
        assert (one.health.consecutive_failures, one.counters.failures) == (0, 0)
        assert_clean(one, pool, idle=1)


@pytest.mark.parametrize("status", [401, 402, 403, 408, 413, 429, 503, 529])
async def test_what_is_no_complaint_about_the_request_is_not_adapted_to(status: int, pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(scripted.status(status, "stream_options"))
        with pytest.raises(Refused):
            await attempt_at(at(fake), pool).begin()
        assert len(fake.calls) == 1


async def test_thinking_is_asked_for_only_of_who_can(pool: Pool) -> None:
    wish = ChatRequest("asked", ChatBody({**BODY, "reasoning_effort": "high"}))
    async with FakeProvider("ollama", [Model("m", ("completion", "thinking"))]) as fake:
        one = at(fake)
        attempt = attempt_at(one, pool, wish)
        await attempt.begin()
        assert [exchange.path for exchange in fake.requests] == ["/api/show", "/api/chat"]
        assert fake.calls[0].json["think"] == "high"
        attempt.close()
        fake.models = [Model("m", ("completion",))]
        fresh = at(fake)
        attempt = attempt_at(fresh, pool, wish)
        await attempt.begin()
        assert "think" not in fake.calls[1].json
        attempt.close()
        own = OllamaFace("chat").parse({"model": "asked", "messages": BODY["messages"], "think": True})
        other = at(fake)
        attempt = attempt_at(other, pool, own)
        await attempt.begin()
        assert ["think" in call.json for call in fake.calls[2:]] == [True, False]
        assert other.adaptations.of("m") == (Adapted("think", "*>"),)
        assert (other.health.consecutive_failures, other.counters.failures) == (0, 0)
        attempt.close()


async def test_a_model_that_cannot_be_asked_about_is_a_failure_of_the_attempt(pool: Pool) -> None:
    async with FakeProvider("ollama", ["other"]) as fake:
        wish = ChatRequest("asked", ChatBody({**BODY, "reasoning_effort": "high"}))
        with pytest.raises(Refused, match="a: does not have the model") as caught:
            await attempt_at(at(fake), pool, wish).begin()
        assert caught.value.outcome == "http_404"


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_path_that_is_not_there_is_something_it_cannot_do(status: int, pool: Pool) -> None:
    insert = OllamaFace("generate").parse({"model": "asked", "prompt": "a", "suffix": "b"})
    async with FakeProvider("llamacpp", ["m"]) as fake:
        fake.next(Whole(status, b"File Not Found", "text/plain"))
        one = at(fake)
        with pytest.raises(Refused, match="a: does not support insert") as caught:
            await attempt_at(one, pool, insert).begin()
        assert caught.value.code == "unsupported_feature"
        assert caught.value.fallback is Fallback.YES
        assert one.health.consecutive_failures == 0


async def test_what_a_dialect_refuses_is_never_sent(pool: Pool) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        one = at(fake)
        with pytest.raises(Refused, match="a: does not support n > 1"):
            await attempt_at(one, pool, ChatRequest("asked", ChatBody({**BODY, "n": 2}))).begin()
        assert fake.requests == []
        assert_clean(one, pool, idle=0)
