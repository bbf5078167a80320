"""``/v1/models``: all names that any provider maps or has, from memory.

The list is kept as finished bytes, see ``linx.handlers.kept_lists``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

import trio

from linx.core import jsontext
from linx.core.errors import BadRequest, UnknownModel, quote
from linx.dialects.openai.model_list import abilities, sizes
from linx.handlers.models import other_shapes
from linx.handlers.models.pieces import joined, names
from linx.providers.prices import FREE
from linx.routing.candidate import Candidate
from linx.routing.demand import NAMES_ONLY
from linx.routing.key_models import is_offered, may_name, not_allowed
from linx.routing.unlisted import look_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from linx.core.chat import JsonObject
    from linx.core.client_key import ClientKey
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.handlers.models.other_shapes import Page
    from linx.routing.router import Router
    from linx.server.reply import Reply
    from linx.server.request import Request

    Shape = Callable[[Iterable[JsonObject | None], Page | None], Iterator[bytes]]


async def list_models(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``GET /v1/models``."""
    router = context.router
    router.lists_shown(trio.current_time())
    try:
        query = parse_qs(request.query, keep_blank_values=True, max_num_fields=16)
    except ValueError:
        raise BadRequest("The query has too many fields.") from None
    shape: Shape = _openai_list
    page = None
    if request.header(b"anthropic-version") is not None:
        shape, page = other_shapes.anthropic_list, other_shapes.asked_page(query)
    elif "client_version" in query:
        shape = other_shapes.codex_list

    key = request.key

    def make() -> Iterator[bytes]:
        return shape(entries(context, router, key), page)

    kept_as = (shape, page, key.models, key.local_only)
    await reply.shared(200, await context.lists.pieces(router, context.redactor, kept_as, make))


def entries(context: Context, router: Router, key: ClientKey) -> Iterator[JsonObject | None]:
    """All entries, and None between them, see ``pieces``."""
    for found in names(router, key):
        yield _entry(context, *found) if found is not None else None


def _openai_list(listed: Iterable[JsonObject | None], _page: Page | None) -> Iterator[bytes]:
    written = (jsontext.dumps(entry) if entry is not None else b"" for entry in listed)
    return joined(b'{"object":"list","data":[', written, b"]}")


async def show_model(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``GET /v1/models/{id}``: the id may contain slashes, raw or percent-encoded."""
    asked = unquote(request.path.partition("/models/")[2])
    names, key = (asked, asked.rstrip("/")), request.key
    found = _found(context, names, key)
    if found is None:
        await look_for(context.router, names[1], context.pool, context.redactor, NAMES_ONLY)
        found = _found(context, names, key)
    if found is None and not any(may_name(key, name) for name in names):
        raise not_allowed(key, asked)
    if found is None:
        raise UnknownModel(f"No provider has the model {quote(asked)!r}. GET /v1/models lists all models.")
    entry = _entry(context, *found)
    if request.header(b"anthropic-version") is not None:
        entry = other_shapes.anthropic_entry(entry)
    await reply.whole(200, jsontext.dumps(entry))


def _found(context: Context, names: Iterable[str], key: ClientKey) -> tuple[str, Candidate] | None:
    return next(((name, first) for name in names if (first := _first(context, name, key)) is not None), None)


def _first(context: Context, name: str, key: ClientKey) -> Candidate | None:
    """The first candidate for a name, also if the provider lists it in another spelling (``m`` for ``m:latest``)."""
    listed = context.router.first_offered(name)
    if listed is not None and is_offered(key, name, listed):
        return listed
    for provider in context.providers:
        served = provider.mapped(name) or provider.listed(name)
        if served and is_offered(key, name, candidate := Candidate(provider, served)):
            return candidate
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
    if known is not None and known.listed.get("lifecycle") in other_shapes.LIFECYCLES:
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
