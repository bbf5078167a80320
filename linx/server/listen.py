"""The server: its accept loops, and how it ends."""

from __future__ import annotations

import errno
import logging
import math
from functools import partial
from typing import TYPE_CHECKING

import trio

from linx.core.errors import Overloaded, ShuttingDown
from linx.http1.transport import BREAKS, SocketTransport
from linx.server.connection import Connection
from linx.server.limits import Limits, Shared
from linx.server.listener import LOCAL, Listener
from linx.server.refusal import ErrorAnswer, NoteUnread, last_answer, note_nothing, usual_error_answer
from linx.server.request import Handler, new_id
from linx.server.sockets import file_limit, max_connections_for, open_sockets, peer_text
from linx.server.wire import LINGER_S

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

LOG = logging.getLogger("linx.server")

_ACCEPTS_PER_WAKE = 4  # connections accepted before other tasks get a turn: each costs 0.4 ms with its first request
_ACCEPT_PAUSE_S = 0.05  # after a failed accept, when the system is out of files or memory
_LOG_PAUSE_S = 60.0  # between two log lines about failed accepts
_MAX_TURNED_AWAY = 64  # connections that are answered with 503 at one time; further ones are closed without an answer
_LAST_WORDS_S = 2.0  # for sending the errors of requests that the server has stopped


