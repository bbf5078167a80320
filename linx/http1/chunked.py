"""Reads a chunked HTTP body, strictly, with fast paths for the shapes that are common.

No I/O and no HTTP library: server and upstream feed the scanner what they read. The rule:
whatever is accepted here is accepted by h11 with the same payload; h11 accepts more. Sizes
are plain hex digits, line ends are CRLF, extensions must be well formed and are limited over
the whole body, and trailers are checked, then dropped. How the input is cut into reads makes
no difference.
"""

from __future__ import annotations

import re

from linx.http1.grammar import TOKEN_PATTERN

MAX_EXTENSIONS = 16 * 1024  # bytes of chunk extensions in one body; the HTTP library hyper has the same limit
MAX_TRAILERS = 16 * 1024  # bytes of the trailer section
MAX_TRAILER_FIELDS = 100

# Repeats are possessive, as in TOKEN_PATTERN and for the same reason. Their groups are atomic inside: before Python
# 3.11.5 a possessive repeat whose last round fails half-way keeps what that round had matched, so "1;a=" would pass.
_QUOTED = rb'"(?:(?>[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff]))*+"'
_PLAIN_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})\r\n")
_EXTENSION = rb"(?:(?>;%b(?:(?>=(?:%b|%b)))?+))" % (TOKEN_PATTERN, TOKEN_PATTERN, _QUOTED)
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(" + _EXTENSION + rb"*+)")
_TRAILER = re.compile(rb"(" + TOKEN_PATTERN + rb"):[\t \x21-\x7e\x80-\xff]*")

_LENGTHS = {form % length: length for length in range(1, 2049) for form in (b"%x\r\n", b"%X\r\n")}
"""The length for each size line up to 2048 bytes, as nearly all clients and providers write these lines."""
_LONGEST_USUAL_LINE = max(map(len, _LENGTHS))

_LAST_CHUNK = b"0\r\n\r\n"  # without extensions and trailers

_MAX_LINE = 16 + MAX_EXTENSIONS

# Fields that must not be trailers: Linx has decided by them before a trailer arrives (RFC 9110 6.5.1).
_NOT_IN_TRAILERS = frozenset({
    b"api-key", b"authorization", b"connection", b"content-encoding", b"content-length", b"content-range",
    b"content-type", b"cookie", b"expect", b"host", b"keep-alive", b"origin", b"proxy-authenticate",
    b"proxy-authorization", b"proxy-connection", b"set-cookie", b"te", b"trailer", b"transfer-encoding", b"upgrade",
    b"www-authenticate",
    b"x-api-key",
})  # fmt: skip

_SIZE, _DATA, _FOOTER, _TRAILERS, _DONE = range(5)


class FramingError(Exception):
    """The peer's framing is not valid HTTP, so nothing more from this connection can be trusted."""


class ChunkScanner:
    """``feed`` takes what was read and returns the payload in it.

    ``is_done`` is set when the body is complete; ``rest`` then has the bytes after it.
    ``pending`` is the number of bytes of the present chunk that are still to come, so that a
    caller with a limit can refuse a chunk by its announced size.
    """

    __slots__ = ("_extensions", "_line", "_state", "_trailer_bytes", "_trailers", "is_done", "pending", "rest")

    def __init__(self) -> None:
        self.is_done = False
        self.pending = 0
        self.rest = b""
        self._state = _SIZE
        self._line = bytearray()  # the beginning of a line whose end has not been read yet
        self._extensions = 0
        self._trailers = 0
        self._trailer_bytes = 0

    def feed(self, data: bytes) -> bytes:
        """The payload in ``data``; raises FramingError."""
        if self._state == _SIZE and not self._line:
            # Fast path for a read that is exactly one chunk, as a single frame of a stream usually is.
            start = data.find(b"\n") + 1
            length = _LENGTHS.get(data[:start])
            if length is not None and len(data) == start + length + 2 and data[-2:] == b"\r\n":
                return data[start:-2]
        if self._state == _DONE:
            self.rest += data
            return b""
        payload: list[bytes] = []
        position, size = 0, len(data)
        while position < size:
            state = self._state
            if state == _SIZE and not self._line:
                position = self._whole_chunks(data, position, payload)
                if position == size:
                    break
                if size - position == len(_LAST_CHUNK) and data[position:] == _LAST_CHUNK:
                    self._state = _DONE
                    self.is_done = True
                    break
                state = self._state
            if state == _DATA:
                piece = data[position : position + self.pending]
                payload.append(piece)
                position += len(piece)
                self.pending -= len(piece)
                if not self.pending:
                    self._state = _FOOTER
            elif state == _DONE:
                self.rest = data[position:]
                break
            else:
                position = self._read_line(data, position)
        return payload[0] if len(payload) == 1 else b"".join(payload)

    def _whole_chunks(self, data: bytes, position: int, payload: list[bytes]) -> int:
        """Add the payload of the chunks from ``position`` on that are complete in ``data`` and have no extension.

        Returns the position behind the last of them.
        """
        while True:
            start = data.find(b"\n", position, position + _LONGEST_USUAL_LINE) + 1
            length = _LENGTHS.get(data[position:start])
            if length is None:
                line = _PLAIN_LINE.match(data, position)
                if line is None:
                    break
                length = int(line[1], 16)
                start = line.end()
            end = start + length
            if not length or data[end : end + 2] != b"\r\n":
                break
            payload.append(data[start:end])
            position = end + 2
        return position

    def _read_line(self, data: bytes, position: int) -> int:
        """Read a line, or keep its beginning if its end is not in ``data``; returns the position behind it."""
        kept = self._line
        end = data.find(b"\n", position)
        if end < 0:
            kept += data[position:]
            self._check_torn_line()
            return len(data)
        kept += data[position : end + 1]
        if kept[-2:] != b"\r\n":
            raise FramingError("a line does not end with CRLF")
        line = bytes(kept[:-2])
        kept.clear()
        if self._state == _SIZE:
            self._size_line(line)
        elif self._state == _FOOTER:
            if line:
                raise FramingError("a chunk is longer than its size says")
            self._state = _SIZE
        else:
            self._trailer_line(line)
        return end + 1

    def _check_torn_line(self) -> None:
        """Refuse a line that is invalid already, whatever follows, so that it is not kept in memory."""
        length = len(self._line)
        if self._state == _FOOTER:
            if self._line != b"\r":
                raise FramingError("a chunk is longer than its size says")
        elif self._state == _SIZE:
            # One byte more than the limit, since the last byte so far may be the CR of the line end.
            if self._extensions + length > _MAX_LINE + 1:
                raise FramingError("too many chunk extensions")
        elif self._trailer_bytes + length > MAX_TRAILERS + 1:
            raise FramingError("the trailers are too long")

    def _size_line(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise FramingError("not a chunk size")
        self._extensions += len(match[2])
        if self._extensions > MAX_EXTENSIONS:
            raise FramingError("too many chunk extensions")
        self.pending = int(match[1], 16)
        self._state = _DATA if self.pending else _TRAILERS

    def _trailer_line(self, line: bytes) -> None:
        if not line:
            self._state = _DONE
            self.is_done = True
            return
        self._trailers += 1
        self._trailer_bytes += len(line)
        if self._trailers > MAX_TRAILER_FIELDS or self._trailer_bytes > MAX_TRAILERS:
            raise FramingError("the trailers are too long")
        match = _TRAILER.fullmatch(line)
        if match is None:
            raise FramingError("not a trailer field")
        if match[1].lower().replace(b"_", b"-") in _NOT_IN_TRAILERS:
            raise FramingError("a trailer field that may not be one")
