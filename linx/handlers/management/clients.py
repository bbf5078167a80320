"""``GET /linx/clients``: how each client is connected to this Linx, for the dashboard. There is no key in it.

The clients are imported when they are first asked for, in a thread, since most Linxes are never asked.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import trio

from linx.core import jsontext
from linx.core.worker import in_thread
from linx.handlers.models.openai import entries

if TYPE_CHECKING:
    from linx.core.chat import JsonObject
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.server.reply import Reply
    from linx.server.request import Request


async def show(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """The settings of every client, with the models that Linx has now."""
    listed: list[JsonObject] = []
    for entry in entries(context, context.router, request.key):
        if entry is None:
            await trio.lowlevel.checkpoint()
        else:
            listed.append(entry)
    dashboard = context.dashboard
    data = await in_thread(_settings, dashboard.address, listed, dashboard.needs_key(), context.tunnel.url)
    await reply.whole(200, data)


def _settings(address: str, listed: list[JsonObject], needs_key: bool, tunnel: str | None) -> bytes:
    from linx.setup.folders import Folders
    from linx.setup.settings import settings
    from linx.setup.target import model_of

    models = [model for entry in listed if (model := model_of(entry)) is not None]
    folders = Folders.of(sys.platform, dict(os.environ))
    told: list[Any] = [one.as_json() for one in settings(address, models, folders, needs_key=needs_key, tunnel=tunnel)]
    return jsontext.dumps({"object": "list", "data": told})
