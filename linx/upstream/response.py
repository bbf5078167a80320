"""Reads the body of one response up to the end that its framing announces.

No state machine runs for the body: a read costs one receive and, for the usual framings, one
slice. A body is whole only at its announced end; any other end raises StreamBroken.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import trio

from linx.core.attempt_errors import AttemptError, Garbled, StreamBroken
from linx.http1.chunked import ChunkScanner, FramingError
from linx.http1.transport import BREAKS, READ_SIZE, SocketTransport
from linx.upstream.inflate import Inflate

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from linx.upstream.connection import UpstreamConnection
    from linx.upstream.response_head import ResponseHead


PATIENCE_S = 0.5
"""The longest that a patient read waits: how often those who look on see an answer grow."""


class Response:
    """One response whose head has been read. Call ``read`` until b""; after an error nothing more comes."""

    def __init__(self, connection: UpstreamConnection, head: ResponseHead) -> None:
        self.connection = connection
        self.status = head.status
        self.headers = head.headers
        self.is_whole = False
        """Has the announced end of the body been reached?"""
        self.may_reuse = head.keeps_alive
        """May another request be sent on this connection once the body is whole?"""
        self.is_late = False
        """Did a patient read wait for its whole time before it brought the end of the body?"""
        self._recv: Callable[[int], Coroutine[None, None, bytes]] = connection.transport.recv
        self._ahead = head.ahead
        self._left = head.length
        self._chunks = ChunkScanner() if head.is_chunked else None
        self._inflate = Inflate(head.coding, connection.address) if head.coding else None
        self._is_over = False
        self._problem: tuple[type[AttemptError], str] | None = None
        if self._left == 0:
            self._end(self._ahead)

    def header(self, name: str) -> str | None:
        """The value of the first field of that name, in any case; None if there is no such field."""
        wanted = name.lower().encode("latin-1")
        return next((value.decode("latin-1") for each, value in self.headers if each == wanted), None)

    def read(self, limit: int = READ_SIZE) -> Coroutine[None, None, bytes]:
        """The payload of one receive of ``limit`` bytes; b"" at the announced end. Raises StreamBroken or Garbled.

        May be cancelled and called again; no data is lost.
        """
        return self._read_framed(limit) if self._inflate is None else self._read_packed(self._inflate)

    def be_patient(self) -> bool:
        """From now on let reads wait until they bring much, if that delays the end of the body by nothing.

        It does not where the server has said that it closes the connection behind the body: closing wakes the reader.
        Returns whether reads are patient now.
        """
        transport = self.connection.transport
        if self.may_reuse or self._is_over or self._inflate is not None or not isinstance(transport, SocketTransport):
            return False
        self._recv = self._recv_much
        return True

    async def _recv_much(self, limit: int) -> bytes:
        transport = self.connection.transport
        assert isinstance(transport, SocketTransport)
        data, self.is_late = await transport.recv_much(limit, PATIENCE_S)
        return data

    async def _read_packed(self, inflate: Inflate) -> bytes:
        while True:
            try:
                data = inflate.take()
                if data:
                    return data
                data = await self._read_framed(READ_SIZE)
                if not data:
                    inflate.end()
                    return b""
                inflate.give(data)
            except AttemptError as error:
                self._break(type(error), error.problem)
                raise

    async def read_all(self, limit: int) -> bytes:
        """The whole body. Raises Garbled for more than ``limit`` bytes, at once if the head announces so many."""
        pieces: list[bytes] = []
        size = self._left or 0
        while size <= limit:
            data = await self.read()
            if not data:
                return b"".join(pieces)
            size = size + len(data) if pieces else len(data)
            pieces.append(data)
        raise Garbled(f"{self.connection.address} sent an answer of more than {limit} bytes")

    @property
    def remaining(self) -> float:
        """The least number of bytes of the body that are still to come; infinite if only EOF ends the body."""
        if self.is_whole:
            return 0
        if self._chunks is not None:
            return self._chunks.pending
        return math.inf if self._left is None else self._left

    def abandon(self) -> None:
        """Called when the connection is given up: a later read must not look like the end of a whole body."""
        if not self.is_whole:
            self._break(StreamBroken, f"Linx closed the connection to {self.connection.address}")

    async def _read_framed(self, limit: int) -> bytes:
        while not self._is_over:
            data = self._ahead
            if data:
                self._ahead = b""
            else:
                try:
                    data = await self._recv(limit)
                except BREAKS:
                    self._break(StreamBroken, f"{self.connection.address} reset the connection in mid-answer")
                    break
                if not data:
                    self._at_eof()
                    break
            chunks = self._chunks
            if chunks is None:
                data = self._counted(data)
            else:
                try:
                    data = chunks.feed(data)
                except FramingError as error:
                    self._break(Garbled, f"{self.connection.address} broke the framing of its answer: {error}")
                    break
                if chunks.is_done:
                    self._end(chunks.rest)
            if data:
                return data
        if self._problem is not None:
            # Where the client's hang-up has closed this connection, its handler is to see the cancellation, and no
            # failure of the provider.
            await trio.lowlevel.checkpoint_if_cancelled()
            kind, text = self._problem
            raise kind(text)
        return b""

    def _counted(self, data: bytes) -> bytes:
        """The part of ``data`` that belongs to the body, which has a known length or ends with EOF."""
        left = self._left
        if left is None:
            return data
        size = len(data)
        if size < left:
            self._left = left - size
            return data
        self._left = 0
        self._end(data[left:])
        return data[:left]

    def _at_eof(self) -> None:
        if self._chunks is None and self._left is None:
            self.may_reuse = False
            self._end(b"")
        else:
            self._break(StreamBroken, f"{self.connection.address} closed the connection in mid-answer")

    def _end(self, rest: bytes) -> None:
        self.is_whole = self._is_over = True
        self._ahead = b""
        if rest:
            # No request asked for these bytes, and they must not be taken for the answer to the next request.
            self.may_reuse = False

    def _break(self, kind: type[AttemptError], problem: str) -> None:
        """From now on each read raises ``kind``. A kept error would refer to the reads that raised it: a cycle."""
        self._is_over = True
        self.is_whole = self.may_reuse = False
        self._problem = self._problem or (kind, problem)
