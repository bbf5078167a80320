"""One HTTP/1.1 connection to an origin: write a request, read the head of its answer.

A gate of our own looks at the bytes of a response head first, then h11 reads it, then
the framing is decided by stricter rules than h11's; whatever one of the three dislikes
is Garbled. The request head is written by hand from parts checked on the way.

A request that does not fit the kernel's buffers at once is sent beside the reading of the
answer: a server may refuse a long body before it has read it, and close.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import h11
import trio
from h11._readers import maybe_read_from_SEND_RESPONSE_server
from h11._receivebuffer import ReceiveBuffer

from linx.core.errors import ConnectFailed, Garbled, Reset, Stalled, quote
from linx.http1.repeated_head import DATE, LONGEST, Repeat
from linx.http1.transport import BREAKS, Transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MAX_HEAD = 64 * 1024  # bytes of one response head
MAX_FIELDS = 200
MAX_INTERIM = 8  # answers 1xx before the real one
SEND_STALL_S = 60.0
"""A server that takes no byte of a request for so long has stopped reading."""
SMALL = 16 * 1024
"""What every kernel's buffers take at once, so that sending it cannot block for long."""
BREATH = 256 * 1024  # bytes of a longer request between two turns for others; a multiple of PIECE
PIECE = 64 * 1024  # bytes of a longer request handed over at a time, each with a stall limit of its own

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"(?:[\x21-\x7e]+(?:[ \t]+[\x21-\x7e]+)*)?")
_TARGET = re.compile(rb"/[\x21-\x7e]*")
_OURS = frozenset((b"host", b"content-length", b"transfer-encoding", b"connection"))

_KEPT_FIELDS = 12  # with more, a part of them is a client's own, and the head is made anew each time

_START = b"HTTP/1."
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: [^\r\n]*)?\r\n")
# A NUL, a line end that is only half of one, a folded line.
_BAD_BYTES = re.compile(rb"\x00|(?<!\r)\n|\r[^\n]|\r\n[ \t]")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH = re.compile(rb"0|[1-9][0-9]{0,15}")
_DECIDING = frozenset((b"content-length", b"transfer-encoding", b"connection", b"content-encoding"))


@dataclass(slots=True)
class Head:
    """The head of a response, and how its body is framed: by ``length``, in chunks, else by EOF."""

    status: int
    headers: list[tuple[bytes, bytes]]
    """Lower-case names; a field with control bytes in its value is left out."""
    length: int | None
    chunked: bool
    coding: bytes
    """Content-Encoding, lower case, b"" for none."""
    keeps_alive: bool
    ahead: bytes
    """What was read beyond the head."""


def request_head(
    method: bytes, target: bytes, authority: str, headers: tuple[tuple[bytes, bytes], ...], length: int | None
) -> bytes:
    """The head of a request, with a body of ``length`` bytes; None means in chunks.

    Raises ConnectFailed, naming the field but never its value, for what may not be sent.
    """
    make = _kept_start if len(headers) <= _KEPT_FIELDS else _start
    start = make(method, target, authority, headers)
    if length is None:
        return start + b"Transfer-Encoding: chunked\r\n\r\n"
    if length or method not in (b"GET", b"HEAD", b"DELETE"):
        return b"%sContent-Length: %d\r\n\r\n" % (start, length)
    return start + b"\r\n"


