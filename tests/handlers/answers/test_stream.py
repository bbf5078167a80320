"""Answers as streams: their head, their frames, heartbeats, and what becomes of a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from linx.core.attempt_errors import AttemptError, Garbled
from linx.dialects.anthropic.face import AnthropicFace
from linx.dialects.ollama import encoder as ollama_encoder
from linx.dialects.ollama.face import OllamaFace
from linx.handlers.answers.generation import answer_chat
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Raw, ReadRequest, Send, Sleep
from tests.handlers.answers.world import STREAM, world
from tests.waiting import within

if TYPE_CHECKING:
    from tests.fakes.catalogue import Kind
    from tests.handlers.answers.world import World

KINDS: tuple[Kind, ...] = ("openai", "ollama")


def beat_all(here: World) -> None:
    for answer in here.context.heartbeats.streams:
        answer.beat()


async def beat(here: World) -> None:
    """What the one task of all heartbeats does for an answer that has been silent."""
    await trio.testing.wait_all_tasks_blocked(0.01)
    (answer,) = here.context.heartbeats.streams
    answer.beat()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_whole_stream(kind: Kind) -> None:
    async with FakeProvider(kind, ["real"]) as fake:
        settings: dict[str, Any] = {f"{kind}1": {"model_mappings": {"m": "real"}}}
        async with world(fake, providers=settings) as here:
            fake.next(Answer(head_s=0.1, first_s=0.1, interval_s=0.01))
            answer = await here.ask(answer_chat, STREAM)
            assert here.context.heartbeats.streams == set()
            assert sum(here.context.telemetry.added.counts) == 1
    headers = answer.headers
    assert answer.text == "Hello from the fake."
    assert answer.events[-1] == "[DONE]"
    assert answer.is_whole
    assert {event["model"] for event in answer.events[:-1]} == {"m"}
    assert headers["x-linx-provider"] == f"{kind}1"
    assert headers["x-linx-model"] == "real"
    assert headers["x-linx-attempts"] == f"{kind}1=ok"
    assert headers["content-type"] == "text/event-stream"
    assert "no-cache" in headers["cache-control"]
    assert headers["x-accel-buffering"] == "no"
    assert "x-linx-cost-usd" not in headers
    assert float(headers["server-timing"].removeprefix("linx;dur=")) < 100  # the provider's 0.2 s are not Linx's


def piece(text: str, more: str = "") -> bytes:
    frame = '{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"%s"}}]%s}'  # noqa: E501
    return f"data: {frame % (text, more)}\n\n".encode()


@pytest.mark.parametrize(
    "pieces",
    [
        [piece(text) for text in "abcdefgh"],
        [piece("a"), piece("b"), piece("c") + piece("d"), piece("e"), piece("f", ',"odd":1'), piece("g"), piece("h")],
        [piece("a"), piece("b"), piece("c")[:30], piece("c")[30:] + piece("d"), piece("e") + piece("f"), piece("gh")],
    ],
    ids=["all alike", "some alike", "torn"],
)
async def test_frames_that_pass_without_decoding_are_the_same(pieces: list[bytes]) -> None:
    """``spliced`` or not: the client cannot tell."""
    done = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    steps = [step for data in (*pieces, done) for step in (Send(b"%x\r\n%b\r\n" % (len(data), data)), Sleep(0.01))]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        fake.next(Raw([ReadRequest(), Send(head), *steps, Send(b"0\r\n\r\n"), Sleep(0.05)]))
        answer = await here.ask(answer_chat, STREAM)
    assert answer.text == "abcdefgh"
    assert answer.events[-1] == "[DONE]"
    finishes = [event["choices"][0]["finish_reason"] for event in answer.events[:-1]]
    assert finishes == [None] * (len(finishes) - 1) + ["stop"]
    assert here.last.attempts[0].outcome == "ok"


async def test_a_frame_is_sent_as_soon_as_it_is_read() -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        fake.next(scripted.cut_after(4, "hang", Answer(interval_s=0.01)))
        async with here.asking(answer_chat, STREAM) as client:
            with within(2):
                while b" from" not in client.data:
                    assert await client.read()
            assert here.context.heartbeats.streams
        assert here.context.heartbeats.streams == set()


# --- heartbeats ---


async def test_a_heartbeat_begins_the_answer_and_fallback_goes_on() -> None:
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("openai", ["m"]) as good:
        bad.next(scripted.Whole(500, b"{}", head_s=0.1))
        async with world(bad, good, names=("bad", "good")) as here:
            async with here.asking(answer_chat, STREAM) as client:
                await beat(here)
                await beat(here)
                assert await client.read()
                assert client.data.startswith(b"HTTP/1.1 200 ")
                assert b"x-linx-provider" not in client.data
                answer = await client.answer()
    assert answer.body.startswith(b": linx\n\n: linx\n\ndata: ")
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert b"Hello" in answer.body


async def test_when_nobody_answers_after_it_the_error_is_a_frame() -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        fake.next(scripted.Whole(500, b"{}", head_s=0.1))
        async with here.asking(answer_chat, STREAM) as client:
            await beat(here)
            answer = await client.answer()
        assert answer.status == 200
        assert b'data: {"error":' in answer.body
        assert b"[DONE]" not in answer.body
        assert here.last.status == 502


QUEUED = b": queued, place 1\n\n"


@pytest.mark.parametrize(
    ("path", "beats"),
    [
        ("/v1/chat/completions", QUEUED),
        ("/v1/completions", QUEUED),
        ("/v1/responses", QUEUED),
        ("/v1/messages", b'event: ping\ndata: {"type":"ping"}\n\n'),
        ("/api/chat", b""),
    ],
)
async def test_while_it_waits_in_a_queue_a_heartbeat_has_the_place_where_the_dialect_has_comments(
    path: str, beats: bytes
) -> None:
    """OpenRouter sends ``: OPENROUTER PROCESSING`` while it waits, so clients of OpenAI's dialects know comments."""
    field = {"/v1/responses": "input", "/v1/completions": "prompt"}.get(path, "messages")
    body = {"model": "m", "max_tokens": 9, "stream": True, field: STREAM["messages"] if field == "messages" else "hi"}
    async with (
        FakeProvider("openai", ["m"]) as fake,
        world(fake, providers={"openai1": {"max_concurrent": 1}}) as here,
    ):
        slots = here.providers[0].slots
        slots.active = 1
        async with here.fetching(path, body) as client:
            await beat(here)
            slots.give_back()
            answer = await client.answer()
    assert answer.fields[b"x-linx-queue"] == b"1"
    assert beats in answer.body
    assert (b": queued" in answer.body) is (beats is QUEUED)
    assert here.last.phase == "done"


