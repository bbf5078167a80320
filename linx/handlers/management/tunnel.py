"""Management of the tunnel: start, stop, status. A request may set the type and the domain, and nothing else.

These two reach a command line, so the type must be one of a list, and the domain a valid host
name. All other settings of the tunnel come from config.json.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import msgspec

from linx.children.tunnel.commands import problem_of
from linx.config.shape import TunnelType
from linx.core import jsontext
from linx.core.errors import BadRequest, quote
from linx.handlers.request_facts import object_of

if TYPE_CHECKING:
    from linx.config.shape import TunnelConfig
    from linx.core.chat import JsonObject
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.server.reply import Reply
    from linx.server.request import Request

TYPES: tuple[str, ...] = get_args(TunnelType)
FIELDS = ("type", "domain")


async def status(context: Context, _face: Face, _request: Request, reply: Reply) -> None:
    """``GET /api/tunnel/status``."""
    await reply.whole(200, jsontext.dumps(context.tunnel.as_json(context.at)))


async def start(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``POST /api/tunnel/start``: opens the tunnel as configured, or with the type and domain in the body."""
    context.tunnel.start(wanted(context.config.tunnel, await _fields(request, FIELDS)))
    await reply.whole(200, jsontext.dumps(context.tunnel.as_json(context.at)))


async def stop(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``POST /api/tunnel/stop``: answers when the child is dead and the port is closed."""
    await _fields(request, ())
    await context.tunnel.stop()
    await reply.whole(200, jsontext.dumps(context.tunnel.as_json(context.at)))


def wanted(config: TunnelConfig, fields: JsonObject) -> TunnelConfig:
    """The tunnel that a request asks for. Raises BadRequest."""
    kind = fields.get("type", config.type)
    if not isinstance(kind, str) or kind not in TYPES:
        raise BadRequest(f"type must be one of {', '.join(TYPES)}.", param="type")
    # The configured domain is reserved with the configured service, so another type does not use it.
    domain = fields.get("domain", config.domain if kind == config.type else None)
    if domain is not None and not isinstance(domain, str):
        raise BadRequest("domain must be a string or null.", param="domain")
    asked: TunnelConfig = msgspec.structs.replace(config, type=kind, domain=domain, use_tunnel=True)
    if problem := problem_of(asked):
        raise BadRequest(problem[0].upper() + problem[1:] + ".", param="domain" if "domain" in fields else "type")
    return asked


async def _fields(request: Request, known: tuple[str, ...]) -> JsonObject:
    body = await request.body()
    fields = await object_of(request) if body.strip() else {}
    for name in fields:
        if name not in known:
            takes = f"takes only {' and '.join(known)}" if known else "takes no fields"
            raise BadRequest(f"Unknown field {quote(name)!r}; this path {takes}.", param=quote(name))
    return fields
