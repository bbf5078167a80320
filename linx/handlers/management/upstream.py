"""``/upstream/PROVIDER/...``: any path of a local provider, for clients on this machine alone.

The path and its query are passed on as they come, and so are the bodies in both directions. Of the client's headers
the two in ``_PASSED_ON`` reach the provider. Of the provider's the content type comes back, if it is one in ``_KINDS``
(a page of a provider would be a page of Linx's own origin, with leave to manage it), and with an error the seconds of
Retry-After.

The gate (``routing.gate``) comes first: the connection must be a local one. An Ollama may pass a body on to its
cloud, so where prompts must stay local no body goes to an Ollama on this way.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from linx.core.errors import Forbidden, UnknownEndpoint, quote
from linx.dialects.failures.meaning import failure
from linx.handlers.answers.stream import STREAM_HEADERS
from linx.handlers.management.ollama import AT_THE_CLOUD, is_from_here
from linx.handlers.management.relaying import refuse_packed, relay_headers, relaying
from linx.handlers.request_facts import is_local_only, next_hop
from linx.routing.candidate import Candidate
from linx.routing.demand import Demand

if TYPE_CHECKING:
    from linx.core.telemetry import RequestRecord
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.providers.provider import Provider
    from linx.server.reply import Reply
    from linx.server.request import Request
    from linx.upstream.pool import Exchange, Sending

MAX_ERROR = 64 * 1024  # bytes of a provider's error that are passed on
_VISIBLE = re.compile(r"[!-~]*")
_DOTS = re.compile(r"(?:^|[/\\])\.{1,2}(?:[/\\;]|$)")
"""A segment that would leave the provider's own root."""
_PASSED_ON = {b"content-type": b"application/json", b"accept": b"*/*"}
"""The client's headers that reach the provider, and their values where the client sent none that can be passed on."""
_FIELD = re.compile(rb"[A-Za-z0-9!#$&^_.+*/;=, \"-]{1,256}")
_SECONDS = re.compile(r"[0-9]{1,6}")
_KINDS = frozenset(
    (
        *(b"application/json", b"application/x-ndjson", b"application/octet-stream"),
        *(b"text/plain", b"text/event-stream"),
        *(b"audio/mpeg", b"audio/wav", b"image/png", b"image/jpeg", b"image/webp"),
    )
)
_OTHER = b"application/octet-stream"


async def relay(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``GET`` and ``POST`` below ``/upstream/PROVIDER``."""
    if not is_from_here(request):
        raise Forbidden("/upstream is only for clients on the machine that Linx runs on.")
    provider = _provider(context, request.path)
    candidate = _admitted(context, request, provider)
    sending = _sending(context, request, provider)
    with relaying(context, request, provider) as record:
        await _exchange(context, reply, candidate, sending, record)


async def _exchange(
    context: Context, reply: Reply, candidate: Candidate, sending: Sending, record: RequestRecord
) -> None:
    provider = candidate.provider
    with await context.pool.open(await candidate.permit(context.pool), sending) as exchange:
        record.status, record.provider, record.phase = exchange.status, provider.name, "streaming"
        await _deliver(context, reply, provider, exchange, record)


def inner_path(path: str) -> str:
    """What stands behind the provider's name."""
    return "/" + path.removeprefix("/upstream/").partition("/")[2]


def _provider(context: Context, path: str) -> Provider:
    """Raises UnknownEndpoint or Forbidden."""
    name = unquote(path.removeprefix("/upstream/").partition("/")[0])
    provider = next((one for one in context.providers if one.name == name), None)
    if provider is None:
        known = ", ".join(one.name for one in context.providers if one.local) or "none"
        raise UnknownEndpoint(f"No provider is called {quote(name)!r}. Local providers: {known}.")
    if not provider.local:
        raise Forbidden(f"/upstream leads to local providers alone, and {provider.name} is none.")
    return provider


def _admitted(context: Context, request: Request, provider: Provider) -> Candidate:
    """The provider itself, over a local connection. Raises NoLocalProvider."""
    gate = context.router.gate
    if request.has_body and provider.kind.is_cloud_name is not None:
        demand = Demand(local_only=is_local_only(request), key=request.key)
        gate.admit([Candidate(provider, AT_THE_CLOUD)], "", demand)
    demand = Demand(local_only=True, key=request.key, may_cost=request.has_body)
    return gate.admit([Candidate(provider, "")], "", demand).candidates[0]


def _sending(context: Context, request: Request, provider: Provider) -> Sending:
    path = inner_path(request.path) + (f"?{request.query}" if request.query else "")
    if not _VISIBLE.fullmatch(path) or _DOTS.search(unquote(inner_path(request.path))):
        raise UnknownEndpoint(f"{provider.name} cannot be asked for {quote(path)!r}.")
    method, hop = request.method.encode(), next_hop(context, request)
    kind, accept = (_passed_on(request, name) for name in _PASSED_ON)
    if method == b"HEAD":
        method = b"GET"
    http = provider.http
    refuse_packed(request)
    if not request.has_body:
        return http.relayed(method, path, hop, content_type=kind, accept=accept)
    body, length = request.stream_body(), request.content_length
    return http.relayed(method, path, hop, stream=body, length=length, content_type=kind, accept=accept)


def _passed_on(request: Request, name: bytes) -> bytes:
    value = request.header(name)
    return value if value is not None and _FIELD.fullmatch(value) else _PASSED_ON[name]


async def _deliver(
    context: Context, reply: Reply, provider: Provider, exchange: Exchange, record: RequestRecord
) -> None:
    """The answer as it comes, with its status; what is about the key that Linx sent is no answer to the client."""
    status, kind = exchange.status, _kind(exchange)
    if status >= 300:
        record.attempts[0].outcome = f"http_{status}"
        body = await exchange.read_all(MAX_ERROR)
        exchange.finish()
        if status < 400 or status in (401, 407):
            raise failure(status, body)
        cleaned = context.redactor.clean(body.decode("utf-8", "replace")).encode()
        await reply.whole(status, cleaned, kind, [*relay_headers(record, provider), *_wait(exchange)])
        return
    headers = relay_headers(record, provider)
    data = await exchange.read()
    if not data or exchange.is_whole:
        exchange.finish()
        await reply.whole(status, data, kind, headers)
        return
    reply.start(status, kind, [*STREAM_HEADERS, *headers] if kind == b"text/event-stream" else headers)
    while data:
        await reply.send(data)
        data = await exchange.read()
    exchange.finish()
    await reply.end()


def _wait(exchange: Exchange) -> list[tuple[bytes, bytes]]:
    """How long the provider asks a client to wait, as while it loads a model; a date is left out."""
    seconds = (exchange.header("retry-after") or "").strip()
    return [(b"retry-after", seconds.encode())] if _SECONDS.fullmatch(seconds) else []


def _kind(exchange: Exchange) -> bytes:
    kind = (exchange.header("content-type") or "").partition(";")[0].strip().lower().encode("latin-1", "replace")
    return kind if kind in _KINDS else _OTHER
