"""Request and Reply, which a handler is given.

The framing of an answer is written by hand, since a state machine would cost more than
sending a frame does. Three things make it as strict: the framing is chosen in one place, the
values of fields may have visible ASCII only, and an answer that is begun but not ended closes
the connection without a normal end.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import trio

from linx.core.client_key import NO_KEY
from linx.core.errors import HangUp, word_of
from linx.core.kept_bodies import CREDENTIALS, HIDDEN, MAX_BODY, Kept
from linx.http1.grammar import TOKEN_BYTES
from linx.server.refusal import VISIBLE, safe_value, status_line
from linx.server.unpack import coding_of
from linx.server.upgrade import UpgradedStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linx.core.client_key import ClientKey
    from linx.core.errors import LinxError
    from linx.core.telemetry import RequestRecord
    from linx.server.body import Body
    from linx.server.head import Head
    from linx.server.limits import Shared
    from linx.server.wire import Wire

Fields = Sequence[tuple[bytes, bytes]]

MAY_HALF_CLOSE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods after which a FIN is no hang-up: clients such as shell pipes send a FIN and wait for the answer."""

_NO_BODY = frozenset({204, 304})
_JOINED = 16 * 1024  # bytes of a shared answer that are copied behind its head, to be sent in one call
_TURN = 16  # pieces of a shared answer between two turns of other tasks, for a client that reads as fast as Linx sends
_OURS = frozenset({b"connection", b"content-length", b"content-type", b"transfer-encoding"})

_CHECKED: set[bytes] = set()
"""Names of fields that have passed the check for tokens. Linx sends a few dozen; a relayed answer may have others."""
_MOST_CHECKED = 256


