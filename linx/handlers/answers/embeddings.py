"""Embeddings for clients of OpenAI and of Ollama, by the road of every other answer.

One thing differs: only the same model elsewhere may take over, since the vectors of two
models cannot be compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from linx.core import jsontext
from linx.core.errors import AttemptError
from linx.core.jsontext import LARGE
from linx.dialects import embeddings
from linx.handlers.answers.generation import Generation
from linx.handlers.request_facts import check_charset, read_large, read_object
from linx.routing.router import Demand

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import Answer, ChatRequest, JsonObject
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.server.request import Reply, Request

BYTES_PER_TOKEN = 4


async def openai(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """``POST /v1/embeddings``."""
    await _answer(context, face, request, reply, embeddings.parse_openai)


async def ollama(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """``POST /api/embed``."""
    await _answer(context, face, request, reply, embeddings.parse_embed)


async def ollama_old(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """``POST /api/embeddings``."""
    await _answer(context, face, request, reply, embeddings.parse_embeddings)


async def _answer(
    context: Context, face: Face, request: Request, reply: Reply, parse: Callable[[JsonObject], ChatRequest]
) -> None:
    check_charset(request)
    body = await request.body()
    chat = parse(read_object(body)) if len(body) <= LARGE else await read_large(body, parse)
    await Embedding(context, face, request, reply, chat).run()


class Embedding(Generation):
    """One request for embeddings."""

    __slots__ = ()

    async def run(self) -> None:
        if self.chat.body["input"]:
            await super().run()
            return
        self._route(trio.current_time())  # raises what is to be said of an unknown model
        await self.reply.whole(200, jsontext.dumps(embeddings.none(self.chat)), headers=self._headers())

    def _folded(self, answer: Answer) -> JsonObject:
        try:
            return embeddings.whole(self.chat, answer, trio.current_time() - self.record.started)
        except AttemptError as error:
            error.provider = self.record.provider or ""
            raise

    def _demand(self) -> Demand:
        local_only = super()._demand().local_only
        given = self.chat.body["input"]
        # Each text has the context for itself.
        texts = [given] if isinstance(given, str) or (given and type(given[0]) is int) else given
        longest = max(
            (len(text) // BYTES_PER_TOKEN if isinstance(text, str) else len(text) for text in texts), default=0
        )
        return Demand(longest, 0, local_only=local_only, one_model=True)
