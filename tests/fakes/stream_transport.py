"""Any trio stream as a transport: a pair in memory, for tests of time, or TLS on the side of a fake."""

from __future__ import annotations

import trio

READ_SIZE = 65536


class StreamTransport:
    """Any trio stream: TLS, or a pair in memory. ``sock`` is what TLS runs over, if anything."""

    def __init__(self, stream: trio.abc.Stream, sock: trio.SocketStream | None = None) -> None:
        self.stream = stream
        self._sock = sock

    async def recv(self, limit: int = READ_SIZE) -> bytes:
        return bytes(await self.stream.receive_some(limit))

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    def is_readable(self) -> bool:
        return self._sock is not None and self._sock.socket.is_readable()

    def send_some(self, _data: bytes, /) -> int:
        """Nothing: a stream can only be waited for."""
        return 0

    async def until_left(self) -> bool:
        """A stream tells of its end only when it is read."""
        await trio.sleep_forever()
        raise AssertionError

    def end_writing(self) -> None:
        """FIN where the stream is two halves in memory; TLS cannot be closed by halves."""
        _close_half(self.stream, "send_stream")

    def close(self) -> None:
        if self._sock is not None:
            self._sock.socket.close()
            return
        _close_half(self.stream, "send_stream")
        _close_half(self.stream, "receive_stream")


def _close_half(stream: trio.abc.Stream, name: str) -> None:
    """Close one half of a stapled stream, if it can be closed without waiting."""
    close = getattr(getattr(stream, name, None), "close", None)
    if close is not None:
        close()