def _start(method: bytes, target: bytes, authority: str, headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """All of it but for the framing and the blank line."""
    if not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise ConnectFailed("the request was not sent: its path holds a space, a control or a non-ASCII character")
    lines = [b"%s %s HTTP/1.1\r\nHost: %s\r\n" % (method, target, authority.encode("ascii"))]
    for name, value in headers:
        if not _TOKEN.fullmatch(name) or name.lower() in _OURS:
            raise ConnectFailed(f"the request was not sent: {_shown(name)!r} may not be a header of it")
        if not _VALUE.fullmatch(value):
            raise ConnectFailed(
                f"the request was not sent: the value of its header {_shown(name)!r} is not plain visible ASCII"
            )
        lines.append(b"%s: %s\r\n" % (name, value))
    return b"".join(lines)


# To one provider it is the same for nearly every request: checked once, then looked up.
_kept_start = functools.lru_cache(maxsize=64)(_start)


class Connection:
    """One connection to ``address`` (host:port, for the errors); one request at a time."""

    def __init__(self, transport: Transport, address: str) -> None:
        self.transport = transport
        self.address = address
        self.has_answered = False
        """Has a byte of the answer to this request come?"""
        self.has_streamed = False
        """Has something been taken from the request's ``stream``, which cannot be taken twice?"""
        self._last_head: Head | None = None
        self._repeat: Repeat | None = None

    async def ask(
        self, head: bytes, body: bytes, stream: AsyncIterator[bytes] | None, length: int | None, *, is_head: bool
    ) -> Head:
        """Send one request and read the head of its answer. Raises Reset, Garbled or Stalled.

        What ``stream`` raises comes out as it is. After any exception, cancellation
        included, the connection is good for nothing but closing.
        """
        self.has_answered = self.has_streamed = False
        if stream is None and len(head) + len(body) <= SMALL:
            try:
                await self.transport.send(head + body)
            except BREAKS:
                # The answer may have come before the break: it is read below, or found missing.
                return _once(await self._answer(is_head))
            return await self._answer(is_head)
        return await self._ask_long(head, body, stream, length, is_head=is_head)

    async def _ask_long(
        self, head: bytes, body: bytes, stream: AsyncIterator[bytes] | None, length: int | None, *, is_head: bool
    ) -> Head:
        """Send and read side by side. Failures are kept and raised outside the nursery, so that no group forms."""
        answer: Head | None = None
        failure: Exception | None = None
        is_sent = False

        async def send() -> None:
            nonlocal failure, is_sent
            try:
                await self._send(head)
                await self._send(body)
                if stream is not None:
                    await self._send_stream(stream, length)
                is_sent = True
            except BREAKS:
                pass  # as above: reading tells
            except Exception as error:  # carried over to the caller's task
                failure = error
                nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            try:
                answer = await self._answer(is_head)
            except (Reset, Garbled) as error:
                failure = failure or error
                nursery.cancel_scope.cancel()
            else:
                if answer.status >= 300:
                    # Refused: the rest of the body interests nobody.
                    nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        assert answer is not None
        return answer if is_sent else _once(answer)

    async def _send(self, data: bytes) -> None:
        with trio.move_on_after(SEND_STALL_S) as limit:
            for start in range(0, len(data), PIECE):
                if start:
                    limit.deadline = trio.current_time() + SEND_STALL_S
                    if not start % BREATH:
                        await trio.lowlevel.checkpoint()  # a kernel that takes it all never makes us wait
                await self.transport.send(data[start : start + PIECE])
        if limit.cancelled_caught:
            raise Stalled(f"{self.address} stopped reading the request: nothing for {SEND_STALL_S:g} seconds")

    async def _send_stream(self, stream: AsyncIterator[bytes], length: int | None) -> None:
        left = length
        self.has_streamed = True
        async for data in stream:
            if not data:
                continue
            if left is None:
                await self._send(b"%x\r\n%s\r\n" % (len(data), data))
                continue
            left -= len(data)
            if left < 0:
                raise Reset(f"the request to {self.address} had more bytes than announced")
            await self._send(data)
        if left is None:
            await self._send(b"0\r\n\r\n")
        elif left:
            raise Reset(f"the request to {self.address} ended before its announced length")

    async def _answer(self, is_head: bool) -> Head:
        """Read up to the end of the first head that is not 1xx."""
        data = await self._recv()
        if not is_head and (again := self._repeated(data)) is not None:
            return again
        for interim in range(MAX_INTERIM + 1):
            end = data.find(b"\r\n\r\n")
            if end < 0:
                data, end = await self._rest_of_head(data)
            head, data = data[: end + 4], data[end + 4 :]
            status = self._check(head)
            if status >= 200:
                answer = self._read(head, data, is_head=is_head)
                if not is_head:
                    self._keep(head, answer)
                return answer
            if status == 101:
                raise Garbled(f"{self.address} switched to another protocol without being asked")
            if interim < MAX_INTERIM:
                data = data or await self._recv()
        raise Garbled(f"{self.address} sent more than {MAX_INTERIM} interim answers")

    def _keep(self, head: bytes, answer: Head) -> None:
        self._repeat = self._last_head = None
        if len(head) <= LONGEST:
            # Without what was read beyond it, which may be much.
            self._last_head = replace(answer, ahead=b"")
            self._repeat = Repeat(head, answer.headers, DATE)

    def _repeated(self, data: bytes) -> Head | None:
        """The head of the answer before, if it has come again with another date at most: then it is in order."""
        last, repeat = self._last_head, self._repeat
        if last is None or repeat is None or not (end := repeat.end_in(data)):
            return None
        return Head(last.status, repeat.fields(), last.length, last.chunked, last.coding, last.keeps_alive, data[end:])

    async def _rest_of_head(self, data: bytes) -> tuple[bytes, int]:
        """Read on until the head is whole: the bytes and where its blank line starts. Linear, however it drips."""
        seen = bytearray(data)
        checked = 0
        while True:
            self._check_start(seen, checked)
            if len(seen) > MAX_HEAD:
                raise Garbled(f"{self.address} sent a response head of more than {MAX_HEAD} bytes")
            checked = max(0, len(seen) - 3)
            seen += await self._recv()
            end = seen.find(b"\r\n\r\n", checked)
            if end >= 0:
                return bytes(seen), end

    async def _recv(self) -> bytes:
        try:
            data = await self.transport.recv()
        except BREAKS:
            data = None
        if data:
            self.has_answered = True
            return data
        how = "reset" if data is None else "closed"
        when = "in the middle of its response head" if self.has_answered else "before it answered"
        raise Reset(f"{self.address} {how} the connection {when}")

    def _check_start(self, seen: bytearray, checked: int) -> None:
        """Refuse at once what can never become a head, instead of waiting for a blank line."""
        if not _START.startswith(bytes(seen[: len(_START)])):
            raise Garbled(f"{self.address} {_not_http(bytes(seen[:40]))}")
        if _BAD_BYTES.search(seen, checked):
            raise Garbled(f"{self.address} sent a response head with a bare line end, a NUL or a folded line")

    def _check(self, head: bytes) -> int:
        """The gate: the status of a head whose bytes are in order."""
        found = _STATUS_LINE.match(head)
        if found is None:
            raise Garbled(f"{self.address} {_not_http(head[:40])}")
        if _BAD_BYTES.search(head):
            raise Garbled(f"{self.address} sent a response head with a bare line end, a NUL or a folded line")
        if len(head) > MAX_HEAD:
            raise Garbled(f"{self.address} sent a response head of more than {MAX_HEAD} bytes")
        if head.count(b"\r\n") - 2 > MAX_FIELDS:
            raise Garbled(f"{self.address} sent a response head of more than {MAX_FIELDS} fields")
        return int(found[1])

    def _read(self, head: bytes, ahead: bytes, *, is_head: bool) -> Head:
        event = self._second_opinion(head)
        length: int | None = None
        chunked = False
        coding = b""
        keeps_alive = event.http_version == b"1.1"
        headers = []
        for _raw, name, value in event.headers._full_items:
            if _CONTROL.search(value):
                if name in _DECIDING:
                    raise Garbled(f"{self.address} sent control characters in its {_shown(name)} header")
                continue
            headers.append((name, value))
            if name not in _DECIDING:
                continue
            if name == b"content-length":
                if not _LENGTH.fullmatch(value):
                    raise Garbled(f"{self.address} sent a Content-Length that is no plain number")
                length = int(value)
            elif name == b"transfer-encoding":
                if chunked or value.lower() != b"chunked":
                    raise Garbled(f"{self.address} sent a Transfer-Encoding other than chunked")
                chunked = True
            elif name == b"connection":
                keeps_alive = keeps_alive and b"close" not in [each.strip() for each in value.lower().split(b",")]
            else:
                coding = coding + b"," + value.lower() if coding else value.lower()
        if chunked and (length is not None or event.http_version != b"1.1"):
            raise Garbled(f"{self.address} framed its answer in two ways that contradict each other")
        status = event.status_code
        if is_head or status in (204, 304):
            length, chunked, coding = 0, False, b""
        return Head(status, headers, length, chunked, b"" if coding == b"identity" else coding, keeps_alive, ahead)

    def _second_opinion(self, head: bytes) -> h11.Response:
        # Below its state machine, as on the server's side: a head alone needs only the parser.
        reader = ReceiveBuffer()
        reader += head
        try:
            event = maybe_read_from_SEND_RESPONSE_server(reader)
        except h11.ProtocolError as error:
            # The part before the colon is h11's; what follows repeats the provider's bytes.
            problem = str(error).partition(":")[0]
            raise Garbled(f"{self.address} sent a response head that is not valid HTTP ({problem})") from None
        if not isinstance(event, h11.Response) or reader:
            raise Garbled(f"{self.address} sent a response head that is not valid HTTP")
        return event

    def close(self) -> None:
        self.transport.close()


def _once(answer: Head) -> Head:
    """An answer to a request that was not sent whole: nothing may follow it on this connection."""
    answer.keeps_alive = False
    return answer


def _not_http(start: bytes) -> str:
    """What is wrong with bytes that are no response head, in words that help."""
    if start[:2] in (b"\x15\x03", b"\x16\x03"):
        return "answered in TLS: is its URL https:// instead of http://?"
    if (start[3:4] == b"\x04" and start[:2] == b"\x00\x00") or start.startswith(b"HTTP/2"):
        return "answered in HTTP/2; Linx speaks HTTP/1.1"
    first = start.partition(b"\n")[0].rstrip(b"\r").decode("latin-1")
    return f"did not answer in HTTP/1.1: {quote(first, 20)!r}"


def _shown(name: bytes) -> str:
    return quote(name.decode("latin-1"), 40)
