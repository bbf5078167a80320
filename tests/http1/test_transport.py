"""A raw socket as a transport, over real sockets."""

from __future__ import annotations

import select
import socket
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from linx.http1.transport import BREAKS, SocketTransport
from tests.waiting import within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def sockets() -> AsyncIterator[tuple[SocketTransport, SocketTransport]]:
    ours, theirs = socket.socketpair()
    left, right = SocketTransport(ours), SocketTransport(theirs)
    try:
        yield left, right
    finally:
        left.close()
        right.close()


async def test_what_is_sent_arrives() -> None:
    async with sockets() as (left, right):
        await left.send(b"hello")
        assert await right.recv() == b"hello"
        await left.send(b"")
        assert not right.is_readable()


async def test_at_most_the_limit_is_read() -> None:
    async with sockets() as (left, right):
        await left.send(b"hello")
        assert await right.recv(2) == b"he"
        assert right.is_readable()
        assert await right.recv() == b"llo"


async def test_a_full_kernel_buffer_makes_the_writer_wait() -> None:
    data = bytes(range(256)) * 40_000
    received = bytearray()
    async with sockets() as (left, right):
        assert 0 < left.send_some(data) < len(data)
        with pytest.raises(BlockingIOError):
            left.send_some(data)
        while right.is_readable():
            await right.recv()

        async def read() -> None:
            while len(received) < len(data):
                received.extend(await right.recv())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await left.send(data)
        assert received == data


async def test_waiting_can_be_cancelled() -> None:
    async with sockets() as (left, right):
        with trio.move_on_after(0.01) as scope:
            await right.recv()
        assert scope.cancelled_caught
        with trio.move_on_after(0.01) as scope:
            await left.send(bytes(10_000_000))
        assert scope.cancelled_caught


async def test_the_end_of_the_other_side() -> None:
    async with sockets() as (left, right):
        left.end_writing()
        left.end_writing()
        assert right.is_readable()
        assert await right.recv() == b""
        await right.send(b"still heard")
        assert await left.recv() == b"still heard"


async def test_writing_to_nobody() -> None:
    async with sockets() as (left, right):
        right.close()
        left.end_writing()
        with pytest.raises(BREAKS):
            await left.send(b"x")
        with pytest.raises(BREAKS):
            left.send_some(b"x")


async def test_a_closed_transport() -> None:
    async with sockets() as (left, _right):
        left.close()
        left.close()
        left.end_writing()
        assert left.is_readable()
        for use in (left.recv, lambda: left.send(b"x")):
            with pytest.raises(BREAKS):
                await use()


async def test_closing_wakes_the_reader_and_the_writer() -> None:
    async def expect_break(use: str) -> None:
        with pytest.raises(BREAKS):
            await (left.recv() if use == "recv" else left.send(bytes(10_000_000)))

    async with sockets() as (left, _right), trio.open_nursery() as nursery:
        nursery.start_soon(expect_break, "recv")
        nursery.start_soon(expect_break, "send")
        await trio.testing.wait_all_tasks_blocked()
        left.close()


async def test_no_delay_on_tcp() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as sock:
        transport = SocketTransport(sock)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not transport.is_readable()


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="only Linux tells of a FIN behind unread bytes")
@pytest.mark.parametrize("is_reset", [False, True], ids=["fin", "rst"])
async def test_a_peer_that_leaves_behind_unread_bytes(is_reset: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours = SocketTransport(listener.accept()[0])
    theirs.sendall(b"unread")
    with trio.move_on_after(0.05) as patience:
        await ours.until_left()
    assert patience.cancelled_caught
    if is_reset:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    with within(0.5):
        assert await ours.until_left() is is_reset
    ours.close()
    with pytest.raises(trio.ClosedResourceError):
        await ours.until_left()


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[SocketTransport, SocketTransport]]:
    """Over TCP: a Unix socket does not know of a least number of bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _address = listener.accept()
    left, right = SocketTransport(ours), SocketTransport(theirs)
    try:
        yield left, right
    finally:
        left.close()
        right.close()


async def test_much_is_waited_for() -> None:
    got: list[tuple[bytes, bool]] = []
    async with connected() as (left, right):

        async def read() -> None:
            while not got or got[-1][0]:
                got.append(await right.recv_much(1000, 60.0))

        with within(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read)
                for _ in range(5):
                    await left.send(b"x" * 10)
                    await trio.sleep(0.01)
                assert got == []
                await left.send(b"y" * 1100)
                while not got:
                    await trio.sleep(0.001)
                left.close()  # wakes the reader
    assert [len(data) for data, _is_late in got] == [1000, 150, 0]
    assert not any(is_late for _data, is_late in got)


async def test_patience_has_an_end() -> None:
    async with connected() as (left, right):
        await left.send(b"hello")
        with within(5):
            assert await right.recv_much(1000, 0.02) == (b"hello", True)


async def test_a_reset_ends_patience() -> None:
    async with connected() as (left, right), trio.open_nursery() as nursery:

        async def read() -> None:
            with within(10), pytest.raises(ConnectionResetError):
                await right.recv_much(1000, 60.0)

        nursery.start_soon(read)
        await trio.sleep(0.01)
        left.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        left.close()
