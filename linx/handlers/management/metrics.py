"""``GET /metrics``, for a scraper; what it reads is in ``readings``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.worker import imported

if TYPE_CHECKING:
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.server.reply import Reply
    from linx.server.request import Request


async def metrics(context: Context, _face: Face, _request: Request, reply: Reply) -> None:
    await imported("linx.handlers.management.readings")
    from linx.handlers.management.readings import exposition

    await reply.whole(200, *exposition(context))
