"""Leave to send requests to an origin: the pool opens no connection and lends none without it.

A permit says how far away the peer may be. Rule: a permit is made by a provider (see
``providers.permits``), and for a client's request only for a candidate that the gate has
admitted (see ``routing.gate``).
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import msgspec

from linx.core.addresses import Address, is_local_address, is_shared_address

if TYPE_CHECKING:
    from linx.core.addresses import Origin


class Reach(IntEnum):
    """How near the peer of a connection is; of a permit: how near it must be at least."""

    ANY = 0
    """Perhaps reached through a proxy, so that nothing is known of the peer."""
    DIRECT = 1
    """Reached without a proxy."""
    SHARED = 2
    """At a shared address (100.64.0.0/10)."""
    LOCAL = 3
    """At an address of this machine, of a private network or of this link."""


class Permit(msgspec.Struct, frozen=True):
    """Leave to send requests to ``origin``, over connections that reach at least ``reach``.

    ``headers`` are sent with each request beside its own.
    """

    origin: Origin
    reach: Reach
    headers: tuple[tuple[bytes, bytes], ...] = ()
    is_secret: bool = False
    """The headers have a client's own key: they win over the request's own, and nothing of them is kept."""

    def __repr__(self) -> str:
        return f"<Permit for {self.origin}, {self.reach.name}>"


def reach_of(peer: Address | None) -> Reach:
    """How near a peer is that was reached without a proxy. None: its address could not be read."""
    if peer is None:
        return Reach.DIRECT
    if is_local_address(peer):
        return Reach.LOCAL
    return Reach.SHARED if is_shared_address(peer) else Reach.DIRECT
