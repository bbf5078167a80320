"""``/v1/responses/{id}``: shows, lists and forgets the answers that Linx keeps for the client's key.

The words of the errors are OpenAI's, since clients look for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import trio

from linx.access import presented_key
from linx.core import jsontext
from linx.core.errors import BadRequest, UnknownEndpoint, UnknownResponse, quote
from linx.dialects.responses import stored as items

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linx.core.chat import JsonObject
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.handlers.response_store import StoredResponse
    from linx.server.reply import Reply
    from linx.server.request import Request

_INPUT_ITEMS, _CANCEL = "input_items", "cancel"
USUAL_LIMIT, MOST = 20, 100  # items on one page


async def show(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``GET /v1/responses/{id}`` and ``GET /v1/responses/{id}/input_items``."""
    response_id, what = _target(request)
    if what not in ("", _INPUT_ITEMS):
        raise _unknown(request)
    try:
        query = parse_qs(request.query, keep_blank_values=True, max_num_fields=16)
    except ValueError:
        raise BadRequest("The query has too many fields.") from None
    stored = _find(context, request, response_id)
    if what == _INPUT_ITEMS:
        listed = items.input_items(jsontext.loads(stored.request), stored.id)
        await reply.whole(200, jsontext.dumps(_page(listed, query)))
        return
    if query.get("stream", [""])[0].lower() == "true":
        raise BadRequest("stream: only a response that was created in the background can be streamed", param="stream")
    await reply.whole(200, stored.response)


async def delete(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``DELETE /v1/responses/{id}``."""
    response_id, what = _target(request)
    if what:
        raise _unknown(request)
    stored = _find(context, request, response_id)
    context.responses.delete(stored.owner, stored.id, trio.current_time())
    await reply.whole(200, jsontext.dumps({"id": stored.id, "object": "response", "deleted": True}))


async def cancel(context: Context, _face: Face, request: Request, _reply: Reply) -> None:
    """``POST /v1/responses/{id}/cancel``. Linx has no answers in the background; a client ends others by leaving."""
    response_id, what = _target(request)
    if what != _CANCEL:
        raise _unknown(request)
    _find(context, request, response_id)
    raise BadRequest("Cannot cancel a synchronous response.")


def _target(request: Request) -> tuple[str, str]:
    """The response's id in the path, and what follows it."""
    response_id, _slash, what = request.path.partition("/responses/")[2].rstrip("/").partition("/")
    return response_id, what


def _find(context: Context, request: Request, response_id: str) -> StoredResponse:
    owner = context.responses.owner(presented_key(request, request.path_key))
    now = trio.current_time()
    stored = context.responses.get(owner, response_id, now)
    if stored is None:
        raise UnknownResponse(response_id)
    context.responses.use([stored], now)
    return stored


def _page(listed: Sequence[JsonObject], query: Mapping[str, Sequence[str]]) -> JsonObject:
    """One page of the items: the newest first, unless the query asks for another order. Raises BadRequest."""
    if query.get("order", ["desc"])[0] != "asc":
        listed = listed[::-1]
    places = {item["id"]: place for place, item in enumerate(listed)}
    after = query.get("after", [""])[0]
    if after and after not in places:
        raise BadRequest(f"after: there is no item {quote(after)!r}", param="after")
    given = query.get("limit", [str(USUAL_LIMIT)])[0]
    if not given.isascii() or not given.isdigit() or not 0 < int(given[:4]) <= MOST:
        raise BadRequest(f"limit: must be a number from 1 to {MOST}", param="limit")
    start = places[after] + 1 if after else 0
    page = listed[start : start + int(given)]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": start + len(page) < len(listed),
    }


def _unknown(request: Request) -> UnknownEndpoint:
    return UnknownEndpoint(f"Linx has no path {quote(request.path)!r}.")
