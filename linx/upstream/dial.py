"""Opens a connection to an origin: name lookup, TCP, proxy and TLS, with an error for each way in which they fail.

One time limit covers all of it. ``connect`` returns a Transport, with what is known of its peer,
or raises ConnectFailed or one of its subclasses; no error of the system, of trio or of ssl, and
no exception group, leaves this file.

Where the permit demands a local peer, only those addresses of the host are tried that are local,
and the address of the peer is checked after connecting, before the first byte is sent.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import trio

from linx.core.addresses import Address, address_of, ascii_host, host_and_port, is_near
from linx.core.attempt_errors import ConnectFailed, ConnectTimeout, NameNotFound, NotLocal
from linx.http1.transport import SocketTransport, Transport
from linx.upstream.permit import Permit, Reach, reach_of
from linx.upstream.proxies import Proxies, tunnel
from linx.upstream.tls import TLSTransport, trusting_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping, Sequence

NEAR_LIMIT_S = 3.0  # to connect to a host on this machine or network
FAR_LIMIT_S = 5.0  # to connect to any other host
ADDRESS_LIMIT_S = 1.0  # to connect to a local address of a host that has more of them
# A peer that has vanished is noticed within a minute: after 30 s of silence, three probes 10 s apart. TCP_USER_TIMEOUT
# limits how long sent bytes may stay unacknowledged. Systems name the options differently; each is set where it exists.
_KEEP_ALIVE = {
    "TCP_KEEPIDLE": 30,
    "TCP_KEEPALIVE": 30,
    "TCP_KEEPINTVL": 10,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 60000,
}
_REASONS = {
    errno.ECONNREFUSED: "refused the connection: is it running?",
    errno.EHOSTUNREACH: "cannot be reached: no route to the host",
    errno.ENETUNREACH: "cannot be reached: is this machine connected to the network?",
    errno.EHOSTDOWN: "cannot be reached: the host is down",
    errno.ECONNRESET: "reset the connection while it was being opened",
    errno.EACCES: "may not be connected to: a firewall or the system forbids it",
    errno.EPERM: "may not be connected to: a firewall or the system forbids it",
    errno.EADDRNOTAVAIL: "cannot be reached: no free local address or port",
}
_HOST = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*|[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?")
_OUT_OF_FILES = {errno.EMFILE, errno.ENFILE}
_LOOKUP_REASONS = {
    socket.EAI_AGAIN: "the name server does not answer",
    # The name exists, but has neither an IPv4 nor an IPv6 address. Not every system tells the two apart.
    getattr(socket, "EAI_NODATA", None): "the name has no address",
}


class Dialled(NamedTuple):
    """A new connection. ``reach`` is what is known of its peer; a proxy hides the peer."""

    transport: Transport
    reach: Reach


class Dialer:
    """Opens connections. The proxies are read from ``environ``; without ``context``, it is made when first needed."""

    def __init__(self, environ: Mapping[str, str] | None = None, *, context: ssl.SSLContext | None = None) -> None:
        self._proxies = Proxies(os.environ if environ is None else environ)
        self._context = context

    async def connect(self, permit: Permit) -> Dialled:
        """A transport ready for HTTP; the caller must close it. Raises ConnectFailed or one of its subclasses."""
        origin = permit.origin
        limit_s = NEAR_LIMIT_S if is_near(origin.host) else FAR_LIMIT_S
        dialled = None
        with trio.move_on_after(limit_s):
            dialled = await self._open(permit)
        if dialled is None:
            raise ConnectTimeout(f"{origin.address} did not take a connection within {limit_s:g} seconds")
        return dialled

    async def _open(self, permit: Permit) -> Dialled:
        origin = permit.origin
        host = _sendable(origin.host)
        proxy = self._proxies.find(origin.scheme, host, origin.port) if permit.reach is Reach.ANY else None
        transport: Transport
        if proxy is None:
            transport, reach = await _tcp(
                host, origin.port, origin.address, least=permit.reach, is_guarded=not is_near(host)
            )
        else:
            transport, _proxy_reach = await _tcp(
                proxy.host, proxy.port, f"the proxy {proxy.address}", least=Reach.ANY, is_guarded=False
            )
            reach = Reach.ANY
        is_ready = False
        try:
            if proxy is not None:
                await tunnel(transport, proxy, host_and_port(host, origin.port))
            if origin.scheme == "https":
                if self._context is None:
                    self._context = trusting_context()
                secured = TLSTransport(transport, self._context, host.partition("%")[0])
                await secured.handshake(origin.address)
                transport = secured
            is_ready = True
        finally:
            if not is_ready:
                transport.close()
        return Dialled(transport, reach)


async def _tcp(host: str, port: int, where: str, *, least: Reach, is_guarded: bool) -> tuple[SocketTransport, Reach]:
    try:
        hosts = [host]
        if least >= Reach.SHARED and address_of(host) is None:
            hosts = await _near_addresses(host, port, where, least)
        sock = await _connected(hosts, port)
    except (OSError, UnicodeError) as error:
        raise _translated(where, host, error) from None
    is_owned = False  # no await may come before the transport owns the socket
    try:
        peer = _peer(sock, where)
        reach = reach_of(peer)
        if reach < least:
            raise _elsewhere(where, str(peer))
        if is_guarded and peer is not None and (peer.is_loopback or peer.is_link_local):
            # A public name that resolves to this machine may be an attack (DNS rebinding).
            raise ConnectFailed(
                f"{where} resolves to {peer}, an address of this machine or its link, and is refused as DNS rebinding; "
                "if that is meant, put the address itself into the endpoint"
            )
        if peer is not None and not peer.is_loopback:
            _keep_alive(sock)
        transport = SocketTransport(sock)
        is_owned = True
    except OSError as error:
        raise _translated(where, host, error) from None
    finally:
        if not is_owned:
            sock.close()
    return transport, reach


async def _near_addresses(host: str, port: int, where: str, least: Reach) -> list[str]:
    """The addresses of ``host`` that reach ``least``. Raises NotLocal where it has only others."""
    found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    hosts = dict.fromkeys(_numeric(sockaddr) for _family, _type, _protocol, _name, sockaddr in found)
    near = [each for each in hosts if reach_of(address_of(each)) >= least]
    if not near:
        raise _elsewhere(where, ", ".join(hosts))
    return near


def _numeric(sockaddr: tuple[Any, ...]) -> str:
    """The address of a socket address, with the zone of a link-local IPv6 address."""
    host = str(sockaddr[0])
    scope = sockaddr[3] if len(sockaddr) == 4 else 0
    return f"{host}%{scope}" if scope and "%" not in host else host


async def _connected(hosts: Sequence[str], port: int) -> socket.socket:
    """A connection to the first of ``hosts`` that takes one. Raises the error of the last."""
    for host in hosts[:-1]:
        with suppress(OSError), trio.move_on_after(ADDRESS_LIMIT_S):
            return await _connect(host, port)
    return await _connect(hosts[-1], port)


async def _connect(host: str, port: int) -> socket.socket:
    """A connection to a name, or to an address, which needs neither a lookup nor trio's race of several addresses."""
    if "%" in host or address_of(host) is None:
        stream = await trio.open_tcp_stream(host, port)
        return socket.socket(fileno=stream.socket.detach())  # the plain socket is taken out of trio's stream
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    is_connected = False
    try:
        sock.setblocking(False)
        with suppress(BlockingIOError):
            sock.connect((host, port))
        # A connection to this machine is made by now: the wait would cost more than all the rest.
        if not _has_peer(sock):
            await trio.lowlevel.wait_writable(sock)
            if failure := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(failure, os.strerror(failure))
        is_connected = True
        return sock
    finally:
        if not is_connected:
            sock.close()


