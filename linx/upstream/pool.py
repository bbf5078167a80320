"""Keeps connections for the next request, and lends a connection to each Exchange.

Which request gets which connection, and the counts, are changed without an await in between,
and each count is taken back in a ``finally``. So a request may be cancelled at any moment
without a connection being lost or counted for ever.

No connection is opened or lent without a permit, and none whose peer is farther away than the
permit allows.

A connection is kept only after a keep-alive HTTP/1.1 answer has come to its proper end with
no byte after it. It is lent again only while it is young and nothing can be read from it. So
an answer never reaches a request that did not ask for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import trio

from linx.core.attempt_errors import AttemptError, Reset
from linx.upstream.connection import UpstreamConnection
from linx.upstream.request_head import request_head
from linx.upstream.response import Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from types import TracebackType

    from linx.core.addresses import Origin
    from linx.upstream.dial import Dialer
    from linx.upstream.permit import Permit, Reach
    from linx.upstream.response_head import ResponseHead

DRAIN_S = 1.0
DRAIN_BYTES = 64 * 1024
"""The time and the bytes that reading the rest of an answer may take; beyond that a new connection is cheaper."""
STALE_S = 0.5
"""If a kept connection breaks within this time after a request was sent on it, the server had closed it before, and the
request is sent again. If it breaks later, the server may have begun to work on the request, which is not sent again."""
REAP_S = 5.0  # between two checks of the idle connections


@dataclass(slots=True)  # not frozen, since that would cost a microsecond for each request
class Sending:
    """A request to send. ``request_head`` adds Host, Content-Length and Transfer-Encoding.

    If ``stream`` is set, the body is sent as ``stream`` gives it, and ``body`` is empty.
    ``length`` is the number of bytes that the stream will give; without it the body is sent
    in chunks. ``is_last``: the server is asked to close the connection behind its answer.
    """

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    stream: AsyncIterator[bytes] | None = None
    length: int | None = None
    is_last: bool = False


@dataclass(slots=True)
class _Idle:
    """A connection that waits for the next request, since the time ``since``."""

    connection: UpstreamConnection
    since: float


class Exchange(Response):
    """One request and its response on a borrowed connection. Each exchange must be finished or closed.

    As a context manager it is closed at exit unless it has been finished.
    """

    def __init__(self, pool: Pool, origin: Origin, connection: UpstreamConnection, head: ResponseHead) -> None:
        super().__init__(connection, head)
        self.origin = origin
        self._pool = pool
        self._is_finished = False
        self._is_settled = False

    def finish(self) -> None:
        """The caller wants no more of the answer: keep the connection if that is safe and cheap, else close it."""
        if self._is_finished or self._is_settled:
            return
        self._is_finished = True
        if self.is_whole or not self._pool.drain_later(self):
            self.settle()

    def close(self) -> None:
        """Close the connection at once, whatever is still to come, so that the model stops generating."""
        if not self._is_settled:
            self.may_reuse = False
            self.settle()

    def settle(self) -> None:
        """Give the connection back to the pool. Only the first call does something."""
        if not self._is_settled:
            self._is_settled = True
            may_reuse = self.is_whole and self.may_reuse
            self.abandon()
            self._pool.give_back(self, may_reuse=may_reuse)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._is_finished:
            self.close()


class Pool:
    """Idle connections by origin. Without ``run`` the pool works, but reaps and drains no connections."""

    def __init__(self, dialer: Dialer, *, idle_s: float = 60.0, max_idle_per_origin: int = 32) -> None:
        self._dialer = dialer
        self._idle_s = idle_s
        self._max_idle = max_idle_per_origin
        self._idle: dict[Origin, list[_Idle]] = {}
        self._active = 0
        self._draining: set[Exchange] = set()
        self._nursery: trio.Nursery | None = None
        self._has_idle = trio.Event()
        self._is_shut = False
        self.clock = trio.lowlevel.current_clock().current_time
        """Gives the same as ``trio.current_time`` in a third of the time, for code that needs it often."""

    def __repr__(self) -> str:
        idle = sum(map(len, self._idle.values()))
        draining = f", {len(self._draining)} draining" if self._draining else ""
        return f"Pool: {self._active} active, {idle} idle{draining}"

    def census(self) -> dict[str, int]:
        """The number of connections in each state."""
        return {"active": self._active, "idle": sum(map(len, self._idle.values())), "draining": len(self._draining)}

    async def open(self, permit: Permit, sending: Sending, connected: Callable[[], None] | None = None) -> Exchange:
        """Send a request and read the head of its response; the caller must finish or close the exchange.

        ``connected`` is called as soon as there is a connection. If a kept connection turns
        out to be dead before the first byte of an answer, the request is sent again on a new
        connection.

        Raises ConnectFailed or one of its subclasses, Reset, Garbled or Stalled; NotLocal before a byte is sent.
        """
        length = sending.length if sending.stream is not None else len(sending.body)
        origin = permit.origin
        headers = sending.headers
        if permit.headers:
            headers = tuple({**dict(headers), **dict(permit.headers)}.items())
        head = request_head(
            *(sending.method, sending.target, origin.authority, headers, length),
            is_kept=not permit.is_secret,
            is_last=sending.is_last,
        )
        asked = self.clock()
        connection = self._borrow(origin, permit.reach, asked)
        while True:
            is_reused = connection is not None
            exchange = None
            self._active += 1
            try:
                if connection is None:
                    transport, reach = await self._dialer.connect(permit)
                    connection = UpstreamConnection(transport, origin.address, reach)
                if connected is not None:
                    connected()
                answer = await connection.ask(
                    head, sending.body, sending.stream, length, is_head=sending.method == b"HEAD"
                )
                exchange = Exchange(self, origin, connection, answer)
                return exchange
            except Reset:
                if not is_reused or connection is None or connection.has_answered or connection.has_streamed:
                    raise
                if self.clock() - asked > STALE_S:
                    raise
            finally:
                if exchange is None:
                    self._active -= 1
                    if connection is not None:
                        connection.close()
            connection = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Close idle connections in time and drain finished exchanges, until cancelled. After that none is kept."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                task_status.started()
                while True:
                    await self._has_idle.wait()
                    await trio.sleep(min(REAP_S, self._idle_s))
                    self._reap()
        finally:
            self._nursery = None
            self._is_shut = True
            self.close_idle()

    def close_idle(self) -> None:
        for kept in self._idle.values():
            for idle in kept:
                idle.connection.close()
        self._idle.clear()
        self._has_idle = trio.Event()

    def _borrow(self, origin: Origin, least: Reach, now: float) -> UpstreamConnection | None:
        """The youngest kept connection that can be used, or None. Unusable connections found on the way are closed.

        So are those whose peer is too far away: where both are asked for, the pool comes to hold the nearer ones only.
        """
        kept = self._idle.get(origin)
        while kept:
            idle = kept.pop()
            if not kept:
                del self._idle[origin]
            if idle.connection.reach >= least and self._is_fit(idle, now):
                return idle.connection
            idle.connection.close()
        return None

    def _is_fit(self, idle: _Idle, now: float) -> bool:
        # If it is readable, the server has closed it or has sent data that no request asked for.
        return now - idle.since < self._idle_s and not idle.connection.transport.is_readable()

    def _reap(self) -> None:
        now = trio.current_time()
        for origin, kept in list(self._idle.items()):
            fit = []
            for idle in kept:
                if self._is_fit(idle, now):
                    fit.append(idle)
                else:
                    idle.connection.close()
            if fit:
                self._idle[origin] = fit
            else:
                del self._idle[origin]
        if not self._idle:
            self._has_idle = trio.Event()

    def give_back(self, exchange: Exchange, *, may_reuse: bool) -> None:
        """Called when an exchange is over: keep its connection for the next request, or close it."""
        if exchange in self._draining:
            self._draining.remove(exchange)
        else:
            self._active -= 1
        kept = self._idle.setdefault(exchange.origin, []) if may_reuse and not self._is_shut else None
        if kept is None or len(kept) >= self._max_idle:
            exchange.connection.close()
        else:
            kept.append(_Idle(exchange.connection, self.clock()))
            self._has_idle.set()

    def drain_later(self, exchange: Exchange) -> bool:
        """Begin to read the rest of the answer in the background, if it may be short. Returns whether it was begun."""
        if self._nursery is None or not exchange.may_reuse or exchange.remaining > DRAIN_BYTES:
            return False
        self._active -= 1
        self._draining.add(exchange)
        self._nursery.start_soon(self._drain, exchange)
        return True

    async def _drain(self, exchange: Exchange) -> None:
        left = DRAIN_BYTES
        try:
            with trio.move_on_after(DRAIN_S):
                while left > 0 and (data := await exchange.read()):
                    left -= len(data)
        except AttemptError:
            pass  # the answer was complete for its reader; only the connection cannot be kept
        finally:
            exchange.settle()
