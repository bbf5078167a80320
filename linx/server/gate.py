"""The gate for request heads: turns bytes into a Head, or refuses them with a reason.

No I/O. h11 does not have these rules, or has laxer ones; each rule stops a known way to
smuggle a request past some server. The verdict depends on the bytes alone, not on how they
are cut into reads: the answer is about the first mistake in the stream. A clean head that
came in one read takes a fast path; any other head is checked line by line. Both paths call
the same functions for a line.
"""

from __future__ import annotations

import re

from linx.core.errors import (
    BadRequest,
    HeadTooLarge,
    MethodNotAllowed,
    NotImplementedHere,
    RequestError,
    TargetTooLong,
    VersionNotSupported,
)
from linx.http1.grammar import PLAIN_LENGTH, TOKEN, TOKEN_BYTES
from linx.server.head import Head

MAX_HEAD = 32 * 1024  # bytes, the blank line included
MAX_FIELDS = 100
MAX_TARGET = 8 * 1024
MAX_METHOD = 32
_MAX_REQUEST_LINE = MAX_METHOD + 1 + MAX_TARGET + 1 + len("HTTP/1.1")

_CLEAN = bytes(byte for byte in range(256) if byte >= 0x20 and byte != 0x7F) + b"\t\r\n"
_ILLEGAL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?=[^\n])|(?<!\r)\n")
_TARGET = re.compile(rb"[\x21\x22\x24-\x5b\x5d-\x7e]+")  # visible ASCII without "#" and "\"
_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,255})(?::([0-9]{1,5}))?")

_METHODS = "GET, HEAD, POST, DELETE, OPTIONS"
_TLS_HELLO = 0x16

# Fields by which Linx decides something, and which would be ambiguous if they came more than once.
_ONCE = frozenset({
    b"access-control-request-headers", b"access-control-request-method", b"access-control-request-private-network",
    b"anthropic-version", b"api-key", b"authorization", b"content-encoding", b"content-length", b"content-type",
    b"expect", b"host", b"origin", b"proxy-authorization", b"sec-fetch-dest", b"sec-fetch-mode", b"sec-fetch-site",
    b"transfer-encoding", b"x-api-key", b"x-linx-local-only",
})  # fmt: skip

# Some servers read an underscore in the name of a field as a hyphen.
_TWINS = frozenset({b"content_length", b"transfer_encoding"})
_WITH_UNDERSCORE = frozenset({b"session_id"})
"""The field in which Codex sends its session. Linx uses no field ``session-id`` that it could be confused with."""


