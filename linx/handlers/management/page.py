"""``GET /dashboard`` and ``/dashboard/FILE``: the page itself, which needs no key; what it shows does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linx.core.errors import UnknownEndpoint, quote
from linx.dashboard.static_files import INDEX
from linx.handlers.answers.ollama import greet
from linx.server.listener import LOCAL

if TYPE_CHECKING:
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.server.reply import Reply
    from linx.server.request import Request

PATH = "/dashboard"
HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        b"manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),
)
"""Nothing but the page's own files runs, and no other page may frame it or keep a hand on its window."""


_NEVER = re.compile(rb"q=0(?:\.0*)?")


async def front(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """``GET /``: a browser is sent to the dashboard; Ollama's clients, and curl, read the words that they look for."""
    if request.listener == LOCAL and _wants_html(request):
        headers = ((b"location", PATH.encode()), (b"vary", b"Accept"), (b"cache-control", b"no-store"))
        await reply.whole(307, b"", b"text/plain; charset=utf-8", headers)
    else:
        await greet(context, face, request, reply)


async def show(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """One file of the page, or 304 if the browser has it."""
    if request.path == PATH + "/":  # the addresses in the page are relative to that without the slash
        await reply.whole(307, b"", b"text/plain; charset=utf-8", ((b"location", b"../dashboard"),))
        return
    name = request.path.removeprefix(PATH).removeprefix("/") or INDEX
    file = context.dashboard.files.get(name)
    if file is None:
        raise UnknownEndpoint(f"The dashboard has no file {quote(name)!r}.")
    headers = (*HEADERS, (b"etag", file.etag))
    given = b",".join(request.header_values(b"if-none-match"))
    if file.etag in (one.strip().removeprefix(b"W/") for one in given.split(b",")):
        await reply.whole(304, b"", headers=headers)
    else:
        await reply.whole(200, file.body, file.kind, headers)


def _wants_html(request: Request) -> bool:
    for given in b",".join(request.header_values(b"accept")).lower().split(b","):
        media, *parameters = (part.strip() for part in given.split(b";"))
        if media == b"text/html":
            return not any(map(_NEVER.fullmatch, parameters))
    return False
