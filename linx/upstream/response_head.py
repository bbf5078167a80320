"""Checks and reads the head of a provider's response, and decides how its body is framed.

No I/O. There are three checks: Linx's own gate looks at the bytes, h11 reads them, and the
framing of the body is decided by stricter rules than h11's. A head that fails any of them is
Garbled. ``address`` (host:port) names the provider in errors.
"""

from __future__ import annotations

import re

import msgspec

from linx.core.attempt_errors import Garbled
from linx.core.redaction import SHOWN
from linx.http1.grammar import PLAIN_LENGTH, STATUS_LINE
from linx.http1.h11_heads import HeadRefused, read_response
from linx.http1.repeated_head import DATE, LONGEST, Fields, KnownHead

MAX_HEAD = 64 * 1024  # bytes of one response head
MAX_FIELDS = 200
MAX_STATUS_LINE = 4096  # bytes of a bad status line that are kept, to be redacted before they are cut

_START = b"HTTP/1."
# A NUL, a CR or LF alone, a folded line.
_BAD_BYTES = re.compile(rb"\x00|(?<!\r)\n|\r[^\n]|\r\n[ \t]")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_CONTROL_IN_LINES = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_DECIDING = frozenset((b"content-length", b"transfer-encoding", b"connection", b"content-encoding"))
_WITHOUT_BODY = frozenset((204, 304))

ANSWERS = frozenset((200, 201, 202, 203))
"""The statuses of an answer, if it has a body: some servers create a completion with a 201, gateways make it a 203."""


# A struct of msgspec, since making a frozen dataclass takes 2 µs, and making this struct 0.15 µs.
class ResponseHead(msgspec.Struct, frozen=True, gc=False):
    """The head of a response. Its body has ``length`` bytes, or is chunked, or else ends with EOF."""

    status: int
    headers: Fields
    """Names are in lower case. A field with control bytes in its value is left out."""
    length: int | None
    is_chunked: bool
    coding: bytes
    """Content-Encoding, lower case, b"" for none."""
    keeps_alive: bool
    ahead: bytes
    """The bytes that were read after the head."""


def check_start(seen: bytearray, checked: int, address: str) -> None:
    """Refuse bytes that cannot become a valid head at once, without waiting for the blank line.

    ``seen`` is all that has been read; its first ``checked`` bytes have passed this check.
    """
    if not _START.startswith(bytes(seen[: len(_START)])):
        raise _not_http(bytes(seen), address)
    if _BAD_BYTES.search(seen, checked):
        raise Garbled(f"{address} sent a response head with a bare line end, a NUL or a folded line")
    if len(seen) > MAX_HEAD:
        raise Garbled(f"{address} sent a response head of more than {MAX_HEAD} bytes")


def check_head(head: bytes, address: str) -> int:
    """The gate: check the bytes of a whole head, and return its status. Raises Garbled."""
    found = STATUS_LINE.match(head)
    if found is None:
        raise _not_http(head, address)
    if _BAD_BYTES.search(head):
        raise Garbled(f"{address} sent a response head with a bare line end, a NUL or a folded line")
    if len(head) > MAX_HEAD:
        raise Garbled(f"{address} sent a response head of more than {MAX_HEAD} bytes")
    if head.count(b"\r\n") - 2 > MAX_FIELDS:
        raise Garbled(f"{address} sent a response head of more than {MAX_FIELDS} fields")
    return int(found[1])


def read_head(head: bytes, ahead: bytes, address: str, *, is_head: bool) -> ResponseHead:
    """Read the head of a final response that has passed the gate.

    ``is_head``: it answers a HEAD request, so there is no body.
    """
    try:
        parsed = read_response(head)
    except HeadRefused as error:
        raise Garbled(f"{address} sent a response head that is not valid HTTP ({error})") from None
    length: int | None = None
    coding = b""
    is_chunked = False
    is_http11 = keeps_alive = parsed.http_version == b"1.1"
    fields = parsed.fields if _CONTROL_IN_LINES.search(head) is None else _without_controls(parsed.fields, address)
    for name, value in fields:
        if name not in _DECIDING:
            continue
        if name == b"content-length":
            if not PLAIN_LENGTH.fullmatch(value):
                raise Garbled(f"{address} sent a Content-Length that is no plain number")
            length = int(value)
        elif name == b"transfer-encoding":
            if is_chunked or value.lower() != b"chunked":
                raise Garbled(f"{address} sent a Transfer-Encoding other than chunked")
            is_chunked = True
        elif name == b"connection":
            keeps_alive = keeps_alive and b"close" not in [each.strip() for each in value.lower().split(b",")]
        else:
            coding = coding + b"," + value.lower() if coding else value.lower()
    if is_chunked and (length is not None or not is_http11):
        raise Garbled(f"{address} framed its answer in two ways that contradict each other")
    if coding == b"identity":
        coding = b""
    if is_head or parsed.status in _WITHOUT_BODY:
        length, is_chunked, coding = 0, False, b""
    return ResponseHead(parsed.status, fields, length, is_chunked, coding, keeps_alive, ahead)


def _without_controls(fields: Fields, address: str) -> Fields:
    """The fields without control bytes in their values. Raises Garbled if a field that Linx decides by has some."""
    clean = []
    for name, value in fields:
        if not _CONTROL.search(value):
            clean.append((name, value))
        elif name in _DECIDING:
            raise Garbled(f"{address} sent control characters in its {name.decode('latin-1')} header")
    return clean


class LastResponseHead:
    """The last head of a connection, which recognises the same head with another date."""

    __slots__ = ("_head", "_known")

    def __init__(self) -> None:
        self._head: ResponseHead | None = None
        self._known: KnownHead | None = None

    def keep(self, raw: bytes, head: ResponseHead) -> None:
        """Remember ``raw``, which was read as ``head``. Not for answers to HEAD, whose bodies are framed otherwise."""
        self._head = self._known = None
        if len(raw) <= LONGEST:
            # Without ``ahead``, which may be large.
            self._head = msgspec.structs.replace(head, ahead=b"")
            self._known = KnownHead(raw, head.headers, DATE)

    def find(self, data: bytes) -> ResponseHead | None:
        """The head at the start of ``data``, if it is the last head again, which needs no further check; else None."""
        last, known = self._head, self._known
        if last is None or known is None or not (end := known.end_in(data)):
            return None
        return ResponseHead(
            last.status, known.fields(), last.length, last.is_chunked, last.coding, last.keeps_alive, data[end:]
        )


def _not_http(start: bytes, address: str) -> Garbled:
    """Says what the first bytes of an answer are, if they are not HTTP/1."""
    if start[:2] in (b"\x15\x03", b"\x16\x03"):
        return Garbled(f"{address} answered in TLS: is its URL https:// instead of http://?")
    if (start[3:4] == b"\x04" and start[:2] == b"\x00\x00") or start.startswith(b"HTTP/2"):
        return Garbled(f"{address} answered in HTTP/2; Linx speaks HTTP/1.1")
    line, end, _rest = start[:MAX_STATUS_LINE].partition(b"\n")
    # Of a line that is not all there only the start is told: half a key could not be recognised.
    told = line.rstrip(b"\r").decode("latin-1") if end else line[:SHOWN].decode("latin-1") + "…"
    return Garbled(f"{address} did not answer in HTTP/1.1", said=told)
