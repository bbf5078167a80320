"""A client of raw bytes for the server's tests: what it gets is what was on the wire."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio
import trio.testing

from linx.server.connection import Connection
from linx.server.limits import Limits, Shared
from linx.server.listen import Server
from linx.server.listener import Listener
from tests.fakes.stream_transport import StreamTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linx.server.reply import Reply
    from linx.server.request import Handler, Request

CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def post(body: bytes, *fields: bytes, path: bytes = b"/") -> bytes:
    """A POST with a declared length."""
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join([b"POST " + path + b" HTTP/1.1", b"Host: localhost", length, *fields, b"", body])


@dataclass
class Answer:
    status: int
    fields: dict[bytes, bytes]
    body: bytes
    is_whole: bool


def split_answers(data: bytes, is_eof: bool, is_head: bool = False) -> tuple[list[Answer], bytes]:
    """The answers in what was read so far, and what is left. Interim ones are left out."""
    answers: list[Answer] = []
    while (end := data.find(b"\r\n\r\n")) >= 0:
        first, *lines = data[:end].split(b"\r\n")
        version, status, _reason = first.split(b" ", 2)
        assert version == b"HTTP/1.1"
        fields: dict[bytes, bytes] = {}
        for line in lines:
            name, _, value = line.partition(b": ")
            assert name not in fields, f"{name!r} stands twice"
            fields[name] = value
        rest = data[end + 4 :]
        if status == b"100":
            data = rest
            continue
        if is_head or status in (b"204", b"304"):
            body, rest, is_whole = b"", rest, True
        elif b"content-length" in fields:
            length = int(fields[b"content-length"])
            if len(rest) < length and not is_eof:
                break
            body, rest, is_whole = rest[:length], rest[length:], len(rest) >= length
        elif b"transfer-encoding" in fields:
            body, rest, is_whole = unchunk(rest)
            if not is_whole and not is_eof:
                break
        else:
            if not is_eof:
                break
            body, rest, is_whole = rest, b"", True
        answers.append(Answer(int(status), fields, body, is_whole))
        data = rest
    return answers, data


def unchunk(data: bytes) -> tuple[bytes, bytes, bool]:
    """The body, what is left behind it, and whether the body has ended: linear, since it is tried after each read."""
    pieces: list[bytes] = []
    start = 0
    while (end := data.find(b"\r\n", start)) >= 0:
        size = int(data[start:end], 16)
        start = end + 4 + size
        if len(data) < start:
            break
        assert data[start - 2 : start] == b"\r\n"
        pieces.append(data[end + 2 : start - 2])
        if not size:
            return b"".join(pieces), data[start:], True
    return b"".join(pieces), b"", False


class Client:
    """One connection."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.data = b""
        self.is_eof = False

    async def send(self, data: bytes, size: int = 0, delay_s: float = 0) -> None:
        try:
            for start in range(0, len(data), size or len(data) or 1):
                await self.stream.send_all(data[start : start + (size or len(data))])
                if delay_s:
                    await trio.sleep(delay_s)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the server has said its word already

    async def read(self) -> bool:
        """Read once; False at the end."""
        try:
            data = await self.stream.receive_some(1 << 20)
        except trio.BrokenResourceError:
            data = b""
        self.data += data
        self.is_eof = not data
        return not self.is_eof

    async def answers(self, count: int = 1, is_head: bool = False) -> list[Answer]:
        """The next ``count`` answers, or as many as came before the end."""
        while True:
            answers, rest = split_answers(self.data, self.is_eof, is_head)
            if len(answers) >= count or self.is_eof:
                self.data = rest
                return answers
            await self.read()

    async def answer(self, is_head: bool = False) -> Answer:
        (answer,) = await self.answers(1, is_head)
        return answer

    async def until_eof(self) -> bytes:
        while not self.is_eof:
            await self.read()
        data, self.data = self.data, b""
        return data


@asynccontextmanager
async def serving(handler: Handler, limits: Limits | None = None) -> AsyncIterator[tuple[Server, int]]:
    """A server on a free port, and that port."""
    server = Server(handler, limits or Limits())
    ((_host, port),) = await server.listen("127.0.0.1", 0)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        try:
            yield server, port
        finally:
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def in_memory(handler: Handler, shared: Shared | None = None) -> AsyncIterator[Client]:
    """A connection over a pair of memory streams, for tests of time."""
    ours, theirs = trio.testing.memory_stream_pair()
    listener = Listener("local", handler)
    connection = Connection(StreamTransport(theirs), listener, shared or Shared())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listener.watch.watch)
        connection.start(nursery)
        yield Client(ours)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        yield Client(stream)


async def echo(request: Request, reply: Reply) -> None:
    """Reads the body and says what it saw."""
    body = await request.body()
    await reply.whole(200, b"%s %s %d" % (request.method.encode(), request.path.encode(), len(body)), b"text/plain")


async def stream(request: Request, reply: Reply) -> None:
    reply.start(200, b"text/event-stream", [(b"x-a", b"b")])
    await reply.send(b"one")
    await reply.send(b"")
    await reply.send(b"two")
    await reply.end(b"three")
