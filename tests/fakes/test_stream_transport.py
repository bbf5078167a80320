"""A trio stream as a transport: over a pair in memory, and over a socket."""

from __future__ import annotations

import socket

import pytest
import trio
import trio.testing

from linx.http1.transport import BREAKS
from tests.fakes.stream_transport import StreamTransport


async def test_a_stream() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    left, right = StreamTransport(ours), StreamTransport(theirs)
    assert left.send_some(b"x") == 0
    await left.send(b"hello")
    data = await right.recv(3)
    assert (data, type(data)) == (b"hel", bytes)
    assert not right.is_readable()
    left.end_writing()
    assert await right.recv() == b"lo"
    assert await right.recv() == b""
    left.close()
    left.close()
    with pytest.raises(BREAKS):
        await right.send(b"x")
    with pytest.raises(BREAKS):
        await left.recv()


async def test_a_stream_over_a_socket_is_closed_by_the_socket() -> None:
    one, two = socket.socketpair()
    with two:
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(one))
        transport = StreamTransport(stream, stream)
        assert not transport.is_readable()
        transport.end_writing()
        two.send(b"x")
        assert transport.is_readable()
        assert await transport.recv() == b"x"
        transport.close()
        assert two.recv(1) == b""
