"""Paths whose bodies and answers are relayed: rerank, audio, images, and paths that only llama.cpp has.

The model in the body, or in the query of a GET, decides which provider is asked, and a mapped name is replaced;
everything else is passed on in both directions as it comes. The gate is the first byte of a
good answer: until then, after any failure the next candidate is tried, if the body can be
sent again. A JSON body can always be sent again, a form only if it is short enough to be kept
in memory.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from linx.core import jsontext
from linx.core.chat import ChatRequest, Dialect, Opaque
from linx.core.errors import BadRequest, Forbidden, NotImplementedHere, UnknownEndpoint, quote
from linx.core.worker import in_thread
from linx.dialects.shared.secrets import secret_in, secret_in_form
from linx.handlers.answers import multipart
from linx.handlers.answers.generation import Generation
from linx.handlers.answers.payload import Payload, read_form
from linx.handlers.answers.plan import Plan, demand_of
from linx.handlers.answers.relay_attempt import RelayReader, RelayWriter
from linx.handlers.answers.stream import STREAM_HEADERS
from linx.handlers.request_facts import check_charset, check_name, object_of
from linx.providers.kind import Feature
from linx.routing import key_models
from linx.routing.attempt import Attempt
from linx.routing.candidate import Candidate
from linx.routing.router import Route, Router

if TYPE_CHECKING:
    from linx.core.chat import JsonObject
    from linx.core.telemetry import AttemptRecord
    from linx.dialects.base import Face
    from linx.handlers.answers.job import Headers, Job
    from linx.handlers.context import Context
    from linx.routing.demand import Demand, Search
    from linx.routing.race import Race
    from linx.server.reply import Reply
    from linx.server.request import Request

_PATH = re.compile(r"(?:/[A-Za-z0-9_-]{1,64}){1,6}")
_LLAMACPP = frozenset(
    (
        *("/completion", "/embedding", "/apply-template", "/infill", "/tokenize", "/detokenize"),
        *("/props", "/slots"),
    )
)
"""Paths of llama.cpp, which other kinds do not have and which are not below /v1."""


async def answer(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """``POST`` to any relayed path."""
    path = inner_path(request.path)
    kind = request.header(b"content-type") or b""
    boundary = multipart.boundary_of(kind)
    if boundary is None:
        check_charset(request)
        payload = Payload(await request.body(), b"application/json")
        asked = await object_of(request)
        key_models.check_fields(request.key, asked)
        if request.named_model:
            asked["model"] = request.named_model
            payload.start = await in_thread(jsontext.dumps_in_pieces, asked)
        search = partial(secret_in, asked)
        await _relay(context, face, request, reply, path, _json_model(asked, path), payload, search)
        return
    pieces = request.stream_body()
    is_limited = bool(request.key.models)
    is_held = is_limited or context.router.seeks_secrets
    payload = await read_form(request, boundary, pieces, is_held=is_held)
    if is_limited and payload.place is not None:
        await in_thread(multipart.check_one_model, payload.start, boundary, payload.place)
    search = partial(secret_in_form, payload.start, boundary)
    await _relay(context, face, request, reply, path, payload.model, payload, search)


async def look(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """``GET /props`` and ``GET /slots``, with the model in the query, as llama.cpp's router has it."""
    if request.key.is_limited and inner_path(request.path) == "/slots":
        raise Forbidden(f"The key {request.key.name} has limits, so it may not see what others ask a llama.cpp.")
    try:
        query = parse_qs(request.query, max_num_fields=16)
    except ValueError:
        raise BadRequest("The query has too many fields.") from None
    model = query.get("model", [""])[0]
    await _relay(context, face, request, reply, inner_path(request.path), model, None, lambda: None)


