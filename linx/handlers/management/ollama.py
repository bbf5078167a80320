"""The management of an Ollama's models, relayed: pull, push, create, copy, delete, blobs.

These requests change what lies on a disk, so they are for clients on this machine alone, and
may be switched off (``allow_manage``); those about the account of an Ollama at its cloud are for
clients on this machine as well. Bodies pass in both directions as they come, whatever their
size; only the name of a model is looked at, to find the Ollama that has it.

A body may hold what must stay local (system prompts, messages, files), so an Ollama is a candidate like any
other, and has to pass the gate (``routing.gate``).
"""

from __future__ import annotations

import ipaddress
import re
from functools import partial
from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.core.errors import (
    BadRequest,
    Forbidden,
    NotImplementedHere,
    UnknownEndpoint,
    quote,
)
from linx.dialects.failures.meaning import failure
from linx.dialects.ollama.encoder import error_line
from linx.dialects.shared.secrets import secret_in
from linx.handlers.management.relaying import refuse_packed, relay_headers, relaying
from linx.handlers.request_facts import check_name, is_local_only, next_hop, object_of
from linx.providers import catalog
from linx.providers.kind import Feature
from linx.routing.candidate import Candidate
from linx.routing.demand import Demand, unread
from linx.routing.unlisted import read_again

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.telemetry import RequestRecord
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.providers.provider import Provider
    from linx.routing.demand import Search
    from linx.server.reply import Reply
    from linx.server.request import Request
    from linx.upstream.pool import Exchange, Sending

MAX_ERROR = 64 * 1024  # bytes of an Ollama's error that are read
MAX_WORDS = 1000  # characters of it that are passed on
_DIGEST = re.compile(r"sha256[:-][0-9a-fA-F]{64}")
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,63}){2,8}")
_CHANGING = (b"/api/pull", b"/api/create", b"/api/copy", b"/api/delete")
_ACCOUNT = (b"/api/me", b"/api/signout")
_EXPERIMENTAL = "/api/experimental/"
AT_THE_CLOUD = ":cloud"
"""Stands for any model of the cloud, by its tag: what is asked of it is local at no Ollama."""
_FORWARDED = (b"x-forwarded-for", b"forwarded", b"x-real-ip")
_KINDS = (b"application/x-ndjson", b"application/json", b"text/plain")


