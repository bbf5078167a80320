"""``GET /linx/tail``: the line of every request that ends from now on, one JSON object a line (NDJSON)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.errors import Overloaded

if TYPE_CHECKING:
    from linx.core.errors import LinxError
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.server.reply import Reply
    from linx.server.request import Request

BEAT_S = 15.0
"""After so long without a line an empty line is sent, so that each side notices that the other is gone."""
_TYPE = b"application/x-ndjson"
_HEADERS = ((b"cache-control", b"no-store"),)


async def follow(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """Send lines until the follower leaves or Linx ends."""
    if request.method == "HEAD":
        await reply.whole(200, b"", _TYPE, _HEADERS)
        return
    follower = context.feed.follow()
    if follower is None:
        raise Overloaded("Too many programs follow the request lines of this Linx.")
    context.following.add(request)
    try:
        request.is_endless = True
        reply.on_error = _nothing_more
        reply.start(200, _TYPE, _HEADERS)
        await reply.send(b"\n")
        while True:
            await reply.send(await follower.wait(BEAT_S) or b"\n")
    finally:
        context.following.discard(request)
        context.feed.leave(follower)


def _nothing_more(_why: LinxError) -> bytes:
    """Linx ends: the lines end properly, without a line about it."""
    return b""
