"""Hosts and origins: how an address is written, and which hosts are on this machine or network.

A host is judged by how it is written; no name is looked up in DNS. A host on this machine
or network is called near. To a near host Linx allows a short time to connect, uses no proxy
from the environment, and accepts that its name resolves to an address of this machine.
A name proves nothing of where it leads: whether a connection is local is decided by the
address of its peer (``is_local_address``).
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

DEFAULT_PORTS = {"http": 80, "https": 443}
# Written out, since ``is_private`` of the standard library also holds for networks kept for documentation.
_PRIVATE = tuple(ipaddress.ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
_SHARED = ipaddress.ip_network("100.64.0.0/10")
_NEAR_ENDINGS = (
    ".localhost",
    ".local",
    ".lan",
    ".home",
    ".home.arpa",
    ".internal",
    ".intranet",
    ".localdomain",
    ".test",
)


class Origin(NamedTuple):
    """Where a provider listens. The pool keeps connections by origin. ``host`` has no brackets."""

    scheme: str
    host: str
    port: int

    @property
    def address(self) -> str:
        """``host:port``, the name of the origin in errors."""
        return host_and_port(self.host, self.port)

    @property
    def authority(self) -> str:
        """The value of the Host header: in ASCII, without a zone, and without the default port."""
        host = ascii_host(self.host.partition("%")[0])
        if self.port == DEFAULT_PORTS.get(self.scheme):
            return f"[{host}]" if ":" in host else host
        return host_and_port(host, self.port)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


def host_and_port(host: str, port: int) -> str:
    """``host:port``, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def ascii_host(host: str) -> str:
    """An international name in its xn-- form. Raises UnicodeError where there is none."""
    return host if host.isascii() else host.encode("idna").decode("ascii")


def address_of(host: str) -> Address | None:
    """The IP address that ``host`` is written as; None for a name. An IPv4-mapped IPv6 address becomes IPv4."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_local_address(address: Address) -> bool:
    """Is it an address of this machine, of a private network, or of this link?

    An address that leads through a translator (NAT64, 6to4, Teredo) never is, whatever IPv4 address it holds: the
    translator stands between this network and the internet.
    """
    is_here = address.is_loopback or address.is_unspecified or address.is_link_local
    return is_here or any(address in net for net in _PRIVATE)


def is_shared_address(address: Address) -> bool:
    """Is it in 100.64.0.0/10? Carriers use these addresses for their customers, overlays such as Tailscale for a
    user's own machines; which of the two it is only the user can know."""
    return address in _SHARED


def is_loopback(host: str) -> bool:
    """Is it ``localhost``, a name below it, or a loopback address? 0.0.0.0 connects to this machine too."""
    address = address_of(host)
    if address is not None:
        return address.is_loopback or address.is_unspecified
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith(".localhost")


def is_near(host: str) -> bool:
    """Is it loopback, private or link-local, or a name that only the local network knows?"""
    address = address_of(host)
    if address is not None:
        return is_local_address(address)
    name = host.rstrip(".").lower()
    return "." not in name or name.endswith(_NEAR_ENDINGS)
