"""A request head that has passed all checks, and the last head of a connection, to be recognised when it repeats."""

from __future__ import annotations

import msgspec

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


class LastHead:
    """The last head of a connection, which recognises the same head with another Content-Length."""

    __slots__ = ("_head", "_known")

    def __init__(self) -> None:
        self._head: Head | None = None
        self._known: KnownHead | None = None

    def keep(self, head: Head) -> None:
        """Remember ``head``, which has passed all checks."""
        self._head = self._known = None
        if len(head.raw) <= LONGEST:
            self._head = head
            self._known = KnownHead(head.raw, head.fields, CONTENT_LENGTH)

    def take(self, buffer: bytearray) -> Head | None:
        """If the buffer begins with the same head, remove it and return it; it needs no further check."""
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
