"""Permits for tests of connections, where it does not matter how near the peer is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.upstream.permit import Permit, Reach

if TYPE_CHECKING:
    from linx.core.addresses import Origin
    from linx.http1.transport import Transport
    from linx.upstream.dial import Dialer


def anywhere(origin: Origin) -> Permit:
    """Leave to ask ``origin``, wherever it is."""
    return Permit(origin, Reach.ANY)


async def connected(dialer: Dialer, origin: Origin) -> Transport:
    """A connection to ``origin``, wherever it is."""
    return (await dialer.connect(anywhere(origin))).transport
