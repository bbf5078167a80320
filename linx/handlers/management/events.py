"""``GET /linx/events``: the WebSocket of the dashboard's page."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from linx.core.errors import Overloaded
from linx.core.worker import imported
from linx.handlers.management.overview import Overview

if TYPE_CHECKING:
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.server.reply import Reply
    from linx.server.request import Request


async def events(context: Context, _face: Face, request: Request, _reply: Reply) -> None:
    """Serve one page until it leaves, or Linx ends."""
    await imported("linx.dashboard.feed")
    from linx.dashboard.feed import feed, handshake_in

    handshake = handshake_in(request)
    hub = context.dashboard.hub
    viewer = hub.join(request)
    if viewer is None:
        raise Overloaded("Too many pages of the dashboard are open.")
    try:
        await feed(request.upgrade(handshake), viewer, partial(hub.snapshot, Overview(context)))
    finally:
        hub.leave(viewer)