async def to_first(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``POST /api/pull`` and ``/api/create``: to the first Ollama, since no provider has the model yet."""
    ollama = _first_open(_ollamas(context, request, ""))
    await _relay(context, request, reply, ollama, _streamed(context, request, ollama, b"application/json"))


async def blob(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``HEAD`` and ``POST /api/blobs/sha256:…``: to the Ollama in which ``create`` will look for the blob."""
    ollama = _first_open(_ollamas(context, request, ""))
    digest = request.path.rstrip("/").rpartition("/")[2]
    if not _DIGEST.fullmatch(digest):
        raise BadRequest("invalid digest format")  # Ollama's words
    await _relay(context, request, reply, ollama, _streamed(context, request, ollama, b"application/octet-stream"))


async def account(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``POST /api/me``, ``POST /api/signout`` and ``/api/experimental/…``: to the first Ollama.

    What may have a body under ``/api/experimental/`` is passed on by the Ollama to its cloud (web searches), so it is
    local at no Ollama.
    """
    path = request.path.rstrip("/")
    if not _PLAIN_PATH.fullmatch(path):
        raise UnknownEndpoint(f"Linx has no path {quote(path)!r}.")
    if request.has_body and path.startswith(_EXPERIMENTAL):
        ollama = _ollamas(context, request, "", served=AT_THE_CLOUD)[0]
    else:
        ollama = _ollamas(context, request, None if not request.has_body else "")[0]
    await _relay(context, request, reply, ollama, _streamed(context, request, ollama, b"application/json"))


async def cloud_status(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``GET /api/status``: whether the first Ollama may use its cloud, which is no secret."""
    ollama = _admitted(context, request, None)[0]
    sending = ollama.provider.http.relayed(b"GET", "/api/status", next_hop(context, request))
    await _relay(context, request, reply, ollama, sending)


async def to_owner(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``POST /api/push``, ``POST /api/copy`` and ``DELETE /api/delete``: to the Ollama that has the model."""
    check_from_here(request)
    _all_ollamas(context)
    body = await object_of(request)
    key = next((key for key in ("source", "model", "name") if body.get(key)), "model")
    name = body.get(key)
    if not isinstance(name, str) or not name:
        is_copy = request.path.rstrip("/").endswith("/copy")
        raise BadRequest('source "" is invalid' if is_copy else f"{key} is required", param=key)
    check_name(name)
    ollamas = _admitted(context, request, name, secret=partial(secret_in, body))
    if _found(ollamas, name) is None:
        await read_again([one.provider for one in ollamas], context.pool, context.redactor)
    ollama, known = _owner(ollamas, name)
    hop = next_hop(context, request)
    data = jsontext.dumps({**body, key: known})
    sending = ollama.provider.http.relayed(request.method.encode(), request.path.rstrip("/"), hop, data)
    await _relay(context, request, reply, ollama, sending, model=known)


# --- which client may, and which Ollama it is ------------------------------------------------------------


def _ollamas(context: Context, request: Request, name: str | None, *, served: str = "") -> list[Candidate]:
    """The Ollamas that may be asked, in file order; at least one. Raises as ``check_from_here`` and ``_admitted``."""
    _all_ollamas(context)
    check_from_here(request)
    return _admitted(context, request, name, served=served)


def _all_ollamas(context: Context) -> list[Provider]:
    """Raises NotImplementedHere where there is none."""
    ollamas = [provider for provider in context.providers if Feature.MANAGES_MODELS in provider.kind.features]
    if not ollamas:
        raise NotImplementedHere(
            "No Ollama is among the providers of this Linx, and only an Ollama can pull, create, copy or delete models."
        )
    return ollamas


def _admitted(
    context: Context, request: Request, name: str | None, *, served: str = "", secret: Search = unread
) -> list[Candidate]:
    """The Ollamas that the gate admits for a request that names the model ``name``. Raises NoLocalProvider.

    The Ollama itself is asked and no model of it, so ``served`` is empty, unless it passes the request on.
    """
    candidates = [Candidate(provider, served) for provider in _all_ollamas(context)]
    # Models are managed whatever was spent; what goes to the cloud is not.
    demand = Demand(local_only=is_local_only(request), key=request.key, may_cost=bool(served), secret=secret)
    return context.router.gate.admit(candidates, name, demand).candidates


def _first_open(ollamas: Sequence[Candidate]) -> Candidate:
    """The first Ollama whose models may be managed. Raises Forbidden."""
    for ollama in ollamas:
        if ollama.provider.config.allow_manage:
            return ollama
    raise _closed(ollamas[0].provider)


def _closed(provider: Provider) -> Forbidden:
    return Forbidden(f"allow_manage is false for {provider.name}, so Linx does not manage its models.")


def check_from_here(request: Request) -> None:
    """Raises Forbidden where the client may not manage models."""
    if not is_from_here(request):
        raise Forbidden("Models are managed only by clients on the machine that Linx runs on.")


def is_from_here(request: Request) -> bool:
    """Did the request come from this machine, by no tunnel and no proxy that says so?"""
    if request.listener != "local" or any(request.header(name) is not None for name in _FORWARDED):
        return False
    host = request.peer.rpartition(":")[0].strip("[]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return request.peer == "local socket"
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _owner(ollamas: Sequence[Candidate], name: str) -> tuple[Candidate, str]:
    """The Ollama that has the model, and the model's name there; the first open one where no list has it.

    The first Ollama that has the model is meant, also where its models may not be managed: another's would be another
    model. Mappings do not count: a client that deletes ``gpt-4o`` does not mean the model behind that name. Raises
    Forbidden.
    """
    found = _found(ollamas, name)
    if found is None:
        return _first_open(ollamas), name
    if not found[0].provider.config.allow_manage:
        raise _closed(found[0].provider)
    return found


def _found(ollamas: Sequence[Candidate], name: str) -> tuple[Candidate, str] | None:
    for ollama in ollamas:
        listed = ollama.provider.listed(name)
        if listed is not None:
            return ollama, listed
    first, slash, rest = name.partition("/")
    for ollama in ollamas:
        if slash and rest and ollama.provider.name == first:
            return ollama, ollama.provider.listed(rest) or rest
    return None


def _streamed(context: Context, request: Request, ollama: Candidate, kind: bytes) -> Sending:
    refuse_packed(request)
    method, path, hop = request.method.encode(), request.path.rstrip("/"), next_hop(context, request)
    http = ollama.provider.http
    if not request.has_body:
        return http.relayed(method, path, hop, content_type=kind)
    body, length = request.stream_body(), request.content_length
    return http.relayed(method, path, hop, stream=body, length=length, content_type=kind)


# --- the relay ------------------------------------------------------------------------


async def _relay(
    context: Context, request: Request, reply: Reply, ollama: Candidate, sending: Sending, *, model: str = ""
) -> None:
    is_changing = sending.target.endswith(_CHANGING)
    with relaying(context, request, ollama.provider, model) as record:
        try:
            await _exchange(context, reply, ollama, sending, record)
        except BaseException:
            if is_changing:
                ollama.provider.list_has_changed()  # what was asked for may have been done all the same
            raise


async def _exchange(context: Context, reply: Reply, ollama: Candidate, sending: Sending, record: RequestRecord) -> None:
    provider = ollama.provider
    with await context.pool.open(await ollama.permit(context.pool), sending) as exchange:
        record.status, record.provider, record.phase = exchange.status, provider.name, "streaming"
        if exchange.status >= 300:
            record.attempts[0].outcome = f"http_{exchange.status}"
        headers = relay_headers(record, provider)
        if exchange.status >= 300:
            is_account = sending.target.endswith(_ACCOUNT) and not provider.config.api_key
            await _refuse(context, reply, provider, exchange, headers, is_account=is_account)
            return
        data = await exchange.read()
        if not data:
            exchange.finish()
            await _know_again(context, provider, sending)
            await reply.whole(exchange.status, b"", headers=headers)
            return
        reply.on_error = lambda error: error_line(error.message)
        reply.is_torn_on_error = True
        reply.start(exchange.status, _kind(exchange), headers)
        while data:
            await reply.send(data)
            data = await exchange.read()
        exchange.finish()
        await _know_again(context, provider, sending)
        await reply.end()


async def _refuse(
    context: Context,
    reply: Reply,
    provider: Provider,
    exchange: Exchange,
    headers: list[tuple[bytes, bytes]],
    *,
    is_account: bool,
) -> None:
    """Answer with the Ollama's own status and words, but not with those about the key that Linx sent it.

    ``is_account``: a 401 can only be about the user's account at the cloud.
    """
    status = exchange.status
    body = await exchange.read_all(MAX_ERROR)
    exchange.finish()
    error = failure(status, body)
    if status < 400 or (status in (401, 403, 407) and not (is_account and error.signin_url is None)):
        raise error
    if not body:
        await reply.whole(status, b"", headers=headers)
        return
    try:
        value = jsontext.loads(body)
        text = value["error"]
    except (jsontext.InvalidJSON, TypeError, KeyError, IndexError):
        text = None
    if not isinstance(text, str):
        text = f"{provider.name} answered HTTP {status}"
        if status == 404:
            raise UnknownEndpoint(f"{provider.name} has no such path: its version is too old, or it is no Ollama.")
    shown = quote(context.redactor.clean(" ".join(text.split())), MAX_WORDS)
    await reply.whole(status, jsontext.dumps({"error": shown}), headers=headers)


async def _know_again(context: Context, provider: Provider, sending: Sending) -> None:
    """Read the provider's model list again, where the request has probably changed it."""
    if sending.target.endswith(_CHANGING):
        await catalog.refresh(provider, context.pool, context.redactor)


def _kind(exchange: Exchange) -> bytes:
    kind = (exchange.header("content-type") or "").partition(";")[0].strip().lower().encode("latin-1", "replace")
    return kind if kind in _KINDS else b"application/octet-stream"