class Server:
    """Serves ``handler`` until drained. ``serve`` is called once, ``serve_on`` once for each further listener."""

    def __init__(
        self,
        handler: Handler,
        limits: Limits,
        error_answer: ErrorAnswer = usual_error_answer,
        note_unread: NoteUnread = note_nothing,
    ) -> None:
        self._handler = handler
        self._shared = Shared(limits, error_answer=error_answer, note_unread=note_unread)
        self._sockets: list[socket.socket] = []
        self._connections: set[Connection] = set()
        self._doors: dict[socket.socket, Callable[[socket.socket, object], None]] = {}  # by listening socket
        self._turned_away = 0
        self._file_bound = max_connections_for(file_limit())
        self._logged_at = -math.inf
        self._hurry = trio.Event()
        self._changed = trio.Event()

    @property
    def limits(self) -> Limits:
        return self._shared.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._shared.limits = limits

    @property
    def connections(self) -> int:
        return len(self._connections)

    @property
    def requests_running(self) -> int:
        return self._shared.requests_running

    async def listen(self, host: str, port: int) -> list[tuple[str, int]]:
        """Bind all addresses of ``host`` and return them. Raises OSError. Port 0: a free port, the same for all."""
        sockets = await open_sockets(host, port)
        self._sockets += sockets
        return [sock.getsockname()[:2] for sock in sockets]

    async def serve(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Accept connections on the sockets that ``listen`` has bound; returns when drained."""
        await self._serve(list(self._sockets), Listener(LOCAL, self._handler), task_status)

    async def serve_on(
        self,
        sockets: Sequence[socket.socket],
        name: str = "tunnel",
        handler: Handler | None = None,
        share: float = 1.0,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Accept connections on the sockets of a further listener.

        ``share`` is the part of ``max_connections`` that this listener may use, so that its
        clients cannot lock out all others. A cancellation ends only these sockets and their
        connections.
        """
        self._sockets += sockets
        await self._serve(list(sockets), Listener(name, handler or self._handler, share), task_status)

    async def _serve(
        self, sockets: list[socket.socket], listener: Listener, task_status: trio.TaskStatus[None]
    ) -> None:
        try:
            async with trio.open_nursery() as watching:
                watching.start_soon(listener.watch.watch)
                async with trio.open_nursery() as connections, trio.open_nursery() as accepting:
                    for sock in sockets:
                        accepting.start_soon(self._accept, sock, listener, connections)
                    task_status.started()
                watching.cancel_scope.cancel()
        finally:
            for sock in sockets:
                self._close(sock)

    # --- accepting -------------------------------------------------------------------

    async def _accept(self, listening: socket.socket, listener: Listener, nursery: trio.Nursery) -> None:
        let_in = self._doors[listening] = partial(self._admit, listener, nursery)
        while listening.fileno() >= 0:
            try:
                await trio.lowlevel.wait_readable(listening)
                for _ in range(_ACCEPTS_PER_WAKE):
                    let_in(*listening.accept())
            except BlockingIOError:
                continue
            except trio.ClosedResourceError:
                return
            except OSError as problem:
                if listening.fileno() < 0:
                    return
                if problem.errno != errno.ECONNABORTED:
                    self._log_problem(problem)
                    await trio.sleep(_ACCEPT_PAUSE_S)

    def _accept_waiting(self, listening: socket.socket) -> None:
        """Accept the connections that the kernel has accepted already: closing the socket would reset them."""
        let_in = self._doors.get(listening)
        while let_in is not None:
            try:
                let_in(*listening.accept())
            except OSError:
                return

    def _admit(self, listener: Listener, nursery: trio.Nursery, sock: socket.socket, address: object) -> None:
        """Start the task of a connection, or turn the client away if there are too many connections."""
        try:
            transport = SocketTransport(sock)
        except OSError:  # the client has already reset the connection
            sock.close()
            return
        most = min(self.limits.max_connections, self._file_bound)
        if len(self._connections) >= most or listener.is_full(most):
            if self._turned_away < _MAX_TURNED_AWAY:
                nursery.start_soon(self._turn_away, transport)
            else:
                transport.close()
            return
        connection = Connection(transport, listener, self._shared, peer_text(address))
        self._connections.add(connection)
        listener.connections += 1
        connection.start(nursery, partial(self._forget, connection, listener))

    def _forget(self, connection: Connection, listener: Listener) -> None:
        self._connections.discard(connection)
        listener.connections -= 1
        if self._shared.is_draining:
            self._note_change()

    async def _turn_away(self, transport: SocketTransport) -> None:
        """Answer 503 without reading the request, and close."""
        self._turned_away += 1
        problem = Overloaded("Too many connections; try again in a moment")
        try:
            with trio.move_on_after(LINGER_S):
                request_id = new_id()
                self._shared.note_unread(problem, request_id, b"", b"")
                transport.send_some(last_answer(problem, request_id))
                transport.end_writing()
                while await transport.recv():
                    pass
        except BREAKS:
            pass
        finally:
            transport.close()
            self._turned_away -= 1

    def _log_problem(self, problem: OSError) -> None:
        """Log at most one line a minute, since a system that is out of files fails many times a second."""
        now = trio.current_time()
        if now - self._logged_at >= _LOG_PAUSE_S:
            self._logged_at = now
            LOG.error(
                "Cannot accept connections: %s (%d open); Linx keeps trying",
                problem.strerror or problem,
                self.connections,
            )

    # --- the end ---------------------------------------------------------------------

    async def leave(self, delay_s: float) -> None:
        """Go on for ``delay_s`` seconds, or until ``hurry``, but keep no connection after its next answer.

        So a front that balances over several servers finds out, and takes its requests elsewhere, while this one still
        answers. Afterwards nothing that ``drain`` closes is in use.
        """
        self._shared.is_leaving = True
        with trio.move_on_after(delay_s):
            await self._hurry.wait()

    async def drain(self, grace_s: float) -> None:
        """Stop accepting, let running requests finish, and return when all connections are closed.

        After ``grace_s`` seconds (``math.inf``: no limit), or when ``hurry`` is called, the
        requests that still run are stopped; ``_LAST_WORDS_S`` later their connections are
        closed.
        """
        shared = self._shared
        shared.is_leaving = shared.is_draining = True
        shared.on_request_end = self._note_change
        for sock in list(self._sockets):
            self._accept_waiting(sock)
            self._close(sock)
        for connection in list(self._connections):
            connection.drain()
        with trio.move_on_after(grace_s):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._cancel_on_hurry, nursery.cancel_scope)
                await self._until_empty()
                nursery.cancel_scope.cancel()
        for connection in self._connections:
            if connection.request is not None:
                connection.request.stop(ShuttingDown("Linx is shutting down; this request was cut short"))
        with trio.move_on_after(_LAST_WORDS_S):
            await self._until_empty()
        for connection in list(self._connections):
            connection.kill()
        await self._until_empty()

    def hurry(self) -> None:
        """End the waiting of ``drain`` for running requests now."""
        self._hurry.set()

    async def _cancel_on_hurry(self, scope: trio.CancelScope) -> None:
        await self._hurry.wait()
        scope.cancel()

    async def _until_empty(self) -> None:
        while self._connections:
            await self._changed.wait()

    def _note_change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _close(self, sock: socket.socket) -> None:
        self._doors.pop(sock, None)
        if sock in self._sockets:
            self._sockets.remove(sock)
        if sock.fileno() >= 0:
            trio.lowlevel.notify_closing(sock)
            sock.close()
