"""A connection that leaves HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio_websocket

from tests.server.client import connected, serving

if TYPE_CHECKING:
    from linx.server.reply import Reply
    from linx.server.request import Request
    from linx.server.upgrade import UpgradedStream

UPGRADE = b"GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: parrot\r\n\r\n"


async def parrot(request: Request, _reply: Reply) -> None:
    stream = request.upgrade()
    while data := await stream.receive_some(5):
        await stream.send_all(data)


async def test_the_head_and_what_follows_are_replayed() -> None:
    async with serving(parrot) as (server, port), connected(port) as client:
        await client.send(UPGRADE + b"trailing")
        while len(client.data) < len(UPGRADE) + 8:
            await client.read()
        assert server.requests_running == 0
        await client.send(b"more")
        await client.read()
        assert isinstance(client.stream, trio.SocketStream)
        await client.stream.send_eof()
        assert await client.until_eof() == UPGRADE + b"trailingmore"


async def test_a_websocket() -> None:
    async def handler(request: Request, _reply: Reply) -> None:
        async with trio.open_nursery() as nursery:
            upgrade = await trio_websocket.wrap_server_stream(nursery, request.upgrade())
            socket = await upgrade.accept()
            await socket.send_message((await socket.get_message()).upper())
            await socket.aclose()

    async with (
        serving(handler) as (_server, port),
        trio_websocket.open_websocket("127.0.0.1", port, "/x", use_ssl=False) as client,
    ):
        await client.send_message("hello")
        assert await client.get_message() == "HELLO"


async def test_a_stream_that_is_closed_or_broken() -> None:
    streams: list[UpgradedStream] = []

    async def handler(request: Request, _reply: Reply) -> None:
        stream = request.upgrade()
        streams.append(stream)
        with pytest.raises(ValueError):
            await stream.receive_some(0)
        await stream.wait_send_all_might_not_block()
        assert await stream.receive_some() == UPGRADE
        await stream.aclose()
        for use in (stream.receive_some, lambda: stream.send_all(b"x")):
            with pytest.raises(trio.ClosedResourceError):
                await use()

    async with serving(handler) as (_server, port), connected(port) as client:
        await client.send(UPGRADE)
        assert await client.until_eof() == b""
        assert streams
