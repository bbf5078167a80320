"""A client connection as a trio stream, for a protocol that is not HTTP.

The stream begins with the head of the upgrade request, since the library that answers the
handshake reads the head itself. Then come the bytes that the client sent after the head.
"""

from __future__ import annotations

import trio

from linx.core.errors import HangUp
from linx.server.wire import READ_AHEAD, Wire


class UpgradedStream(trio.abc.Stream):
    """Reads and writes through the connection's wire. At most one task may read, and at most one task may write."""

    def __init__(self, head: bytes, wire: Wire) -> None:
        self._replay = head
        self._wire = wire
        self._is_closed = False

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        if self._is_closed:
            raise trio.ClosedResourceError
        limit = READ_AHEAD if max_bytes is None else max_bytes
        if limit < 1:
            raise ValueError("max_bytes must be at least 1")
        if self._replay:
            data, self._replay = self._replay[:limit], self._replay[limit:]
            return data
        while not self._wire.buffer:
            if not await self._wire.more():
                if self._is_closed:
                    raise trio.ClosedResourceError
                if self._wire.is_broken:
                    raise trio.BrokenResourceError
                return b""
        return self._wire.take(limit)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        if self._is_closed:
            raise trio.ClosedResourceError
        try:
            await self._wire.send(bytes(data))
        except HangUp:
            raise trio.BrokenResourceError from None

    async def wait_send_all_might_not_block(self) -> None:
        """Part of trio's interface; the wire cannot tell whether a send would block, so this returns at once."""
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        self._is_closed = True
        self._wire.close()
        await trio.lowlevel.checkpoint()
