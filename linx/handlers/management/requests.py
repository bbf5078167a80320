"""``/linx/requests``: the running requests and the last finished ones, one of them in detail, and stopping one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.core.errors import BadRequest, Conflict, Stopped, UnknownEndpoint, quote
from linx.core.worker import in_thread
from linx.dashboard.details import bodies_of
from linx.handlers.request_facts import object_of

if TYPE_CHECKING:
    from linx.core.telemetry import RequestRecord
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.server.reply import Reply
    from linx.server.request import Request

PATH = "/linx/requests/"


async def list_all(context: Context, _face: Face, _request: Request, reply: Reply) -> None:
    """``GET /linx/requests``: newest first."""
    whole = context.dashboard.rows.whole
    data = [whole(record) for record in context.telemetry.newest()]
    await reply.whole(200, jsontext.dumps({"object": "list", "data": data}))


async def show(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``GET /linx/requests/{id}``: with its bodies, as far as they are kept."""
    request_id, action = target_of(request)
    if action:
        raise unknown_path(request)
    record = found(context, request_id)
    row = context.dashboard.rows.whole(record)
    bodies = await in_thread(bodies_of, record, context.redactor)
    await reply.whole(200, jsontext.dumps({**row, **bodies}))


async def cancel(context: Context, request: Request, reply: Reply, request_id: str) -> None:
    """``POST /linx/requests/{id}/cancel``: its provider's connection is closed at once."""
    if (await request.body()).strip() and await object_of(request):
        raise BadRequest("This path takes no fields.")
    record = found(context, request_id)
    if record.ended is not None or record.stop is None:
        raise Conflict("This request is over.")
    record.stop(Stopped("This request was cancelled on the dashboard of Linx."))
    await reply.whole(200, jsontext.dumps(context.dashboard.rows.whole(record)))


def target_of(request: Request) -> tuple[str, str]:
    """The id in the path, and what is to be done with that request."""
    request_id, _, action = request.path.removeprefix(PATH).partition("/")
    return request_id, action


def found(context: Context, request_id: str) -> RequestRecord:
    """The record of a request that is still in memory. Raises UnknownEndpoint."""
    record = context.telemetry.find(request_id)
    if record is None:
        raise UnknownEndpoint(f"Linx has no request {quote(request_id)!r} in memory.")
    return record


def unknown_path(request: Request) -> UnknownEndpoint:
    return UnknownEndpoint(f"Linx has no path {quote(request.path)!r}.")
