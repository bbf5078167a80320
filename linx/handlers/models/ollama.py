"""What Ollama's clients ask about models: /api/tags, /api/show, /api/ps, /api/version.

Lists are answered from memory, so a slow provider delays no client. What only a real Ollama
knows is asked of it; where no answer comes in time, the client is told what Linx knows.
"""

from __future__ import annotations

import contextlib
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from linx.core import jsontext
from linx.core.attempt_errors import AttemptError, Garbled, Stalled
from linx.core.errors import BadRequest, LinxError, ModelNotAllowed, NoLocalProvider, UnknownModel
from linx.core.worker import in_thread
from linx.dialects.ollama import model_list as ollama_catalog
from linx.dialects.ollama.model_list import Described
from linx.dialects.shared.secrets import secret_in
from linx.handlers.models.pieces import joined, names
from linx.handlers.request_facts import check_charset, check_name, is_local_only, next_hop, object_of
from linx.providers.catalog import fetch_json
from linx.providers.kind import Feature
from linx.routing.candidate import Candidate
from linx.routing.demand import Demand
from linx.routing.key_models import is_offered, may_ask
from linx.routing.unlisted import look_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linx.core.chat import JsonObject
    from linx.core.client_key import ClientKey
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.providers.provider import Provider
    from linx.routing.router import Router
    from linx.server.reply import Reply
    from linx.server.request import Request

VERSION = "0.13.5"
"""The version that clients are told where no Ollama is up."""
OLDEST = (0, 6, 4)  # VS Code takes no older version
LONG = 1 << 18  # characters; a longer text is searched for keys beside the event loop
ASK_S = 5.0  # for an Ollama that is asked about its models while a client waits

_NUMBER = re.compile(r"v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?")


async def version(context: Context, _face: Face, _request: Request, reply: Reply) -> None:
    """``GET /api/version``: that of the first Ollama that is up and not too old."""
    told = VERSION
    for provider in context.providers:
        if _describes(provider) and provider.health.reachable and _is_new_enough(provider.version):
            told = str(provider.version)
            break
    await reply.whole(200, jsontext.dumps({"version": told}))


def _is_new_enough(text: str | None) -> bool:
    match = _NUMBER.match(text or "")
    return match is not None and tuple(int(part or 0) for part in match.groups()) >= OLDEST


