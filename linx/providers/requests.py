"""The ways to ask a provider: for chat, and for everything that is not asked for as chat is.

The four kinds of provider differ by this table: a path, a body, a decoder. A row is chosen
by the kind and by what the request wants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from linx.dialects import embeddings
from linx.dialects.completions import provider_request as completions_provider
from linx.dialects.completions import text_completion
from linx.dialects.completions.face import DIALECT as COMPLETIONS
from linx.dialects.embeddings import EmbeddingsDecoder
from linx.dialects.ollama import provider_request as ollama_request
from linx.dialects.ollama.decoder import GENERATE, OllamaDecoder
from linx.dialects.openai import provider_request as openai_request
from linx.dialects.openai.decoder import OpenAIDecoder
from linx.dialects.untranslated import decoder as untranslated_decoder
from linx.dialects.untranslated.decoder import ANTHROPIC, RESPONSES
from linx.dialects.untranslated.provider_request import messages_body, responses_body

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linx.core.chat import ChatRequest, JsonObject, ModelTraits
    from linx.dialects.base import Decoder


@dataclass(frozen=True, slots=True)
class Way:
    """How a kind of provider is asked: for chat, or for one of the other things below."""

    path: str
    accept: bytes
    body: Callable[[ChatRequest, str, ModelTraits], JsonObject]
    decoder: Callable[[Callable[[], str]], Decoder]
    under_api: bool
    """Is ``path`` below the OpenAI base (…/v1) or below the root?"""
    lacks: str | None = None
    """What a server that does not know the path cannot do; None where every one of the kind knows it."""
    may_think: bool = True
    takes_headers: bool = False
    """Are the headers that belong to the client's dialect passed on?"""


def _openai_body(kind: str) -> Callable[[ChatRequest, str, ModelTraits], JsonObject]:
    return lambda chat, model, traits: openai_request.chat_body(chat, model, kind, traits)


def _generate_body(chat: ChatRequest, model: str, traits: ModelTraits) -> JsonObject:
    return ollama_request.request_for(chat, model, traits)[1]


def _completion(kind: str) -> Way:
    def body(chat: ChatRequest, model: str, traits: ModelTraits) -> JsonObject:
        return text_completion.completion_body(chat, model, kind, traits)

    return Way("/completions", _SSE, body, text_completion.CompletionDecoder, True, "text completion", may_think=False)


_SSE = b"text/event-stream, application/json"
_NDJSON = b"application/x-ndjson"
_JSON = b"application/json"
KINDS: Mapping[str, Way] = {
    "ollama": Way("/api/chat", _NDJSON, ollama_request.chat_body, OllamaDecoder, False),
    "llamacpp": Way("/chat/completions", _SSE, _openai_body("llamacpp"), OpenAIDecoder, True),
    "openrouter": Way("/chat/completions", _SSE, _openai_body("openrouter"), OpenAIDecoder, True),
    "openai": Way("/chat/completions", _SSE, _openai_body("openai"), OpenAIDecoder, True),
}
_GENERATE = Way("/api/generate", _NDJSON, _generate_body, lambda new_id: OllamaDecoder(new_id, generate=True), False)


def _embedding(
    path: str, body: Callable[[ChatRequest, str, ModelTraits], JsonObject], shape: str, *, under_api: bool = False
) -> Way:
    return Way(path, _JSON, body, lambda _new_id: EmbeddingsDecoder(shape), under_api, "embeddings", may_think=False)


_EMBEDDINGS = _embedding("/embeddings", embeddings.openai_body, embeddings.OPENAI, under_api=True)
_EMBED = _embedding("/api/embed", embeddings.embed_body, embeddings.EMBED)
_OLD_EMBEDDINGS = _embedding("/api/embeddings", embeddings.embeddings_body, embeddings.EMBEDDINGS)
_INFILL = Way(
    "/infill", _SSE, text_completion.infill_body, text_completion.InfillDecoder, False, "insert", may_think=False
)


def _old_completions(
    body: Callable[[ChatRequest, str, ModelTraits], JsonObject], path: str = "/completions", *, insert: bool = False
) -> Way:
    decoder = text_completion.InfillDecoder if insert else completions_provider.CompletionsDecoder
    lacks = "insert" if insert else "text completion"
    return Way(path, _SSE, body, decoder, not insert, lacks, may_think=False)


_OLD_GENERATE = Way(
    "/api/generate",
    _NDJSON,
    completions_provider.generate_body,
    lambda new_id: OllamaDecoder(new_id, generate=True),
    False,
    may_think=False,
)
_OLD_COMPLETIONS: Mapping[str, Way] = {
    "openai": _old_completions(completions_provider.openai_body("openai")),
    "openrouter": _old_completions(completions_provider.openai_body("openrouter")),
    "llamacpp": _old_completions(completions_provider.llamacpp_body),
    "ollama": _OLD_GENERATE,
}
NATIVE: Mapping[str, Way] = {
    ANTHROPIC: Way(
        "/messages",
        _SSE,
        messages_body,
        lambda _new_id: untranslated_decoder.UntranslatedDecoder(ANTHROPIC),
        True,
        "the Messages API",
        may_think=False,
        takes_headers=True,
    ),
    RESPONSES: Way(
        "/responses",
        _SSE,
        responses_body,
        lambda _new_id: untranslated_decoder.UntranslatedDecoder(RESPONSES),
        True,
        "the Responses API",
        may_think=False,
        takes_headers=True,
    ),
}
"""By the client's dialect: how a provider is asked that speaks it itself, where ``native`` is set."""
COMPLETION, INSERT = "completion", "insert"
WAYS: Mapping[tuple[str, str], Way] = {
    **{
        (kind, task): way
        for kind, way in _OLD_COMPLETIONS.items()
        for task in (COMPLETIONS, completions_provider.INSERT)
    },
    ("llamacpp", completions_provider.INSERT): _old_completions(
        completions_provider.infill_body, "/infill", insert=True
    ),
    **dict.fromkeys((("ollama", GENERATE), ("ollama", COMPLETION), ("ollama", INSERT)), _GENERATE),
    **{(kind, task): _completion(kind) for kind in ("openai", "openrouter") for task in (COMPLETION, INSERT)},
    ("llamacpp", COMPLETION): _completion("llamacpp"),
    ("llamacpp", INSERT): _INFILL,
    **{
        (kind, task): _EMBEDDINGS
        for kind in ("openai", "openrouter", "llamacpp")
        for task in (embeddings.OPENAI, embeddings.EMBED, embeddings.EMBEDDINGS)
    },
    ("ollama", embeddings.OPENAI): _EMBED,
    ("ollama", embeddings.EMBED): _EMBED,
    ("ollama", embeddings.EMBEDDINGS): _OLD_EMBEDDINGS,
}
"""By (kind, task): whatever a kind is not asked for as it is for chat."""


def task_of(chat: ChatRequest) -> str:
    """What a request wants of a provider: its dialect tells, and of /api/generate the fields."""
    if chat.dialect == GENERATE and chat.native is not None and ollama_request.needs_completion(chat.native):
        return INSERT if chat.native.get("suffix") else COMPLETION
    return completions_provider.task_of(chat) if chat.dialect == COMPLETIONS else chat.dialect


def way_for(kind: str, chat: ChatRequest, *, is_native: bool) -> Way:
    """How a provider of ``kind`` is asked; ``is_native``: in the client's own words where it speaks them."""
    if is_native and chat.native is not None and chat.dialect in NATIVE:
        return NATIVE[chat.dialect]
    return WAYS.get((kind, task_of(chat)), KINDS[kind])
