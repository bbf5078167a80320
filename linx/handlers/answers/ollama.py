"""Ollama's /api/chat and /api/generate, and the word that says something is here.

Both take the one road of ``generation``. What is their own is the request without a prompt:
it asks for no answer, only that a model be loaded or unloaded, which means something to an
Ollama alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import trio

from linx.core import jsontext
from linx.core.jsontext import LARGE
from linx.dialects.ollama.client_request import is_unload
from linx.handlers.answers.generation import Generation
from linx.handlers.request_facts import check_charset, read_large, read_object
from linx.providers.kind import Feature
from linx.routing.router import Route

if TYPE_CHECKING:
    from linx.dialects.base import Face
    from linx.dialects.ollama.face import OllamaFace
    from linx.handlers.context import Context
    from linx.server.request import Reply, Request

GREETING = b"Ollama is running"


async def greet(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """``GET /``: by this sentence clients know an Ollama."""
    await reply.whole(200, GREETING, b"text/plain; charset=utf-8")


async def answer(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """``POST /api/chat`` and ``POST /api/generate``."""
    check_charset(request)
    body = await request.body()
    chat = face.parse(read_object(body)) if len(body) <= LARGE else await read_large(body, face.parse)
    road = Load if cast("OllamaFace", face).is_load(chat.native or {}) else Generation
    await road(context, face, request, reply, chat).run()


class Load(Generation):
    """A request for a model, not for an answer. Where no Ollama would serve it there is nothing to load."""

    __slots__ = ()

    async def run(self) -> None:
        now = trio.current_time()
        route = self.router.route(self.chat.model, now, self.demand)
        at_first = Feature.LOADS_MODELS in route.candidates[0].provider.kind.features
        # The memory is worth it only where the answer will come from; to free it is right anywhere.
        if at_first or (is_unload(self.chat.native or {}) and self._ollamas(route).candidates):
            await super().run()
            return
        face = cast("OllamaFace", self.face)
        body = jsontext.dumps(face.load_answer(self.chat, self._stamp()))
        kind = face.stream_type if self.chat.stream else b"application/json"
        await self.reply.whole(200, body + b"\n" if self.chat.stream else body, kind, self._headers())

    def _route(self, now: float) -> Route:
        return self._ollamas(super()._route(now))

    def _ollamas(self, route: Route) -> Route:
        able = [one for one in route.candidates if Feature.LOADS_MODELS in one.provider.kind.features]
        return Route(route.model, tuple(able))
