"""The load: clients with many connections in one epoll loop, which measure the delay of every frame.

A frame's text is ``@`` and the time at which it left the provider, so its delay is known on
arrival. The delay includes the time in this loop, so every measurement is also made without a
proxy. An answer whose status is not 200 ends the measurement.
"""

from __future__ import annotations

import re
import select
import socket
import time
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DIGITS = 19
READ = 1 << 18
PATIENCE_S = 30.0  # for streams to begin, and for single answers
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")


class LoadError(Exception):
    """The contender did not answer as it should."""


@dataclass(frozen=True)
class Target:
    """Where a contender listens, and the headers that it needs."""

    port: int
    path: str = "/v1/chat/completions"
    headers: tuple[tuple[str, str], ...] = ()
    model: str = "bench"

    def request(
        self,
        frames: int,
        *,
        stream: bool,
        interval_us: int = 0,
        size: int = 0,
        body_bytes: int = 0,
        burst: int = 1,
        more: int = 0,
    ) -> bytes:
        """A whole HTTP request. ``body_bytes`` is filled with a conversation of 4 KB messages.

        The prompt is ``more`` bytes longer, so that two requests need not be the same.
        """
        text = f"frames={frames} interval={interval_us} size={size} burst={burst}" + "." * more
        messages = [f'{{"role":"user","content":"{text}"}}']
        line = 'The quick brown fox said \\"nothing\\" and\\njumped. '
        turn = line * (4096 // len(line))
        turns = body_bytes // len(turn)
        for number in range(turns):
            role = "assistant" if number % 2 == 0 else "user"
            messages.append(f'{{"role":"{role}","content":"{turn}"}}')
        if turns % 2:
            messages.append('{"role":"user","content":"go on"}')
        flag = "true" if stream else "false"
        body = f'{{"model":"{self.model}","stream":{flag},"messages":[{",".join(messages)}]}}'
        head = [f"POST {self.path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Content-Type: application/json"]
        head += [f"{name}: {value}" for name, value in self.headers]
        head.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


class Connection:
    """One keep-alive connection: one request at a time."""

    __slots__ = (
        "asked_ns", "carry", "first_ns", "frames", "head", "is_busy", "is_chunked", "left", "out", "sock", "tail",
    )  # fmt: skip

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.out = memoryview(b"")
        self.is_busy = False
        self.frames = 0

    def ask(self, request: bytes) -> None:
        self.out = memoryview(request)
        self.head: bytearray | None = bytearray()
        self.carry = self.tail = b""
        self.left = 0
        self.is_chunked = False
        self.is_busy = True
        self.frames = 0
        self.first_ns = 0
        self.asked_ns = time.monotonic_ns()
        self.push()

    def push(self) -> None:
        try:
            while self.out:
                self.out = self.out[self.sock.send(self.out) :]
        except BlockingIOError:
            pass

    def receive(self, delays: list[int] | None) -> bool:
        """Read once, and add each frame's delay in nanoseconds to ``delays``. Returns whether the answer is over."""
        data = self.sock.recv(READ)
        now = time.monotonic_ns()
        if not data:
            raise LoadError("the connection was closed in mid-answer" if self.is_busy else "closed")
        if self.head is not None:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return False
            data = self._begin(bytes(self.head), end)
        if delays is None:
            found = data.count(b"@")
            self.frames += found
        else:
            found = self._stamps(data, now, delays)
        if found and not self.first_ns:
            self.first_ns = now
        if self.is_chunked:
            self.tail = (self.tail + data[-5:])[-5:]
            is_over = self.tail == b"0\r\n\r\n"
        else:
            self.left -= len(data)
            is_over = self.left <= 0
        self.is_busy = not is_over
        return is_over

    def _begin(self, seen: bytes, end: int) -> bytes:
        status = _STATUS.match(seen)
        if status is None or status[1] != b"200":
            raise LoadError(f"answered {seen[:400]!r}")
        length = _LENGTH.search(seen, 0, end + 2)
        self.is_chunked = length is None
        self.left = int(length[1]) if length else 0
        self.head = None
        return seen[end + 4 :]

    def _stamps(self, data: bytes, now: int, delays: list[int]) -> int:
        if self.carry:
            data, self.carry = self.carry + data, b""
        found = 0
        at = data.find(b"@")
        while at >= 0:
            stamp = data[at + 1 : at + 1 + DIGITS]
            if len(stamp) < DIGITS:
                self.carry = data[at:]
                break
            delays.append(now - int(stamp))
            found += 1
            at = data.find(b"@", at + DIGITS)
        self.frames += found
        return found


@dataclass
class Seen:
    """The results of one measurement. Times are nanoseconds."""

    frames: int = 0
    requests: int = 0
    window_ns: int = 0
    delays: list[int] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)
    """From asking to the first frame's arrival."""
    wholes: list[int] = field(default_factory=list)
    """From asking to the end of the answer."""


