"""The bytes below HTTP: what server and upstream need of a connection, and a raw socket as one.

A raw socket is read and written without trio's checkpoints and locks as long as the
kernel has room, which costs about a third of ``trio.SocketStream``. The duty that comes
with it: ``recv`` always waits for readability first, so a loop over it stays cancellable,
and a writer that never blocks passes a checkpoint now and then by reading.

Closing is synchronous and abrupt on purpose: it is how the loser of a race is dropped, and
a close that could wait would be a close that could be cancelled.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Protocol

import trio
from trio.lowlevel import wait_readable, wait_writable

READ_SIZE = 65536
_CLOSED = -1  # in place of a file descriptor
BREAKS = (OSError, trio.BrokenResourceError, trio.ClosedResourceError)
"""What ``recv`` and ``send`` raise when the other side is gone, or this side was closed."""


class Transport(Protocol):
    """The bytes of one connection. Not for two readers or two writers at once."""

    async def recv(self, limit: int = READ_SIZE) -> bytes:
        """At least one byte, or b"" at EOF. Raises one of BREAKS."""

    async def send(self, data: bytes) -> None:
        """Everything, with backpressure. Raises one of BREAKS."""

    def is_readable(self) -> bool:
        """Is there anything to read (EOF included) right now?"""

    def close(self) -> None:
        """At once, without a goodbye. May be called again."""


class SocketTransport:
    """A connected TCP (or Unix) socket, non-blocking, owned by this object."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        # Bound once, since each frame needs them. Only ``close`` closes the socket, and it forgets the number,
        # so no task can wait for a number that the system has given to another file since.
        self._fd = sock.fileno()
        self._recv = sock.recv
        self.send_some = sock.send
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def recv(self, limit: int = READ_SIZE) -> bytes:
        while self._fd != _CLOSED:
            await wait_readable(self._fd)
            try:
                return self._recv(limit)
            except BlockingIOError:
                continue
        raise trio.ClosedResourceError

    async def send(self, data: bytes) -> None:
        try:
            sent = self.send_some(data)
        except BlockingIOError:
            sent = 0
        if sent == len(data):
            return
        with memoryview(data) as view:
            while sent < len(data):
                if self._fd == _CLOSED:
                    raise trio.ClosedResourceError
                await wait_writable(self._fd)
                try:
                    sent += self.send_some(view[sent:])
                except BlockingIOError:
                    continue

    def is_readable(self) -> bool:
        try:
            return len(self.sock.recv(1, socket.MSG_PEEK)) >= 0
        except BlockingIOError:
            return False
        except OSError:
            return True

    def end_writing(self) -> None:
        """FIN behind what was sent. Never raises."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        if self._fd != _CLOSED:
            self._fd = _CLOSED
            trio.lowlevel.notify_closing(self.sock)
            self.sock.close()
