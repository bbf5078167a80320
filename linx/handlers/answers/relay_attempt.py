"""Writer and reader of an attempt whose request and answer are relayed as bytes.

The gate is the first byte of a good answer. The beginning of an answer that is text is
checked before it opens the gate, since some servers send errors with a 200.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from linx.core import jsontext
from linx.core.attempt_errors import AttemptError, EmptyAnswer, Garbled
from linx.core.worker import in_thread
from linx.dialects.failures.meaning import event_failure
from linx.handlers.answers.payload import PayloadStream
from linx.routing.attempt import MAX_ERROR_BODY

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from linx.core.attempt_errors import Refused
    from linx.handlers.answers.payload import Payload
    from linx.routing.candidate import Candidate
    from linx.routing.metered import Source
    from linx.routing.roles import Timed
    from linx.upstream.pool import Sending

TELLING = 64  # bytes of a text in which an error can be recognised
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+(?:;[ ]?[a-z0-9-]+=[a-z0-9.+_-]+)*", re.IGNORECASE)
_ERROR = re.compile(rb'\s*(?:event:\s*error\s+)?(?:data:\s*)?\{\s*"error"\s*:\s*[^n\s]')
_TEXTS = (b"application/json", b"text/event-stream")


class RelayWriter:
    """See ``attempt.RequestWriter``. ``under_api``: ``path`` is below the provider's /v1, not below its root.

    ``payload``: None for a GET.
    """

    __slots__ = ("_asked", "_candidate", "_hop", "_path", "_payload", "_under_api")

    lacks = None

    def __init__(
        self, candidate: Candidate, path: str, asked: str, payload: Payload | None, hop: bytes, *, under_api: bool
    ) -> None:
        self._candidate = candidate
        self._path = path
        self._asked = asked
        self._payload = payload
        self._hop = hop
        self._under_api = under_api

    @property
    def may_repeat(self) -> bool:
        return self._payload is None or not self._payload.is_spent

    async def write(self, _now: float, _timed: Timed) -> Sending:
        payload, served = self._payload, self._candidate.model
        if payload is None:
            path = f"{self._path}?model={quote(served, safe='')}" if self._asked else self._path
            return self._candidate.provider.http.relayed(b"GET", path, self._hop, under_api=self._under_api)
        if len(payload.start) <= jsontext.LARGE:
            beginning = payload.beginning(self._asked, served)
        else:
            beginning = await in_thread(payload.beginning, self._asked, served)
        stream, length = None, payload.length
        if payload.rest is not None:
            stream = PayloadStream(payload, beginning)
            if length is not None:
                length += len(beginning) - len(payload.start)
        return self._candidate.provider.http.relayed(
            b"POST",
            self._path,
            self._hop,
            b"" if stream is not None else beginning,
            stream=stream,
            length=length,
            content_type=payload.kind,
            under_api=self._under_api,
            model=served,
        )

    def next_place(self, _target: bytes) -> bool:
        """Never: a body that is relayed may be spent."""
        return False

    def place_found(self) -> None:
        """See ``next_place``."""

    adapted = ()

    async def adapt(self, _refusal: Refused) -> bool:
        """Never changes the request, since the body is the client's own."""
        return False

    def taken(self) -> None:
        """See ``adapted``."""


class RelayReader:
    """See ``attempt.Reader``."""

    __slots__ = ("_exchange", "first", "is_whole", "kind")

    def __init__(self) -> None:
        self.first = b""
        """The first bytes of the answer."""
        self.kind = b""
        """The content type of the answer, written anew by Linx."""
        self.is_whole = False
        """Is ``first`` the whole answer?"""
        self._exchange: Source | None = None  # None until the head of the answer has come

    async def gate(self, exchange: Source, timed: Timed) -> None:
        self._exchange = exchange
        media = (exchange.header("content-type") or "").strip()
        self.kind = media.encode("ascii") if _MEDIA_TYPE.fullmatch(media) else b"application/octet-stream"
        data = await timed(exchange.read())
        is_text = self.kind.startswith(_TEXTS)
        while is_text and data and len(data) < TELLING and not exchange.is_whole:
            more = await timed(exchange.read())
            if not more:
                break
            data += more
        if not data:
            raise EmptyAnswer("sent an empty answer")
        if self.kind.startswith(b"text/html"):
            raise Garbled("sent an HTML page instead of an answer")
        if is_text and _ERROR.match(data):
            raise _refusal(data)
        self.first = data
        self.is_whole = exchange.is_whole

    def read(self) -> Coroutine[None, None, bytes]:
        """The next bytes of the answer; b"" at its end. Raises AttemptError."""
        assert self._exchange is not None
        return self._exchange.read()


def _refusal(data: bytes) -> AttemptError:
    """The error in an answer whose status is 200."""
    text = data[data.index(b"{") : MAX_ERROR_BODY].partition(b"\n")[0]
    try:
        return event_failure(jsontext.loads(text)["error"])
    except jsontext.InvalidJSON:
        return Garbled("sent an error instead of an answer")
