"""The bodies of the last requests, kept in memory for the dashboard: of clients, to providers, and of answers.

Rule: memory is bounded whatever is sent. At most MOST_KEPT requests are kept, at most MAX_BODY bytes of each body, and
at most MAX_LARGE bytes of all larger ones. A body that is in memory anyway is referred to and not copied, unless it is
larger than MAX_BODY: then its beginning is copied, so that the rest is free once the request is over. Secrets are taken
out when a body is shown.

Of a client's headers no key is kept: it may be the client's own key at a provider. Little is done for each request: a
kept request is a few references.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

import msgspec

Fields = Sequence[tuple[bytes, bytes]]

CREDENTIALS = frozenset(
    (
        *(b"authorization", b"proxy-authorization", b"x-api-key", b"api-key", b"x-goog-api-key"),
        *(b"cookie", b"set-cookie"),
    )
)
"""Header fields of which nothing is kept or shown but that they were there."""
HIDDEN = "…"
MOST_KEPT = 50
MAX_BODY = 256 * 1024
SMALL = 16 * 1024  # bytes of a body that are not counted
MAX_LARGE = 24 * 2**20
MOST_ASKED = 16  # requests to providers that are kept of one request


class Written(Protocol):
    """A request to a provider: ``upstream.pool.Sending``, or what is kept of one."""

    @property
    def target(self) -> bytes: ...
    @property
    def headers(self) -> Fields: ...
    @property
    def body(self) -> bytes: ...


class Beginning(msgspec.Struct):
    """What is kept of a request to a provider whose body is large, or was relayed as it came."""

    target: bytes
    headers: Fields
    body: bytes
    size: int | None
    """Of the whole body; None where it was relayed as it came, and nothing of it is kept."""


class Kept(msgspec.Struct):
    """One request."""

    bodies: KeptBodies
    path: str
    query: str
    headers: Fields
    body: bytes
    size: int
    """Of the client's whole body."""
    head: bytes = b""
    """The head of the answer."""
    answer: bytearray = msgspec.field(default_factory=bytearray)
    """The beginning of the answer's body, and up to one read more."""
    asked: list[tuple[object, Written]] = []
    """The record of each attempt, and what it sent last."""
    large: int = 0
    """Bytes that are counted among all large bodies."""
    counted: int = 0
    """Bytes of the answer in which frames have been counted."""
    frames_counted: int = 0

    @property
    def is_whole(self) -> bool:
        """Is all of the client's body here, so that it can be asked again?"""
        return len(self.body) == self.size

    def note_asked(self, attempt: object, sending: Written, *, is_stream: bool) -> None:
        """An attempt is about to send a request to its provider. What it sent before, in another way, is forgotten."""
        asked, size = self.asked, len(sending.body)
        if asked and (place := next((at for at, (one, _) in enumerate(asked) if one is attempt), None)) is not None:
            del asked[place]
        if len(asked) >= MOST_ASKED:
            return
        if size > SMALL or is_stream:
            body = sending.body[:MAX_BODY]
            sending = Beginning(sending.target, sending.headers, body, None if is_stream else size)
            self.bodies.count(self, len(body))
        asked.append((attempt, sending))

    def frames(self, end: bytes) -> int:
        """The frames of the answer, as far as it is kept; each ends with ``end``."""
        size = len(self.answer)
        if size > self.counted:
            self.frames_counted += self.answer.count(end, max(0, self.counted - len(end) + 1))
            self.counted = size
        return self.frames_counted


class Keeper(Protocol):
    """An answer on its way, which adds to ``kept``."""

    kept: Kept | None


class Keeping(Protocol):
    """A request's record."""

    kept: Kept | None

    @property
    def answer(self) -> Keeper | None: ...


class KeptBodies:
    """The last requests with their bodies. ``is_on`` is ``server.capture``; switching it off forgets all."""

    __slots__ = ("_records", "is_on", "large")

    def __init__(self) -> None:
        self.is_on = True
        self.large = 0
        """Bytes of the large bodies that came from clients and went to providers."""
        self._records: deque[Keeping] = deque()

    def apply(self, *, is_on: bool) -> None:
        self.is_on = is_on
        if not is_on:
            while self._records:
                self._forget_oldest()

    def keep(self, record: Keeping, answer: Keeper, path: str, query: str, headers: Fields, body: bytes) -> None:
        """Begin to keep what a request sends and gets. The caller has looked at ``is_on``."""
        size = len(body)
        record.kept = answer.kept = kept = Kept(self, path, query, headers, body, size)
        records = self._records
        records.append(record)
        if len(records) > MOST_KEPT:
            self._forget_oldest()
        if size > SMALL:
            kept.body = body[:MAX_BODY]  # the same object, unless it is longer
            self.count(kept, len(kept.body))

    def count(self, kept: Kept, size: int) -> None:
        """Count a large body, and forget old requests if those are too many."""
        kept.large += size
        self.large += size
        while self.large > MAX_LARGE and len(self._records) > 1:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        record = self._records.popleft()
        kept, record.kept = record.kept, None
        if kept is not None:
            self.large -= kept.large
        if record.answer is not None:
            record.answer.kept = None
