"""A fake provider that is faster than every proxy: prepared frames, raw sockets, one epoll loop.

It speaks OpenAI's chat completions and Ollama's /api/chat on one port. The prompt says what it
answers (``frames=3 interval=10000 size=0 burst=64``, in microseconds and bytes), since every
proxy passes the prompt on. Each frame's text is ``@`` and the time of sending, in nanoseconds
of CLOCK_MONOTONIC, which all processes of a machine share.

With an interval, frames are sent one by one, each stream at a different phase. Without an
interval, an answer is sent in writes of ``burst`` frames, each frame in an HTTP chunk of its own.

    python -m benchmarks.upstream [PORT]
"""

from __future__ import annotations

import gc
import heapq
import random
import re
import select
import socket
import sys
import time

MODEL = b"bench-model"
WRITES_A_TURN = 64  # writes of a stream without an interval, before other streams have their turn
STAMP = 20  # bytes: the mark and the digits after it
_PLAN = re.compile(rb"frames=(\d+) interval=(\d+) size=(\d+) burst=(\d+)")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)
_MARK = b"@0000000000000000000"

_OPENAI = (
    b'{"id":"chatcmpl-benchmark","object":"chat.completion.chunk","created":1700000000,"model":"bench-model",'
    b'"system_fingerprint":"fp_bench","choices":[{"index":0,"delta":%b,"logprobs":null,"finish_reason":%b}]}'
)
_USAGE = b'{"prompt_tokens":9,"completion_tokens":9,"total_tokens":18}'
_OPENAI_USAGE = (
    b'{"id":"chatcmpl-benchmark","object":"chat.completion.chunk","created":1700000000,"model":"bench-model",'
    b'"choices":[],"usage":' + _USAGE + b"}"
)
_OPENAI_WHOLE = (
    b'{"id":"chatcmpl-benchmark","object":"chat.completion","created":1700000000,"model":"bench-model",'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":"%b"},"logprobs":null,"finish_reason":"stop"}],'
    b'"usage":' + _USAGE + b"}"
)
_OLLAMA = (
    b'{"model":"bench-model","created_at":"2025-01-01T00:00:00.000000Z",'
    b'"message":{"role":"assistant","content":"%b"},"done":false}\n'
)
_OLLAMA_DONE = (
    b'{"model":"bench-model","created_at":"2025-01-01T00:00:00.000000Z","message":{"role":"assistant","content":""},'
    b'"done":true,"done_reason":"stop","total_duration":1000000,"load_duration":1000,"prompt_eval_count":9,'
    b'"prompt_eval_duration":1000,"eval_count":9,"eval_duration":1000}\n'
)
_LISTS = {
    b"/v1/models": b'{"object":"list","data":[{"id":"bench-model","object":"model","created":1,"owned_by":"bench"}]}',
    b"/api/tags": b'{"models":[{"name":"bench-model","model":"bench-model","size":1,"digest":"0","details":{}}]}',
    b"/api/ps": b'{"models":[]}',
    b"/api/version": b'{"version":"0.12.0"}',
    b"/api/show": b'{"details":{},"model_info":{},"capabilities":["completion"]}',
}


def _event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _head(content_type: bytes) -> bytes:
    """The part of a response head after the date."""
    return b"content-type: " + content_type + b"\r\ntransfer-encoding: chunked\r\n\r\n"


class Shape:
    """The frames of one dialect, cut at the place of the time of sending."""

    def __init__(self, head: bytes, first: bytes, frame: bytes, last: bytes, last_with_usage: bytes) -> None:
        self.head = head
        self.first = first
        self.before, self.after = frame.split(_MARK)
        self.lasts = (last, last_with_usage)
        self._frame = frame

    def sized(self, size: int) -> tuple[bytes, bytes]:
        """The parts of a frame before and after the time of sending, with a text that is ``size`` bytes longer."""
        if not size:
            return self.before, self.after
        payload = self._frame.partition(b"\r\n")[2][:-2].replace(_MARK, _MARK + b"x" * size)
        before, after = _chunk(payload).split(_MARK)
        return before, after


def _shapes() -> dict[bytes, Shape]:
    text = _OPENAI % (b'{"content":"' + _MARK + b'"}', b"null")
    finish, done = _chunk(_event(_OPENAI % (b"{}", b'"stop"'))), _chunk(_event(b"[DONE]")) + b"0\r\n\r\n"
    first = _chunk(_event(_OPENAI % (b'{"role":"assistant","content":""}', b"null")))
    openai = Shape(
        _head(b"text/event-stream"),
        first,
        _chunk(_event(text)),
        finish + done,
        finish + _chunk(_event(_OPENAI_USAGE)) + done,
    )
    last = _chunk(_OLLAMA_DONE) + b"0\r\n\r\n"
    ollama = Shape(_head(b"application/x-ndjson"), b"", _chunk(_OLLAMA % _MARK), last, last)
    return {b"/v1/chat/completions": openai, b"/api/chat": ollama}


SHAPES = _shapes()


class Connection:
    """One connection. ``left`` frames are still to be sent, ``interval`` nanoseconds apart."""

    __slots__ = (
        "after", "before", "buffer", "burst", "due", "frames", "interval", "is_last", "last", "left", "needed", "out",
        "sock",
    )  # fmt: skip

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = bytearray()
        self.needed = 0  # bytes of the whole request; 0 until its head has come
        self.out = b""
        self.left = 0
        self.burst = 1
        self.frames = b""  # the frames of one write
        self.interval = 0
        self.due = 0
        self.before = self.after = self.last = b""
        self.is_last = False  # the client has asked for the end of the connection behind this answer


