"""Embeddings for clients of OpenAI's and of Ollama's dialect, through ``Generation`` like every other answer.

One thing differs: a fallback may only use the same model at another provider, since the
vectors of two models cannot be compared.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.core.worker import in_thread
from linx.dialects import embeddings
from linx.dialects.ollama.embeddings import parse_embed, parse_embeddings
from linx.dialects.shared.secrets import secret_of
from linx.dialects.shared.tokens import prompt_tokens
from linx.handlers.answers.generation import Generation
from linx.handlers.answers.plan import Plan, start_chat
from linx.handlers.answers.whole import whole
from linx.handlers.request_facts import is_local_only, read_chat
from linx.routing.demand import Demand, of_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import Answer, ChatRequest, JsonObject
    from linx.dialects.base import Face
    from linx.handlers.answers.job import Job
    from linx.handlers.context import Context
    from linx.routing.chunk_reader import ChunkSource
    from linx.routing.roles import Try
    from linx.server.reply import Reply
    from linx.server.request import Request


FEW = 4  # texts whose vectors are checked, and packed, without a thread: each takes up to a millisecond


async def openai(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """``POST /v1/embeddings``."""
    await _answer(context, face, request, reply, embeddings.parse_openai)


async def ollama(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """``POST /api/embed``."""
    await _answer(context, face, request, reply, parse_embed)


async def ollama_old(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """``POST /api/embeddings``."""
    await _answer(context, face, request, reply, parse_embeddings)


async def _answer(
    context: Context, face: Face, request: Request, reply: Reply, parse: Callable[[JsonObject], ChatRequest]
) -> None:
    chat = await read_chat(request, parse)
    generation = Generation(context, face, request, reply, chat, embeddings_plan(request, chat))
    if chat.embedding.input:
        await generation.run()
        return
    job = generation.job
    job.router.route(chat.model, job.clock(), job.demand)  # raises UnknownModel if no provider has the model
    await reply.whole(200, jsontext.dumps(embeddings.none(chat)), headers=job.headers())


def embeddings_plan(request: Request, chat: ChatRequest) -> Plan[Try[ChunkSource]]:
    """A plan for one model only, whose answer is always sent whole."""
    demand = Demand(
        of_size(prompt_tokens(chat), 0),
        local_only=is_local_only(request),
        one_model=True,
        key=request.key,
        secret=partial(secret_of, chat),
    )
    return Plan(demand, start_chat, partial(whole, write=write_vectors))


async def write_vectors(job: Job, answer: Answer) -> bytes:
    """The vectors in the shape of the path that was asked. Many are checked, and packed, in a thread."""
    seconds = job.clock() - job.record.started
    if len(job.chat.embedding.texts) > FEW:
        return await in_thread(_written, job.chat, answer, seconds)
    return _written(job.chat, answer, seconds)


def _written(chat: ChatRequest, answer: Answer, seconds: float) -> bytes:
    return jsontext.dumps(embeddings.whole(chat, answer, seconds))
