"""The request that a handler is given."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from linx.core.client_key import NO_KEY
from linx.core.errors import word_of
from linx.core.kept_bodies import CREDENTIALS, HIDDEN
from linx.server.reply import Reply
from linx.server.unpack import coding_of
from linx.server.upgrade import UpgradedStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linx.core.client_key import ClientKey
    from linx.core.errors import LinxError
    from linx.core.telemetry import RequestRecord
    from linx.server.body import Body
    from linx.server.head import Head
    from linx.server.wire import Wire

Fields = Sequence[tuple[bytes, bytes]]

MAY_HALF_CLOSE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods after which a FIN is no hang-up: clients such as shell pipes send a FIN and wait for the answer."""


class Request:
    """One request.

    The server cancels the handler for two reasons: the client hung up (``is_client_gone``, so
    no answer can be sent), or the request has been stopped (``stopped`` says why, and the
    server tells the client). A handler that relays bytes reads ``stream_body``; all other
    handlers read ``body``.
    """

    __slots__ = (
        "_body", "_first", "_head", "_interrupt", "_whole", "_wire", "content_length", "face", "has_body", "headers",
        "host", "id", "is_client_gone", "is_endless", "is_over", "key", "listener", "method", "named_model", "on_gone",
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
        self.on_gone: Callable[[], None] | None = None  # called with the hang-up, before the handler is unwound
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

    def has_any(self, names: frozenset[bytes]) -> bool:
        """Is one of these fields there? ``names`` in lower case."""
        return not names.isdisjoint(self._first)

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


Handler = Callable[[Request, Reply], Awaitable[None]]


_random = bytearray()  # random bytes, read from the system for 64 ids at a time


def new_id() -> str:
    """32 random hex digits."""
    if not _random:
        _random.extend(os.urandom(16 * 64))
    drawn = _random[-16:]
    del _random[-16:]
    return drawn.hex()
