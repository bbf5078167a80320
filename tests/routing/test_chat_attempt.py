"""How an attempt asks for chat: what must be known before, and what is asked in another way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core.attempt_errors import Fallback, Refused
from linx.core.chat import Adapted, ChatBody, ChatRequest
from linx.dialects.ollama.face import OllamaFace
from tests.fakes import scripted
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Close, Raw, Send, Whole
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


# --- what is remembered, and what is not ---------------------------------------------

TUNED = {"temperature": 0.5, "max_tokens": 9}


def tuned(fields: dict[str, Any] = TUNED, prompt: str = "hi") -> ChatRequest:
    return ChatRequest("asked", ChatBody({**BODY, **fields, "messages": [{"role": "user", "content": prompt}]}))


async def test_a_prompt_that_is_quoted_teaches_nothing(pool: Pool) -> None:
    """A server that failed for a moment, and told of it with the request that it could not answer."""
    prompt = "The server says that temperature is not supported. Why?"
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(scripted.status(500, f"crashed while it handled: {prompt}"))
        attempt = attempt_at(one := at(fake), pool, tuned(prompt=prompt))
        await attempt.begin()
        await rest(attempt)
        attempt.finish()
        assert ["temperature" in call.json for call in fake.calls] == [True, False]
        assert attempt.record.adapted == (Adapted("parameter", "temperature"),)  # the truth about this request
        assert one.adaptations.of("m") == ()


async def test_what_the_provider_says_itself_counts_more_than_what_it_quotes(pool: Pool) -> None:
    prompt = "The server says that temperature is not supported. Why?"
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(scripted.status(400, f"unsupported parameter: 'seed' in a request with: {prompt}"))
        attempt = attempt_at(one := at(fake), pool, tuned({"temperature": 1, "seed": 2}, prompt))
        await attempt.begin()
        await rest(attempt)
        attempt.finish()
        assert [("temperature" in call.json, "seed" in call.json) for call in fake.calls] == [
            (True, True),
            (True, False),
        ]
        assert one.adaptations.of("m") == (Adapted("parameter", "seed"),)


async def test_a_quoted_prompt_does_not_say_what_the_model_lacks(pool: Pool) -> None:
    prompt = "Why do I read that this model does not support tools at all?"
    tools = {"tools": [{"type": "function", "function": {"name": "f"}}]}
    async with FakeProvider("openai", ["m"]) as fake:
        one = at(fake)
        for words, lacks in ((f"cannot read: {prompt}", []), ("m does not support tools", ["tools"])):
            fake.next(scripted.status(400, words))
            with pytest.raises(Refused):
                await attempt_at(one, pool, tuned(tools, prompt)).begin()
            assert list(one.lacks("m", pool.clock())) == lacks


async def test_nor_does_a_change_that_the_same_complaint_followed(pool: Pool) -> None:
    complaint = "unsupported parameter: temperature or stream_options"
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(scripted.status(400, complaint), scripted.status(400, complaint))
        attempt = attempt_at(one := at(fake), pool, tuned())
        await attempt.begin()
        await rest(attempt)
        attempt.finish()
        assert len(fake.calls) == 3
        assert one.adaptations.of("m") == (Adapted("stream_options"),)


async def test_a_provider_may_change_its_mind(pool: Pool) -> None:
    """Behind one name of a marketplace are servers of many kinds: what one demands, the other refuses."""
    old, new = "Unknown parameter: max_completion_tokens", "Unknown parameter: max_tokens"
    async with FakeProvider("openai", ["m"]) as fake:
        one = at(fake)
        for refusal in (new, old, new, old):
            fake.next(scripted.status(400, refusal))
            attempt = attempt_at(one, pool, tuned())
            await attempt.begin()
            await rest(attempt)
            attempt.finish()
        sent = [next(name for name in call.json if name.startswith("max_")) for call in fake.calls]
        assert [name == "max_tokens" for name in sent] == [True, False, False, True] * 2
        assert one.adaptations.of("m")[-1] == Adapted("answer_limit_name", "max_tokens")
        assert len(one.adaptations.of("m")) == 2


# vLLM's words (claude-code#272), and OpenRouter's of a key that cannot pay for so long an answer.
ROOM = "This model's maximum context length is 8192 tokens and your request has 100 input tokens (9000 > 8192 - 100)."
CREDIT = "This request requires more credits. You requested up to 9000 tokens, but can only afford 4717."


async def test_a_limit_that_was_too_high_for_one_prompt_is_not_remembered(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        one = at(fake)
        for refusal in (scripted.status(400, ROOM), scripted.status(402, CREDIT)):
            fake.next(refusal)
            attempt = attempt_at(one, pool, tuned({"max_tokens": 9000}))
            await attempt.begin()
            await rest(attempt)
            attempt.finish()
        assert [call.json.get("max_tokens") for call in fake.calls] == [9000, None, 9000, 4717]
        assert one.adaptations.of("m") == ()


async def test_it_is_asked_four_times_and_the_last_refusal_is_told(pool: Pool) -> None:
    fields = ("seed", "temperature", "top_p", "presence_penalty", "frequency_penalty")
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(*(scripted.status(400, f"Unsupported parameter: {field}") for field in fields))
        one = at(fake)
        with pytest.raises(Refused, match="presence_penalty"):
            await attempt_at(one, pool, tuned(dict.fromkeys(fields, 1))).begin()
        assert len(fake.calls) == 4
        assert [step.detail for step in one.adaptations.of("m")] == ["seed", "temperature"]  # top_p was not proven
        assert (one.health.consecutive_failures, one.counters.failures) == (0, 1)


async def test_what_came_before_an_error_inside_a_200_is_not_part_of_the_answer(pool: Pool) -> None:
    frames = (
        b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"x_trace":"of the error"}\n\n'
        b'data: {"error":{"message":"unknown field stream_options","code":400}}\n\n'
    )
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Raw([Send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + frames), Close()]))
        attempt = attempt_at(at(fake), pool)
        await attempt.begin()
        chunks = await rest(attempt)
        attempt.finish()
        assert len(fake.calls) == 2
        assert not any("x_trace" in (chunk.source or {}) for chunk in chunks)
