"""One connection, one request on it, and the writing of its response, faults included."""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

import trio

from linx.core import jsontext
from linx.http1.transport import BREAKS, Transport
from tests.fakes.scripted import Answer, Close, Raw, Reset, Send, Sleep, Stall, Whole
from tests.fakes.wire import STAMP, Frame, cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    import h11

_STAMP = STAMP.encode()
_BREATH = 64  # frames sent between two checkpoints: sending does not yield while the kernel has room
_CALLS = (
    *("/chat/completions", "/completions", "/embeddings", "/responses", "/messages", "/messages/count_tokens"),
    *("/rerank", "/infill", "/completion", "/embedding", "/apply-template", "/tokenize", "/detokenize"),
    *("/api/chat", "/api/generate", "/api/embed", "/api/embeddings"),
)


@dataclass(eq=False)
class Connection:
    """Times are trio's clock."""

    number: int
    opened_at: float
    closed_at: float | None = None
    closed_by_peer: bool = False
    closed: trio.Event = field(default_factory=trio.Event)
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


@dataclass(eq=False)
class Exchange:
    """A request as it came, and what became of its response."""

    method: str
    target: str
    headers: dict[str, str]
    raw_headers: list[tuple[bytes, bytes]]
    connection: Connection
    started_at: float
    received_at: float | None = None
    """When its last byte was read."""
    body: bytes = b""
    keep_alive: bool = True
    sent_frames: int = 0
    ended_at: float | None = None
    ended: trio.Event = field(default_factory=trio.Event)
    hung_up_at: float | None = None
    """When the other side closed the connection before the response was over."""
    hung_up: trio.Event = field(default_factory=trio.Event)

    @classmethod
    def of(cls, event: h11.Request, connection: Connection) -> Self:
        raw = [(bytes(name), bytes(value)) for name, value in event.headers.raw_items()]
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}
        method, target = event.method.decode(), event.target.decode("latin-1")
        return cls(method, target, headers, raw, connection, trio.current_time())

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def json(self) -> Any:
        """The body parsed; None where there is none."""
        return jsontext.loads(self.body) if self.body else None

    @property
    def is_call(self) -> bool:
        """Does it make a model work, rather than ask what there is?"""
        return self.method == "POST" and (
            self.path.endswith(_CALLS) or "/audio/" in self.path or "/images/" in self.path
        )

    def notice_hang_up(self) -> None:
        if not self.hung_up.is_set():
            self.hung_up_at = trio.current_time()
            self.hung_up.set()


@dataclass
class Stream:
    """A streamed response: what ``endpoints`` makes of an Answer."""

    frames: Sequence[Frame]
    content_type: str
    answer: Answer
    error: bytes
    """The dialect's error frame, should the answer end with one."""
    headers: Sequence[tuple[str, str]] = ()


Response = Stream | Whole | Raw


class Responder:
    """Writes responses on one connection, and notices when nobody reads them any more."""

    def __init__(self, transport: Transport, sock: socket.socket) -> None:
        self.transport = transport
        self._sock = sock

    async def respond(self, exchange: Exchange, response: Response) -> bool:
        """True when the response is complete and the connection may be used again."""
        finished = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, exchange, nursery.cancel_scope)
            try:
                finished = await self._write(exchange, response)
            except BREAKS:
                exchange.notice_hang_up()
            nursery.cancel_scope.cancel()
        return finished and not exchange.hung_up.is_set()

    async def _watch(self, exchange: Exchange, scope: trio.CancelScope) -> None:
        """EOF or a reset while the response is under way is a hang-up. More data is not read."""
        await trio.lowlevel.wait_readable(self._sock)
        try:
            if self._sock.recv(1, socket.MSG_PEEK):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        exchange.notice_hang_up()
        scope.cancel()

    async def _write(self, exchange: Exchange, response: Response) -> bool:
        match response:
            case Raw():
                await self.play(response)
                return False
            case Whole():
                if response.head_s:
                    await trio.sleep(response.head_s)
                fields, body = _framed(response, is_head=exchange.method == "HEAD")
                fields += _last(exchange)
                await self.transport.send(_head(response.status, fields) + body)
                return True
            case Stream():
                return await self._stream(exchange, response)

    async def play(self, script: Raw) -> None:
        for step in script.steps:
            match step:
                case Send(data):
                    await self.transport.send(data)
                case Sleep(seconds):
                    await trio.sleep(seconds)
                case Stall():
                    await trio.sleep_forever()
                case Reset():
                    self._reset()
                    return
                case Close():
                    return

    async def _stream(self, exchange: Exchange, response: Stream) -> bool:
        answer = response.answer
        frames = response.frames if answer.cut is None else list(cut(response.frames, answer.cut))
        if answer.head_s:
            await trio.sleep(answer.head_s)
        fields = [("Content-Type", response.content_type), *response.headers, ("Transfer-Encoding", "chunked")]
        fields += _last(exchange)
        await self.transport.send(_head(200, fields))
        due = trio.current_time()
        left = answer.cut_bytes
        for number, frame in enumerate(frames):
            if frame.pause_s:
                due += frame.pause_s
                await trio.sleep_until(due)
            elif number % _BREATH == 0:
                await trio.lowlevel.checkpoint()
            data = frame.data
            if answer.stamped:
                data = data.replace(_STAMP, b"%020d" % time.monotonic_ns())
            if left is not None:
                data = data[:left]
                left -= len(data)
            if data:
                await self.transport.send(b"%x\r\n%b\r\n" % (len(data), data))
                exchange.sent_frames += frame.counts
            if left == 0:
                break
        if answer.cut is None and answer.cut_bytes is None:
            await self.transport.send(b"0\r\n\r\n")
            return True
        return await self._break_off(answer, response.error)

    async def _break_off(self, answer: Answer, error: bytes) -> bool:
        last = {"error": error, "garble": b"\x00\xff<<garbled {{\n\n"}.get(answer.after, b"")
        match answer.after:
            case "close":
                return False
            case "reset":
                self._reset()
                return False
            case "hang":
                await trio.sleep_forever()
            case "end" | "error" | "garble":
                await self.transport.send((b"%x\r\n%b\r\n" % (len(last), last) if last else b"") + b"0\r\n\r\n")
        return True

    def _reset(self) -> None:
        set_reset(self._sock)


def _last(exchange: Exchange) -> list[tuple[str, str]]:
    """What a server says that was asked to close the connection, and does: RFC 9112 9.6, so h11, Go and cpp-httplib."""
    return [] if exchange.keep_alive else [("Connection", "close")]


def set_reset(sock: socket.socket) -> None:
    """Closing will send an RST."""
    if sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _framed(response: Whole, *, is_head: bool) -> tuple[list[tuple[str, str]], bytes]:
    """The header fields of a whole response, and its body as it goes over the wire."""
    fields = [("Content-Type", response.content_type)] if response.content_type else []
    fields += response.headers
    body = response.body
    if response.is_chunked:
        framed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        return (fields, b"") if is_head else ([*fields, ("Transfer-Encoding", "chunked")], framed)
    return [*fields, ("Content-Length", str(len(body)))], b"" if is_head else body


def _head(status: int, fields: Sequence[tuple[str, str]]) -> bytes:
    reason = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown"
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1")
