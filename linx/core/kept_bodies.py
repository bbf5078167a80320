"""The bodies of the last requests, kept in memory for the dashboard: as the client sent it, as each provider got
it, and what was answered.

Rule: memory is bounded whatever is sent. At most MOST_KEPT requests are kept, at most MAX_BODY bytes of each body, and
at most MAX_BYTES of all that was sent to Linx and to providers. A body that is in memory anyway is referred to and not
copied, unless it is larger: then its beginning is copied, so that the rest is free once the request is over. Secrets
are taken out when a body is shown.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Fields = Sequence[tuple[bytes, bytes]]

MOST_KEPT = 50
MAX_BODY = 256 * 1024
MAX_BYTES = 24 * 2**20
MOST_ASKED = 16  # requests to providers that are kept of one request


class Asked:
    """What one attempt has sent to its provider; of an attempt that asked again in another way, the last."""

    __slots__ = ("attempt", "body", "headers", "model", "provider", "size", "target")

    def __init__(self, attempt: object, provider: str, model: str, target: bytes, headers: Fields, body: bytes) -> None:
        self.attempt = attempt
        """Its record, by which it is recognised."""
        self.provider = provider
        self.model = model
        self.target = target
        self.headers = headers
        self.size = len(body)
        self.body = beginning(body)


class Kept:
    """One request. ``room`` is how many bytes of the answer are kept; 0 once the request is forgotten."""

    __slots__ = (
        "_all", "_counted", "_frames", "answer", "asked", "body", "head", "headers", "is_forgotten", "path", "query",
        "room", "size",
    )  # fmt: skip

    def __init__(self, all_kept: KeptBodies, path: str, query: str, headers: Fields, body: bytes) -> None:
        self._all = all_kept
        self.path = path
        self.query = query
        self.headers = headers
        self.size = len(body)
        self.body = beginning(body)
        self.asked: list[Asked] = []
        self.head = b""
        """The head of the answer."""
        self.answer = bytearray()
        """The beginning of the answer's body, and up to one read more."""
        self.room = MAX_BODY
        self.is_forgotten = False
        self._counted = 0  # bytes of the answer in which frames have been counted
        self._frames = 0

    @property
    def is_whole(self) -> bool:
        """Is all of the client's body here, so that it can be asked again?"""
        return not self.is_forgotten and len(self.body) == self.size

    def note_asked(self, asked: Asked) -> None:
        """An attempt is about to send a request to its provider."""
        if self.is_forgotten:
            return
        for place, earlier in enumerate(self.asked):
            if earlier.attempt is asked.attempt:
                self._all.size -= len(earlier.body)
                del self.asked[place]
                break
        if len(self.asked) < MOST_ASKED:
            self.asked.append(asked)
            self._all.add(len(asked.body))

    def frames(self, end: bytes) -> int:
        """The frames of the answer, as far as it is kept; each ends with ``end``."""
        size = len(self.answer)
        if size > self._counted:
            self._frames += self.answer.count(end, max(0, self._counted - len(end) + 1))
            self._counted = size
        return self._frames

    def forget(self) -> int:
        """Free the memory; returns how many bytes that were of all that ``KeptBodies`` counts."""
        size = len(self.body) + sum(len(one.body) for one in self.asked)
        self.is_forgotten = True
        self.room, self.body, self.head, self.answer = 0, b"", b"", bytearray()
        self.headers = ()
        self.asked.clear()
        return size


class KeptBodies:
    """The last requests with their bodies. ``is_on`` is ``server.capture``; switching it off forgets all."""

    __slots__ = ("_kept", "is_on", "size")

    def __init__(self) -> None:
        self.is_on = True
        self.size = 0
        """Bytes of the bodies that came from clients and went to providers."""
        self._kept: deque[Kept] = deque()

    def apply(self, *, is_on: bool) -> None:
        self.is_on = is_on
        if not is_on:
            while self._kept:
                self._forget_oldest()

    def keep(self, path: str, query: str, headers: Fields, body: bytes) -> Kept:
        """Begin to keep what a request sends and gets. The caller has looked at ``is_on``."""
        kept = Kept(self, path, query, headers, body)
        self._kept.append(kept)
        if len(self._kept) > MOST_KEPT:
            self._forget_oldest()
        self.add(len(kept.body))
        return kept

    def add(self, size: int) -> None:
        """Count bytes that are kept from now on, and forget old requests if they are too many."""
        self.size += size
        while self.size > MAX_BYTES and len(self._kept) > 1:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        self.size -= self._kept.popleft().forget()


def beginning(body: bytes) -> bytes:
    return body if len(body) <= MAX_BODY else body[:MAX_BODY]
