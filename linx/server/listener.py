"""The state that the connections of one listener share: its name, its handler, its share of all connections."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from linx.server.head import FirstHeads
from linx.server.limits import Watch

if TYPE_CHECKING:
    from linx.server.request import Handler

LOCAL = "local"
"""The name of the listener on the configured address."""


@dataclass(slots=True)
class Listener:
    """A set of listening sockets with one handler. ``watch.watch`` must run as long as there are connections."""

    name: str
    handler: Handler
    share: float = 1.0
    """The part of the server's connections that this listener may use."""
    connections: int = 0
    watch: Watch = field(default_factory=Watch)
    first_heads: FirstHeads = field(default_factory=FirstHeads)

    def is_full(self, max_connections: int) -> bool:
        """Does the listener use up its share of the server's ``max_connections``?"""
        return self.connections >= max_connections * self.share
