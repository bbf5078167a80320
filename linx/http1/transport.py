"""The transport below HTTP: the interface that server and upstream use, and its implementation with a raw socket.

As long as the kernel takes and gives data at once, the socket is used without trio's
checkpoints and locks, which costs about a third of what ``trio.SocketStream`` costs. For
that, two rules: ``recv`` always waits until the socket is readable, so a loop over it can be
cancelled; and a task that only writes, and so may never block, must also read now and then.

Closing is synchronous and abrupt on purpose: this is how the loser of a race is dropped, and
a close that could wait could also be cancelled.
"""

from __future__ import annotations

import contextlib
import select
import socket
from typing import Protocol

import trio
from trio.lowlevel import wait_readable, wait_writable

READ_SIZE = 65536
_CLOSED = -1  # in place of a file descriptor
BREAKS = (OSError, trio.BrokenResourceError, trio.ClosedResourceError)
"""The exceptions that ``recv`` and ``send`` raise when the peer is gone or this side has been closed."""


class Transport(Protocol):
    """The bytes of one connection. At most one task may read, and at most one task may write."""

    async def recv(self, limit: int = READ_SIZE) -> bytes:
        """Wait for at least one byte; b"" at EOF. Raises one of BREAKS."""

    async def send(self, data: bytes) -> None:
        """Send all of ``data``; waits while the peer does not read. Raises one of BREAKS."""

    def is_readable(self) -> bool:
        """Is there anything to read (EOF included) right now?"""

    def close(self) -> None:
        """Close at once, without an orderly end. May be called again."""


class SocketTransport:
    """A connected TCP or Unix socket. The object owns the socket and makes it non-blocking."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        # Looked up once, since each frame uses them. Only ``close`` closes the socket, and ``close`` resets the number,
        # so no task can wait for a descriptor that the system has given to another file in the meantime.
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

    async def recv_much(self, limit: int, patience_s: float) -> tuple[bytes, bool]:
        """As ``recv``, but wait until ``limit`` bytes have come, or the peer has closed, or ``patience_s`` are over.

        The second value: were the seconds over first? The kernel does the waiting (SO_RCVLOWAT), so what comes
        meanwhile costs this process nothing. After this, ``recv`` may wait for much as well. Where a system does not
        know the option, this is ``recv``.
        """
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, limit)
        while self._fd != _CLOSED:
            with trio.move_on_after(patience_s) as patience:
                await wait_readable(self._fd)
            try:
                return self._recv(limit), patience.cancelled_caught
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

    async def until_left(self) -> bool:
        """Wait until the peer has closed, also while bytes from it are unread. Returns whether it was a reset.

        Only Linux tells of a FIN behind unread bytes; elsewhere this waits for ever.
        """
        if not hasattr(select, "epoll"):
            await trio.sleep_forever()
        if self._fd == _CLOSED:
            raise trio.ClosedResourceError
        with select.epoll() as watch:
            watch.register(self._fd, select.EPOLLRDHUP)
            while not (events := watch.poll(0)):
                await wait_readable(watch.fileno())
        return bool(events[0][1] & (select.EPOLLERR | select.EPOLLHUP))

    def end_writing(self) -> None:
        """Send a FIN after the data sent so far. Never raises."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        if self._fd != _CLOSED:
            self._fd = _CLOSED
            trio.lowlevel.notify_closing(self.sock)
            self.sock.close()
