"""Floods of bytes and of connections against a Linx of its own: what they cost, and what is left of them."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import LinxProcess, config_for
from tests.fakes import scripted
from tests.fakes.exchange import set_reset
from tests.fakes.provider import FakeProvider
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.untraced
if sys.platform != "linux":
    pytest.skip("looks at another process in /proc", allow_module_level=True)

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
PATH = "/v1/chat/completions"
FLOOD = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20_000
CONNECTIONS = 2_000
AT_ONCE = 100


def without_ledger(fake: FakeProvider) -> dict[str, Any]:
    """The ledger opens its file a moment after the first request, which is not what is counted here."""
    return config_for(fake, ledger={"enabled": False})


def memory_kib(linx: LinxProcess) -> int:
    with open(f"/proc/{linx.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def open_files(linx: LinxProcess) -> int:
    return len(os.listdir(f"/proc/{linx.process.pid}/fd"))


async def until(holds: Callable[[], bool]) -> None:
    with trio.fail_after(HANG_S):
        while not holds():
            await trio.sleep(0.01)


async def flood(linx: LinxProcess, fake: FakeProvider) -> int:
    """Send up to 100 MB of requests behind a stream that has begun, then leave; returns how many bytes Linx let in."""
    fake.next(scripted.cut_after(3, "hang"))
    count = len(fake.calls) + 1
    sent = 0
    with trio.fail_after(HANG_S):
        async with Client(linx.port) as client:
            await client.send("POST", PATH, {**CHAT, "stream": True})
            call = await fake.received(count)
            await client.event()
            view = memoryview(FLOOD)
            while sent < 100_000_000:
                with trio.move_on_after(0.3) as patience:
                    await client.stream.send_all(view[:65536])
                if patience.cancelled_caught:
                    break
                sent += 65536
        await call.connection.closed.wait()
    return sent


async def test_a_flood_of_requests_behind_a_stream_costs_no_memory(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, LinxProcess(without_ledger(fake), tmp_path) as linx:
        await flood(linx, fake)  # what grows only once grows here
        before = memory_kib(linx)
        sent = await flood(linx, fake)
        assert 65536 <= sent < 50_000_000  # what the kernel keeps of it, for both sides
        assert memory_kib(linx) - before <= 1024
        assert (await ask(linx.port, PATH, CHAT)).status == 200


async def test_a_storm_of_connections_is_refused_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    """Each third connection asks, each third leaves without a word, and each third resets in the middle of a head."""
    async with FakeProvider("openai", ["m"]) as fake, LinxProcess(without_ledger(fake), tmp_path) as linx:
        assert (await ask(linx.port, PATH, CHAT)).status == 200
        await trio.sleep(0.1)
        before = open_files(linx)
        answered = 0
        left = iter(range(CONNECTIONS))

        async def work() -> None:
            nonlocal answered
            for number in left:
                async with Client(linx.port) as client:  # raises OSError where the connection is refused
                    if number % 3 == 0:
                        await client.send("GET", "/healthz")
                        answer = await client.answer()
                        answered += answer.status == 200
                    elif number % 3 == 1:
                        await client.stream.send_all(b"GET /healthz HT")
                        set_reset(client.stream.socket)  # type: ignore[arg-type]  # trio's socket takes the option too

        with trio.fail_after(HANG_S):
            async with trio.open_nursery() as nursery:
                for _ in range(AT_ONCE):
                    nursery.start_soon(work)
        assert answered == len(range(0, CONNECTIONS, 3))
        await until(lambda: open_files(linx) <= before)
        assert (await ask(linx.port, PATH, CHAT)).status == 200
        assert "Traceback" not in linx.log.read_text()


async def test_a_thousand_requests_in_one_write_are_all_answered_and_hold_up_nobody(tmp_path: Path) -> None:
    models = [f"m{number}" for number in range(100)]
    async with FakeProvider("openai", models) as fake, LinxProcess(without_ledger(fake), tmp_path) as linx:
        one = await ask(linx.port, "/v1/models")
        asked = b"".join(
            b"GET /v1/models/m%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % (number % 100) for number in range(1000)
        )
        got = bytearray()
        answered_at: list[int] = []
        async with await trio.open_tcp_stream("127.0.0.1", linx.port) as stream, trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, asked)
            with trio.fail_after(HANG_S):
                while got.count(b"HTTP/1.1 200 OK\r\n") < 1000:
                    got += await stream.receive_some(65536)
                    if len(answered_at) < 3:  # another client, in the middle of it
                        assert (await ask(linx.port, "/v1/models")).body == one.body
                        answered_at.append(len(got))
        ids = re.findall(rb'"id":"m([0-9]+)"', got)
        assert ids == [b"%d" % (number % 100) for number in range(1000)]
        assert answered_at[0] < len(got)
