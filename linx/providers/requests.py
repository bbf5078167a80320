"""How providers are asked: a ``ProviderRequest`` for every path that a task may take.

Rule: a request holds everything in which the paths of providers differ (path, body, decoder,
what a server without the path cannot do), so that no code has to compare kinds. ``kinds``
says which kind uses which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from linx.core import jsontext, known_tools
from linx.dialects import embeddings
from linx.dialects.adaptation.row import BodyFormat
from linx.dialects.adaptation.table import adapt
from linx.dialects.anthropic import provider_request as anthropic_request
from linx.dialects.anthropic.decoder import anthropic_decoder
from linx.dialects.completions.decoder import CompletionsDecoder, infill_decoder
from linx.dialects.completions.provider_request import infill_body
from linx.dialects.embeddings import EmbeddingsDecoder
from linx.dialects.failures.meaning import unsupported
from linx.dialects.ollama import embeddings as ollama_embeddings
from linx.dialects.ollama import provider_request as ollama_request
from linx.dialects.ollama.decoder import CHAT, GENERATE, OllamaDecoder
from linx.dialects.openai import provider_request as openai_request
from linx.dialects.openai.decoder import OpenAIDecoder
from linx.dialects.untranslated.decoder import ANTHROPIC, RESPONSES, untranslated_decoder
from linx.dialects.untranslated.provider_request import messages_body, messages_body_with_thoughts, responses_body

if TYPE_CHECKING:
    from linx.core.chat import Adapted, ChatRequest, Dialect, JsonObject, ModelTraits
    from linx.dialects.adaptation.row import Restore
    from linx.dialects.base import Decoder
    from linx.dialects.openai.provider_request import BodyRules

BodyWriter = Callable[["ChatRequest", str, "ModelTraits"], "JsonObject"]
"""(request, model there, what is known of it) → body. Raises Refused for what the server cannot do."""

SSE = b"text/event-stream, application/json"
NDJSON = b"application/x-ndjson"
JSON = b"application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRequest:
    """How a provider is asked for a task."""

    path: Callable[[str], str]
    """Model → path; most servers have one path for all models, and the model in the body."""
    accept: bytes
    body: BodyWriter
    decoder: Callable[[Callable[[], str]], Decoder]
    """Makes the decoder of one answer; its argument makes ids, for tool calls that come without."""
    format: BodyFormat
    under_api: bool
    """Is ``path`` below the OpenAI base (…/v1) or below the root?"""
    lacks: str | None = None
    """What a server without this path cannot do; None where every server of the kind has it."""
    may_think: bool = False
    """May the answer begin with thoughts?"""
    takes_headers: bool = False
    """Are the headers that belong to the client's dialect passed on?"""
    takes_lists: bool = True
    """Does one request take several prompts, and give several answers to each?"""
    has_echo: bool = True
    """Does the server itself repeat a prompt before what follows (``echo``)?"""

    def write(
        self,
        chat: ChatRequest,
        model: str,
        traits: ModelTraits,
        adapted: Sequence[Adapted] = (),
        restores: list[Restore] | None = None,
        used: list[Adapted] | None = None,
    ) -> bytes:
        """The body as it is sent, with ``adapted`` applied. Raises what ``body`` raises.

        ``restores`` gets what changes the answer back, ``used`` what of ``adapted`` changed the body. For a large
        request: to be called in a thread.
        """
        body = self.body(chat, model, traits)
        if adapted:
            body = adapt(body, adapted, [] if restores is None else restores, self.format, used)
        if (tools := body.get("tools")) is not None and (text := known_tools.written(tools)) is not tools:
            body = {**body, "tools": text}
        return jsontext.dumps_in_pieces(body) if chat.facts.size > jsontext.HUGE else jsontext.dumps(body)


def at(path: str) -> Callable[[str], str]:
    """The same path for every model."""
    return lambda _model: path


def lacking(words: str) -> ProviderRequest:
    """For a task that no provider of a kind can do: to write its body is to refuse it."""

    def refuse(_chat: ChatRequest, _model: str, _traits: ModelTraits) -> JsonObject:
        raise unsupported(f"does not support {words}")

    return ProviderRequest(
        path=at("/"),
        accept=JSON,
        body=refuse,
        decoder=OpenAIDecoder,
        format=BodyFormat.CHAT,
        under_api=False,
        lacks=words,
    )


# --- servers of OpenAI's dialect ------------------------------------------------------


def openai_chat(rules: BodyRules) -> ProviderRequest:
    body = partial(openai_request.chat_body, rules)
    return ProviderRequest(
        path=at("/chat/completions"),
        accept=SSE,
        body=body,
        decoder=OpenAIDecoder,
        format=BodyFormat.CHAT,
        under_api=True,
        may_think=True,
    )


