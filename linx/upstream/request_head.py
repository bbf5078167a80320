"""The head of a request to a provider, written by hand from parts that are checked on the way."""

from __future__ import annotations

import functools
import re

from linx.core.errors import ConnectFailed, quote
from linx.http1.grammar import TOKEN

_VALUE = re.compile(rb"(?:[\x21-\x7e]+(?:[ \t]+[\x21-\x7e]+)*)?")
_TARGET = re.compile(rb"/[\x21-\x7e]*")
_OURS = frozenset((b"host", b"content-length", b"transfer-encoding", b"connection"))
_WITHOUT_BODY = frozenset((b"GET", b"HEAD", b"DELETE"))
"""Methods whose request says nothing of a body where there is none."""
_MOST_KEPT_FIELDS = 12
"""A head of more fields holds some of a client's own, so it is seldom asked for again and not kept."""

Headers = tuple[tuple[bytes, bytes], ...]


def request_head(method: bytes, target: bytes, authority: str, headers: Headers, length: int | None) -> bytes:
    """The head of a request with a body of ``length`` bytes; None means in chunks.

    Raises ConnectFailed, naming the field but never its value, for what may not be sent.
    """
    make = _kept_start if len(headers) <= _MOST_KEPT_FIELDS else _start
    start = make(method, target, authority, headers)
    if length is None:
        return start + b"Transfer-Encoding: chunked\r\n\r\n"
    if length or method not in _WITHOUT_BODY:
        return b"%sContent-Length: %d\r\n\r\n" % (start, length)
    return start + b"\r\n"


def _start(method: bytes, target: bytes, authority: str, headers: Headers) -> bytes:
    """The head but for the framing of the body and the blank line."""
    if not TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise ConnectFailed("the request was not sent: its path holds a space, a control or a non-ASCII character")
    lines = [b"%s %s HTTP/1.1\r\nHost: %s\r\n" % (method, target, authority.encode("ascii"))]
    for name, value in headers:
        if not TOKEN.fullmatch(name) or name.lower() in _OURS:
            raise ConnectFailed(f"the request was not sent: {_shown(name)!r} may not be a header of it")
        if not _VALUE.fullmatch(value):
            raise ConnectFailed(
                f"the request was not sent: the value of its header {_shown(name)!r} is not plain visible ASCII"
            )
        lines.append(b"%s: %s\r\n" % (name, value))
    return b"".join(lines)


# Nearly every request to a provider begins with the same head: it is checked once, then looked up.
_kept_start = functools.lru_cache(maxsize=64)(_start)


def _shown(name: bytes) -> str:
    return quote(name.decode("latin-1"), 40)
