"""The wire: backpressure both ways, and sends that are never finished."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
import trio
import trio.lowlevel
import trio.testing

from linx.core.errors import HangUp, LinxError
from linx.server.connection import Connection
from linx.server.limits import Shared
from linx.server.listener import Listener
from linx.server.wire import FLOOD_S, PATIENCE_S, READ_AHEAD, Wire
from tests.fakes.stream_transport import StreamTransport
from tests.server.client import GET, connected, serving

if TYPE_CHECKING:
    from trio.testing import MockClock

    from linx.server.reply import Reply
    from linx.server.request import Request


async def test_a_stalled_reader_holds_the_writer() -> None:
    sent = 0

    async def handler(request: Request, reply: Reply) -> None:
        nonlocal sent
        reply.start(200, b"text/plain")
        while True:
            await reply.send(b"x" * 65536)
            sent += 65536

    async with serving(handler) as (_server, port), connected(port) as client:
        await client.send(GET)
        before = -1
        while before != sent:  # until the kernel's buffers are full
            before = sent
            await trio.testing.wait_all_tasks_blocked(0.05)
        assert 0 < sent < 20_000_000
        await client.read()


async def test_a_pipelining_flood_is_left_in_the_clients_buffer() -> None:
    go = trio.Event()

    async def handler(request: Request, reply: Reply) -> None:
        await go.wait()
        await reply.whole(200, b"{}")

    ours, theirs = trio.testing.memory_stream_pair()
    connection = Connection(StreamTransport(theirs), Listener("local", handler), Shared())
    count = 5_000
    async with trio.open_nursery() as nursery:
        connection.start(nursery)
        await ours.send_all(GET * count)
        await trio.testing.wait_all_tasks_blocked()
        assert 0 < len(connection._wire.buffer) <= READ_AHEAD
        go.set()
        seen = 0
        while seen < count:
            seen += (await ours.receive_some(1 << 24)).count(b"HTTP/1.1 200 OK\r\n")
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("turn", range(20))
async def test_room_in_the_moment_in_which_the_patience_ends(turn: int, mock_clock: MockClock) -> None:
    """trio runs the tasks of one turn in any order, so each of the two orders comes up in twenty turns."""
    ours, theirs = trio.testing.memory_stream_pair()
    wire = Wire(StreamTransport(theirs), Shared(), lambda: None, lambda: False)

    async def take() -> None:
        await trio.sleep(PATIENCE_S)
        wire.take(READ_AHEAD)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wire.pump)
        nursery.start_soon(ours.send_all, b"x" * READ_AHEAD)
        await trio.testing.wait_all_tasks_blocked()
        assert len(wire.buffer) == READ_AHEAD
        nursery.start_soon(take)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(PATIENCE_S)
        await trio.testing.wait_all_tasks_blocked()
        await ours.send_all(b"more")
        await trio.testing.wait_all_tasks_blocked()
        assert wire.buffer == b"more"
        nursery.cancel_scope.cancel()


async def test_half_a_close_behind_a_flood_is_no_hang_up() -> None:
    go = trio.Event()

    async def handler(request: Request, reply: Reply) -> None:
        await go.wait()
        await reply.whole(200, b"{}")

    count = 3 * READ_AHEAD // len(GET)
    async with serving(handler) as (_server, port), connected(port) as client:
        await client.send(GET * count)
        assert isinstance(client.stream, trio.SocketStream)
        await client.stream.send_eof()
        await trio.sleep(2 * PATIENCE_S)
        go.set()
        seen = 0
        while data := await client.stream.receive_some(1 << 20):
            seen += data.count(b"HTTP/1.1 200 OK")
        assert seen == count


@pytest.mark.parametrize("after_s", [0.0, PATIENCE_S / 2, 0.5])
async def test_the_pump_ends_when_a_connection_with_a_full_buffer_is_closed(
    after_s: float, autojump_clock: MockClock
) -> None:
    is_gone = trio.Event()

    async def handler(_request: Request, _reply: Reply) -> None:
        await is_gone.wait()
        raise HangUp

    ours, theirs = trio.testing.memory_stream_pair()
    connection = Connection(StreamTransport(theirs), Listener("local", handler), Shared())
    with trio.fail_after(FLOOD_S / 2 + after_s):
        async with trio.open_nursery() as nursery:
            connection.start(nursery)
            await ours.send_all(GET * 5_000)
            await trio.testing.wait_all_tasks_blocked()
            await trio.sleep(after_s)
            assert len(connection._wire.buffer) >= READ_AHEAD
            is_gone.set()


async def test_a_client_that_takes_nothing_is_dropped(autojump_clock: trio.testing.MockClock) -> None:
    ended: list[tuple[float, type[BaseException]]] = []

    async def handler(request: Request, reply: Reply) -> None:
        reply.start(200, b"text/plain")
        try:
            while True:
                await reply.send(b"x" * 1000)
        except HangUp as error:
            ended.append((trio.current_time(), type(error)))
            raise

    ours, theirs = trio.testing.lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        start = trio.current_time()
        Connection(StreamTransport(theirs), Listener("local", handler), Shared()).start(nursery)
        await ours.send_all(GET)
        await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(290)
        await ours.receive_some(10)
        assert not ended
        await trio.sleep(301)
        assert ended
        assert ended[0][0] - start == pytest.approx(300, abs=11)


async def test_nothing_follows_a_torn_send(autojump_clock: trio.testing.MockClock) -> None:
    """A frame was cut off by a stop: an error frame behind it would be read as its rest."""

    async def handler(request: Request, reply: Reply) -> None:
        reply.start(200, b"text/plain")
        reply.on_error = lambda _problem: b"error"
        await reply.send(b"x" * 1000)

    ours, theirs = trio.testing.lockstep_stream_pair()
    connection = Connection(StreamTransport(theirs), Listener("local", handler), Shared())
    async with trio.open_nursery() as nursery:
        connection.start(nursery)
        await ours.send_all(GET)
        await trio.testing.wait_all_tasks_blocked()
        assert connection.request is not None
        connection.request.stop(LinxError("stopped"))
        await trio.testing.wait_all_tasks_blocked()
        assert connection.request is None
        received = b""
        with contextlib.suppress(trio.BrokenResourceError):
            while data := await ours.receive_some():
                received += data
        assert b"error" not in received
        nursery.cancel_scope.cancel()