class Load:
    """Connections to one target; ``close`` it."""

    def __init__(self, target: Target, connections: int) -> None:
        self.target = target
        self._poll = select.epoll()
        self._by_fd: dict[int, Connection] = {}
        self.connections: list[Connection] = []
        try:
            for _number in range(connections):
                connection = Connection(target.port)
                self.connections.append(connection)
                self._by_fd[connection.sock.fileno()] = connection
                self._poll.register(connection.sock, select.EPOLLIN)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        for connection in self.connections:
            connection.sock.close()
        self.connections.clear()
        self._poll.close()

    def ask(self, connection: Connection, request: bytes) -> None:
        connection.ask(request)
        if connection.out:
            self._poll.modify(connection.sock, select.EPOLLIN | select.EPOLLOUT)

    def turn(self, timeout_s: float, delays: list[int] | None) -> list[Connection]:
        """Wait, then read from all readable connections. Returns the connections whose answers are over."""
        over = []
        # select takes microseconds where epoll takes milliseconds.
        select.select([self._poll], [], [], timeout_s)
        for fd, event in self._poll.poll(0):
            connection = self._by_fd[fd]
            if event & select.EPOLLOUT:
                connection.push()
                if not connection.out:
                    self._poll.modify(connection.sock, select.EPOLLIN)
            if event & ~select.EPOLLOUT and connection.receive(delays):
                over.append(connection)
        return over

    # --- the three ways of asking ---

    def closed_loop(
        self, request: bytes | Sequence[bytes], duration_s: float, *, least: int = 1, warm_up: int = 0
    ) -> Seen:
        """Each connection sends its next request once it is answered, for ``duration_s``, at least ``least`` in all.

        Several requests are sent in turn.
        """
        seen = Seen()
        requests = cycle([request] if isinstance(request, bytes) else request)
        delays: list[int] | None = [] if warm_up == 0 else None
        for connection in self.connections:
            self.ask(connection, next(requests))
        start = time.monotonic_ns()
        deadline = start + int(duration_s * 1e9)
        give_up = start + int((PATIENCE_S + duration_s) * 1e9)
        busy = len(self.connections)
        while busy:
            over = self.turn(1.0, delays)
            now = time.monotonic_ns()
            for connection in over:
                seen.requests += 1
                seen.frames += connection.frames
                seen.firsts.append(connection.first_ns - connection.asked_ns)
                seen.wholes.append(now - connection.asked_ns)
                if now < deadline or seen.requests < least:
                    self.ask(connection, next(requests))
                else:
                    busy -= 1
            if now > give_up:
                raise LoadError("took too long")
        seen.window_ns = time.monotonic_ns() - start
        seen.delays = delays or []
        return seen

    def streams(
        self,
        request: bytes,
        *,
        settle_s: float,
        window_s: float,
        gap_s: float = 0.0,
        count_only: bool = False,
        on_start: Callable[[], None] = lambda: None,
        on_end: Callable[[], None] = lambda: None,
    ) -> Seen:
        """Start a stream on each connection, wait until all have begun, and measure them for ``window_s``.

        The streams should be long enough; a stream that ends early is started again.
        """
        seen = Seen()
        give_up = time.monotonic() + PATIENCE_S
        for connection in self.connections:
            self.ask(connection, request)
            if gap_s:
                until = time.monotonic() + gap_s
                while (left := until - time.monotonic()) > 0:
                    self._again(self.turn(left, None), request)
        while any(not connection.first_ns for connection in self.connections):
            self._again(self.turn(0.1, None), request)
            if time.monotonic() > give_up:
                begun = sum(1 for connection in self.connections if connection.first_ns)
                raise LoadError(f"only {begun} of {len(self.connections)} streams began in {PATIENCE_S:.0f} s")
        seen.firsts = [connection.first_ns - connection.asked_ns for connection in self.connections]
        self._watch(settle_s, None, request)
        delays: list[int] | None = None if count_only else seen.delays
        on_start()
        start = time.monotonic_ns()
        seen.frames = self._watch(window_s, delays, request)
        seen.window_ns = time.monotonic_ns() - start
        on_end()
        return seen

    def _watch(self, duration_s: float, delays: list[int] | None, request: bytes) -> int:
        before = sum(connection.frames for connection in self.connections)
        ended = 0
        deadline = time.monotonic() + duration_s
        while (left := deadline - time.monotonic()) > 0:
            over = self.turn(min(left, 0.1), delays)
            ended += sum(connection.frames for connection in over)
            self._again(over, request)
        return ended + sum(connection.frames for connection in self.connections) - before

    def _again(self, over: list[Connection], request: bytes) -> None:
        for connection in over:
            self.ask(connection, request)


def once(target: Target, request: bytes) -> None:
    """Send one request and read its answer. Raises LoadError or OSError."""
    with Load(target, 1) as load:
        load.closed_loop(request, 0.0)
