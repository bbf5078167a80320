"""The server: the accept loops, and how all of it comes to an end."""

from __future__ import annotations

import errno
import logging
import math
from typing import TYPE_CHECKING

import trio

from linx.core.errors import Overloaded, ShuttingDown
from linx.http1.transport import BREAKS, SocketTransport
from linx.server.connection import Connection
from linx.server.limits import Limits, Shared
from linx.server.listener import Listener
from linx.server.refusal import ErrorAnswer, last_answer, usual_error_answer
from linx.server.request import Handler, new_id
from linx.server.sockets import file_limit, max_connections_for, open_sockets, peer_text
from linx.server.wire import LINGER_S

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

LOG = logging.getLogger("linx.server")

_ACCEPTS_PER_WAKE = 32  # then other tasks have their turn
_ACCEPT_PAUSE_S = 0.05  # when the system is out of files or memory
_LOG_PAUSE_S = 60.0  # between two lines that say so
_MAX_TURNED_AWAY = 64  # clients told 503 at one time; further ones are just closed
_LAST_WORDS_S = 2.0  # for the error frames of stopped requests


class Server:
    """Serves ``handler`` until drained. One ``serve``, and a ``serve_on`` for each further listener."""

    def __init__(self, handler: Handler, limits: Limits, error_answer: ErrorAnswer = usual_error_answer) -> None:
        self._handler = handler
        self._shared = Shared(limits, error_answer=error_answer)
        self._sockets: list[socket.socket] = []
        self._connections: set[Connection] = set()
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
        """Bind every address of ``host``; raises OSError. Port 0 picks one, the same for all."""
        sockets = await open_sockets(host, port)
        self._sockets += sockets
        return [sock.getsockname()[:2] for sock in sockets]

    async def serve(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Accept on what ``listen`` has bound; returns when drained."""
        await self._serve(list(self._sockets), Listener("local", self._handler), task_status)

    async def serve_on(
        self,
        sockets: Sequence[socket.socket],
        name: str = "tunnel",
        handler: Handler | None = None,
        share: float = 1.0,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Accept on sockets of another listener, for another handler if one is given.

        ``share`` is how much of ``max_connections`` may be taken here, so that the clients
        of this listener cannot lock out all others. Cancelling it ends these sockets and
        their connections alone.
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
        while listening.fileno() >= 0:
            try:
                await trio.lowlevel.wait_readable(listening)
                for _ in range(_ACCEPTS_PER_WAKE):
                    sock, address = listening.accept()
                    self._admit(sock, address, listener, nursery)
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

    def _admit(self, sock: socket.socket, address: object, listener: Listener, nursery: trio.Nursery) -> None:
        """Start a connection's task, or turn the client away."""
        try:
            transport = SocketTransport(sock)
        except OSError:  # the client has reset the connection already
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
        nursery.start_soon(self._attend, connection, listener)

    async def _attend(self, connection: Connection, listener: Listener) -> None:
        try:
            await connection.guard()
        finally:
            self._connections.discard(connection)
            listener.connections -= 1
            self._note_change()

    async def _turn_away(self, transport: SocketTransport) -> None:
        self._turned_away += 1
        problem = Overloaded("Too many connections; try again in a moment")
        try:
            with trio.move_on_after(LINGER_S):
                transport.send_some(last_answer(problem, new_id()))
                transport.end_writing()
                while await transport.recv():
                    pass
        except BREAKS:
            pass
        finally:
            transport.close()
            self._turned_away -= 1

    def _log_problem(self, problem: OSError) -> None:
        """At most one line a minute: a system out of files fails many times a second."""
        now = trio.current_time()
        if now - self._logged_at >= _LOG_PAUSE_S:
            self._logged_at = now
            LOG.error(
                "Cannot accept connections: %s (%d open); trying on", problem.strerror or problem, self.connections
            )

    # --- the end ---------------------------------------------------------------------

    async def drain(self, grace_s: float) -> None:
        """Stop accepting, let running requests finish, and return when all is over.

        After ``grace_s`` seconds (``math.inf``: no limit), or at once on ``hurry``, what
        still runs is stopped, and a little later its connections are closed.
        """
        shared = self._shared
        shared.is_draining = True
        shared.on_request_end = self._note_change
        for sock in list(self._sockets):
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
        """End the grace of a drain now."""
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
        if sock in self._sockets:
            self._sockets.remove(sock)
        if sock.fileno() >= 0:
            trio.lowlevel.notify_closing(sock)
            sock.close()
