"""The fake internet: names, and peers elsewhere."""

from __future__ import annotations

import socket

import pytest
import trio

from linx.http1.transport import SocketTransport
from tests.fakes.internet import Internet
from tests.upstream.scripted import OK, serving


async def test_a_peer_elsewhere_is_a_server_here() -> None:
    async with serving(["read", OK], ["read", OK]) as server:
        port = server.origin.port
        with Internet() as internet:
            internet.names["far.example"] = ["203.0.113.7"]
            internet.hosts["203.0.113.7"] = "127.0.0.1"
            far = await trio.open_tcp_stream("far.example", port)
            near = await trio.open_tcp_stream("127.0.0.1", port)
            peers = [stream.socket.getpeername() for stream in (far, near)]
            assert peers == [("203.0.113.7", port), ("127.0.0.1", port)]
            assert internet.dialled == ["203.0.113.7", "127.0.0.1"]
            transport = SocketTransport(socket.socket(fileno=far.socket.detach()))
            await transport.send(b"GET / HTTP/1.1\r\n\r\n")
            assert await transport.recv() == OK
            assert internet.sent == {("203.0.113.7", port): b"GET / HTTP/1.1\r\n\r\n"}
            with pytest.raises(socket.gaierror):
                await trio.socket.getaddrinfo("no.example", port)
            transport.close()
            await trio.aclose_forcefully(near)
    assert {socket.socket.connect.__name__, socket.socket.send.__name__} == {"connect", "send"}
