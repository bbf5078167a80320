"""One HTTP/1.1 connection to an origin: send a request, read the head of its response.

A request that does not fit the kernel's buffers at once is sent while the response is being
read: a server may refuse a long body before it has read it, and close.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import trio

from linx.core.errors import Garbled, Reset, Stalled
from linx.http1.transport import BREAKS, Transport
from linx.upstream.response_head import LastResponseHead, ResponseHead, check_head, check_start, read_head

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MAX_INTERIM = 8  # responses 1xx before the final one
SEND_STALL_S = 60.0
"""A server that takes no byte of a request for so long has stopped reading."""
SMALL = 16 * 1024
"""What every kernel's buffers take at once, so that sending it cannot block for long."""
BREATH = 256 * 1024  # bytes of a longer request between two turns for other tasks; a multiple of PIECE
PIECE = 64 * 1024  # bytes of a longer request handed over at a time, each with a stall limit of its own


class UpstreamConnection:
    """One connection to ``address`` (host:port, for the errors); one request at a time."""

    def __init__(self, transport: Transport, address: str) -> None:
        self.transport = transport
        self.address = address
        self.has_answered = False
        """Has a byte of the answer to this request come?"""
        self.has_streamed = False
        """Has something been taken from the request's ``stream``, which cannot be taken twice?"""
        self._last_head = LastResponseHead()

    async def ask(
        self, head: bytes, body: bytes, stream: AsyncIterator[bytes] | None, length: int | None, *, is_head: bool
    ) -> ResponseHead:
        """Send one request and read the head of its answer. Raises Reset, Garbled or Stalled.

        What ``stream`` raises comes out as it is. After any exception, cancellation
        included, the connection is good for nothing but closing.
        """
        self.has_answered = self.has_streamed = False
        if stream is None and len(head) + len(body) <= SMALL:
            try:
                await self.transport.send(head + body)
            except BREAKS:
                # The answer may have come before the break: it is read below, or found missing.
                return _last_on_its_connection(await self._answer(is_head))
            return await self._answer(is_head)
        return await self._ask_long(head, body, stream, length, is_head=is_head)

    async def _ask_long(
        self, head: bytes, body: bytes, stream: AsyncIterator[bytes] | None, length: int | None, *, is_head: bool
    ) -> ResponseHead:
        """Send and read side by side. Failures are kept and raised outside the nursery, so that no group forms."""
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
                pass  # as in ``ask``: the answer may have come before the break
            except Exception as error:  # carried over to the caller's task
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
                    # Refused: the server has no use for the rest of the body.
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
                        await trio.lowlevel.checkpoint()  # a kernel that takes it all never makes us wait
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
        """Read up to the end of the first head that is not 1xx."""
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
        """Read on until the head is whole: the bytes and where its blank line starts. Linear, however it drips."""
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
            data = await self.transport.recv()
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
    """An answer to a request that was not sent whole: no further request may follow on the connection."""
    return msgspec.structs.replace(answer, keeps_alive=False)