class Request:
    """One request.

    The server cancels the handler for two reasons: the client hung up (``is_client_gone``, so
    no answer can be sent), or the request has been stopped (``stopped`` says why, and the
    server tells the client). A handler that relays bytes reads ``stream_body``; all other
    handlers read ``body``.
    """

    __slots__ = (
        "_body", "_first", "_head", "_interrupt", "_whole", "_wire", "content_length", "face", "has_body", "headers",
        "host", "id", "is_client_gone", "is_endless", "is_over", "key", "listener", "method", "named_model",
        "path", "path_key", "peer", "query", "record", "replay_of", "stopped", "target",
    )  # fmt: skip

    def __init__(
        self, head: Head, body: Body, wire: Wire, interrupt: Callable[[], None], listener: str, peer: str
    ) -> None:
        self.id = new_id()
        self.method = head.method.decode("ascii")
        self.target = head.target
        self.path = head.path  # not decoded, without the query
        self.named_model = ""  # the model that the path names, as in Azure's; it counts before that of the body
        self.path_key: bytes | None = None  # the key in front of the path, which ``endpoints`` takes off
        self.key = NO_KEY  # the key that the client sent, which ``access`` has checked
        self.face = ""  # the dialect of the client, which ``endpoints`` knows from the path
        self.record: RequestRecord | None = None  # made by the handler, if a provider is asked
        self.query = head.query
        self.replay_of: str | None = None  # the id of the earlier request that this one stands for
        self.headers = head.fields  # names in lower case
        self.host = head.host  # in lower case; b"" if an HTTP/1.0 client sent none
        self.listener = listener
        self.peer = peer
        self.content_length = head.content_length
        self.has_body = head.is_chunked or bool(head.content_length)
        self._first = dict(reversed(head.fields))  # by name, of several with the same name the first
        self._interrupt = interrupt
        self.is_endless = False  # the answer has no end of its own, so the end of Linx does not wait for it
        self.is_over = False
        self.stopped: LinxError | None = None
        self.is_client_gone = False
        self._head = head
        self._body = body
        self._wire = wire
        self._whole: bytes | None = None

    def __repr__(self) -> str:
        # Without path and query, since both may contain a key.
        return f"<Request {self.id} {self.method} on {self.listener}>"

    def header(self, name: bytes) -> bytes | None:
        """The first value of a field; ``name`` in lower case."""
        return self._first.get(name)

    def header_values(self, name: bytes) -> list[bytes]:
        """All values of a field, in their order; ``name`` in lower case."""
        return [value for field, value in self.headers if field == name] if name in self._first else []

    @property
    def is_packed(self) -> bool:
        """Is the body compressed, so that ``stream_body`` gives bytes that say nothing? Raises UnsupportedEncoding."""
        return bool(coding_of(self.header_values(b"content-encoding")))

    async def body(self) -> bytes:
        """The whole body, decoded; b"" if there is none.

        Raises BodyTooLarge (without reading, if the declared length is too large), BadRequest,
        RequestTimeout, UnsupportedEncoding, ExpectationFailed, Overloaded, or HangUp.
        """
        if self._whole is None:
            self._whole = await self._body.whole(self.content_length, self.header_values(b"content-encoding"))
        return self._whole

    def hold(self, size: int) -> None:
        """Count ``size`` more bytes in memory as part of the body, until the request is over. Raises Overloaded."""
        self._body.hold(size)

    def stream_body(self) -> AsyncIterator[bytes]:
        """The body in pieces as they come, not decoded, of any length."""
        self._body.check_expect()
        return _Pieces(self._body)

    async def body_after(self, start: bytes) -> bytes:
        """The whole body, of which ``start`` has come from ``stream_body``, not decoded. Raises as ``body``."""
        return await self._body.rest(self.content_length, start)

    def headers_to_keep(self) -> Fields:
        """The fields, without the values of those that hold keys."""
        if CREDENTIALS.isdisjoint(self._first):
            return self.headers
        return [(name, HIDDEN.encode()) if name in CREDENTIALS else (name, value) for name, value in self.headers]

    def credentials(self) -> Fields:
        """The fields that hold keys."""
        return [field for field in self.headers if field[0] in CREDENTIALS]

    def stand_for(self, request_id: str, path: str, query: str, fields: Fields, body: bytes, key: ClientKey) -> None:
        """From now on this request is an earlier one that is asked again; only the connection stays this one's."""
        self.replay_of, self.key = request_id, key
        self.path, self.path_key, self.query, self.named_model = path, None, query, ""
        self.headers = list(fields)
        self._first = dict(reversed(self.headers))
        self._whole = body
        self.content_length, self.has_body = len(body), True

    @property
    def whole_body(self) -> bytes | None:
        """The whole body, decoded, if it has been read."""
        return self._whole

    def stop(self, why: LinxError) -> None:
        """Cancel the handler and tell the client ``why``. Does nothing if the request is over."""
        if self.stopped is None and not self.is_over:
            self.stopped = why
            if self.record is not None:
                self.record.outcome, self.record.status = word_of(why), self.record.status or why.status
            self._interrupt()

    def upgrade(self, head: bytes = b"") -> UpgradedStream:
        """Leave HTTP: returns the connection as a stream that begins with this request's head, or with ``head`` for it.

        This is for a protocol whose handshake another library answers. The connection is
        closed when the handler returns. The Reply must not be used any more.
        """
        self._wire.upgrade()
        return UpgradedStream(head or self._head.raw, self._wire)


class _Pieces:
    """A body as an iterator. An async generator would have to be closed by everyone who does not read it to its end."""

    __slots__ = ("_body",)

    def __init__(self, body: Body) -> None:
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if piece := await self._body.read():
            return piece
        raise StopAsyncIteration


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
        self.keeps_alive = head.keeps_alive and not self._shared.is_draining and self._body.may_drain()
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


Handler = Callable[[Request, Reply], Awaitable[None]]


_random = bytearray()  # random bytes, read from the system for 64 ids at a time


def new_id() -> str:
    """32 random hex digits."""
    if not _random:
        _random.extend(os.urandom(16 * 64))
    drawn = _random[-16:]
    del _random[-16:]
    return drawn.hex()
