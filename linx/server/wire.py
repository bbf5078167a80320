"""The bytes of one client connection, below HTTP.

One task, ``pump``, is the only reader of the socket for as long as the connection lives.
It reads ahead into a bounded buffer, also while an answer is being written: that is how a
hang-up is noticed at once, and why nobody else may read. Beyond READ_AHEAD it stops, so a
client that floods us fills its own send buffer and not our memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import trio

from linx.core.errors import HangUp
from linx.http1.transport import BREAKS, Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.server.limits import Shared

READ_AHEAD = 64 * 1024
LINGER_S = 2.0  # how long the other side may take to close after we have said our last word
_PIECE = 64 * 1024  # of a send that waits; one piece must be taken within stalled_client_s


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
        "_discarding", "_rest", "_room", "_send_some", "_shared", "_torn", "_waiter", "buffer", "eof", "is_broken",
        "is_taken_over", "on_gone", "transport",
    )  # fmt: skip

    def __init__(self, transport: ServerTransport, shared: Shared) -> None:
        self.transport = transport
        self._send_some = transport.send_some
        self.buffer = bytearray()  # read, and not taken yet
        self.eof = False  # the client will send no more
        self.is_broken = False  # ... and not by an orderly FIN
        self.is_taken_over = False  # by a protocol that is not HTTP
        self.on_gone: Callable[[], None] | None = None
        self._shared = shared
        self._waiter: trio.lowlevel.Task | None = None
        self._room: trio.Event | None = None
        self._discarding = False
        self._rest = b""  # of a try_send that the kernel took in part
        self._torn = False  # a send was broken off in its middle: nothing sensible can follow

    async def pump(self) -> None:
        """Read until the client is gone."""
        buffer, recv = self.buffer, self.transport.recv
        try:
            while data := await recv(READ_AHEAD - len(buffer)):
                if self._discarding:
                    continue
                buffer += data
                self.wake()
                while len(buffer) >= READ_AHEAD:
                    self._room = trio.Event()
                    await self._room.wait()
        except BREAKS:
            self.is_broken = True
        self.eof = True
        self.wake()
        if self.on_gone is not None:
            self.on_gone()

    async def more(self) -> bool:
        """Wait until the pump has brought something, or somebody woke us; False at EOF."""
        if self.eof:
            return False
        self._waiter = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._give_up)
        return bool(self.buffer) or not self.eof

    def wake(self) -> None:
        # An event for each wait would be made, set and thrown away: its one waiter is known.
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            trio.lowlevel.reschedule(waiter)

    def _give_up(self, _raise_cancel: object) -> trio.lowlevel.Abort:
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
        """Whoever takes from the buffer directly says so, that the pump may go on."""
        if self._room is not None and len(self.buffer) < READ_AHEAD:
            self._room.set()
            self._room = None

    def take_over(self) -> None:
        """From here on this is no request that anybody waits for."""
        if not self.is_taken_over:
            self.is_taken_over = True
            self._shared.requests_running -= 1

    def send_now(self, data: bytes) -> bool:
        """Did all of ``data`` go without waiting? If not, ``send(b"")`` must be awaited for the rest of it.

        For each frame of a stream, which a coroutine would cost as much as its call of the
        system. Raises HangUp.
        """
        if self._torn or self._rest:
            self._rest += data
            return False
        try:
            sent = self._send_some(data)
        except BlockingIOError:
            sent = 0
        except BREAKS:
            raise HangUp from None
        if sent == len(data):
            return True
        self._rest = data[sent:]
        return False

    async def send(self, data: bytes) -> None:
        """Everything; raises HangUp when the client is gone or takes nothing."""
        if self._torn:
            raise HangUp
        if self._rest:
            data, self._rest = self._rest + data, b""
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
        if self._torn or self._rest:
            return False
        try:
            sent = self._send_some(data)
        except BREAKS:  # or nothing went
            return False
        if sent:
            self._rest = data[sent:]
        return bool(sent)

    async def _send_waiting(self, data: bytes, sent: int) -> None:
        self._torn = True
        for start in range(sent, len(data), _PIECE):
            with trio.move_on_after(self._shared.limits.stalled_client_s) as patience:
                await self.transport.send(data[start : start + _PIECE])
            if patience.cancelled_caught:
                self.close()
                raise HangUp
        self._torn = False

    async def part(self, linger_s: float = LINGER_S) -> None:
        """Close so that the client can still read what was sent.

        A close while something lies unread would send a reset, and a reset makes the
        client's kernel forget our last answer. So: FIN, then read and forget for a while.
        """
        if not self.eof and not self._torn:
            self.transport.end_writing()
            self._discarding = True
            self.buffer.clear()
            self.taken()
            with trio.move_on_after(linger_s):
                while not self.eof:
                    await self.more()
        self.close()

    def close(self) -> None:
        self.transport.close()
