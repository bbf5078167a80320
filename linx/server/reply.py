"""The answer to one request, as a handler writes it: whole, shared, or frame by frame.

The framing of an answer is written by hand, since a state machine would cost more than
sending a frame does. Three things make it as strict: the framing is chosen in one place, the
values of fields may have visible ASCII only, and an answer that is begun but not ended closes
the connection without a normal end.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import trio

from linx.core.errors import HangUp
from linx.core.kept_bodies import MAX_BODY, Kept
from linx.http1.grammar import TOKEN_BYTES
from linx.server.refusal import VISIBLE, safe_value, status_line

if TYPE_CHECKING:
    from linx.core.errors import LinxError
    from linx.server.body import Body
    from linx.server.head import Head
    from linx.server.limits import Shared
    from linx.server.wire import Wire

Fields = Sequence[tuple[bytes, bytes]]
_NO_BODY = frozenset({204, 304})
_JOINED = 16 * 1024  # bytes of a shared answer that are copied behind its head, to be sent in one call
_TURN = 16  # pieces of a shared answer between two turns of other tasks, for a client that reads as fast as Linx sends
_OURS = frozenset({b"connection", b"content-length", b"content-type", b"transfer-encoding"})

_CHECKED: set[bytes] = set()
"""Names of fields that have passed the check for tokens. Linx sends a few dozen; a relayed answer may have others."""
_MOST_CHECKED = 256


class Reply:
    """The answer to one request: call ``whole`` once, or ``start``, then ``send`` any number of times, then ``end``.

    ``start`` sends nothing yet: the head leaves together with the first bytes of the body, and
    the last bytes together with the end of the body. Sending raises HangUp if the client is
    gone.
    """

    __slots__ = (
        "_body", "_has_no_body", "_head", "_held", "_is_chunked", "_shared", "_wire", "common", "is_aborted",
        "is_committed", "is_ended", "is_started", "is_torn_on_error", "keeps_alive", "kept", "on_error", "sends",
        "sent", "status",
    )  # fmt: skip

    def __init__(self, head: Head, body: Body, wire: Wire, shared: Shared) -> None:
        self.is_started = False
        self.status: int | None = None
        self.on_error: Callable[[LinxError], bytes] | None = None
        self.is_torn_on_error = False  # see ``break_off``
        self.common: list[tuple[bytes, bytes]] = []  # fields of every answer to this request, also of an error
        self.is_committed = False  # bytes of the answer have been sent
        self.is_ended = False
        self.is_aborted = False
        self.keeps_alive = False  # whether the head of the answer keeps the connection
        self.kept: Kept | None = None  # keeps the beginning of the answer
        self.sends = 0  # see ``telemetry.Progress``
        self.sent = 0
        self._head = head
        self._body = body
        self._wire = wire
        self._shared = shared
        self._held = b""
        self._is_chunked = False
        self._has_no_body = False

    async def whole(
        self, status: int, body: bytes, content_type: bytes = b"application/json", headers: Fields = ()
    ) -> None:
        """Send the whole answer at once."""
        self._begin(status)
        if status in _NO_BODY:
            content_type, framing = b"", b""
        else:
            framing = b"content-length: %d\r\n" % len(body)
        head = self._make_head(status, content_type, headers, framing)
        self.is_committed = True
        self._note(body)
        await self._wire.send(head if self._has_no_body else head + body)
        self.is_ended = True

    async def shared(self, status: int, pieces: Sequence[bytes]) -> None:
        """Send a whole answer in JSON whose bytes are sent to other clients, too.

        They are not joined, so that a client that reads slowly has no more copied than the rest of a piece.
        """
        size = sum(map(len, pieces))
        if size <= _JOINED:
            await self.whole(status, b"".join(pieces))
            return
        self._begin(status)
        head = self._make_head(status, b"application/json", (), b"content-length: %d\r\n" % size)
        self.is_committed = True
        await self._wire.send(head)
        if not self._has_no_body:
            for number, piece in enumerate(pieces, 1):
                await self._wire.send(piece)
                if number % _TURN == 0:
                    await trio.lowlevel.checkpoint()
        self.is_ended = True

    def start(self, status: int, content_type: bytes, headers: Fields = ()) -> None:
        """Begin an answer of unknown length."""
        self._begin(status)
        # In HTTP/1.0 the only way to end a body of unknown length is to close the connection.
        self._is_chunked = not self._head.is_http10 and not self._has_no_body
        framing = b"" if self._head.is_http10 or status in _NO_BODY else b"transfer-encoding: chunked\r\n"
        self._held = self._make_head(status, content_type, headers, framing)

    async def send(self, data: bytes) -> None:
        """Send one frame, or several joined frames, at once."""
        if not data:
            return
        self._note(data)
        if self._is_chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
            if not self._held:
                # All frames but the first, with which the head is sent.
                await self._wire.send(data)
                return
        elif self._has_no_body:
            data = b""
        await self._write(data)

    def send_soon(self, data: bytes) -> Coroutine[None, None, None] | None:
        """Send a frame of a stream. Returns None if the kernel took all of it, as it nearly always does.

        Otherwise returns a coroutine that must be awaited at once.
        """
        if self._held or not self._is_chunked or not data:
            return self.send(data)
        # As in ``_note``, without the call: this is done for every frame.
        self.sends += 1
        self.sent += len(data)
        kept = self.kept
        if kept is not None and len(kept.answer) < MAX_BODY:
            kept.answer += data[:MAX_BODY]  # one frame may have many megabytes
        wire = self._wire
        return None if wire.send_now(b"%x\r\n%b\r\n" % (len(data), data)) else wire.send(b"")

    def try_send(self, data: bytes) -> bool:
        """Send a frame that may be left out (a heartbeat), if that needs no waiting. Returns whether it was sent."""
        if not data or not self.is_started or self.is_ended or self.is_aborted or self._has_no_body:
            return False
        if self._is_chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        if not self._wire.try_send(self._held + data):
            return False
        self.is_committed, self._held = True, b""
        return True

    async def end(self, data: bytes = b"") -> None:
        """Send the last bytes of the body and its end."""
        if data:
            self._note(data)
        if self._is_chunked:
            data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n"
        elif self._has_no_body:
            data = b""
        self._is_chunked = False
        await self._write(data)
        self.is_ended = True

    def abort(self) -> None:
        """End without a proper end: the connection closes, so the client can tell that the answer is incomplete."""
        self.is_aborted = True
        self._is_chunked = False
        self._held = b""

    async def break_off(self, problem: LinxError) -> None:
        """End an answer that has begun and failed.

        ``on_error`` makes the last frame. The body then ends properly, unless ``is_torn_on_error``:
        then the connection closes in the middle of the body, for clients that overlook the frame.
        Without ``on_error`` there is no frame, and the body is always torn.
        """
        if self.on_error is None:
            self.abort()
        elif self.is_torn_on_error:
            await self.send(self.on_error(problem))
            self.abort()
        else:
            await self.end(self.on_error(problem))

    async def fail(self, problem: LinxError, request_id: str) -> None:
        """Send the server's own error answer, for a request that no endpoint has answered."""
        self.is_started = False
        self._held = b""
        status, headers, body = self._shared.error_answer(problem, request_id, self._head.target)
        ours = {name for name, _value in headers}
        self.common = [field for field in self.common if field[0] not in ours]
        await self.whole(status, body, headers=headers)

    def _note(self, data: bytes) -> None:
        """Count some of the body, and keep it if it is at the beginning."""
        self.sends += 1
        self.sent += len(data)
        kept = self.kept
        if kept is not None and len(kept.answer) < MAX_BODY:
            kept.answer += data[:MAX_BODY]

    async def _write(self, data: bytes) -> None:
        if self._held:
            data = self._held + data
            self._held = b""
            self.is_committed = True
        elif not self.is_started or self.is_ended or self.is_aborted:
            raise RuntimeError("the answer has not begun, or has ended")
        if data:
            await self._wire.send(data)

    def _begin(self, status: int) -> None:
        if self.is_started:
            raise RuntimeError("the answer has already begun")
        if self._wire.is_upgraded or self._wire.is_broken:
            raise HangUp
        self.is_started = True
        self.status = status
        self._has_no_body = self._head.method == b"HEAD" or status in _NO_BODY

    def _make_head(self, status: int, content_type: bytes, headers: Fields, framing: bytes) -> bytes:
        head = self._head
        self.keeps_alive = head.keeps_alive and not self._shared.is_leaving and self._body.may_drain()
        parts = [status_line(status)]
        if content_type:
            parts.append(b"content-type: %b\r\n" % safe_value(content_type))
        parts.append(b"x-content-type-options: nosniff\r\n")
        for name, value in chain(self.common, headers):
            if name not in _CHECKED and not _may_be_set(name):
                continue
            if value.translate(None, VISIBLE):
                value = safe_value(value)
            parts.append(b"%b: %b\r\n" % (name, value))
        parts.append(framing)
        parts.append(b"\r\n" if self.keeps_alive else b"connection: close\r\n\r\n")
        made = b"".join(parts)
        if self.kept is not None:
            self.kept.head = made
        return made


def _may_be_set(name: bytes) -> bool:
    """False for a field that every answer has anyway. Raises ValueError for one that a handler may not set."""
    if name == b"x-content-type-options":
        return False
    if not name or name.translate(None, TOKEN_BYTES) or name in _OURS:
        raise ValueError(f"a handler may not set this header field: {name!r}")
    if len(_CHECKED) < _MOST_CHECKED:
        _CHECKED.add(name)
    return True