async def _relay(
    context: Context,
    face: Face,
    request: Request,
    reply: Reply,
    path: str,
    model: str,
    payload: Payload | None,
    search: Search,
) -> None:
    """``search`` looks for a secret in the body."""
    check_name(model)
    chat = ChatRequest(model, Opaque(), stream=True, dialect=Dialect.OPAQUE)
    if context.router.seeks_secrets:
        is_large = payload is not None and len(payload.start) > jsontext.LARGE
        chat.facts.secret = await in_thread(search) if is_large else search()
        chat.facts.is_searched = True
    plan = relay_plan(demand_of(context.router, request, chat), path, payload)
    await Generation(context, face, request, reply, chat, plan).run()


def inner_path(path: str) -> str:
    """The path without the prefixes that clients use, such as /v1. Raises UnknownEndpoint for any other form."""
    inner = path.rstrip("/")
    for variant in ("/cursor/v1", "/api/v1", "/v1/v1", "/v1", "/openai/v1", "/openai"):
        if inner.startswith(variant + "/"):
            inner = inner.removeprefix(variant)
            break
    if not _PATH.fullmatch(inner):
        raise UnknownEndpoint(f"Linx has no path {quote(path)!r}.")
    return inner


def _json_model(body: JsonObject, path: str) -> str:
    model = body.get("model")
    if model is None and path in _LLAMACPP:
        return ""
    if not isinstance(model, str) or not model:
        raise BadRequest("model: must be the name of a model", param="model")
    return model


def relay_plan(demand: Demand, path: str, payload: Payload | None) -> Plan[Attempt[RelayReader]]:
    """The plan of a relayed request, without hedges, since the cost of a second request is not known.

    ``payload``: None for a GET, which asks for the state of now, so that it does not wait for a model that is loading.
    """
    is_llamacpp = path in _LLAMACPP

    def start(job: Job, candidate: Candidate, record: AttemptRecord, is_last: bool) -> Attempt[RelayReader]:
        writer = RelayWriter(candidate, path, job.chat.model, payload, job.hop, under_api=not is_llamacpp)
        context = job.context
        is_patient = is_last and payload is not None and payload.rest is None
        return Attempt(candidate, writer, RelayReader(), context.pool, record, context.redactor, is_patient=is_patient)

    route = partial(llamacpp_route, path) if is_llamacpp else Router.route
    return Plan(demand, start, pass_on, route, may_hedge=False)


def llamacpp_route(path: str, router: Router, model: str, now: float, demand: Demand) -> Route:
    """The candidates that are a llama.cpp; without a model the first llama.cpp that the demand allows."""
    route = router.route(model, now, demand) if model else _first_llamacpp(router, demand)
    able = [each for each in route.candidates if Feature.OWN_PATHS in each.provider.kind.features]
    if not able:
        whose = f" of the model {quote(model)!r}" if model else ""
        raise NotImplementedHere(f"Only llama.cpp has the path {path}, and no provider{whose} is a llama.cpp.")
    return route.only(able)


def _first_llamacpp(router: Router, demand: Demand) -> Route:
    """The first that may be asked for no model in particular. Raises the error of a rule that leaves none."""
    found = [
        Candidate(provider, next(iter(provider.models), ""))
        for provider in router.providers
        if Feature.OWN_PATHS in provider.kind.features
    ]
    admitted = router.gate.admit(found, "", demand)
    return Route("", tuple(admitted.candidates[:1]), not_asked=admitted.not_asked)


async def pass_on(job: Job, race: Race[Attempt[RelayReader]]) -> None:
    """Run the race, and send the winner's answer to the client as it comes."""
    attempt = await race.winner()
    with attempt:
        job.won(attempt)
        job.record.status = 200
        reader, headers = attempt.reader, job.headers()
        if reader.is_whole:
            await job.reply.whole(200, reader.first, reader.kind, headers)
        else:
            await _stream(job.reply, reader, headers)


async def _stream(reply: Reply, reader: RelayReader, headers: Headers) -> None:
    if reader.kind.startswith(b"text/event-stream"):
        headers = [*STREAM_HEADERS, *headers]
    reply.start(200, reader.kind, headers)
    data = reader.first
    while data:
        await reply.send(data)
        data = await reader.read()
    await reply.end()
