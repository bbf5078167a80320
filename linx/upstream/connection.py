"""One HTTP/1.1 connection to an origin: sends a request and reads the head of its response.

A request that may not fit into the kernel's buffers is sent while the response is being read,
since a server may refuse a long body, answer, and close before it has read the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import trio

from linx.core.attempt_errors import Garbled, Reset, Stalled
from linx.http1.transport import BREAKS, Transport
from linx.upstream.response_head import LastResponseHead, ResponseHead, check_head, check_start, read_head

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linx.upstream.permit import Reach

MAX_INTERIM = 8  # responses 1xx before the final one
SEND_STALL_S = 60.0
"""If the server takes no byte of a request for so long, the request fails as Stalled."""
SMALL = 16 * 1024
"""Bytes of a request that the kernel's buffers take at once, so that it can be sent before reading begins."""
BREATH = 256 * 1024  # bytes of a longer request after which other tasks get a turn; a multiple of PIECE
SHORT_READ = 8 * 1024
"""The most bytes to read at a time where each is costly: up to the first meaningful frame all are decoded. If many fast
providers answer at once, each of their first reads holds up all other clients."""
PIECE = 64 * 1024  # bytes of a longer request that are sent at a time; SEND_STALL_S holds for each piece


class UpstreamConnection:
    """One connection, for one request at a time. ``address`` is host:port, for errors.

    ``reach`` is how near its peer is. It was found out when the connection was opened, so a kept connection is judged
    by a comparison of two numbers.
    """

    def __init__(self, transport: Transport, address: str, reach: Reach) -> None:
        self.transport = transport
        self.address = address
        self.reach = reach
        self.has_answered = False
        """Has a byte of the answer to this request been read?"""
        self.has_streamed = False
        """Has the request's ``stream`` been started, so that the request cannot be sent again?"""
        self._last_head = LastResponseHead()

    async def ask(
        self, head: bytes, body: bytes, stream: AsyncIterator[bytes] | None, length: int | None, *, is_head: bool
    ) -> ResponseHead:
        """Send one request and read the head of its answer. Raises Reset, Garbled or Stalled.

        Exceptions of ``stream`` are passed on unchanged. After any exception, or a
        cancellation, the connection can only be closed.
        """
        self.has_answered = self.has_streamed = False
        if stream is None and len(head) + len(body) <= SMALL:
            try:
                await self.transport.send(head + body)
            except BREAKS:
                # The server may have answered before it broke the connection, so the answer is read nevertheless.
                return _last_on_its_connection(await self._answer(is_head))
            return await self._answer(is_head)
        return await self._ask_long(head, body, stream, length, is_head=is_head)

    async def _ask_long(
        self, head: bytes, body: bytes, stream: AsyncIterator[bytes] | None, length: int | None, *, is_head: bool
    ) -> ResponseHead:
        """Send and read at the same time.

        Failures are kept and raised outside the nursery, so that they do not become exception
        groups.
        """
        answer: ResponseHead | None = None
        failure: Exception | None = None
        is_sent = False

        async def send() -> None:
            nonlocal failure, is_sent
            try:
                await self._send(head)
                await self._send(body)
                if stream is not None:
                    await self._send_stream(stream, length)
                is_sent = True
            except BREAKS:
                pass  # as in ``ask``, the server may have answered before it broke the connection
            except Exception as error:  # raised in the caller's task below
                failure = error
                nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            try:
                answer = await self._answer(is_head)
            except (Reset, Garbled) as error:
                failure = failure or error
                nursery.cancel_scope.cancel()
            else:
                if answer.status >= 300:
                    # The server has refused the request, so the rest of the body is not sent.
                    nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        assert answer is not None
        return answer if is_sent else _last_on_its_connection(answer)

    async def _send(self, data: bytes) -> None:
        with trio.move_on_after(SEND_STALL_S) as limit:
            for start in range(0, len(data), PIECE):
                if start:
                    limit.deadline = trio.current_time() + SEND_STALL_S
                    if not start % BREATH:
                        await trio.lowlevel.checkpoint()  # while the kernel takes everything, sending never waits
                await self.transport.send(data[start : start + PIECE])
        if limit.cancelled_caught:
            raise Stalled(f"{self.address} stopped reading the request: nothing for {SEND_STALL_S:g} seconds")

    async def _send_stream(self, stream: AsyncIterator[bytes], length: int | None) -> None:
        left = length
        self.has_streamed = True
        async for data in stream:
            if not data:
                continue
            if left is None:
                await self._send(b"%x\r\n%s\r\n" % (len(data), data))
                continue
            left -= len(data)
            if left < 0:
                raise Reset(f"the request to {self.address} had more bytes than announced")
            await self._send(data)
        if left is None:
            await self._send(b"0\r\n\r\n")
        elif left:
            raise Reset(f"the request to {self.address} ended before its announced length")

    async def _answer(self, is_head: bool) -> ResponseHead:
        """Read up to the end of the first head whose status is not 1xx."""
        data = await self._recv()
        if not is_head and (repeated := self._last_head.find(data)) is not None:
            return repeated
        for interim in range(MAX_INTERIM + 1):
            end = data.find(b"\r\n\r\n")
            if end < 0:
                data, end = await self._rest_of_head(data)
            head, data = data[: end + 4], data[end + 4 :]
            status = check_head(head, self.address)
            if status >= 200:
                answer = read_head(head, data, self.address, is_head=is_head)
                if not is_head:
                    self._last_head.keep(head, answer)
                return answer
            if status == 101:
                raise Garbled(f"{self.address} switched to another protocol without being asked")
            if interim < MAX_INTERIM:
                data = data or await self._recv()
        raise Garbled(f"{self.address} sent more than {MAX_INTERIM} interim answers")

    async def _rest_of_head(self, data: bytes) -> tuple[bytes, int]:
        """Read until the head is whole. Returns all bytes read, and where the blank line starts.

        Takes linear time, even if each read brings a single byte.
        """
        seen = bytearray(data)
        checked = 0
        while True:
            check_start(seen, checked, self.address)
            checked = max(0, len(seen) - 3)
            seen += await self._recv()
            end = seen.find(b"\r\n\r\n", checked)
            if end >= 0:
                return bytes(seen), end

    async def _recv(self) -> bytes:
        try:
            data = await self.transport.recv(SHORT_READ)
        except BREAKS:
            data = None
        if data:
            self.has_answered = True
            return data
        how = "reset" if data is None else "closed"
        when = "in the middle of its response head" if self.has_answered else "before it answered"
        raise Reset(f"{self.address} {how} the connection {when}")

    def close(self) -> None:
        self.transport.close()


def _last_on_its_connection(answer: ResponseHead) -> ResponseHead:
    """``answer`` to a request that was not sent completely: the connection must not be used again."""
    return msgspec.structs.replace(answer, keeps_alive=False)
