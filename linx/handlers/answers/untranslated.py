"""``POST /v1/messages``, and what ``POST /v1/responses`` has in common with it.

Linx translates these requests, except for providers that speak the dialect, because of their
kind or because the config says ``native``. Such a provider gets the client's own body, and
its events go to the client as they come. A body that cannot be translated is refused unless
such a provider has the model.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from linx.core.chat import ChatRequest, Dialect, Opaque
from linx.core.errors import BadRequest
from linx.dialects.untranslated.face import UntranslatedFace
from linx.handlers.answers.generation import Generation
from linx.handlers.answers.plan import chat_plan
from linx.handlers.request_facts import read_chat

if TYPE_CHECKING:
    from linx.core.chat import JsonObject
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.routing.demand import Demand
    from linx.routing.router import Route, Router
    from linx.server.reply import Reply
    from linx.server.request import Request

VERSION = b"2023-06-01"  # of Anthropic's API, if the client names no version
_PLAIN = re.compile(rb"[\x21-\x7e][\x20-\x7e]{0,1023}")


async def answer(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """Answer in ``face``'s dialect, translated or not."""
    if not any(provider.speaks(face.name) for provider in context.router.providers):
        chat = await read_chat(request, face.parse)
        await Generation(context, face, request, reply, chat, chat_plan(context.router, request, chat)).run()
        return
    read = partial(read_either, face)
    chat, problem = await read_chat(request, read)
    chat.headers = dialect_headers(request)
    plan = chat_plan(context.router, request, chat)
    if problem is not None:
        plan = msgspec.structs.replace(plan, route=partial(untranslated_route, face.name, problem))
    await Generation(context, UntranslatedFace(face), request, reply, chat, plan).run()


def dialect_headers(request: Request) -> tuple[tuple[bytes, bytes], ...]:
    """The headers in which Anthropic's clients name the version and the features that they want."""
    headers = []
    for name, default in ((b"anthropic-version", VERSION), (b"anthropic-beta", None)):
        value = request.header(name)
        if value is None or not _PLAIN.fullmatch(value.rstrip()):
            value = default
        if value is not None:
            headers.append((name, value.rstrip()))
    return tuple(headers)


def read_either(face: Face, body: JsonObject) -> tuple[ChatRequest, BadRequest | None]:
    """The request, and the reason why it cannot be translated; None if it can."""
    try:
        return face.parse(body), None
    except BadRequest as error:
        return _unread(body, face.name, error), error


def _unread(body: JsonObject, dialect: Dialect, problem: BadRequest) -> ChatRequest:
    """A request that Linx cannot translate, for providers that speak the same dialect."""
    model, stream = body.get("model"), body.get("stream")
    if not isinstance(model, str) or not model or not (stream is None or isinstance(stream, bool)):
        raise problem
    return ChatRequest(model, Opaque(), stream=bool(stream), include_usage=True, dialect=dialect, client_body=body)


def untranslated_route(
    dialect: Dialect, problem: BadRequest, router: Router, model: str, now: float, demand: Demand
) -> Route:
    """The candidates that speak the client's dialect. Raises ``problem`` if there are none."""
    route = router.route(model, now, demand)
    able = [each for each in route.candidates if each.provider.speaks(dialect)]
    if not able:
        raise problem
    return route.only(able)
