"""Answers in one piece: what the head says, and who takes over until the very end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linx.config.shape import PriceShape
from linx.dialects.ollama.face import OllamaFace
from linx.handlers.answers import whole as whole_module
from linx.handlers.answers.generation import answer_chat
from linx.upstream import response as response_module
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer
from tests.handlers.answers.world import CHAT, STREAM, world
from tests.waiting import within

if TYPE_CHECKING:
    from tests.fakes.exchange import Exchange
    from tests.fakes.scripted import After


async def test_the_head_of_a_whole_answer() -> None:
    async with FakeProvider("openai", ["real name ☕"]) as fake:
        async with world(fake, providers={"openai1": {"model_mappings": {"m": "real name ☕"}}}) as here:
            fake.next(Answer(head_s=0.1, first_s=0.1, interval_s=0.02))
            answer = await here.ask(answer_chat, CHAT)
            assert sum(here.context.telemetry.added.counts) == 1
    headers = answer.headers
    assert answer.json["choices"][0]["message"]["content"] == "Hello from the fake."
    assert (answer.json["model"], headers["x-linx-model"]) == ("m", "real?name??")
    assert (headers["x-linx-provider"], headers["x-linx-attempts"]) == ("openai1", "openai1=ok")
    assert headers["content-type"] == "application/json"
    assert headers["x-linx-cost-usd"] == "0"
    assert float(headers["server-timing"].removeprefix("linx;dur=")) < 100  # the provider's 0.3 s are not Linx's


async def test_what_it_costs_is_estimated_where_the_provider_does_not_say() -> None:
    price = {"*": PriceShape(prompt=1.0, completion=2.0)}
    async with FakeProvider("openai", ["m"]) as fake:
        async with world(fake, providers={"openai1": {"price": price}}) as here:
            answer = await here.ask(answer_chat, CHAT)
            assert answer.headers["x-linx-cost-usd"] == "0.000019"
            assert here.last.cost_usd == pytest.approx(9e-6 + 5 * 2e-6)
        async with world(fake, providers={"openai1": {"local": False}}) as here:
            answer = await here.ask(answer_chat, CHAT)
            assert "x-linx-cost-usd" not in answer.headers
            assert here.last.cost_usd is None
            assert here.last.usage is not None


async def test_an_answer_without_counts() -> None:
    wire = b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    reply = scripted.Raw([scripted.Send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + wire), scripted.Close()])
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        for body in (STREAM, CHAT):
            fake.next(reply)
            answer = await here.ask(answer_chat, body)
            assert answer.status == 200
            assert (here.last.usage, here.last.cost_usd) == (None, None)
            assert "x-linx-cost-usd" not in answer.headers


WORDS = [f"word {number} " for number in range(120)]


def _connection(call: Exchange) -> str | None:
    return call.headers.get("connection")


async def test_a_provider_of_long_answers_is_asked_to_close_behind_the_next() -> None:
    """Then nothing but much, or the end, wakes the reader, and the end is found at once."""
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        fake.default = Answer(tokens=WORDS, interval_s=0.002)
        bodies = [await here.ask(answer_chat, CHAT) for _ in range(3)]
        assert [_connection(call) for call in fake.calls] == [None, "close", "close"]
        assert {body.json["choices"][0]["message"]["content"] for body in bodies} == {"".join(WORDS)}
        assert len({str(body.json["usage"]) for body in bodies}) == 1
        assert here.last.attempts[0].outcome == "ok"
        assert here.last.reads >= len(WORDS) - 2  # pieces are counted as if each had been read by itself
        assert here.providers[0].pace.wants_close
        # The connection that was kept behind the first answer served the second as its last.
        assert [call.connection.number for call in fake.calls] == [0, 0, 1]
        fake.default = Answer()
        await here.ask(answer_chat, CHAT)
        await here.ask(answer_chat, CHAT)
        assert _connection(fake.calls[-1]) is None, "short answers are worth no connection"
        await here.ask(answer_chat, STREAM)
        assert _connection(fake.calls[-1]) is None


async def test_a_stream_is_never_asked_to_close_the_connection() -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        fake.default = Answer(tokens=WORDS, interval_s=0.001)
        for body in (CHAT, STREAM, STREAM):
            await here.ask(answer_chat, body)
        assert [_connection(call) for call in fake.calls] == [None, None, None]


async def test_a_remote_provider_is_not_asked_to_close() -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake, providers={"openai1": {"local": False}}) as here:
        fake.default = Answer(tokens=WORDS, interval_s=0.001)
        await here.ask(answer_chat, CHAT)
        await here.ask(answer_chat, CHAT)
        assert [_connection(call) for call in fake.calls] == [None, None]


def _says_that_it_closes(*then: scripted.Step) -> scripted.Raw:
    """Its end comes behind a pause, so that it has to be found, in an answer that is read patiently."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    word = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
    return scripted.Raw([scripted.Send(head + word), scripted.Sleep(0.1), *then])


