"""A server that plays scripts: bytes, pauses, ends, resets; and the same in memory.

A script is a list of steps: bytes to send, seconds to sleep, or one of the words below.
A script that ends otherwise than by close or reset waits for the client to close.
"""

from __future__ import annotations

import base64
import socket
import ssl
import struct
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import trio

from linx.core import jsontext
from linx.core.addresses import Origin

Word = Literal["read", "head", "close", "reset", "stall", "again"]
Step = bytes | float | Word
Script = Sequence[Step]

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CORPUS = Path(__file__).parent.parent / "corpus" / "upstream_cases.json"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


@dataclass
class Server:
    origin: Origin
    scripts: Sequence[Script]
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    closed: trio.Event = field(default_factory=trio.Event)
    """Set when a connection has ended."""


@asynccontextmanager
async def serving(
    *scripts: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Server]:
    """The n-th connection plays the n-th script; the last one serves all that follow."""
    listener = (await trio.open_tcp_listeners(0, host=host))[0]
    scheme = "http" if tls is None else "https"
    server = Server(Origin(scheme, host, listener.socket.getsockname()[1]), scripts)

    async def handle(stream: trio.SocketStream) -> None:
        script = scripts[min(server.connections, len(scripts) - 1)]
        server.connections += 1
        server.open += 1
        try:
            spoken: trio.SocketStream | trio.SSLStream[trio.SocketStream] = stream
            if tls is not None:
                spoken = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
            await _play(server, script, stream, spoken)
        except (trio.BrokenResourceError, trio.ClosedResourceError, ssl.SSLError):
            pass  # the client went first
        finally:
            server.open -= 1
            server.closed.set()
            stream.socket.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, handle, [listener])
        yield server
        nursery.cancel_scope.cancel()


async def _play(server: Server, script: Script, raw: trio.SocketStream, stream: trio.abc.Stream) -> None:
    position = 0
    while position < len(script):
        step = script[position]
        position += 1
        if isinstance(step, bytes):
            await stream.send_all(step)
        elif isinstance(step, float):
            await trio.sleep(step)
        elif step in ("read", "head"):
            request = await _read_request(stream, whole=step == "read")
            if not request:
                return
            server.requests.append(request)
        elif step == "close":
            return
        elif step == "reset":
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        elif step == "again":
            position = 0
        else:
            break
    while await stream.receive_some():
        pass


async def _read_request(stream: trio.abc.Stream, *, whole: bool) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = bytes(await stream.receive_some())
        if not more:
            return b""
        data += more
    if not whole:
        return data
    head, _, body = data.partition(b"\r\n\r\n")
    fields = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in head.split(b"\r\n"))
    }
    if b"transfer-encoding" in fields:
        while not body.endswith(LAST_CHUNK):
            body += await stream.receive_some()
    pieces = [body]
    left = int(fields.get(b"content-length", b"0")) - len(body)
    while left > 0:
        more = bytes(await stream.receive_some())
        if not more:
            break
        pieces.append(more)
        left -= len(more)
    return head + b"\r\n\r\n" + b"".join(pieces)


class Pieces:
    """A transport in memory: what it will receive, piece by piece, and what was sent into it."""

    def __init__(self, pieces: Sequence[bytes], *, then: Literal["close", "reset", "stall"] = "close") -> None:
        self.pieces = [piece for piece in pieces if piece]
        self.then = then
        self.sent = b""
        self.is_closed = False

    async def recv(self, limit: int = 65536) -> bytes:
        await trio.lowlevel.checkpoint()
        if self.pieces:
            return self.pieces.pop(0)
        if self.then == "reset":
            raise ConnectionResetError
        if self.then == "stall":
            await trio.sleep_forever()
        return b""

    async def send(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self.sent += data

    def is_readable(self) -> bool:
        return bool(self.pieces)

    def close(self) -> None:
        self.is_closed = True


def cases() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = jsontext.loads(CORPUS.read_bytes())
    return loaded


def script_of(case: dict[str, Any]) -> list[Step]:
    """A case of the corpus as a script: every one but those about the accept reads the request first."""
    steps: list[Step] = [] if case["id"].endswith("-at-accept") else ["read"]
    for step in case["steps"]:
        if "send_b64" in step:
            steps.append(base64.b64decode(step["send_b64"]))
        elif "send_z_b64" in step:
            steps.append(zlib.decompress(base64.b64decode(step["send_z_b64"])))
        elif "send_parts" in step:
            steps.append(b"".join(map(_part, step["send_parts"])))
        elif "sleep_ms" in step:
            steps.append(step["sleep_ms"] / 1000)
        elif "read_request" not in step:
            (word,) = step
            steps.append(word)
    return steps


def _part(part: Any) -> bytes:
    if isinstance(part, str):
        return base64.b64decode(part)
    return base64.b64decode(part["repeat_b64"]) * int(part["times"])