class Upstream:
    def __init__(self, port: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._epoll = select.epoll()
        self._epoll.register(self._listener, select.EPOLLIN)
        self._connections: dict[int, Connection] = {}
        self._timers: list[tuple[int, int, Connection]] = []
        self._phases = random.Random(7)
        self._second = 0
        self._start = b""

    def run(self) -> None:
        poll, listener = self._epoll, self._listener.fileno()
        while True:
            wait = None
            if self._timers:
                wait = max(0.0, (self._timers[0][0] - time.monotonic_ns()) / 1e9)
            # select takes microseconds where epoll takes milliseconds.
            select.select([poll], [], [], wait)
            for fd, event in poll.poll(0):
                if fd == listener:
                    self._accept()
                    continue
                connection = self._connections.get(fd)
                if connection is None:
                    continue
                try:
                    if event & select.EPOLLOUT:
                        self._push(connection)
                    if event & ~select.EPOLLOUT:
                        self._receive(connection)
                except OSError:
                    self._close(connection)
            self._tick()

    def _accept(self) -> None:
        while True:
            try:
                sock, _address = self._listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections[sock.fileno()] = Connection(sock)
            self._epoll.register(sock, select.EPOLLIN)

    def _close(self, connection: Connection) -> None:
        fd = connection.sock.fileno()
        if fd >= 0:
            del self._connections[fd]
            connection.left = 0
            connection.sock.close()

    # --- requests ---

    def _receive(self, connection: Connection) -> None:
        data = connection.sock.recv(1 << 20)
        if not data:
            self._close(connection)
            return
        buffer = connection.buffer
        buffer += data
        if not connection.needed:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            found = _LENGTH.search(buffer, 0, end + 2)
            connection.needed = end + 4 + (int(found[1]) if found else 0)
        if len(buffer) >= connection.needed:
            request = bytes(buffer)
            buffer.clear()
            connection.needed = 0
            self._answer(connection, request)

    def _answer(self, connection: Connection, request: bytes) -> None:
        path = request[: request.find(b"\r\n")].split(b" ")[1]
        shape = SHAPES.get(path)
        if shape is None:
            if path == b"/reset":
                self._reset()
            body = _LISTS.get(path, b"{}")
            self._send(connection, _whole(body))
            return
        connection.is_last = _CLOSE.search(request) is not None
        begin = self._begin() + (b"connection: close\r\n" if connection.is_last else b"")
        found = _PLAN.search(request)
        frames, interval, size, burst = map(int, found.groups()) if found else (1, 0, 0, 1)
        is_stream = path == b"/api/chat" or b'"stream":true' in request or b'"stream": true' in request
        if not is_stream:
            text = b"@%019d" % time.monotonic_ns() + b"x" * (size + 7 * frames)
            self._send(connection, _whole(_OPENAI_WHOLE % text))
            return
        connection.last = shape.lasts[b'"include_usage":true' in request or b'"include_usage": true' in request]
        connection.before, connection.after = shape.sized(size)
        connection.left = frames
        connection.interval = interval * 1000
        if interval:
            connection.out = b""
            now = time.monotonic_ns()
            self._send(connection, begin + shape.head + shape.first)
            connection.due = now + int(self._phases.random() * connection.interval)
            heapq.heappush(self._timers, (connection.due, id(connection), connection))
        else:
            connection.burst = burst
            frame = b"%b@%019d%b" % (connection.before, time.monotonic_ns(), connection.after)
            connection.frames = frame * burst
            self._send(connection, begin + shape.head + shape.first + self._batch(connection))

    def _reset(self) -> None:
        """End all streams that still run, since the measurement that started them is over."""
        for connection in list(self._connections.values()):
            if connection.left:
                self._close(connection)

    # --- answers ---

    def _begin(self) -> bytes:
        """The start of an answer's head."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now))
            self._start = b"HTTP/1.1 200 OK\r\ndate: %b\r\n" % date.encode()
        return self._start

    def _batch(self, connection: Connection) -> bytes:
        connection.left -= connection.burst
        if connection.left > 0:
            return connection.frames
        frames = connection.frames[: len(connection.frames) // connection.burst * (connection.left + connection.burst)]
        connection.left = 0
        return frames + connection.last

    def _send(self, connection: Connection, data: bytes) -> None:
        connection.out = connection.out + data if connection.out else data
        self._push(connection)

    def _push(self, connection: Connection) -> None:
        data, sock = connection.out, connection.sock
        is_waiting = False
        for _turn in range(WRITES_A_TURN):
            try:
                sent = sock.send(data)
            except BlockingIOError:
                sent = 0
            data = data[sent:]
            if data:
                is_waiting = True
                break
            if not connection.left or connection.interval:
                break
            data = self._batch(connection)
        connection.out = data
        if connection.is_last and not data and not connection.left:
            self._close(connection)
            return
        wanted = select.EPOLLIN
        if is_waiting or data:
            wanted |= select.EPOLLOUT
        self._epoll.modify(sock, wanted)

    def _tick(self) -> None:
        timers = self._timers
        now = time.monotonic_ns()
        while timers and timers[0][0] <= now:
            connection = heapq.heappop(timers)[2]
            if not connection.left:
                continue
            connection.left -= 1
            data = b"%b@%019d%b" % (connection.before, time.monotonic_ns(), connection.after)
            if connection.left:
                connection.due += connection.interval
                heapq.heappush(timers, (connection.due, id(connection), connection))
            else:
                data += connection.last
            try:
                if connection.out or connection.sock.send(data) != len(data):
                    raise OSError("a reader that does not keep up is cut off")
                if connection.is_last and not connection.left:
                    self._close(connection)
            except OSError:
                self._close(connection)


def _whole(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def main() -> None:
    upstream = Upstream(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print(f"upstream listening on {upstream.port}", flush=True)
    gc.freeze()
    gc.disable()
    upstream.run()


if __name__ == "__main__":
    main()
