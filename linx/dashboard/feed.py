"""One WebSocket of a page: the handshake, what is sent, and why it is closed.

Nothing that a page sends has a meaning; it is read so that pings and the end of the connection are seen.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from typing import TYPE_CHECKING

import trio
import trio_websocket

from linx.core.errors import RequestError
from linx.dashboard import frames

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from linx.dashboard.viewers import Viewer
    from linx.server.request import Request

PACE_S = 0.1  # at least, between two sends to one page
HANDSHAKE_S = 5.0
LAST_WORDS_S = 1.0
MAX_MESSAGE = 4096  # bytes
VERSION = b"13"


class UpgradeRequired(RequestError):
    """The path speaks the WebSocket protocol, and the request does not ask for it."""

    status = 426
    headers = ((b"upgrade", b"websocket"), (b"sec-websocket-version", VERSION))


_HANDSHAKE = (
    b"GET /linx/events HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: %b\r\n\r\n"
)


def handshake_in(request: Request) -> bytes:
    """The head of the handshake as the library reads it: what was checked here, and nothing else that a client sent.

    The library reads other fields too (Host as a name in IDNA, lists in ASCII, heads of 16 KiB), and one that it cannot
    read ends it with an exception of its own and no answer. Raises UpgradeRequired.
    """
    key = request.header(b"sec-websocket-key") or b""
    try:
        is_key = len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        is_key = False
    if not (
        request.method == "GET"
        and b"websocket" in _tokens(request, b"upgrade")
        and b"upgrade" in _tokens(request, b"connection")
        and request.header_values(b"sec-websocket-version") == [VERSION]
        and len(request.header_values(b"sec-websocket-key")) == 1
        and is_key
        and not request.has_body
    ):
        raise UpgradeRequired("This path is a WebSocket: ask with 'Upgrade: websocket', version 13.")
    return _HANDSHAKE % key


def _tokens(request: Request, name: bytes) -> list[bytes]:
    return [token.strip().lower() for value in request.header_values(name) for token in value.split(b",")]


class Whole(trio.abc.Stream):
    """A stream in which what is sent at once stays together, whoever sends: the library, or this file."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._lock = trio.Lock()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        async with self._lock:
            await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()


async def feed(stream: trio.abc.Stream, viewer: Viewer, snapshot: Callable[[], Awaitable[bytes]]) -> None:
    """Send what ``viewer`` has until the page leaves, or is closed, or this is cancelled because Linx ends."""
    whole = Whole(stream)
    try:
        async with trio.open_nursery() as nursery:
            socket = None
            with trio.move_on_after(HANDSHAKE_S):
                asked = await trio_websocket.wrap_server_stream(nursery, whole, max_message_size=MAX_MESSAGE)
                socket = await asked.accept()
            if socket is not None:
                nursery.start_soon(_until_left, socket, nursery.cancel_scope)
                await _send(whole, viewer, snapshot)
            nursery.cancel_scope.cancel()
    except* (trio.BrokenResourceError, trio.ClosedResourceError, trio_websocket.ConnectionClosed):
        pass
    finally:
        with trio.move_on_after(LAST_WORDS_S, shield=True):
            await _last_words(whole, frames.GOING_AWAY if viewer.closing is None else viewer.closing)


async def _send(stream: Whole, viewer: Viewer, snapshot: Callable[[], Awaitable[bytes]]) -> None:
    while viewer.closing is None:
        await viewer.wait()
        if viewer.closing is not None:
            return
        told = viewer.take()
        await stream.send_all(await snapshot() if told is None else told)
        await trio.sleep(PACE_S)


async def _until_left(socket: trio_websocket.WebSocketConnection, scope: trio.CancelScope) -> None:
    """Read until the page is gone."""
    try:
        while True:
            await socket.get_message()
    except trio_websocket.ConnectionClosed:
        scope.cancel()


async def _last_words(stream: Whole, code: int) -> None:
    """A closing frame. A page that has left, or takes nothing, gets none."""
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        await stream.send_all(frames.close(code))
    await stream.aclose()
