"""Reads, writes and closes one client connection, below HTTP.

One task, ``pump``, is the only reader of the socket as long as the connection lives. It reads
ahead into a bounded buffer, also while an answer is being written, so that a hang-up is
noticed at once. When READ_AHEAD bytes wait, the pump stops reading, so a client that sends
too much fills its own send buffer and not Linx's memory. If the pause lasts, the pump asks the
kernel whether the client has left, since a FIN behind unread bytes cannot be read. A FIN behind more
bytes than both kernels hold does not even arrive; so a client that has sent that much beyond the
request that is being answered, and stays FLOOD_S in that state, is taken for a client that hung up.
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
PATIENCE_S = 0.03  # a pause of the pump that is longer has the kernel asked; most are over at once
FLOOD_S = 1.0  # how long a client may have more than READ_AHEAD bytes waiting behind a request that is being answered
LINGER_S = 2.0  # how long Linx waits for the client to close after the last byte has been sent
_PIECE = 16 * 1024  # bytes of a send that waits: the client must take each such piece within stalled_client_s


class ServerTransport(Transport, Protocol):
    """What the server needs beyond reading and writing."""

    @property
    def send_some(self) -> Callable[[bytes], int]:
        """Sends what is possible without waiting; returns how much. Raises BlockingIOError or one of BREAKS."""

    async def until_left(self) -> bool:
        """Wait until the client has closed, also while bytes from it are unread. Returns whether it was a reset."""

    def end_writing(self) -> None:
        """Send a FIN, if the transport has one. Never raises."""


class Wire:
    """The pump calls ``on_gone`` when the client will send no more; twice where that is known before it is read.

    ``is_answering`` tells whether a request that has been read to its end is being answered.
    """

    __slots__ = (
        "_is_answering", "_is_discarding", "_is_torn", "_pause", "_room", "_send_some", "_shared", "_unsent", "_waiter",
        "buffer", "is_broken", "is_eof", "is_upgraded", "on_gone", "transport",
    )  # fmt: skip

    def __init__(
        self,
        transport: ServerTransport,
        shared: Shared,
        on_gone: Callable[[], None],
        is_answering: Callable[[], bool],
    ) -> None:
        self.transport = transport
        self.on_gone = on_gone
        self._is_answering = is_answering
        self._send_some = transport.send_some
        self.buffer = bytearray()  # bytes that have been read and not been taken yet
        self.is_eof = False  # the client will send no more
        self.is_broken = False  # the connection ended without a FIN
        self.is_upgraded = False  # the connection now speaks a protocol that is not HTTP
        self._shared = shared
        self._waiter: trio.lowlevel.Task | None = None  # the task that waits in ``more``
        self._room: trio.Event | None = None  # the pump waits for it while the buffer is full
        self._pause: trio.CancelScope | None = None  # around the pump's waiting when that takes longer
        self._is_discarding = False
        self._unsent = b""  # the rest of a send of which the kernel took only a part
        self._is_torn = False  # a send was broken off in the middle, so nothing more can be sent

    async def pump(self) -> None:
        """Read until the client is gone."""
        buffer, recv = self.buffer, self.transport.recv
        try:
            while data := await recv(READ_AHEAD - len(buffer)):
                if self._is_discarding:
                    continue
                buffer += data
                self.wake()
                if len(buffer) >= READ_AHEAD and await self._until_room():
                    self.is_broken = True
                    break
        except BREAKS:
            self.is_broken = True
        finally:
            self.is_eof = True  # also where a mistake ends the pump: nobody may wait for it
            self.wake()
        self.on_gone()

    async def _until_room(self) -> bool:
        """Wait until the buffer has room. Returns True instead if the client has reset the connection, or floods."""
        self._room = trio.Event()
        with trio.move_on_after(PATIENCE_S):
            await self._room.wait()
        # Room may also be made in the moment in which a wait ends.
        with trio.CancelScope() as self._pause:
            while len(self.buffer) >= READ_AHEAD:
                is_reset = None
                with trio.move_on_after(FLOOD_S):
                    is_reset = await self.transport.until_left()
                if is_reset is False:
                    self.on_gone()
                    await trio.sleep_forever()
                if len(self.buffer) >= READ_AHEAD and (is_reset or self._is_flooding()):
                    return True
        return False

    def _is_flooding(self) -> bool:
        return self._is_answering() and self.transport.is_readable()

    async def more(self) -> bool:
        """Wait until the pump has read something, or ``wake`` is called. Returns False at EOF."""
        if self.is_eof:
            return False
        self._waiter = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._stop_waiting)
        return bool(self.buffer) or not self.is_eof

    def wake(self) -> None:
        # There is at most one waiter, so it is rescheduled directly; an Event for each wait would cost more.
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            trio.lowlevel.reschedule(waiter)

    def _stop_waiting(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._waiter = None
        return trio.lowlevel.Abort.SUCCEEDED

    def take(self, limit: int) -> bytes:
        """Take at most ``limit`` bytes from the buffer."""
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
        """Must be called after bytes have been removed from the buffer directly, so that the pump can go on."""
        if self._room is not None and len(self.buffer) < READ_AHEAD:
            self._end_pause()

    def _end_pause(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    def upgrade(self) -> None:
        """Leave HTTP. From now on the server does not wait for this request when it drains."""
        if not self.is_upgraded:
            self.is_upgraded = True
            self._shared.requests_running -= 1

    def send_now(self, data: bytes) -> bool:
        """Send ``data`` as far as possible without waiting. If False is returned, ``send(b"")`` must be awaited.

        This is for the frames of a stream: a coroutine for each would cost as much as the
        system call. Raises HangUp.
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
        """Send all of ``data``. Raises HangUp if the client is gone, or takes nothing for ``stalled_client_s``."""
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
        """Send all of ``data`` or nothing, without waiting. Returns whether it is sent.

        This is for data that may be left out, such as a heartbeat. Never raises, since the
        pump notices a client that is gone.
        """
        if self._is_torn or self._unsent:
            return False
        try:
            sent = self._send_some(data)
        except BREAKS:  # also BlockingIOError, which is an OSError: the kernel took nothing
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
        """Close so that the client can still read what has been sent.

        Closing a socket with unread data sends a reset, and a reset makes the client's kernel
        drop the last answer. So send a FIN, then read and drop data until the client closes
        or ``linger_s`` have passed.
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
        """Close at once. The pump ends soon, also where it waits for room in the buffer."""
        self.transport.close()
        if self._room is not None:
            self.buffer.clear()
            self._end_pause()
