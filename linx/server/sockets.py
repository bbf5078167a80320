"""Listening sockets, and how many files the system lets Linx open."""

from __future__ import annotations

import errno
import logging
import socket
import sys
from typing import TYPE_CHECKING

import trio

from linx.core.addresses import host_and_port

if TYPE_CHECKING:
    from collections.abc import Sequence

LOG = logging.getLogger("linx.server")

BACKLOG = 2048
_RESERVED_FILES = 64  # for all files that are no connections
_FILES_PER_REQUEST = 3  # the sockets of the client, of a provider, and of a hedge
_PORT_TRIES = 10  # for port 0: how often a port is looked for that is free on all addresses

_NO_SUCH_FAMILY = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})


async def open_sockets(host: str, port: int) -> list[socket.socket]:
    """Listening sockets on every address of ``host``; raises OSError."""
    found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    addresses = list(dict.fromkeys((family, address) for family, _kind, _proto, _name, address in found))
    for tries_left in reversed(range(_PORT_TRIES)):
        try:
            return _bind_all(addresses, port)
        except OSError as problem:
            # With port 0, the port that was free on the first address may be taken on the next address.
            if port or problem.errno != errno.EADDRINUSE or not tries_left:
                raise
    raise AssertionError("not reached")


def _bind_all(addresses: Sequence[tuple[socket.AddressFamily, tuple[object, ...]]], port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    unusable: OSError | None = None
    try:
        for family, address in addresses:
            try:
                sock = _bind(family, (address[0], port, *address[2:]), is_alone=len(addresses) == 1)
            except OSError as problem:
                # "localhost" includes ::1 even on machines without IPv6.
                if problem.errno not in _NO_SUCH_FAMILY:
                    raise
                unusable = problem
                continue
            sockets.append(sock)
            port = port or sock.getsockname()[1]
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    if not sockets:
        raise unusable or OSError(errno.EADDRNOTAVAIL, "no address to listen on")
    return sockets


def _bind(family: socket.AddressFamily, address: tuple[object, ...], *, is_alone: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if sys.platform == "win32":
            # On Windows SO_REUSEADDR would let another program take over the port.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if is_alone else 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def peer_text(address: object) -> str:
    """The address of a client for the log."""
    if isinstance(address, tuple) and len(address) >= 2:
        return host_and_port(str(address[0]), address[1])
    return "local socket"


def file_limit() -> int | None:
    """How many files this process may have open; None if there is no limit."""
    if sys.platform == "win32":
        return None
    import resource

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def raise_file_limit() -> int | None:
    """Raise the soft limit of open files to the hard limit. Returns the limit then in force."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            except (ValueError, OSError) as problem:
                # macOS reports no hard limit, and then refuses to set it.
                LOG.debug("The limit of open files stays at %s: %s", soft, problem)
    return file_limit()


def max_connections_for(files: int | None) -> int:
    """How many clients ``files`` open files allow, if each client also needs sockets to a provider and a hedge."""
    return sys.maxsize if files is None else max(1, (files - _RESERVED_FILES) // _FILES_PER_REQUEST)
