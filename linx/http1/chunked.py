"""Reading a chunked HTTP body, strictly, and as cheaply as its commonest shape allows.

No I/O and no HTTP library: server and upstream feed the scanner what their sockets gave.
The rule: whatever is accepted here is accepted by h11 with the same payload, but not the
other way round. Sizes are bare hex digits, line ends are CRLF, extensions are well formed
and bounded over the whole body, and trailers are checked, then dropped. Where the input is
cut into reads changes nothing.
"""

from __future__ import annotations

import re

from linx.http1.grammar import TOKEN_PATTERN

MAX_EXTENSIONS = 16 * 1024  # bytes of chunk extensions in one body, as hyper has it
MAX_TRAILERS = 16 * 1024  # bytes of the trailer section
MAX_TRAILER_FIELDS = 100

# Possessive as TOKEN_PATTERN is, for the same reason. What is repeated stands in an atomic group: possessive repeats
# of Python before 3.11.5 keep the half of a last round that did not match, so that "1;a=" would pass.
_QUOTED = rb'"(?:(?>[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff]))*+"'
_PLAIN_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})\r\n")
_EXTENSION = rb"(?:(?>;%b(?:(?>=(?:%b|%b)))?+))" % (TOKEN_PATTERN, TOKEN_PATTERN, _QUOTED)
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(" + _EXTENSION + rb"*+)")
_TRAILER = re.compile(rb"(" + TOKEN_PATTERN + rb"):[\t \x21-\x7e\x80-\xff]*")

_LENGTHS = {form % length: length for length in range(1, 2049) for form in (b"%x\r\n", b"%X\r\n")}
"""The size lines of chunks of usual length, as nearly all clients and providers write them."""
_LONGEST_USUAL_LINE = max(map(len, _LENGTHS))

_LAST_CHUNK = b"0\r\n\r\n"  # without extensions and trailers

_MAX_LINE = 16 + MAX_EXTENSIONS

# A trailer arrives after every decision that these fields take part in (RFC 9110 6.5.1).
_NOT_IN_TRAILERS = frozenset({
    b"authorization", b"connection", b"content-encoding", b"content-length", b"content-range", b"content-type",
    b"cookie", b"expect", b"host", b"keep-alive", b"origin", b"proxy-authenticate", b"proxy-authorization",
    b"proxy-connection", b"set-cookie", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"www-authenticate",
    b"x-api-key",
})  # fmt: skip

_SIZE, _DATA, _FOOTER, _TRAILERS, _DONE = range(5)


class FramingError(Exception):
    """The other side does not write HTTP; nothing more of this connection can be trusted."""


class ChunkScanner:
    """Feed it what was read; it gives the payload back.

    ``is_done`` once the body is complete, and then ``rest`` is what followed it.
    ``pending`` is how much of the running chunk is still to come, so that a caller with a
    bound can refuse a chunk by its size alone.
    """

    __slots__ = ("_extensions", "_line", "_state", "_trailer_bytes", "_trailers", "is_done", "pending", "rest")

    def __init__(self) -> None:
        self.is_done = False
        self.pending = 0
        self.rest = b""
        self._state = _SIZE
        self._line = bytearray()  # the beginning of a line that a read has torn
        self._extensions = 0
        self._trailers = 0
        self._trailer_bytes = 0

    def feed(self, data: bytes) -> bytes:
        """The payload in ``data``; raises FramingError."""
        if self._state == _SIZE and not self._line:
            # A read that is one whole chunk, as a frame that is waited for comes, is two slices.
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
        """Take the chunks that lie whole in ``data`` and have no extension; returns the position behind them."""
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
        """Read up to a line's end, or keep what there is of the line; returns the position behind it."""
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
        """Refuse what no further byte could mend, so that it need not be kept in memory."""
        length = len(self._line)
        if self._state == _FOOTER:
            if self._line != b"\r":
                raise FramingError("a chunk is longer than its size says")
        elif self._state == _SIZE:
            # One more for the CR, which may be the last byte that came.
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
