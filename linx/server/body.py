"""The body of one request: its framing, how long Linx waits for it, and its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from linx.core.errors import (
    BadRequest,
    BodyTooLarge,
    ExpectationFailed,
    HangUp,
    Overloaded,
    RequestTimeout,
)
from linx.http1.chunked import ChunkScanner, FramingError
from linx.server.unpack import coding_of, unpacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.server.head import Head
    from linx.server.limits import Shared
    from linx.server.wire import Wire

MAX_DRAIN = 64 * 1024  # bytes of an unread body that are read and dropped so that the connection can be kept
MIN_RATE = 1024  # bytes a second that a client must send on average, after GRACE_S
GRACE_S = 5.0
MAX_KEPT_UNPACKED = 8 * 2**20
USUAL_RATIO = 64
"""A body that unpacks to more than MAX_KEPT_UNPACKED bytes and to more than USUAL_RATIO times its size is probably a
bomb: it is unpacked once for its size alone, before anything of it is kept. JSON shrinks to a tenth, pictures in it
hardly at all."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Body:
    """A body is read once, from start to end. ``is_complete``: the next byte of the wire is not part of the body."""

    __slots__ = (
        "_expect", "_held", "_is_broken", "_left", "_received", "_scanner", "_shared", "_waited_s",
        "_wire", "is_complete",
    )  # fmt: skip

    def __init__(self, head: Head, wire: Wire, shared: Shared) -> None:
        self._wire = wire
        self._shared = shared
        self._scanner = ChunkScanner() if head.is_chunked else None
        self._left = head.content_length or 0
        self.is_complete = not head.is_chunked and not self._left
        # Expect from an HTTP/1.0 client is ignored (RFC 9110 10.1.1).
        self._expect = b"" if head.is_http10 else head.expect
        self._is_broken = False
        self._held = 0
        self._received = 0
        self._waited_s = 0.0

    def may_drain(self) -> bool:
        """Can the connection be kept even if the handler never reads the rest of the body?"""
        if self._is_broken or self.is_complete:
            return not self._is_broken
        return self._scanner is None and not self._expect and self._left <= MAX_DRAIN

    def check_expect(self) -> None:
        if self._expect and self._expect != b"100-continue":
            raise ExpectationFailed("The only expectation understood is 100-continue")

    def give_up(self) -> None:
        """Do not read the rest; the connection ends with this request."""
        self._is_broken = True

    async def read(self) -> bytes:
        """The next piece, or b"" at the end."""
        wire, scanner = self._wire, self._scanner
        while not self.is_complete:
            if self._is_broken:
                raise HangUp
            if not wire.buffer:
                await self._more()
            elif scanner is None:
                piece = wire.take(self._left)
                self._left -= len(piece)
                self._received += len(piece)
                self.is_complete = not self._left
                return piece
            else:
                self._received += len(wire.buffer)
                if piece := self._scan(scanner, wire.take(len(wire.buffer))):
                    return piece
        return b""

    def _scan(self, scanner: ChunkScanner, data: bytes) -> bytes:
        try:
            piece = scanner.feed(data)
        except FramingError as error:
            self._is_broken = True
            raise BadRequest(f"The chunked body is malformed: {error}") from None
        if scanner.is_done:
            self.is_complete = True
            self._wire.buffer[:0] = scanner.rest
        return piece

    async def _more(self) -> None:
        """Wait for more of the body. Raises RequestTimeout for a client that sends nothing or too slowly."""
        if self._expect:
            self._expect = b""
            await self._wire.send(_CONTINUE)
        patience_s = self._shared.limits.body_timeout_s
        if self._received:
            due_s = max(GRACE_S, self._received / MIN_RATE)
            patience_s = min(patience_s, due_s - self._waited_s)
        before = trio.current_time()
        is_open = False
        with trio.move_on_after(max(0.0, patience_s)) as scope:
            is_open = await self._wire.more()
        if self._received:
            # Only the time in which the client was waited for counts: a relay also pauses while its provider is slow.
            self._waited_s += trio.current_time() - before
        if scope.cancelled_caught:
            self._is_broken = True
            raise RequestTimeout("The rest of the request body did not arrive in time")
        if not is_open:
            self._is_broken = True
            raise HangUp

    async def whole(self, declared: int | None, codings: Sequence[bytes]) -> bytes:
        """The whole body, decoded, within the limits. Its size counts as used memory until ``release``.

        ``codings``: the values of ``Content-Encoding``.
        """
        self.check_expect()
        coding = coding_of(codings) if codings else b""
        data = await self._within_limits(declared)
        return await self._unpack(data, coding, self._shared.limits.max_body) if coding else data

    async def rest(self, declared: int | None, start: bytes) -> bytes:
        """The whole body, of which ``start`` has been read already, within the limits and counted as ``whole`` is."""
        return await self._within_limits(declared, start)

    async def _within_limits(self, declared: int | None, start: bytes = b"") -> bytes:
        limit = self._shared.limits.max_body
        try:
            if declared is not None:
                self._check_size(declared, limit)
                if self._shared.bodies + declared > self._shared.limits.max_bodies:
                    raise Overloaded("Too many large requests at one time; try again in a moment")
            return await self._collect(limit, start)
        except (BodyTooLarge, Overloaded):
            self.give_up()
            raise

    async def _collect(self, limit: int, start: bytes) -> bytes:
        if not start and 0 < self._left <= len(self._wire.buffer) and self._left <= limit and not self._is_broken:
            # Fast path: the whole body came together with the head, as small bodies do.
            self._hold(self._left)
            return await self.read()
        pieces = [start] if start else []
        size, scanner = len(start), self._scanner
        self._hold(size)
        while piece := await self.read():
            self._hold(len(piece))
            size += len(piece)
            self._check_size(size + (scanner.pending if scanner else 0), limit)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _unpack(self, data: bytes, coding: bytes, limit: int) -> bytes:
        """Unpack in steps, since a small packed body may be large when unpacked."""
        pieces: list[bytes] = []
        size, most_kept = 0, max(MAX_KEPT_UNPACKED, USUAL_RATIO * len(data))
        is_measured = False
        for piece in unpacked(data, coding):
            size += len(piece)
            self._check_size(size, limit)
            if size > most_kept and not is_measured:
                await self._measure(data, coding, limit)
                is_measured = True
            self._hold(len(piece))
            pieces.append(piece)
            await trio.lowlevel.checkpoint()
        return b"".join(pieces)

    async def _measure(self, data: bytes, coding: bytes, limit: int) -> None:
        """Raise BodyTooLarge for data that unpacks to more than ``limit`` bytes, without keeping any of it."""
        size = 0
        for piece in unpacked(data, coding):
            size += len(piece)
            self._check_size(size, limit)
            await trio.lowlevel.checkpoint()

    def _check_size(self, size: int, limit: int) -> None:
        if size > limit:
            raise BodyTooLarge(f"The request body is larger than {limit} bytes")

    def _hold(self, size: int) -> None:
        self._shared.hold(size)
        self._held += size

    def hold(self, size: int) -> None:
        """Count bytes that the request takes beside its body. Raises Overloaded."""
        self._hold(size)

    async def drain(self) -> None:
        """Read and drop what the handler has not read. Only allowed if ``may_drain``."""
        while await self.read():
            pass

    def release(self) -> None:
        """Called when the request is over: its body no longer counts as used memory."""
        self._shared.bodies -= self._held
        self._held = 0