async def tags(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``GET /api/tags``: every name that may be asked for."""
    router = context.router
    router.lists_shown(trio.current_time())
    make, key = partial(_tags, context, router, request.key), (tags, request.key.models, request.key.local_only)
    await reply.shared(200, await context.lists.pieces(router, context.redactor, key, make))


def _tags(context: Context, router: Router, key: ClientKey) -> Iterator[bytes]:
    """The list has an Ollama's own words in it, see ``_cleaned``."""
    found = names(router, key)
    entries = (jsontext.dumps(_entry(context, *one)) if one is not None else b"" for one in found)
    for piece in joined(b'{"models":[', entries, b"]}"):
        yield context.redactor.clean_known(piece.decode()).encode()


def _entry(context: Context, name: str, candidate: Candidate) -> JsonObject:
    """An Ollama's own entry under the name that clients use; for other kinds one that is made of what is known."""
    built = ollama_catalog.entry(describe(context, name, candidate))
    known = candidate.provider.find(candidate.model)
    if not _describes(candidate.provider) or known is None or not known.listed:
        return built
    own: JsonObject = {key: value for key, value in known.listed.items() if value is not None}
    details = own.get("details")
    own["details"] = {**built["details"], **details} if isinstance(details, dict) else built["details"]
    if known.capabilities is None:
        del built["capabilities"]  # the next probe asks the Ollama; until then nothing is better than a guess
    own |= {"name": built["name"], "model": built["model"]}
    return own | {key: value for key, value in built.items() if key not in own}  # in the Ollama's own order


def describe(context: Context, name: str, candidate: Candidate) -> Described:
    provider = candidate.provider
    known = provider.find(candidate.model)
    return Described(
        name=name,
        provider=provider.name,
        served=candidate.model,
        is_file=Feature.SERVES_FILES in provider.kind.features,
        context_length=provider.context_length(candidate.model),
        capabilities=known.capabilities if known is not None else None,
        created=(known.created if known is not None else None) or context.at(context.started),
        listed=known.listed if known is not None else {},
    )


async def _cleaned(context: Context, answer: JsonObject) -> bytes:
    """The body of an answer that has an Ollama's own words in it: a key that Linx sent there may be among them."""
    text = jsontext.dumps(answer).decode()
    clean = context.redactor.clean_known
    return (clean(text) if len(text) < LONG else await in_thread(clean, text)).encode()


async def show(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``POST /api/show``: the model by ``model``, or by ``name`` as older clients have it."""
    check_charset(request)
    hop = next_hop(context, request)
    body = await object_of(request)
    name = body.get("model") or body.get("name")
    if not isinstance(name, str) or not name:
        raise BadRequest("model is required", param="model")
    check_name(name)
    asked = {key: value for key, value in body.items() if key != "name"}
    problem: AttemptError | None = None
    demand = Demand(local_only=is_local_only(request), key=request.key, may_cost=False, secret=partial(secret_in, body))
    await look_for(context.router, name, context.pool, context.redactor, demand)
    for candidate in _candidates(context, name, demand):
        try:
            answer = await _shown(context, name, candidate, asked, hop)
        except AttemptError as error:
            problem = problem or error
            continue
        headers = [(b"x-linx-provider", candidate.provider.name.encode())]
        await reply.whole(200, await _cleaned(context, answer), headers=headers)
        return
    assert problem is not None
    raise problem


async def _shown(context: Context, name: str, candidate: Candidate, asked: JsonObject, hop: bytes) -> JsonObject:
    """What a candidate says of the model, an Ollama with its own words. Raises AttemptError or UnknownModel."""
    provider, model = candidate.provider, describe(context, name, candidate)
    if not _describes(provider) or (candidate.is_private and not candidate.is_local):
        return ollama_catalog.shown(model)
    body = jsontext.dumps(asked | {"model": candidate.model})
    sending = provider.http.relayed(b"POST", "/api/show", hop, body)
    try:
        with trio.fail_after(ASK_S):
            found = await fetch_json(await candidate.permit(context.pool), context.pool, sending)
    except trio.TooSlowError:
        raise _named(Stalled(f"did not describe the model within {ASK_S:g} s"), context, provider) from None
    except AttemptError as error:
        if error.code == "model_not_found":
            provider.lost(candidate.model)
            raise UnknownModel(str(_named(error, context, provider))) from None
        raise _named(error, context, provider) from None
    if not isinstance(found, dict):
        raise _named(Garbled("described the model by something that is no object"), context, provider)
    return ollama_catalog.completed(found, model)


def _named(error: AttemptError, context: Context, provider: Provider) -> AttemptError:
    error.provider = provider.name
    error.redact(context.redactor.clean)
    return error


def _candidates(context: Context, name: str, demand: Demand) -> Sequence[Candidate]:
    """The candidates for ``name``, the one that would answer now first. Raises UnknownModel or ModelNotAllowed.

    Those that no gate has admitted are private: where they are not local, they are described and not asked.
    """
    router = context.router
    try:
        return router.route(name, trio.current_time(), demand).candidates
    except (UnknownModel, ModelNotAllowed):
        raise
    except LinxError:
        # No candidate would answer just now (all paused, or none local); what the model is can be told all the same.
        return [one for one in router.candidates(name) if may_ask(demand.key, name, one)]


async def ps(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``GET /api/ps``: what the Ollamas have loaded, and what a llama.cpp serves."""
    hop = next_hop(context, request)
    loaded: dict[str, list[JsonObject]] = {}

    async def ask(candidate: Candidate) -> None:
        provider = candidate.provider
        found = await _ask(context, candidate, hop, b"GET", "/api/ps")
        entries = found.get("models") if isinstance(found, dict) else None
        dicts = [entry for entry in entries or () if isinstance(entry, dict)]
        loaded[provider.name] = [entry for entry in dicts if is_own(provider, entry)]

    def is_own(provider: Provider, entry: JsonObject) -> bool:
        name = str(entry.get("name") or entry.get("model"))
        return is_offered(request.key, name, Candidate(provider, name))

    up = [one for one in context.providers if _describes(one) and one.health.reachable is not False]
    asked: list[Candidate] = []
    with contextlib.suppress(NoLocalProvider):
        demand = Demand(local_only=is_local_only(request), may_cost=False)
        asked = context.router.gate.admit([Candidate(one, "") for one in up], None, demand).candidates
    async with trio.open_nursery() as nursery:
        for candidate in asked:
            nursery.start_soon(ask, candidate)
        for provider in context.providers:
            if _has_all_in_memory(provider):
                models = [describe(context, name, Candidate(provider, name)) for name in provider.models]
                entries = [ollama_catalog.running(model) for model in models]
                loaded[provider.name] = [entry for entry in entries if is_own(provider, entry)]
    found = [entry for provider in context.providers for entry in loaded.get(provider.name, ())]
    merged = {str(entry.get("name")): entry for entry in found}
    await reply.whole(200, await _cleaned(context, {"models": list(merged.values())}))


def _describes(provider: Provider) -> bool:
    """Can ``provider`` be asked about its models as an Ollama can?"""
    return Feature.DESCRIBES_MODELS in provider.kind.features


def _has_all_in_memory(provider: Provider) -> bool:
    """Is every model in the list of ``provider`` loaded? Known without asking."""
    health = provider.health
    return Feature.SERVES_FILES in provider.kind.features and bool(health.reachable) and not health.loading


async def _ask(
    context: Context, candidate: Candidate, hop: bytes, method: bytes, path: str, body: bytes = b""
) -> Any | None:
    """An Ollama's JSON answer, or None where it has none in time."""
    with trio.move_on_after(ASK_S):
        try:
            sending = candidate.provider.http.relayed(method, path, hop, body)
            return await fetch_json(await candidate.permit(context.pool), context.pool, sending)
        except AttemptError:
            return None
    return None
