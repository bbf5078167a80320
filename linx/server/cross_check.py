"""Compares h11's reading of each request head with the gate's reading.

Request smuggling needs two parsers that read one head differently. So a head that the gate
and h11 read differently is refused, whichever of them is right. Linx uses the gate's
reading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.errors import BadRequest
from linx.http1.h11_heads import HeadRefused, read_request

if TYPE_CHECKING:
    from linx.http1.h11_heads import Fields
    from linx.server.head import Head


def cross_check(head: Head) -> None:
    """Raise BadRequest unless h11 reads the bytes of ``head`` as the gate has done."""
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
    # h11 turns the value of Transfer-Encoding into lower case; all other bytes must be equal.
    return (
        theirs == ours
        or [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in ours] == theirs
    )
