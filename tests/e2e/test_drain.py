"""The end of Linx with many streams: what each of them is told, and how soon it is over."""

from __future__ import annotations

import contextlib
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.e2e.http_client import Answer as Got
from tests.e2e.http_client import Client
from tests.e2e.linx_process import LinxProcess, config_for
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.untraced
STREAMS = 200
PATH = "/v1/chat/completions"
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
ENDLESS = Answer(tokens=["x"] * 100, interval_s=3)


async def started(
    linx: LinxProcess, fake: FakeProvider, clients: contextlib.AsyncExitStack, count: int
) -> list[Client]:
    made = [await clients.enter_async_context(Client(linx.port)) for _ in range(count)]
    before = len(fake.calls)
    for client in made:
        await client.send("POST", PATH, CHAT)
    await fake.received(before + count)
    return made


async def told(clients: list[Client]) -> list[Got]:
    answers: list[Got] = []

    async def read(client: Client) -> None:
        answers.append(await client.answer())

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            for client in clients:
                nursery.start_soon(read, client)
    return answers


async def ended(linx: LinxProcess) -> None:
    with trio.fail_after(HANG_S):
        assert await linx.process.wait() == 0


def are_errors(answers: list[Got]) -> bool:
    """Does each end in one error frame, and in nothing that looks like an end of the answer?"""
    return all(
        answer.is_whole
        and answer.events[-1]["error"]["code"] == "shutting_down"
        and answer.body.count(b'"error"') == 1
        and b"[DONE]" not in answer.body
        for answer in answers
    )


async def test_two_hundred_streams_are_finished(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.default = Answer(first_s=1.5)
        async with contextlib.AsyncExitStack() as stack, LinxProcess(config_for(fake), tmp_path) as linx:
            clients = await started(linx, fake, stack, STREAMS)
            linx.process.send_signal(signal.SIGTERM)
            answers = await told(clients)
            assert {answer.text for answer in answers} == {"Hello from the fake."}
            assert all(answer.events[-1] == "[DONE]" for answer in answers)
            await ended(linx)


@pytest.mark.parametrize("second", [False, True], ids=["after drain_s", "at a second signal"])
async def test_two_hundred_streams_are_cut_short(second: bool, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.default = ENDLESS
        config = config_for(fake, server={"drain_s": 3600 if second else 0.5})
        async with contextlib.AsyncExitStack() as stack, LinxProcess(config, tmp_path) as linx:
            clients = await started(linx, fake, stack, STREAMS)
            linx.process.send_signal(signal.SIGTERM)
            await trio.sleep(0.3)
            assert linx.process.poll() is None
            with pytest.raises(OSError, match="all attempts to connect"):  # it listens no more
                await trio.open_tcp_stream("127.0.0.1", linx.port)
            if second:
                linx.process.send_signal(signal.SIGTERM)
            assert are_errors(await told(clients))
            await ended(linx)
            with trio.fail_after(HANG_S):
                await fake.all_closed()


@pytest.mark.parametrize("second", [False, True], ids=["after drain_s", "at a second signal"])
async def test_a_client_that_takes_nothing_does_not_hold_up_the_end(second: bool, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        config = config_for(fake, server={"drain_s": 3600 if second else 0.5})
        async with contextlib.AsyncExitStack() as stack, LinxProcess(config, tmp_path) as linx:
            fake.default = Answer(tokens=["x" * 65536] * 2000)
            (stalled,) = await started(linx, fake, stack, 1)
            call = fake.calls[0]
            sent = -1
            while sent != call.sent_frames:  # until the buffers on the way are full
                sent = call.sent_frames
                await trio.sleep(0.2)
            assert not call.ended.is_set()
            fake.default = ENDLESS
            others = await started(linx, fake, stack, 5)
            linx.process.send_signal(signal.SIGTERM)
            if second:
                await trio.sleep(0.2)
                linx.process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert are_errors(await told(others))
            await ended(linx)
            assert time.monotonic() - began < 30  # far from stalled_client_s and from drain_s
            assert stalled.stream is not None
