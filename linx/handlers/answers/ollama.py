"""Ollama's /api/chat and /api/generate, and the greeting by which clients recognise an Ollama.

Both use ``Generation``. A request without a prompt is special: it asks for no answer, only
that a model be loaded or unloaded, which only an Ollama can do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from linx.core import jsontext
from linx.core.errors import UnknownModel, quote
from linx.dialects.ollama.client_request import is_unload, shows_prompt
from linx.handlers.answers.generation import Generation
from linx.handlers.answers.plan import chat_plan
from linx.handlers.prompt_search import search
from linx.handlers.request_facts import read_chat
from linx.providers.kind import Feature
from linx.routing.unlisted import look_for

if TYPE_CHECKING:
    from linx.dialects.base import Face
    from linx.dialects.ollama.face import OllamaFace
    from linx.handlers.context import Context
    from linx.routing.chunk_reader import ChunkSource
    from linx.routing.demand import Demand
    from linx.routing.roles import Try
    from linx.routing.router import Route, Router
    from linx.server.reply import Reply
    from linx.server.request import Request

GREETING = b"Ollama is running"


async def greet(_context: Context, _face: Face, _request: Request, reply: Reply) -> None:
    """``GET /``."""
    await reply.whole(200, GREETING, b"text/plain; charset=utf-8")


async def answer(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """``POST /api/chat`` and ``POST /api/generate``."""
    chat = await read_chat(request, face.parse)
    is_load = cast("OllamaFace", face).is_load(chat.client_body or {})
    # These two are answered by one object, whatever the client says of streams.
    chat.stream = chat.stream and not (is_load or shows_prompt(chat.client_body or {}))
    plan = chat_plan(context.router, request, chat)
    if is_load:
        await _load(Generation(context, face, request, reply, chat, msgspec.structs.replace(plan, route=ollamas_route)))
    else:
        await Generation(context, face, request, reply, chat, plan).run()


async def _load(generation: Generation[Try[ChunkSource]]) -> None:
    """Load or unload a model. If no Ollama has to do it, answer as if it were done.

    Loading takes memory, so a model is loaded only at the provider that would answer a
    prompt. Unloading is passed on to any Ollama that has the model.
    """
    job = generation.job
    chat, context = job.chat, job.context
    await search(job.router, context.telemetry, chat)
    await look_for(job.router, chat.model, context.pool, context.redactor, job.demand)
    now = job.clock()
    route = job.router.route(chat.model, now, job.demand)
    answers_itself = Feature.LOADS_MODELS in route.candidates[0].provider.kind.features
    if answers_itself or (is_unload(chat.client_body or {}) and _ollamas(route).candidates):
        await generation.run()
        return
    face = cast("OllamaFace", job.face)
    await job.reply.whole(200, jsontext.dumps(face.load_answer(chat, job.stamp())), headers=job.headers())


def ollamas_route(router: Router, model: str, now: float, demand: Demand) -> Route:
    """The route with Ollamas only, since no other kind can be told to load a model. Raises UnknownModel."""
    route = _ollamas(router.route(model, now, demand))
    if not route.candidates:
        raise UnknownModel(f"No Ollama has the model {quote(model)!r}.", model)
    return route


def _ollamas(route: Route) -> Route:
    return route.only([each for each in route.candidates if Feature.LOADS_MODELS in each.provider.kind.features])
