"""What lies beyond this machine, for the sockets of this process: names, and servers at addresses elsewhere.

In a test, inside trio::

    with Internet() as internet:
        internet.names["gpu.lan"] = ["203.0.113.7"]
        internet.hosts["203.0.113.7"] = "127.0.0.1"    # where a connection to this address really goes

A connection to such an address is made to a loopback port of the same number, and its socket says that its peer is at
the address that was asked for. ``dialled`` has all addresses that were connected to, and ``sent`` what was sent to
each address and port by Linx's own transport (trio's streams keep the methods that sockets have from the start).
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Self

import pytest
import trio

if TYPE_CHECKING:
    from types import TracebackType


class Internet(trio.abc.HostnameResolver):
    """``names`` are resolved, and no others."""

    def __init__(self) -> None:
        self.names: dict[str, list[str]] = {"localhost": ["127.0.0.1"]}
        self.troubles: dict[str, OSError | float] = {}
        """By name: what its lookup raises, or the seconds of silence before it answers."""
        self.hosts: dict[str, str] = {}
        self.moved: dict[str, str] = {}
        """By an address that is connected to: what the socket then says that its peer is."""
        self.dialled: list[str] = []
        self.sent: dict[tuple[str, int], bytearray] = {}
        self._peers: dict[Any, tuple[str, int]] = {}
        """By the two ends of a connection: what it says that its peer is."""
        self._asked_for: dict[Any, tuple[str, int]] = {}
        """By the two ends of a connection: the address that was asked for."""
        self._patch = pytest.MonkeyPatch()
        self._before: trio.abc.HostnameResolver | None = None

    async def getaddrinfo(
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the name in trio's interface
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        await trio.lowlevel.checkpoint()
        name = (host or b"").decode()
        trouble = self.troubles.get(name, 0.0)
        if isinstance(trouble, OSError):
            raise trouble
        if trouble:
            await trio.sleep(trouble)
        found = self.names.get(name, [])
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        answers = []
        for address in found:
            v6 = ":" in address
            sockaddr = (address, port, 0, 0) if v6 else (address, port)
            answers.append((socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_STREAM, 6, "", sockaddr))
        return answers

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        raise AssertionError("nothing in Linx asks for the name of an address")

    def __enter__(self) -> Self:
        connect, getpeername, send = socket.socket.connect, socket.socket.getpeername, socket.socket.send
        peers, asked_for = self._peers, self._asked_for

        def connected(sock: socket.socket, address: Any) -> None:
            self.dialled.append(address[0])
            real = self.hosts.get(address[0])
            try:
                connect(sock, (real, *address[1:]) if real else address)
            finally:
                ends = ends_of(sock, (real or address[0], address[1]))
                peers.pop(ends, None)
                asked_for[ends] = address[0], address[1]
                if real:
                    peers[ends] = (self.moved.get(address[0], address[0]), address[1])

        def ends_of(sock: socket.socket, peer: Any) -> Any:
            # Both ends: the kernel gives one local port to several connections, where these lead elsewhere.
            return sock.getsockname()[:2], peer[:2]

        def peer(sock: socket.socket) -> Any:
            found = getpeername(sock)
            return peers.get(ends_of(sock, found)) or found

        def sending(sock: socket.socket, data: bytes) -> int:
            peer_of = getpeername(sock)
            count = send(sock, data)
            end = asked_for.get(ends_of(sock, peer_of))
            if end is not None:
                self.sent.setdefault(end, bytearray()).extend(memoryview(data)[:count])
            return count

        self._patch.setattr(socket.socket, "connect", connected)
        self._patch.setattr(socket.socket, "send", sending)
        self._patch.setattr(socket.socket, "getpeername", peer)
        self._before = trio.socket.set_custom_hostname_resolver(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._patch.undo()
        trio.socket.set_custom_hostname_resolver(self._before)
