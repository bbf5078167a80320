"""The bytes of one client connection, below HTTP.

One task, ``pump``, is the only reader of the socket for as long as the connection lives.
It reads ahead into a bounded buffer, also while an answer is being written: that is how a
hang-up is noticed at once, and why no other task may read. Beyond READ_AHEAD the pump
stops, so a client that floods Linx fills its own send buffer and not Linx's memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import trio

from linx.core.errors import HangUp
from linx.http1.transport import BREAKS, Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.server.limits import Shared

READ_AHEAD = 64 * 1024  # bytes
LINGER_S = 2.0  # how long the client may take to close after Linx has sent its last byte
_PIECE = 64 * 1024  # bytes of a send that waits; one piece must be taken within stalled_client_s


class ServerTransport(Transport, Protocol):
    """What the server needs beyond reading and writing."""

    @property
    def send_some(self) -> Callable[[bytes], int]:
        """How much of some bytes went without waiting. Raises BlockingIOError for nothing, or one of BREAKS."""

    def end_writing(self) -> None:
        """FIN, where there is such a thing. Never raises."""


class Wire:
    """``on_gone`` is called once, from the pump, when the client will send no more."""

    __slots__ = (
        "_is_discarding", "_is_torn", "_room", "_send_some", "_shared", "_unsent", "_waiter", "buffer", "is_broken",
        "is_eof", "is_upgraded", "on_gone", "transport",
    )  # fmt: skip

    def __init__(self, transport: ServerTransport, shared: Shared, on_gone: Callable[[], None]) -> None:
        self.transport = transport
        self.on_gone = on_gone
        self._send_some = transport.send_some
        self.buffer = bytearray()  # read, and not taken yet
        self.is_eof = False  # the client will send no more
        self.is_broken = False  # ... and did not end with an orderly FIN
        self.is_upgraded = False  # to a protocol that is not HTTP
        self._shared = shared
        self._waiter: trio.lowlevel.Task | None = None
        self._room: trio.Event | None = None  # what a pump waits for whose buffer is full
        self._is_discarding = False
        self._unsent = b""  # the rest of a send that the kernel took in part
        self._is_torn = False  # a send was broken off in its middle: nothing sensible can follow

    async def pump(self) -> None:
        """Read until the client is gone."""
        buffer, recv = self.buffer, self.transport.recv
        try:
            while data := await recv(READ_AHEAD - len(buffer)):
                if self._is_discarding:
                    continue
                buffer += data
                self.wake()
                while len(buffer) >= READ_AHEAD:
                    self._room = trio.Event()
                    await self._room.wait()
        except BREAKS:
            self.is_broken = True
        self.is_eof = True
        self.wake()
        self.on_gone()

    async def more(self) -> bool:
        """Wait until the pump has brought something, or ``wake`` was called; False at EOF."""
        if self.is_eof:
            return False
        self._waiter = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._stop_waiting)
        return bool(self.buffer) or not self.is_eof

    def wake(self) -> None:
        # An event for each wait would be made, set and thrown away: there is one waiter, and it is known.
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            trio.lowlevel.reschedule(waiter)

    def _stop_waiting(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._waiter = None
        return trio.lowlevel.Abort.SUCCEEDED

    def take(self, limit: int) -> bytes:
        """At most ``limit`` bytes of what is there."""
        buffer = self.buffer
        if len(buffer) <= limit:
            data = bytes(buffer)
            buffer.clear()
        else:
            data = bytes(buffer[:limit])
            del buffer[:limit]
        self.taken()
        return data

    def taken(self) -> None:
        """To be called after bytes were taken from the buffer directly, so that the pump may go on."""
        if self._room is not None and len(self.buffer) < READ_AHEAD:
            self._room.set()
            self._room = None

    def upgrade(self) -> None:
        """Leave HTTP. From here on no drain of the server waits for the request."""
        if not self.is_upgraded:
            self.is_upgraded = True
            self._shared.requests_running -= 1

    def send_now(self, data: bytes) -> bool:
        """Did all of ``data`` go without waiting? If not, ``send(b"")`` must be awaited for the rest of it.

        For each frame of a stream, for which a coroutine would cost as much as the call of
        the system that it makes. Raises HangUp.
        """
        if self._is_torn or self._unsent:
            self._unsent += data
            return False
        try:
            sent = self._send_some(data)
        except BlockingIOError:
            sent = 0
        except BREAKS:
            raise HangUp from None
        if sent == len(data):
            return True
        self._unsent = data[sent:]
        return False

    async def send(self, data: bytes) -> None:
        """Everything; raises HangUp when the client is gone or takes nothing."""
        if self._is_torn:
            raise HangUp
        if self._unsent:
            data, self._unsent = self._unsent + data, b""
        try:
            try:
                sent = self._send_some(data)
            except BlockingIOError:
                sent = 0
            if sent != len(data):
                await self._send_waiting(data, sent)
        except BREAKS:
            raise HangUp from None

    def try_send(self, data: bytes) -> bool:
        """All of ``data`` or nothing of it, without waiting; was it taken?

        For what may be left out where data waits already. Never raises: the pump notices
        a client that is gone.
        """
        if self._is_torn or self._unsent:
            return False
        try:
            sent = self._send_some(data)
        except BREAKS:  # or nothing went
            return False
        if sent:
            self._unsent = data[sent:]
        return bool(sent)

    async def _send_waiting(self, data: bytes, sent: int) -> None:
        self._is_torn = True
        for start in range(sent, len(data), _PIECE):
            with trio.move_on_after(self._shared.limits.stalled_client_s) as patience:
                await self.transport.send(data[start : start + _PIECE])
            if patience.cancelled_caught:
                self.close()
                raise HangUp
        self._is_torn = False

    async def close_gracefully(self, linger_s: float = LINGER_S) -> None:
        """Close so that the client can still read what was sent.

        A close while something lies unread would send a reset, and a reset makes the
        client's kernel forget the last answer. So: FIN, then read and forget for a while.
        """
        if not self.is_eof and not self._is_torn:
            self.transport.end_writing()
            self._is_discarding = True
            self.buffer.clear()
            self.taken()
            with trio.move_on_after(linger_s):
                while not self.is_eof:
                    await self.more()
        self.close()

    def close(self) -> None:
        self.transport.close()