async def test_the_place_in_a_heartbeat_is_that_of_now() -> None:
    async with (
        FakeProvider("openai", ["m"]) as fake,
        world(fake, providers={"openai1": {"max_concurrent": 1}}) as here,
    ):
        fake.default = Answer(first_s=0.05)
        slots = here.providers[0].slots
        slots.active = 1
        async with here.asking(answer_chat, STREAM), here.asking(answer_chat, STREAM) as client:
            await trio.testing.wait_all_tasks_blocked(0.01)
            beat_all(here)
            slots.give_back()
            await trio.testing.wait_all_tasks_blocked(0.01)
            beat_all(here)
            answer = await client.answer()
            assert not here.context.heartbeats.streams
    assert answer.fields[b"x-linx-queue"] == b"2"
    assert answer.body.startswith(b": queued, place 2\n\n: linx\n\n: queued, place 1\n\n: linx\n\ndata: ")


async def test_a_heartbeat_is_of_the_client_s_dialect() -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        fake.next(Answer(head_s=0.1))
        async with here.asking(answer_chat, {**STREAM, "max_tokens": 9}, AnthropicFace()) as client:
            await beat(here)
            answer = await client.answer()
        assert answer.body.count(b"event: message_start") == 1
        assert b"event: ping" in answer.body


# --- failures ---


async def test_after_the_gate_a_failure_is_a_frame_and_no_end() -> None:
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("openai", ["m"]) as good:
        bad.next(scripted.cut_after(3))
        async with world(bad, good, names=("bad", "good")) as here:
            answer = await here.ask(answer_chat, STREAM)
            bad_one, good_one = here.providers
            assert isinstance(answer.error, AttemptError)
            assert str(answer.error).startswith("bad: ")
            assert answer.headers["x-linx-provider"] == "bad"
            assert "error" in answer.events[-1]
            assert good.calls == []
            assert (bad_one.counters.failures, bad_one.health.consecutive_failures, bad_one.active) == (1, 1, 0)
            assert good_one.counters.requests == 0
            assert here.last.attempts[0].outcome == "reset"


async def test_an_answer_that_cannot_be_told_is_not_the_server_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ollama's tool calls go out whole, so they are kept until then, and not without end."""
    monkeypatch.setattr(ollama_encoder, "MAX_FRAME", 100)
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        fake.next(Answer(tokens=["a"], calls=[scripted.Call("add", {"a": "x" * 200})], interval_s=0.01))
        answer = await here.ask(answer_chat, STREAM, OllamaFace("chat"))
        assert b'{"error":"openai1: sent tool call arguments' in answer.body
        assert isinstance(answer.error, Garbled)
        (one,) = here.providers
        assert (one.counters.failures, one.health.consecutive_failures, one.active) == (1, 0, 0)
