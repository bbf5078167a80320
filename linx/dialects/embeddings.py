"""Embeddings: OpenAI's /v1/embeddings in both directions, and every answer that holds vectors.

Answers come, and go, in three shapes: those of /v1/embeddings, of Ollama's /api/embed and of
its old /api/embeddings. Providers are always asked for vectors as numbers, since many refuse
base64; they are packed here for the clients that want base64. What Ollama's clients ask, and
what an Ollama is asked, is in ``ollama.embeddings``.
"""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.attempt_errors import AttemptError, Garbled, StreamBroken
from linx.core.chat import Answer, ChatRequest, Chunk, Dialect, EmbeddingInput, JsonObject, Task, Usage
from linx.core.errors import BadRequest
from linx.dialects.failures.meaning import event_failure
from linx.dialects.failures.reading import reported_error
from linx.dialects.openai.provider_request import without_destinations
from linx.dialects.shared import fields
from linx.dialects.shared.reported import count_of, usd_of
from linx.dialects.shared.vector_texts import TooMuch, VectorTexts

if TYPE_CHECKING:
    from linx.core.chat import ModelTraits

OPENAI, EMBED, EMBEDDINGS = Dialect.EMBEDDINGS, Dialect.OLLAMA_EMBED, Dialect.OLLAMA_EMBEDDINGS
"""The three shapes of an answer."""
MAX_ANSWER = 64 * 1024 * 1024  # bytes: 2048 texts of 3072 numbers each
_HOLDS = {OPENAI: "data", EMBED: "embeddings", EMBEDDINGS: "embedding"}
_OWN = frozenset(("model", "input", "dimensions", "encoding_format", "stream"))


# --- what a client asks ---------------------------------------------------------------


def parse_openai(body: JsonObject) -> ChatRequest:
    """POST /v1/embeddings. Raises BadRequest."""
    model = body.get("model")
    if not isinstance(model, str) or not model.strip():
        raise BadRequest("model is required", param="model")
    given: Any = body.get("input")
    if isinstance(given, str):
        is_right = bool(given)
    elif isinstance(given, list) and given:
        is_right = _are_texts(given) or _are_tokens(given) or all(map(_are_tokens, given))
    else:
        is_right = False
    if not is_right:
        raise fields.wrong("input", "a text, a list of texts, or a list of tokens, and not empty")
    if body.get("encoding_format") not in (None, "float", "base64"):
        raise fields.wrong("encoding_format", "float or base64")
    dimensions = fields.integer(body, "dimensions", least=1)
    rest = {key: value for key, value in body.items() if value is not None and key not in _OWN}
    asked = EmbeddingInput(given, dimensions, rest)
    return ChatRequest(model, asked, task=Task.EMBED, dialect=OPENAI, client_body=body)


def _are_texts(items: list[Any]) -> bool:
    return all(isinstance(item, str) for item in items)


def _are_tokens(items: Any) -> bool:
    return isinstance(items, list) and bool(items) and all(type(item) is int for item in items)


# --- what a provider is asked ---------------------------------------------------------


def openai_body(chat: ChatRequest, model: str, _traits: ModelTraits) -> JsonObject:
    """The body for every provider that speaks OpenAI's dialect."""
    asked = chat.embedding
    body = {**without_destinations(asked.fields), "model": model, "input": asked.input, "encoding_format": "float"}
    if asked.dimensions is not None:
        body["dimensions"] = asked.dimensions
    return body


class EmbeddingsDecoder:
    """See ``base.Decoder``. The body is one JSON object, and becomes one chunk that holds it."""

    def __init__(self, dialect: Dialect) -> None:
        self.problem: AttemptError | None = None
        self.done = False
        self._dialect = dialect
        self._holder = list | jsontext.Raw if dialect == EMBEDDINGS else list
        self._body = VectorTexts()

    def feed(self, data: bytes) -> list[Chunk]:
        if self.problem is None:
            try:
                self._body.add(data)
                if self._body.size > MAX_ANSWER:
                    raise TooMuch(f"more than {MAX_ANSWER >> 20} MiB")
            except TooMuch as error:
                self._body = VectorTexts()
                self.problem = Garbled(f"sent embeddings with {error}")
        return []

    def end(self) -> list[Chunk]:
        if self.done or self.problem is not None:
            return []
        body, self._body = self._body, VectorTexts()
        try:
            value = body.value()
        except TooMuch as why:
            self.problem = Garbled(f"sent embeddings with {why}")
            return []
        except jsontext.InvalidJSON:
            self.problem = Garbled("sent embeddings that are not JSON")
            return []
        if isinstance(value, dict) and (error := reported_error(value)) is not None:
            self.problem = event_failure(error)
        elif not isinstance(value, dict) or not isinstance(value.get(_HOLDS[self._dialect]), self._holder):
            self.problem = Garbled("sent JSON that holds no embeddings")
        if self.problem is not None:
            return []
        self.done = True
        return [Chunk(finish="stop", usage=_usage(value), source=value, dialect=self._dialect)]


