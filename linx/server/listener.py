"""What the connections of one listener have in common: its name, its handler, its share of all connections."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from linx.server.limits import Watch

if TYPE_CHECKING:
    from linx.server.request import Handler


@dataclass(slots=True)
class Listener:
    """One set of listening sockets that are served alike. ``watch`` must run while its connections do."""

    name: str
    handler: Handler
    share: float = 1.0
    """How much of the server's connections may be this listener's."""
    connections: int = 0
    watch: Watch = field(default_factory=Watch)

    def is_full(self, max_connections: int) -> bool:
        """Are its connections as many as its share of the server's ``max_connections``?"""
        return self.connections >= max_connections * self.share
