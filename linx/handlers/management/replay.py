"""``POST /linx/requests/{id}/replay``: a kept request is asked again, of another model.

Rule: it is the request that it was, but for the model: the client's own body and headers, its dialect, and above all
whatever limits where it may go: the header ``x-linx-local-only`` and the key that was sent. So the handler makes this
request stand for that one, and ``endpoints`` answers it as any other: through the same gate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.core.client_key import NO_KEY
from linx.core.errors import BadRequest, Conflict, quote
from linx.core.kept_bodies import CREDENTIALS
from linx.core.worker import in_thread
from linx.handlers.management.requests import cancel, found, target_of, unknown_path
from linx.handlers.request_facts import check_name, object_of, read_object

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linx.core.client_key import ClientKey
    from linx.core.kept_bodies import Kept
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.server.reply import Reply
    from linx.server.request import Request

_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"content-encoding", b"expect", b"connection"))
"""Fields that say how the body was sent, and not what."""


async def act(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``POST`` to a path below that of a request."""
    request_id, action = target_of(request)
    if action == "cancel":
        await cancel(context, request, reply, request_id)
    elif action == "replay":
        await replay(context, request, request_id)
    else:
        raise unknown_path(request)


async def replay(context: Context, request: Request, request_id: str) -> None:
    """Make ``request`` stand for the kept one. Raises BadRequest, UnknownEndpoint or Conflict."""
    record = found(context, request_id)
    model = await _model_in(request)
    kept = record.kept
    if kept is None or not kept.body:
        raise Conflict("The body of this request is not kept, so it cannot be asked again.")
    if not kept.is_whole:
        raise Conflict("This request was too large to be kept whole, so it cannot be asked again.")
    key = _key_named(record.key, request, context)
    body = await in_thread(_with_model, kept.body, model)
    # No key is kept of the request. If it had the key that is sent now, what Linx keeps for that key is found again.
    own = request.credentials() if request.key.name == key.name else ()
    request.stand_for(request_id, kept.path, kept.query, [*_fields(kept), *own], body, key)


async def _model_in(request: Request) -> str:
    body = await object_of(request)
    for name in body:
        if name != "model":
            raise BadRequest(f"Unknown field {quote(name)!r}; this path takes only model.", param=quote(name))
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("model: must be the name of a model", param="model")
    check_name(model)
    return model


def _with_model(body: bytes, model: str) -> bytes:
    try:
        asked = read_object(body)
    except BadRequest:
        raise Conflict("The body of this request is no JSON object, so no other model can be put into it.") from None
    return jsontext.dumps_in_pieces({**asked, "model": model})


def _fields(kept: Kept) -> list[tuple[bytes, bytes]]:
    return [field for field in kept.headers if field[0] not in _FRAMING and field[0] not in CREDENTIALS]


def _key_named(name: str, request: Request, context: Context) -> ClientKey:
    """The key that the request was sent with, as it is limited now. Raises Conflict if it is gone."""
    accepted: Iterable[ClientKey] = (
        *context.config.server.accepted_keys().values(),
        *context.tunnel.keys.in_force.values(),
        request.key,
        NO_KEY,
    )
    key = next((key for key in accepted if key.name == name), None)
    if key is None:
        raise Conflict(f"The key {quote(name)} with which this was asked is no longer accepted.")
    return key