def _usage(answer: JsonObject) -> Usage:
    usage = answer.get("usage")
    tokens = usage.get("prompt_tokens") if isinstance(usage, dict) else answer.get("prompt_eval_count")
    cost = usage.get("cost") if isinstance(usage, dict) else None
    return Usage(prompt=count_of(tokens) or 0, cost_usd=usd_of(cost))


# --- what the client gets -------------------------------------------------------------


def whole(chat: ChatRequest, answer: Answer, seconds: float) -> JsonObject:
    """The answer in the client's shape. Raises Garbled where vectors are missing or are none."""
    if not answer.sources:
        raise StreamBroken("ended its answer without embeddings")
    source = answer.sources[-1]
    if answer.dialect == chat.dialect and chat.dialect != OPENAI:
        _check(source[_HOLDS[chat.dialect]])
        return {**source, "model": chat.model} if chat.dialect == EMBED else source
    found = _found(source, answer.dialect or OPENAI)
    count = len(chat.embedding.texts)
    if len(found) != count:
        raise Garbled(f"sent {len(found)} embeddings for {count} texts")
    if (chat.client_body or {}).get("encoding_format") == "base64" and chat.dialect == OPENAI:
        vectors: list[Any] = [_packed(_numbers(one)) for one in found]
    else:
        vectors = [_shown(one) for one in found]
    if chat.dialect == EMBEDDINGS:
        return {"embedding": vectors[0]}
    tokens = answer.usage.prompt if answer.usage is not None else 0
    if chat.dialect == EMBED:
        took = max(1, int(seconds * 1_000_000_000))
        return {"model": chat.model, "embeddings": vectors, "total_duration": took, "prompt_eval_count": tokens}
    usage = source.get("usage")
    if not isinstance(usage, dict):
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    return {"object": "list", "data": data, "model": chat.model, "usage": usage}


def none(chat: ChatRequest) -> JsonObject:
    """What Ollama's clients get for no text at all."""
    return {"embedding": []} if chat.dialect == EMBEDDINGS else {"model": chat.model, "embeddings": []}


def _found(source: JsonObject, dialect: Dialect) -> list[Any]:
    """What stands for the vectors in an answer, in the order of the texts."""
    found = source[_HOLDS[dialect]]
    if isinstance(found, jsontext.Raw):
        found = _read(found)
    if dialect == OPENAI:
        if not all(isinstance(item, dict) for item in found):
            raise Garbled("sent embeddings in a shape that nobody knows")
        places = [item.get("index") for item in found]
        if sorted(place for place in places if type(place) is int) == list(range(len(found))):
            found = sorted(found, key=lambda item: item["index"])
        found = [item.get("embedding") for item in found]
    return list(found)


def _check(held: Any) -> None:
    """Raises Garbled where a vector's text, which goes on as it is, is not JSON."""
    for one in held if isinstance(held, list) else (held,):
        if isinstance(one, jsontext.Raw):
            _read(one)


def _read(raw: jsontext.Raw) -> Any:
    try:
        return jsontext.loads(raw.text)
    except jsontext.InvalidJSON:
        raise Garbled("sent an embedding that is not JSON") from None


def _shown(found: Any) -> Any:
    """A vector as it is written: the provider's own text, where its numbers were not read, and is one of numbers."""
    numbers = _numbers(found)
    inner = found[0] if isinstance(found, list) and found else found
    return inner if isinstance(inner, jsontext.Raw) else numbers


def _numbers(found: Any) -> list[float]:
    if isinstance(found, list) and found and isinstance(found[0], list | jsontext.Raw):
        found = found[0]  # older llama.cpp wraps the one vector in a list
    if isinstance(found, jsontext.Raw):
        found = _read(found)
    if isinstance(found, str):
        # Some servers send base64 although numbers were asked for.
        try:
            raw = b64decode(found, validate=True)
            return list(struct.unpack(f"<{len(raw) // 4}f", raw))
        except (ValueError, struct.error):
            raise Garbled("sent an embedding that is neither numbers nor base64") from None
    if not isinstance(found, list) or not found or not all(isinstance(number, float | int) for number in found):
        raise Garbled("sent an embedding that holds no numbers")
    return found


def _packed(vector: list[float]) -> str:
    """Little-endian float32 in base64, as OpenAI sends it."""
    try:
        return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    except (struct.error, OverflowError):
        raise Garbled("sent an embedding with a number that fits no float32") from None
