"""A request head that has passed all checks, and the last heads, to be recognised when they repeat.

A connection keeps its last head. A listener keeps the first heads of its last connections, for clients that open a
connection for each request. Rule: a head with a key, be it in a field or in front of the path, is kept no longer than
its connection.
"""

from __future__ import annotations

import msgspec

from linx.core.kept_bodies import CREDENTIALS
from linx.http1.repeated_head import CONTENT_LENGTH, LONGEST, Fields, KnownHead


# A struct of msgspec, since making a frozen dataclass takes 2 µs, and making this struct 0.2 µs.
class Head(msgspec.Struct, frozen=True, gc=False):
    """A request head that has passed the gate."""

    raw: bytes
    """The bytes of the head, with its blank line."""
    method: bytes
    target: bytes
    path: str
    query: str
    is_http10: bool
    host: bytes
    fields: Fields
    """The fields that Linx uses; names in lower case. Fields with an underscore are left out, except ``session_id``."""
    received: Fields
    """All fields as they came; names in lower case."""
    content_length: int | None
    is_chunked: bool
    expect: bytes
    keeps_alive: bool


MOST_FIRST = 4  # of a listener; a client's program sends the same head on each of its connections


class FirstHeads:
    """The heads that the last connections of a listener have begun with."""

    def __init__(self) -> None:
        self._heads: list[tuple[Head, KnownHead]] = []

    def keep(self, head: Head, known: KnownHead) -> None:
        """Remember ``head``, which has passed all checks, unless it has a key."""
        if b"/k/" not in head.target and not any(name in CREDENTIALS for name, _value in head.received):
            self._heads = [(head, known), *self._heads[: MOST_FIRST - 1]]

    def find(self, buffer: bytearray) -> tuple[Head, KnownHead] | tuple[None, None]:
        """The head that the buffer begins with, but for its Content-Length."""
        for head, known in self._heads:
            if known.end_in(buffer):
                return head, known
        return None, None


class LastHead:
    """The last head of a connection, which recognises the same head with another Content-Length.

    The first head of the connection is looked for among ``firsts``.
    """

    __slots__ = ("_firsts", "_head", "_known")

    def __init__(self, firsts: FirstHeads) -> None:
        self._firsts: FirstHeads | None = firsts  # None once the connection has begun
        self._head: Head | None = None
        self._known: KnownHead | None = None

    def keep(self, head: Head) -> None:
        """Remember ``head``, which has passed all checks."""
        self._head = self._known = None
        if len(head.raw) <= LONGEST:
            self._head = head
            self._known = KnownHead(head.raw, head.fields, CONTENT_LENGTH)
            if self._firsts is not None:
                self._firsts.keep(head, self._known)
        self._firsts = None

    def take(self, buffer: bytearray) -> Head | None:
        """If the buffer begins with the same head, remove it and return it; it needs no further check."""
        if self._firsts is not None:
            self._head, self._known = self._firsts.find(buffer)
            if self._head is not None:
                self._firsts = None
        last, known = self._head, self._known
        if last is None or known is None or not (end := known.end_in(buffer)):
            return None
        raw = bytes(buffer[:end])
        del buffer[:end]
        return Head(
            raw,
            last.method,
            last.target,
            last.path,
            last.query,
            last.is_http10,
            last.host,
            known.fields(),
            [],
            int(known.value) if known.value else last.content_length,
            last.is_chunked,
            last.expect,
            last.keeps_alive,
        )
