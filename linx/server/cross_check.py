"""h11 reads the head of every request too, and must read what the gate has read.

Two parsers that understand one head differently are how requests are smuggled, so a
difference is refused whichever of the two is right. Linx goes by its own reading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.errors import BadRequest
from linx.http1.h11_heads import HeadRefused, read_request

if TYPE_CHECKING:
    from linx.http1.h11_heads import Fields
    from linx.server.head import Head


def cross_check(head: Head) -> None:
    """Raise BadRequest unless h11 reads the bytes of ``head`` as the gate has read them."""
    try:
        theirs = read_request(head.raw)
    except HeadRefused:
        raise BadRequest("The request head is malformed") from None
    if (
        theirs.method != head.method
        or theirs.target != head.target
        or (theirs.http_version == b"1.0") != head.is_http10
        or theirs.is_chunked != head.is_chunked
        or theirs.content_length != (head.content_length or 0)
        or not _are_same(theirs.fields, head.received)
    ):
        raise BadRequest("The request head can be read in two ways")


def _are_same(theirs: Fields, ours: Fields) -> bool:
    # h11 writes a coding in lower case; everything else must be the same to the byte.
    return (
        theirs == ours
        or [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in ours] == theirs
    )