def openai_completion(body: BodyWriter, *, has_echo: bool = True) -> ProviderRequest:
    return ProviderRequest(
        path=at("/completions"),
        accept=SSE,
        body=body,
        decoder=CompletionsDecoder,
        format=BodyFormat.COMPLETION,
        under_api=True,
        lacks="text completion",
        has_echo=has_echo,
    )


OPENAI_EMBEDDINGS = ProviderRequest(
    path=at("/embeddings"),
    accept=JSON,
    body=embeddings.openai_body,
    decoder=lambda _new_id: EmbeddingsDecoder(embeddings.OPENAI),
    format=BodyFormat.EMBEDDINGS,
    under_api=True,
    lacks="embeddings",
)

UNTRANSLATED: Mapping[Dialect, ProviderRequest] = {
    ANTHROPIC: ProviderRequest(
        path=at("/messages"),
        accept=SSE,
        body=messages_body,
        decoder=lambda _new_id: untranslated_decoder(ANTHROPIC),
        format=BodyFormat.MESSAGES,
        under_api=True,
        lacks="the Messages API",
        takes_headers=True,
    ),
    RESPONSES: ProviderRequest(
        path=at("/responses"),
        accept=SSE,
        body=responses_body,
        decoder=lambda _new_id: untranslated_decoder(RESPONSES),
        format=BodyFormat.RESPONSES,
        under_api=True,
        lacks="the Responses API",
        takes_headers=True,
    ),
}
"""By the client's dialect: how a provider that speaks it is asked in the client's own words."""
UNVERIFIED: Mapping[Dialect, ProviderRequest] = {
    **UNTRANSLATED,
    ANTHROPIC: replace(UNTRANSLATED[ANTHROPIC], body=messages_body_with_thoughts),
}
"""The same for a provider that verifies no signatures of thoughts."""


# --- Anthropic's own ------------------------------------------------------------------

ANTHROPIC_MESSAGES = ProviderRequest(
    path=at("/messages"),
    accept=SSE,
    body=anthropic_request.chat_body,
    decoder=anthropic_decoder,
    format=BodyFormat.MESSAGES,
    under_api=True,
    may_think=True,
)
ANTHROPIC_OWN: Mapping[Dialect, ProviderRequest] = {
    ANTHROPIC: replace(UNTRANSLATED[ANTHROPIC], body=anthropic_request.client_body, lacks=None)
}


# --- llama.cpp's own ------------------------------------------------------------------

INFILL = ProviderRequest(
    path=at("/infill"),
    accept=SSE,
    body=infill_body,
    decoder=infill_decoder,
    format=BodyFormat.INFILL,
    under_api=False,
    lacks="insert",
    takes_lists=False,
    has_echo=False,
)


# --- an Ollama's ----------------------------------------------------------------------

OLLAMA_CHAT = ProviderRequest(
    path=at("/api/chat"),
    accept=NDJSON,
    body=ollama_request.chat_body,
    decoder=OllamaDecoder,
    format=BodyFormat.OLLAMA,
    under_api=False,
    may_think=True,
)
OLLAMA_COMPLETION = ProviderRequest(
    path=at("/api/generate"),
    accept=NDJSON,
    body=ollama_request.completion_body,
    decoder=partial(OllamaDecoder, generate=True),
    format=BodyFormat.OLLAMA,
    under_api=False,
    takes_lists=False,
    has_echo=False,
)
OLLAMA_EMBED = ProviderRequest(
    path=at("/api/embed"),
    accept=JSON,
    body=ollama_embeddings.embed_body,
    decoder=lambda _new_id: EmbeddingsDecoder(embeddings.EMBED),
    format=BodyFormat.OLLAMA,
    under_api=False,
    lacks="embeddings",
)
_OLLAMA_OWN_CHAT = replace(OLLAMA_CHAT, body=ollama_request.own_body)
OLLAMA_OWN: Mapping[Dialect, ProviderRequest] = {
    CHAT: _OLLAMA_OWN_CHAT,
    GENERATE: replace(_OLLAMA_OWN_CHAT, path=at("/api/generate"), decoder=partial(OllamaDecoder, generate=True)),
    embeddings.EMBED: replace(OLLAMA_EMBED, body=ollama_embeddings.own_embed_body),
    embeddings.EMBEDDINGS: replace(
        OLLAMA_EMBED,
        path=at("/api/embeddings"),  # asked for no other client: older versions do not normalise its vectors
        body=ollama_embeddings.own_embed_body,
        decoder=lambda _new_id: EmbeddingsDecoder(embeddings.EMBEDDINGS),
    ),
}
"""By the client's dialect, for the clients that speak Ollama's: each endpoint is asked at the same endpoint."""