class Gate:
    """Finds one head at the start of a buffer. Between two calls of ``take`` the buffer may only grow."""

    __slots__ = ("_fields", "_is_http10", "_line", "_seen", "method", "target")

    def __init__(self) -> None:
        self.target = b""
        """The request target; b"" until the request line has been checked."""
        self.method = b""  # known as soon as the target is
        self._is_http10 = False
        self._fields: list[tuple[bytes, bytes]] = []
        self._line = 0  # where in the buffer the first unchecked line begins
        self._seen = 0  # how many bytes of the buffer have been searched

    def take(self, buffer: bytearray) -> Head | None:
        """Remove one head from the buffer; None while it is incomplete. Raises RequestError."""
        if not buffer:
            return None
        if not self._seen:
            end = buffer.find(b"\r\n\r\n", 0, MAX_HEAD)
            if end > 0:
                raw = bytes(buffer[: end + 4])
                lines = raw[:end].split(b"\r\n")
                # If all CRs and LFs are in CRLFs and there is no other control byte, no byte of the head is illegal.
                if (
                    raw.count(b"\r") == raw.count(b"\n") == len(lines) + 1
                    and not raw.translate(None, _CLEAN)
                    and len(lines[0]) <= _MAX_REQUEST_LINE
                ):
                    del buffer[: end + 4]
                    self._request_line(lines[0])
                    for line in lines[1:]:
                        self._field_line(line)
                    return self._finish(raw)
        return self._judge(buffer)

    def _judge(self, buffer: bytearray) -> Head | None:
        """Check the new bytes in the order of the stream."""
        if buffer[0] == _TLS_HELLO:
            raise BadRequest("The request is TLS, but this port speaks plain HTTP: use http:// instead of https://")
        bad = _ILLEGAL.search(buffer, max(0, self._seen - 1))
        stop = min(bad.start() if bad else len(buffer), MAX_HEAD)
        while (end := buffer.find(b"\r\n", max(self._line, self._seen - 1), stop)) >= 0:
            line = bytes(buffer[self._line : end])
            if not self._line:
                self._check_start(line, len(line))
                self._request_line(line)
            elif line:
                self._field_line(line)
            else:
                raw = bytes(buffer[: end + 2])
                del buffer[: end + 2]
                return self._finish(raw)
            self._line = end + 2
        if not self._line:
            # A CR at the end may be the first half of a line end.
            self._check_start(buffer, stop - 1 if buffer[stop - 1 : stop] == b"\r" else stop)
        if bad and bad.start() < MAX_HEAD:
            raise BadRequest("The request head has a control character or a bare line end")
        if len(buffer) > MAX_HEAD:
            raise HeadTooLarge(f"The request head is longer than {MAX_HEAD} bytes")
        self._seen = len(buffer)
        return None

    def _check_start(self, start: bytes | bytearray, length: int) -> None:
        """Check the length of a request line, whether or not its end has come."""
        if length > MAX_METHOD and start.find(b" ", 0, MAX_METHOD + 1) < 0:
            raise BadRequest("This is not an HTTP request: it does not start with a method")
        if length > _MAX_REQUEST_LINE:
            raise _target_too_long()

    def _request_line(self, line: bytes) -> None:
        parts = line.split(b" ")
        if len(parts) != 3 or not TOKEN.fullmatch(parts[0]):
            raise BadRequest("The request line is malformed")
        method, target, version = parts
        if len(method) > MAX_METHOD:
            raise BadRequest("This is not an HTTP request: it does not start with a method")
        if len(target) > MAX_TARGET:
            raise _target_too_long()
        if version not in (b"HTTP/1.1", b"HTTP/1.0"):
            if _VERSION.fullmatch(version):
                raise VersionNotSupported("Linx speaks HTTP/1.1 and HTTP/1.0 only")
            raise BadRequest("The request line is malformed")
        if not _TARGET.fullmatch(target):
            raise BadRequest("The request target is malformed")
        self.method, self.target, self._is_http10 = method, target, version == b"HTTP/1.0"

    def _field_line(self, line: bytes) -> None:
        if len(self._fields) == MAX_FIELDS:
            raise HeadTooLarge(f"The request head has more than {MAX_FIELDS} fields")
        name, colon, value = line.partition(b":")
        # This also refuses folded lines, since they begin with a blank, which no name contains.
        if not colon or not name or name.translate(None, TOKEN_BYTES):
            raise BadRequest("A header field is malformed")
        self._fields.append((name.lower(), value.strip(b" \t")))

    def _finish(self, raw: bytes) -> Head:
        """Check the rules that need the whole head, and make the Head."""
        received = fields = self._fields
        once: dict[bytes, bytes] = {}
        connection = b""
        has_underscores = False
        for name, value in received:
            if name in _ONCE:
                if name in once:
                    raise BadRequest(f"The header field {name.decode()} is given more than once")
                once[name] = value
            elif name == b"connection":
                connection += b"," + value
            elif b"_" in name:
                if name in _TWINS:
                    raise BadRequest(f"The header field {name.decode()} must be written with a hyphen")
                has_underscores = True
        if has_underscores:
            fields = [field for field in received if b"_" not in field[0] or field[0] in _WITH_UNDERSCORE]
        keeps_alive = not self._is_http10
        if connection and b"close" in [option.strip(b" \t") for option in connection.lower().split(b",")]:
            keeps_alive = False
        is_chunked, content_length = self._framing(once)
        host, path, query = self._address(once.get(b"host"))
        return Head(
            raw,
            self.method,
            self.target,
            path,
            query,
            self._is_http10,
            host,
            fields,
            received,
            content_length,
            is_chunked,
            once.get(b"expect", b"").lower(),
            keeps_alive,
        )

    def _framing(self, once: dict[bytes, bytes]) -> tuple[bool, int | None]:
        """Whether the body is chunked, and its length if it is not."""
        length, coding = once.get(b"content-length"), once.get(b"transfer-encoding")
        if coding is not None:
            if length is not None:
                raise BadRequest("The request has both Content-Length and Transfer-Encoding")
            if self._is_http10:
                raise BadRequest("An HTTP/1.0 request must not have Transfer-Encoding")
            if coding.lower() != b"chunked":
                unknown = NotImplementedHere if TOKEN.fullmatch(coding) else BadRequest
                raise unknown("Linx supports no Transfer-Encoding but chunked")
            return True, None
        if length is None:
            return False, None
        if not PLAIN_LENGTH.fullmatch(length):
            raise BadRequest("Content-Length is not a plain decimal number")
        return False, int(length)

    def _address(self, host: bytes | None) -> tuple[bytes, str, str]:
        """Host, path and query, from the Host field and the target in any of its three forms."""
        if host is None:
            if not self._is_http10:
                raise BadRequest("The Host field is missing")
            host = b""
        elif not _is_host(host):
            raise BadRequest("The Host field is malformed")
        host, target = host.lower(), self.target
        if self.method == b"CONNECT":
            raise MethodNotAllowed("Linx is not a forward proxy and does not support CONNECT", _METHODS)
        if target[0] != 0x2F:
            if target == b"*" and self.method == b"OPTIONS":
                return host, "*", ""
            host, target = _origin_form(target, host)
        path, _, query = target.decode("ascii").partition("?")
        return host, path, query


def _origin_form(target: bytes, host: bytes) -> tuple[bytes, bytes]:
    """The host and the path of an absolute target. A Host field must name the same host."""
    if target[:7].lower() != b"http://":
        raise BadRequest("The request target is malformed")
    rest = target[7:]
    end = min((at for at in (rest.find(b"/"), rest.find(b"?")) if at >= 0), default=len(rest))
    authority, path = rest[:end].lower(), rest[end:]
    if not _is_host(authority):
        raise BadRequest("The request target is malformed")
    if host and authority != host:
        raise BadRequest("The request target and the Host field name different hosts")
    return authority, path if path.startswith(b"/") else b"/" + path


def _is_host(value: bytes) -> bool:
    match = _HOST.fullmatch(value)
    return match is not None and (match[1] is None or int(match[1]) <= 65535)


def _target_too_long() -> RequestError:
    return TargetTooLong(f"The request target is longer than {MAX_TARGET} bytes")
