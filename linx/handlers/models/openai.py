"""``/v1/models``: all names that any provider maps or has, from memory."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

import trio

from linx.core import jsontext
from linx.core.errors import BadRequest, UnknownModel, quote
from linx.dialects.openai.model_list import abilities, sizes
from linx.handlers.models import other_shapes as model_shapes
from linx.providers.prices import FREE
from linx.routing.candidate import Candidate
from linx.routing.unlisted import look_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linx.core.chat import JsonObject
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.server.request import Reply, Request

STEP = 1000  # models between two turns of other tasks: some milliseconds


async def list_models(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``GET /v1/models``."""
    context.router.lists_shown(trio.current_time())
    data: list[JsonObject] = []
    for name, candidates in context.router.names().items():
        data.append(_entry(context, name, candidates[0]))
        if len(data) % STEP == 0:
            await trio.lowlevel.checkpoint()
    try:
        query = parse_qs(request.query, keep_blank_values=True, max_num_fields=16)
    except ValueError:
        raise BadRequest("The query has too many fields.") from None
    if request.header(b"anthropic-version") is not None:
        body = model_shapes.anthropic_list(data, query)
    elif "client_version" in query:
        body = model_shapes.codex_list(data)
    else:
        body = {"object": "list", "data": data}
    await reply.whole(200, jsontext.dumps(body))


async def show_model(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``GET /v1/models/{id}``: the id may contain slashes, raw or percent-encoded."""
    asked = unquote(request.path.partition("/models/")[2])
    names = (asked, asked.rstrip("/"))
    found = _found(context, names)
    if found is None:
        await look_for(context.router, names[1], context.pool, context.redactor, local_only=False)
        found = _found(context, names)
    if found is None:
        raise UnknownModel(f"No provider has the model {quote(asked)!r}. GET /v1/models lists all models.")
    entry = _entry(context, *found)
    if request.header(b"anthropic-version") is not None:
        entry = model_shapes.anthropic_entry(entry)
    await reply.whole(200, jsontext.dumps(entry))


def _found(context: Context, names: Iterable[str]) -> tuple[str, Candidate] | None:
    return next(((name, first) for name in names if (first := _first(context, name)) is not None), None)


def _first(context: Context, name: str) -> Candidate | None:
    """The first candidate for a name, also if the provider lists it in another spelling (``m`` for ``m:latest``)."""
    listed = context.router.names().get(name)
    if listed:
        return listed[0]
    for provider in context.providers:
        served = provider.mapped(name) or provider.listed(name)
        if served:
            return Candidate(provider, served)
    return None


def _entry(context: Context, name: str, candidate: Candidate) -> JsonObject:
    """One model as OpenAI lists it, with context length, abilities and prices if they are known."""
    provider = candidate.provider
    known = provider.find(candidate.model)
    entry: JsonObject = {
        "id": name,
        "object": "model",
        "created": (known.created if known is not None else None) or int(context.at(context.started)),
        "owned_by": provider.name,
    }
    if provider.local and not candidate.is_local:
        entry["local"] = False  # a cloud model, though its provider is local
    tokens = provider.context_length(candidate.model)
    if tokens is not None:
        entry.update(sizes(tokens))
    if known is not None and known.capabilities:
        entry.update(abilities(known.capabilities, known.listed))
    if known is not None and known.listed.get("lifecycle") in model_shapes.LIFECYCLES:
        entry["lifecycle"] = known.listed["lifecycle"]
    price = provider.price(candidate.model)
    if price is not None:
        entry["pricing"] = {"prompt": _decimal(price.prompt), "completion": _decimal(price.completion)}
        if price == FREE:
            entry["pricing"] = {"prompt": "0", "completion": "0"}
    return entry


def _decimal(value: float) -> str:
    """USD per token as a plain decimal string, as OpenRouter writes it."""
    text = f"{value:.12f}".rstrip("0").rstrip(".")
    return text or "0"
