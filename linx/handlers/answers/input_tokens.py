"""``POST /v1/responses/input_tokens``: the length of a prompt, exact if the provider can count, else an estimate.

OpenAI and llama.cpp (tools/server/README.md) have this path; the body is that of ``POST /v1/responses``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from linx.access import presented_key
from linx.core import jsontext
from linx.handlers.answers.anthropic import counted
from linx.handlers.answers.responses import read_request
from linx.handlers.answers.untranslated import untranslated_route
from linx.routing.router import Router

if TYPE_CHECKING:
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.server.reply import Reply
    from linx.server.request import Request


async def count(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """Count the tokens of the prompt that the same body would make as a request for an answer."""
    is_native = any(provider.speaks(face.name) for provider in context.router.providers)
    owner = context.responses.owner(presented_key(request, request.path_key))
    references, chat, problem = await read_request(context, face, request, owner, is_native=is_native)
    route = Router.route if problem is None else partial(untranslated_route, face.name, problem)
    tokens, headers = await counted(context, request, chat, route, local_only=references.is_private)
    body = {"object": "response.input_tokens", "input_tokens": tokens}
    await reply.whole(200, jsontext.dumps(body), headers=headers)
