"""Reading an answer as chunks: what opens the gate, and what comes after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core.attempt_errors import AttemptError, Garbled, Refused, StreamBroken
from linx.core.chat import ChatBody, ChatRequest, Stamp
from linx.dialects.openai.encoder import OpenAIEncoder
from linx.routing.chunk_reader import DECODED_READ
from linx.upstream.connection import SHORT_READ
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Close, Raw, Send, Sleep
from tests.routing.attempts import BODY, at, attempt_at, rest, text
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from linx.upstream.pool import Pool

SECOND = b'data: {"choices":[{"index":1,"delta":{"content":"x"},"finish_reason":null}]}\n\n'


async def test_what_is_not_meaningful_does_not_open_the_gate(pool: Pool) -> None:
    frames = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
    word = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\ndata: [DONE]\n\n'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Raw([Send(head + b": hi\n\n"), Sleep(0.02), Send(frames), Sleep(0.02), Send(word), Close()]))
        attempt = attempt_at(at(fake), pool)
        await attempt.begin(5.0)
        assert text(attempt.reader.first) == "x"
        assert len(attempt.reader.first) > 1  # what came before is kept
        assert attempt.reader.is_done
        attempt.finish()


async def test_a_connection_that_is_gone_ends_the_chunks(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(scripted.cut_after(3, "reset", Answer(interval_s=0.01)))
        attempt = attempt_at(at(fake), pool)
        await attempt.begin()
        with pytest.raises(AttemptError):
            await rest(attempt)
        with pytest.raises(StreamBroken):  # and never a proper end
            await attempt.reader.more()


async def test_an_error_in_one_read_with_words_comes_after_them(pool: Pool) -> None:
    wire = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\ndata: {"error":{"message":"crash"}}\n\n'
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Raw([Send(b"HTTP/1.1 200 OK\r\n\r\n" + wire), Close()]))
        attempt = attempt_at(at(fake), pool)
        await attempt.begin()
        assert text(attempt.reader.first) == "x"
        with pytest.raises(Refused, match="crash"), attempt:
            await attempt.reader.more()


async def test_the_same_later_on(pool: Pool) -> None:
    word = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Raw([Send(b"HTTP/1.1 200 OK\r\n\r\n" + word), Sleep(0.02), Send(word + b"data: {]\n\n"), Close()]))
        attempt = attempt_at(at(fake), pool)
        await attempt.begin()
        assert text(await attempt.reader.more()) == "x"
        with pytest.raises(Garbled), attempt:
            await attempt.reader.more()


async def test_what_came_after_the_first_chunks_is_counted(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Answer(tokens=["Hello"] + ["x" * 50] * 4, interval_s=0.005))
        attempt = attempt_at(at(fake), pool)
        await attempt.begin()
        assert attempt.reader.received == 0
        await rest(attempt)
        attempt.finish()
        assert 200 < attempt.reader.received < 2000


@pytest.mark.parametrize("asked", [{}, {"n": 1}])
async def test_a_choice_that_was_not_asked_for_opens_no_gate(asked: dict[str, Any], pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Raw([Send(b"HTTP/1.1 200 OK\r\n\r\n" + SECOND + b"data: [DONE]\n\n"), Close()]))
        attempt = attempt_at(at(fake), pool, ChatRequest("asked", ChatBody({**BODY, **asked})))
        with pytest.raises(Garbled, match="index 0"):
            await attempt.begin()


async def test_any_of_several_choices_opens_the_gate(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Raw([Send(b"HTTP/1.1 200 OK\r\n\r\n" + SECOND), Sleep(HANG_S)]))
        attempt = attempt_at(at(fake), pool, ChatRequest("asked", ChatBody({**BODY, "n": 2})))
        await attempt.begin()
        assert [chunk.index for chunk in attempt.reader.first] == [1]
        attempt.close()


# --- the faster way ---


def frame(text: str) -> bytes:
    return b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % text.encode()


def openai_encoder() -> OpenAIEncoder:
    return OpenAIEncoder(ChatRequest("asked", ChatBody(BODY)), Stamp("id", 0.0, lambda: 0.0), "reasoning_content")


async def test_frames_that_differ_in_their_text_alone_need_no_decoding(pool: Pool) -> None:
    pieces = [frame("one"), frame("two"), frame("three"), b"data: [DONE]\n\n"]
    steps = [step for piece in pieces for step in (Send(piece), Sleep(0.02))]
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Raw([Send(b"HTTP/1.1 200 OK\r\n\r\n"), *steps, Close()]))
        attempt = attempt_at(at(fake), pool)
        encoder = openai_encoder()
        reader = attempt.reader
        await attempt.begin()
        with attempt:
            spliced = reader.splice_to(encoder)
            assert spliced is not None
            chunks, went_past = reader.first, []
            while not reader.is_done:
                spliced.learn(chunks, encoder.frames(chunks))
                while (passed := spliced.try_frame(await spliced.read())) is not None:
                    went_past.append(passed)
                chunks = spliced.decode()
        assert len(went_past) == 1  # the first frame of the client has a role, so the second is the one learnt
        assert b'"three"' in went_past[0]
        assert attempt.record.outcome == "ok"


async def test_there_is_none_where_a_frame_changes_what_the_decoder_knows(pool: Pool) -> None:
    async with FakeProvider("anthropic", ["m"]) as fake:
        attempt = attempt_at(at(fake), pool)
        await attempt.begin()
        assert attempt.reader.splice_to(openai_encoder()) is None
        attempt.close()


async def test_of_a_long_way_to_the_gate_only_the_beginning_is_kept(pool: Pool) -> None:
    odd = b'data: {"choices":[{"index":0,"delta":{"content":""},"x":"%s"}]}\n\n' % (b"y" * 200)
    word = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\ndata: [DONE]\n\n'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Raw([Send(head + odd), Sleep(0.02), *[Send(odd * 1000)] * 10, Sleep(0.02), Send(word), Close()]))
        attempt = attempt_at(at(fake), pool)
        await attempt.begin(5.0)
        assert text(attempt.reader.first) == "x"
        # One read may bring many frames, so the bound is looked at between two reads.
        assert 1 < len(attempt.reader.first) < 1000
        attempt.finish()


async def test_a_way_to_the_gate_without_end(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linx.routing.chunk_reader.MAX_BEFORE", 2**20)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    for frame in (b": nothing\n\n", b'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'):
        async with FakeProvider("openai", ["m"]) as fake:
            fake.next(Raw([Send(head), *[Send(frame * 1000)] * 200, Sleep(5)]))
            attempt = attempt_at(at(fake), pool)
            with pytest.raises(Garbled, match="1 MiB without anything meaningful"):
                await attempt.begin(4.0)


async def test_no_step_decodes_very_many_frames(pool: Pool) -> None:
    """A provider may send at any speed; of what it has sent, each step takes a part, and others have their turns."""
    word = b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}\n\n'
    flood = word * 3000
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Raw([Send(b"HTTP/1.1 200 OK\r\n\r\n" + flood + b"data: [DONE]\n\n"), Close()]))
        attempt = attempt_at(at(fake), pool)
        await attempt.begin()
        await trio.sleep(0.05)  # until all of it can be read
        reader, steps = attempt.reader, [len(attempt.reader.first)]
        while not reader.is_done:
            steps.append(len(await reader.more()))
        attempt.finish()
    assert sum(steps) >= 3000
    assert steps[0] <= SHORT_READ / len(word)
    assert max(steps) <= DECODED_READ / len(word) + 1