def _has_peer(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def _elsewhere(where: str, address: str) -> NotLocal:
    return NotLocal(
        f"{where} resolves to {address}, which is no local address, so nothing that must stay local is sent there; "
        'if the machine is yours, reach it over https:// and set "local": true'
    )


def _peer(sock: socket.socket, where: str) -> Address | None:
    """The peer's address. A connection that has been reset has none, which says nothing of how near the peer was."""
    try:
        return address_of(sock.getpeername()[0])
    except OSError:
        raise ConnectFailed(f"{where} {_REASONS[errno.ECONNRESET]}") from None


def _keep_alive(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _translated(where: str, host: str, error: OSError | UnicodeError) -> ConnectFailed:
    errors = list(_leaves(error))
    if lookups := [each for each in errors if isinstance(each, socket.gaierror | UnicodeError)]:
        numbers = [each.errno for each in lookups if isinstance(each, socket.gaierror)]
        cause = next((why for number, why in _LOOKUP_REASONS.items() if number in numbers), "there is no such name")
        return NameNotFound(f"cannot find the host {host!r}: {cause}; check the endpoint and the network")
    numbers = [each.errno for each in errors if isinstance(each, OSError)]
    if any(number in _OUT_OF_FILES for number in numbers):
        failed = ConnectFailed(f"{where} was not tried: Linx has no file descriptor left; raise its limit (ulimit -n)")
        failed.status = 503
        failed.blames_provider = False
        return failed
    if errno.ETIMEDOUT in numbers:
        return ConnectTimeout(f"{where} did not take a connection in time")
    # Several addresses may have failed in different ways; the first reason in the table's order is reported.
    for number, reason in _REASONS.items():
        if number in numbers:
            return ConnectFailed(f"{where} {reason}")
    known = next((os.strerror(number).lower() for number in numbers if number), "unknown error")
    return ConnectFailed(f"{where} cannot be reached: {known}")


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The single errors inside groups and causes: trio reports the failures of all addresses as one OSError."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    elif isinstance(error.__cause__, BaseExceptionGroup):
        yield from _leaves(error.__cause__)
    else:
        yield error


def _sendable(host: str) -> str:
    """The host in the ASCII form that CONNECT and TLS need. Raises NameNotFound."""
    try:
        host = ascii_host(host)
    except UnicodeError:
        host = ""
    if not _HOST.fullmatch(host):
        raise NameNotFound("the endpoint's host is not a valid name or address")
    return host
