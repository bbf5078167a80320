"""Bodies for the servers of OpenAI's dialect, made as the providers' requests make them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from linx.core.chat import ChatBody, ChatRequest, Dialect, JsonObject, ModelTraits
from linx.dialects.openai.provider_request import chat_body
from linx.dialects.openai.servers import LLAMACPP, OPENROUTER, PLAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linx.dialects.openai.provider_request import BodyRules

SERVERS: Mapping[str, BodyRules] = {"plain": PLAIN, "openrouter": OPENROUTER, "llamacpp": LLAMACPP}
TRAITS = ModelTraits()
HELLO = [{"role": "user", "content": "hello"}]
NOTHING: JsonObject = {"type": "object", "properties": {}}
TOOL: JsonObject = {"type": "function", "function": {"name": "f", "parameters": NOTHING}}
OTHER: JsonObject = {"type": "function", "function": {"name": "g", "parameters": NOTHING}}


def sent(
    given: JsonObject, server: str = "plain", dialect: str = "openai", traits: ModelTraits = TRAITS, model: str = "real"
) -> JsonObject:
    """The body made of ``given``; asserts on the way that nothing in it was changed."""
    given = {"model": "asked", "messages": HELLO, **given}
    before = copy.deepcopy(given)
    body = chat_body(SERVERS[server], ChatRequest("asked", ChatBody(given), dialect=Dialect(dialect)), model, traits)
    assert given == before
    return body