async def test_a_provider_that_does_not_close_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_module, "PATIENCE_S", 0.05)
    end = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        fake.next(_says_that_it_closes(scripted.Send(end), scripted.Stall()))
        answer = await here.ask(answer_chat, CHAT)
        assert answer.json["choices"][0]["message"]["content"] == "x"
        here.providers[0].pace.was_read(1000)
        assert not here.providers[0].pace.wants_close


@pytest.mark.parametrize("then", [scripted.Close(), scripted.Reset()], ids=["closed", "reset"])
async def test_a_failure_is_found_at_once_by_a_patient_reader(then: scripted.Step) -> None:
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("ollama", ["m"]) as good:
        bad.next(_says_that_it_closes(then))
        async with world(bad, good, names=("bad", "good")) as here:
            with within(5):
                answer = await here.ask(answer_chat, CHAT)
            assert answer.headers["x-linx-provider"] == "good"


@pytest.mark.parametrize("after", ["close", "end", "reset", "error", "garble"])
async def test_a_failure_anywhere_falls_over(after: After) -> None:
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("ollama", ["m"]) as good:
        bad.next(scripted.cut_after(3, after))
        async with world(bad, good, names=("bad", "good")) as here:
            answer = await here.ask(answer_chat, CHAT)
            one, two = here.providers
            assert answer.json["choices"][0]["message"]["content"] == "Hello from the fake."
            assert answer.headers["x-linx-provider"] == here.last.provider == "good"
            assert answer.headers["x-linx-attempts"] == f"bad={here.last.attempts[0].outcome}, good=ok"
            assert (one.counters.failures, one.health.consecutive_failures) == (1, 1)
            assert (one.active, two.active) == (0, 0)


async def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_module, "MAX_WHOLE", 4000)
    async with FakeProvider("openai", ["m"]) as endless, FakeProvider("openai", ["m"]) as good:
        endless.next(Answer(tokens=["x" * 500] * 1000, interval_s=0.001))
        async with world(endless, good, names=("endless", "good")) as here:
            answer = await here.ask(answer_chat, CHAT)
            one = here.providers[0]
            assert answer.headers["x-linx-attempts"] == "endless=bad_response, good=ok"
            assert one.counters.failures == 1
            assert one.health.consecutive_failures == 0  # the model's fault, not the server's
            await endless.calls[0].hung_up.wait()


async def test_an_answer_that_its_client_s_dialect_cannot_carry_falls_over() -> None:
    """Ollama's tool calls have objects as arguments, so broken JSON has no place there."""
    async with FakeProvider("openai", ["m"]) as odd, FakeProvider("openai", ["m"]) as good:
        odd.next(Answer(tokens=[], calls=[scripted.Call("add", '{"a":')]))
        async with world(odd, good, names=("odd", "good")) as here:
            answer = await here.ask(answer_chat, {**CHAT, "stream": False}, OllamaFace("chat"))
            assert answer.json["message"]["content"] == "Hello from the fake."
            assert answer.headers["x-linx-attempts"] == "odd=bad_response, good=ok"
            one = here.providers[0]
            assert (one.counters.failures, one.health.consecutive_failures) == (1, 0)
