"""The proxies in the environment: which origin is reached through which proxy, and CONNECT.

Every origin behind a proxy gets a tunnel of its own, even a plain http origin. So a kept
connection belongs to one origin, and requests are written in one form only. Linx speaks plain
HTTP to proxies. A near host is never reached through a proxy.
"""

from __future__ import annotations

import ipaddress
import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from linx.core.addresses import DEFAULT_PORTS, Address, address_of, host_and_port, is_near
from linx.core.attempt_errors import ConnectFailed
from linx.http1.grammar import STATUS_LINE
from linx.http1.transport import BREAKS, Transport

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_HEAD = 16 * 1024  # bytes of a proxy's answer to CONNECT
_VARIABLES = {"https": ("https_proxy", "HTTPS_PROXY"), "http": ("http_proxy", "HTTP_PROXY")}
_FOR_ALL = ("all_proxy", "ALL_PROXY")


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; ``authorization`` is the value of Proxy-Authorization, or b""."""

    host: str
    port: int
    authorization: bytes = field(default=b"", repr=False)

    @property
    def address(self) -> str:
        return host_and_port(self.host, self.port)


@dataclass(frozen=True, slots=True)
class _Exemption:
    """One entry of NO_PROXY: a name with all names below it, or a network, perhaps for one port only."""

    name: str = ""
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None = None
    port: int | None = None

    def covers(self, name: str, address: Address | None, port: int) -> bool:
        if self.port is not None and self.port != port:
            return False
        if self.network is not None:
            return address is not None and address in self.network
        return self.name == "*" or name == self.name or name.endswith("." + self.name)


class Proxies:
    """The settings in HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, in upper or lower case."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._urls = {scheme: _first(environ, (*names, *_FOR_ALL)) for scheme, names in _VARIABLES.items()}
        if "REQUEST_METHOD" in environ:
            # Under CGI the variable HTTP_PROXY holds the caller's header "Proxy" ("httpoxy"), so it is ignored.
            self._urls["http"] = _first(environ, ("http_proxy", *_FOR_ALL))
        _name, excepted = _first(environ, ("no_proxy", "NO_PROXY"))
        self._exempt = [_exemption(entry) for entry in re.split(r"[,\s]+", excepted) if entry]

    def find(self, scheme: str, host: str, port: int) -> Proxy | None:
        """The proxy for an origin, or None. Raises ConnectFailed if the variable has no usable value."""
        variable, url = self._urls[scheme]
        if not url or is_near(host):
            return None
        name, address = host.rstrip(".").lower(), address_of(host)
        if any(entry.covers(name, address, port) for entry in self._exempt):
            return None
        return _parse(variable, url)


async def tunnel(transport: Transport, proxy: Proxy, target: str) -> None:
    """Ask ``proxy``, to which ``transport`` is connected, for a tunnel to ``target`` (host:port)."""
    authorization = b"Proxy-Authorization: %s\r\n" % proxy.authorization if proxy.authorization else b""
    where = target.encode("ascii")
    head = bytearray()
    try:
        await transport.send(b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (where, where, authorization))
        while (end := head.find(b"\r\n\r\n")) < 0 and len(head) <= MAX_HEAD:
            data = await transport.recv()
            if not data:
                break
            head += data
    except BREAKS:
        end = -1
    found = STATUS_LINE.match(head) if end >= 0 else None
    if found is None:
        raise ConnectFailed(f"the proxy {proxy.address} gave no valid answer when asked to connect to {target}")
    status = int(found[1])
    if not 200 <= status < 300:
        advice = ": put its user and password into the proxy's URL" if status == 407 else ""
        raise ConnectFailed(f"the proxy {proxy.address} refused to connect to {target} (status {status}){advice}")
    if len(head) != end + 4:
        # These bytes cannot come from the origin, since in TLS and in HTTP the client sends first.
        raise ConnectFailed(f"the proxy {proxy.address} sent bytes of its own into the tunnel to {target}")


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, str]:
    """The name and the value of the first variable that is set and not empty."""
    return next(((name, value) for name in names if (value := environ.get(name, "").strip())), ("", ""))


def _parse(variable: str, url: str) -> Proxy:
    """The proxy in ``url``. Errors repeat nothing of ``url``, since it may contain a password."""
    if "://" not in url:
        url = "http://" + url
    try:
        parts: SplitResult = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not host.isascii():
        raise ConnectFailed(f"{variable} in the environment is not a proxy URL such as http://proxy.example:3128")
    if parts.scheme != "http":
        raise ConnectFailed(f"{variable} in the environment names a proxy that is not http://, which Linx cannot use")
    authorization = b""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = b"Basic " + b64encode(pair.encode())
    return Proxy(host, port or DEFAULT_PORTS["http"], authorization)


def _exemption(entry: str) -> _Exemption:
    text = entry.lower()
    try:
        return _Exemption(network=ipaddress.ip_network(text.strip("[]"), strict=False))
    except ValueError:
        pass
    host, colon, digits = text.rpartition(":")
    port = int(digits) if colon and digits.isascii() and digits.isdigit() else None
    if port is None:
        host = text
    try:
        return _Exemption(network=ipaddress.ip_network(host.strip("[]"), strict=False), port=port)
    except ValueError:
        return _Exemption(name="*" if host == "*" else host.removeprefix("*").strip("."), port=port)
