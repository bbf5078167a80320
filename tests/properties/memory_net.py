"""Connections in memory that behave like sockets, and a fault at any step of them.

An ``End`` has the semantics of ``linx.http1.transport.SocketTransport``: what the buffer takes at once is sent without
a checkpoint, ``recv`` always passes one, a peer that has closed is told by EOF or by an error of the system. No
thread, kernel or clock takes part, so under trio's MockClock a run is the same each time, and step k of it can be
found again.

Each call of a transport that Linx holds is a step, before and after it; so is the opening of a connection. ``Faults``
counts the steps and does one thing at one of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

from linx.core.attempt_errors import ConnectFailed
from linx.upstream.dial import Dialled
from linx.upstream.permit import Reach

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from linx.upstream.permit import Permit

ROOMY = 1 << 20
NARROW = 48
"""Bytes that the buffer of a connection takes before a send waits: each head and most frames are torn."""


class Line:
    """What the two ends of a connection share: a bell that rings at each change."""

    def __init__(self) -> None:
        self.bell = trio.Event()

    def ring(self) -> None:
        self.bell.set()
        self.bell = trio.Event()


class End:
    """One end of a connection. ``problem`` is what each call raises once the connection is broken at this end."""

    def __init__(self, line: Line, room: int) -> None:
        self._line = line
        self._room = room
        self._peer: End | None = None
        self.incoming = bytearray()
        self.is_closed = False
        self.is_eof = False  # the peer sends no more
        self.problem: Exception | None = None

    @classmethod
    def pair(cls, room: int) -> tuple[End, End]:
        line = Line()
        one, two = cls(line, room), cls(line, room)
        one._peer, two._peer = two, one
        return one, two

    @property
    def peer(self) -> End:
        assert self._peer is not None
        return self._peer

    async def recv(self, limit: int = ROOMY) -> bytes:
        while True:
            bell = self._line.bell
            await trio.lowlevel.checkpoint()
            if self.is_closed:
                raise trio.ClosedResourceError
            if self.problem is not None:
                raise self.problem
            if self.incoming:
                data = bytes(self.incoming[:limit])
                del self.incoming[:limit]
                self._line.ring()
                return data
            if self.is_eof:
                return b""
            await bell.wait()

    def send_some(self, data: bytes) -> int:
        if self.is_closed:
            raise OSError(9, "Bad file descriptor")
        if self.problem is not None:
            raise self.problem
        peer = self.peer
        if peer.is_closed:
            raise BrokenPipeError
        room = self._room - len(peer.incoming)
        if room <= 0:
            raise BlockingIOError
        taken = data[:room]
        peer.incoming += taken
        self._line.ring()
        return len(taken)

    async def send(self, data: bytes) -> None:
        while True:
            try:
                data = data[self.send_some(data) :]
            except BlockingIOError:
                await self._line.bell.wait()
                if self.is_closed:
                    raise trio.ClosedResourceError from None
            if not data:
                return

    async def until_left(self) -> bool:
        while True:
            bell = self._line.bell
            await trio.lowlevel.checkpoint()
            if self.is_closed:
                raise trio.ClosedResourceError
            if self.problem is not None or self.is_eof:
                return self.problem is not None
            await bell.wait()

    def is_readable(self) -> bool:
        return bool(self.incoming) or self.is_eof or self.problem is not None

    def end_writing(self) -> None:
        self.peer.is_eof = True
        self._line.ring()

    def close(self) -> None:
        self.is_closed = True
        self.peer.is_eof = True
        self._line.ring()

    def break_off(self, problem: Exception) -> None:
        """As if the peer, or the network, had reset the connection: what was not read is lost."""
        self.problem = problem
        self.incoming.clear()
        self.peer.problem = ConnectionResetError()
        self._line.ring()


@dataclass
class Faults:
    """Calls ``act`` at step number ``at`` (from 1 on), with the end that is at that step."""

    at: int = 0
    act: Callable[[str, Watched | None], None] | None = None
    steps: list[str] = field(default_factory=list)
    hit: str = ""

    def step(self, name: str, end: Watched | None = None) -> None:
        self.steps.append(name)
        if len(self.steps) == self.at and self.act is not None:
            self.hit = name
            self.act(name, end)


class Watched:
    """An end that Linx holds: each call of it is a step."""

    def __init__(self, end: End, name: str, faults: Faults) -> None:
        self.end = end
        self.name = name
        self._faults = faults

    async def recv(self, limit: int = ROOMY) -> bytes:
        self._faults.step(f"{self.name} recv", self)
        data = await self.end.recv(limit)
        self._faults.step(f"{self.name} recv done", self)
        return data

    async def send(self, data: bytes) -> None:
        self._faults.step(f"{self.name} send", self)
        await self.end.send(data)
        self._faults.step(f"{self.name} send done", self)

    def send_some(self, data: bytes) -> int:
        self._faults.step(f"{self.name} send_some", self)
        sent = self.end.send_some(data)
        self._faults.step(f"{self.name} send_some done", self)
        return sent

    async def until_left(self) -> bool:
        self._faults.step(f"{self.name} until_left", self)
        return await self.end.until_left()

    def is_readable(self) -> bool:
        return self.end.is_readable()

    def end_writing(self) -> None:
        self.end.end_writing()

    def close(self) -> None:
        self.end.close()


class Net:
    """Stands for ``Dialer``: opens connections in memory to the servers by their host names."""

    def __init__(self, nursery: trio.Nursery, faults: Faults, room: int) -> None:
        self.servers: dict[str, Callable[[End], Awaitable[None]]] = {}
        self.dialled: list[Watched] = []
        self.refusing: set[str] = set()
        """Hosts that refuse the next connection."""
        self.faults = faults
        self._nursery = nursery
        self._room = room

    async def connect(self, permit: Permit) -> Dialled:
        name = permit.origin.host
        self.faults.step(f"{name} connect")
        await trio.lowlevel.checkpoint()
        ours, theirs = End.pair(self._room)
        watched = Watched(ours, name, self.faults)
        if name in self.refusing:
            self.refusing.discard(name)
            raise ConnectFailed(f"{name} refused the connection")
        self.dialled.append(watched)
        self._nursery.start_soon(self._serve, name, theirs)
        return Dialled(watched, Reach.LOCAL)

    async def _serve(self, name: str, end: End) -> None:
        try:
            await self.servers[name](end)
        except (OSError, trio.ClosedResourceError):
            pass  # Linx went first
        finally:
            end.close()

    @property
    def open(self) -> int:
        """Connections that Linx has not closed."""
        return sum(not one.end.is_closed for one in self.dialled)
