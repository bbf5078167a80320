"""The server: listening sockets, the accept loops, and how all of it comes to an end."""

from __future__ import annotations

import errno
import logging
import math
import socket
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

from linx.core.errors import Overloaded, ShuttingDown
from linx.http1.transport import BREAKS, SocketTransport
from linx.server.connection import Connection
from linx.server.limits import Limits, Shared, Watch
from linx.server.refusal import ErrorAnswer, last_answer, usual_error_answer
from linx.server.request import Handler, new_id
from linx.server.wire import LINGER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

LOG = logging.getLogger("linx.server")

BACKLOG = 2048
_ACCEPTS_PER_WAKE = 32  # then the others have their turn
_ACCEPT_PAUSE_S = 0.05  # when the system is out of something
_COMPLAINT_PAUSE_S = 60.0
_MAX_TURNED_AWAY = 64  # clients told 503 at one time; further ones are just closed
_LAST_WORDS_S = 2.0  # for the error frames of stopped requests
_RESERVED_FILES = 64
_FILES_PER_REQUEST = 3  # the client's, a provider's, and one for a hedge
_PORT_TRIES = 10

_NO_SUCH_FAMILY = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})


@dataclass(slots=True)
class Door:
    """What the listeners of one ``serve`` have in common."""

    name: str
    handler: Handler
    share: float = 1.0
    connections: int = 0
    watch: Watch = field(default_factory=Watch)


class Server:
    """Serves ``handler`` until drained. One ``serve``, and a ``serve_on`` for each further listener."""

    def __init__(self, handler: Handler, limits: Limits, error_answer: ErrorAnswer = usual_error_answer) -> None:
        self._handler = handler
        self._shared = Shared(limits, error_answer=error_answer)
        self._listeners: list[socket.socket] = []
        self._connections: set[Connection] = set()
        self._turned_away = 0
        self._file_bound = max_connections_for(file_limit())
        self._complained_at = -math.inf
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
        listeners = await open_listeners(host, port)
        self._listeners += listeners
        return [listener.getsockname()[:2] for listener in listeners]

    async def serve(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Accept on what ``listen`` has bound; returns when drained."""
        await self._serve(list(self._listeners), Door("local", self._handler), task_status)

    async def serve_on(
        self,
        listeners: Sequence[socket.socket],
        name: str = "tunnel",
        handler: Handler | None = None,
        share: float = 1.0,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Accept on listeners of another name, for another handler if one is given.

        ``share`` is how much of ``max_connections`` may be taken here, so that the clients
        of this listener cannot lock out all others. Cancelling it ends these listeners and
        their connections alone.
        """
        self._listeners += listeners
        await self._serve(list(listeners), Door(name, handler or self._handler, share), task_status)

    async def _serve(self, listeners: list[socket.socket], door: Door, task_status: trio.TaskStatus[None]) -> None:
        try:
            async with trio.open_nursery() as watching:
                watching.start_soon(door.watch.watch)
                async with trio.open_nursery() as connections, trio.open_nursery() as accepting:
                    for listener in listeners:
                        accepting.start_soon(self._accept, listener, door, connections)
                    task_status.started()
                watching.cancel_scope.cancel()
        finally:
            for listener in listeners:
                self._close(listener)

    # --- accepting -------------------------------------------------------------------

    async def _accept(self, listener: socket.socket, door: Door, nursery: trio.Nursery) -> None:
        while listener.fileno() >= 0:
            try:
                await trio.lowlevel.wait_readable(listener)
                for _ in range(_ACCEPTS_PER_WAKE):
                    sock, address = listener.accept()
                    self._welcome(sock, address, door, nursery)
            except BlockingIOError:
                continue
            except trio.ClosedResourceError:
                return
            except OSError as problem:
                if listener.fileno() < 0:
                    return
                if problem.errno != errno.ECONNABORTED:
                    self._complain(problem)
                    await trio.sleep(_ACCEPT_PAUSE_S)

    def _welcome(self, sock: socket.socket, address: object, door: Door, nursery: trio.Nursery) -> None:
        try:
            transport = SocketTransport(sock)
        except OSError:  # reset before we looked at it
            sock.close()
            return
        most = min(self.limits.max_connections, self._file_bound)
        if len(self._connections) >= most or door.connections >= most * door.share:
            if self._turned_away < _MAX_TURNED_AWAY:
                nursery.start_soon(self._turn_away, transport)
            else:
                transport.close()
            return
        connection = Connection(transport, door.handler, self._shared, door.name, peer_text(address), door.watch)
        self._connections.add(connection)
        door.connections += 1
        nursery.start_soon(self._attend, connection, door)

    async def _attend(self, connection: Connection, door: Door) -> None:
        try:
            await connection.guard()
        finally:
            self._connections.discard(connection)
            door.connections -= 1
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

    def _complain(self, problem: OSError) -> None:
        """At most one line a minute: it is out of files for everybody, many times a second."""
        now = trio.current_time()
        if now - self._complained_at >= _COMPLAINT_PAUSE_S:
            self._complained_at = now
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
        shared.draining = True
        shared.on_rest = self._note_change
        for listener in list(self._listeners):
            self._close(listener)
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

    def _close(self, listener: socket.socket) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)
        if listener.fileno() >= 0:
            trio.lowlevel.notify_closing(listener)
            listener.close()


async def open_listeners(host: str, port: int) -> list[socket.socket]:
    """Listening sockets on every address of ``host``; raises OSError."""
    found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    addresses = list(dict.fromkeys((family, address) for family, _kind, _proto, _name, address in found))
    for tries_left in reversed(range(_PORT_TRIES)):
        try:
            return _bind_all(addresses, port)
        except OSError as problem:
            # Port 0: what was free on the first address was not on the next.
            if port or problem.errno != errno.EADDRINUSE or not tries_left:
                raise
    raise AssertionError("not reached")


def _bind_all(addresses: Sequence[tuple[socket.AddressFamily, tuple[object, ...]]], port: int) -> list[socket.socket]:
    listeners: list[socket.socket] = []
    unusable: OSError | None = None
    try:
        for family, address in addresses:
            try:
                listener = _bind(family, (address[0], port, *address[2:]), is_alone=len(addresses) == 1)
            except OSError as problem:
                # "localhost" names ::1 on machines that have no IPv6, too.
                if problem.errno not in _NO_SUCH_FAMILY:
                    raise
                unusable = problem
                continue
            listeners.append(listener)
            port = port or listener.getsockname()[1]
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    if not listeners:
        raise unusable or OSError(errno.EADDRNOTAVAIL, "no address to listen on")
    return listeners


def _bind(family: socket.AddressFamily, address: tuple[object, ...], *, is_alone: bool) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        if sys.platform == "win32":
            # There SO_REUSEADDR would let another program take the port over.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if is_alone else 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def peer_text(address: object) -> str:
    """A peer's address for the log."""
    if isinstance(address, tuple) and len(address) >= 2:
        host, port = address[:2]
        return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
    return "local socket"


def file_limit() -> int | None:
    """How many files this process may have open; None where that is not said."""
    if sys.platform == "win32":
        return None
    import resource

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def raise_file_limit() -> int | None:
    """Raise the soft limit of open files to the hard one; what it is then."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            except (ValueError, OSError) as problem:
                # macOS names no limit and then refuses it.
                LOG.debug("The limit of open files stays at %s: %s", soft, problem)
    return file_limit()


def max_connections_for(files: int | None) -> int:
    """How many clients fit into that many files, when each may cost a provider's socket and a hedge's."""
    return sys.maxsize if files is None else max(1, (files - _RESERVED_FILES) // _FILES_PER_REQUEST)
