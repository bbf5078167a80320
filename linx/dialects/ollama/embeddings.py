"""Embeddings as Ollama has them: /api/embed, and the old /api/embeddings for one text.

A client of Ollama's dialect whose provider is an Ollama keeps its own body. The old endpoint
of an Ollama is asked only for clients of that endpoint: older versions do not normalise its
vectors, and every other endpoint's are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.chat import ChatRequest, Dialect, EmbeddingInput, Task
from linx.core.errors import BadRequest
from linx.dialects.failures.meaning import unsupported
from linx.dialects.ollama.options import options
from linx.dialects.ollama.provider_request import keep_alive_for
from linx.dialects.openai.provider_request import without_destinations
from linx.dialects.shared import fields

if TYPE_CHECKING:
    from linx.core.chat import JsonObject, ModelTraits


# --- what a client asks ---------------------------------------------------------------


def parse_embed(body: JsonObject) -> ChatRequest:
    """POST /api/embed. Raises BadRequest."""
    given = body.get("input")
    texts = [given] if isinstance(given, str) and given else given or []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise BadRequest("invalid input type", param="input")
    dimensions = fields.integer(body, "dimensions")
    # Ollama takes 0 and less for all of them (``normalize`` in its server/routes.go).
    asked = EmbeddingInput(texts, dimensions if dimensions is not None and dimensions > 0 else None)
    fields.flag(body, "truncate")
    return _request(body, asked, Dialect.OLLAMA_EMBED)


def parse_embeddings(body: JsonObject) -> ChatRequest:
    """POST /api/embeddings. Raises BadRequest."""
    prompt = fields.text(body, "prompt")
    return _request(body, EmbeddingInput([prompt] if prompt else []), Dialect.OLLAMA_EMBEDDINGS)


def _request(body: JsonObject, asked: EmbeddingInput, dialect: Dialect) -> ChatRequest:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("model is required", param="model")
    options(fields.mapping(body, "options") or {})
    return ChatRequest(model, asked, task=Task.EMBED, dialect=dialect, client_body=body)


# --- what a provider is asked ---------------------------------------------------------


def embed_body(chat: ChatRequest, model: str, traits: ModelTraits) -> JsonObject:
    """The body of /api/embed for any client. Raises Refused for tokens, which an Ollama does not take."""
    asked = chat.embedding
    if not all(isinstance(text, str) for text in asked.texts):
        raise unsupported("does not support tokens as the input of embeddings")
    body: JsonObject = {"model": model, "input": asked.input}
    if asked.dimensions is not None:
        body["dimensions"] = asked.dimensions
    return _filled(body, traits)


def own_embed_body(chat: ChatRequest, model: str, traits: ModelTraits) -> JsonObject:
    """The body for a client of either endpoint at that endpoint: its own, with the gap filled, and without who asks."""
    return _filled({**without_destinations(chat.client_body or {}), "model": model}, traits)


def _filled(body: JsonObject, traits: ModelTraits) -> JsonObject:
    if traits.keep_alive is not None and body.get("keep_alive") is None:
        body["keep_alive"] = keep_alive_for(traits.keep_alive)
    options = body.get("options") or {}
    if traits.num_ctx is not None and options.get("num_ctx") is None:
        body["options"] = {**options, "num_ctx": traits.num_ctx}
    return body
