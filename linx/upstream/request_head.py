"""Writes the head of a request to a provider, and checks its parts."""

from __future__ import annotations

import functools
import re

from linx.core.attempt_errors import ConnectFailed
from linx.core.errors import quote
from linx.http1.grammar import TOKEN

_VALUE = re.compile(rb"(?:[\x21-\x7e]+(?:[ \t]+[\x21-\x7e]+)*)?")
_TARGET = re.compile(rb"/[\x21-\x7e]*")
_OURS = frozenset((b"host", b"content-length", b"transfer-encoding", b"connection"))
_WITHOUT_BODY = frozenset((b"GET", b"HEAD", b"DELETE"))
"""Methods whose requests have no Content-Length if they have no body."""
_MOST_KEPT_FIELDS = 12
"""A head with more fields contains fields of a client, so it seldom repeats and is not cached."""

Headers = tuple[tuple[bytes, bytes], ...]


def request_head(
    method: bytes,
    target: bytes,
    authority: str,
    headers: Headers,
    length: int | None,
    *,
    is_kept: bool = True,
    is_last: bool = False,
) -> bytes:
    """The head of a request with a body of ``length`` bytes; None: the body is sent in chunks.

    ``is_last``: the server is asked to close the connection behind its answer.
    ``is_kept``: may the head be kept for the next request, so that no client's own key is in it?
    Raises ConnectFailed for what may not be sent. The error names the field, never its value.
    """
    make = _kept_start if is_kept and len(headers) <= _MOST_KEPT_FIELDS else _start
    start = make(method, target, authority, headers)
    if is_last:
        start += b"Connection: close\r\n"
    if length is None:
        return start + b"Transfer-Encoding: chunked\r\n\r\n"
    if length or method not in _WITHOUT_BODY:
        return b"%sContent-Length: %d\r\n\r\n" % (start, length)
    return start + b"\r\n"


def _start(method: bytes, target: bytes, authority: str, headers: Headers) -> bytes:
    """The head without the fields that frame the body and without the blank line."""
    if not TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise ConnectFailed("the request was not sent: its path has a space, a control or a non-ASCII character")
    lines = [b"%s %s HTTP/1.1\r\nHost: %s\r\n" % (method, target, authority.encode("ascii"))]
    for name, value in headers:
        if not TOKEN.fullmatch(name) or name.lower() in _OURS:
            raise ConnectFailed(f"the request was not sent: the header {_shown(name)!r} is not allowed")
        if not _VALUE.fullmatch(value):
            raise ConnectFailed(
                f"the request was not sent: the value of the header {_shown(name)!r} is not plain visible ASCII"
            )
        lines.append(b"%s: %s\r\n" % (name, value))
    return b"".join(lines)


# Nearly all requests to a provider begin with the same head, so it is cached once it has been checked.
_kept_start = functools.lru_cache(maxsize=64)(_start)


def _shown(name: bytes) -> str:
    return quote(name.decode("latin-1"), 40)
