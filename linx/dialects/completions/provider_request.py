"""Completions toward providers: each kind's body, and what comes back as chunks.

Plain OpenAI servers and OpenRouter take the client's body as it is. llama.cpp takes it
without ``echo`` and ``suffix``, which it would pass over in silence: the first is done by
who asks, the second is its ``/infill``. An Ollama is asked through ``/api/generate``, one
prompt and one answer at a time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from linx.core.chat import ChatBody, Dialect, Usage, total
from linx.dialects.completions.face import prompts_of
from linx.dialects.completions.text_completion import CompletionDecoder
from linx.dialects.failures.meaning import unsupported
from linx.dialects.ollama import provider_request as ollama_request
from linx.dialects.openai import provider_request as openai_request
from linx.dialects.openai.servers import LLAMACPP

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import ChatRequest, Chunk, JsonObject, ModelTraits
    from linx.dialects.openai.provider_request import BodyRules

_CHAT_ONLY = frozenset(
    (
        "chat_template_kwargs",
        "messages",
        "parallel_tool_calls",
        "reasoning",
        "reasoning_effort",
        "response_format",
        "tool_choice",
        "tools",
    )
)
_NOT_FOR_OLLAMA = frozenset(("best_of", "echo", "logprobs", "n", "prompt", "stream", "stream_options", "suffix"))


def openai_body(rules: BodyRules, chat: ChatRequest, model: str, traits: ModelTraits) -> JsonObject:
    """The body for /v1/completions of a server that takes all of it."""
    return _said(rules, chat, model, traits)


def llamacpp_body(chat: ChatRequest, model: str, traits: ModelTraits) -> JsonObject:
    """The body for llama.cpp's /v1/completions; raises Refused for what it cannot do."""
    _check_scores(chat)
    body = _said(LLAMACPP, chat, model, traits)
    for name in ("best_of", "echo", "suffix"):
        body.pop(name, None)
    if body.get("logprobs") == 0:
        body["logprobs"] = 1  # 0 means none at all there
    return body


def infill_body(chat: ChatRequest, model: str, traits: ModelTraits) -> JsonObject:
    """The body for llama.cpp's /infill, which puts the model's own marks around the two texts."""
    body = llamacpp_body(chat, model, traits)
    for name in ("logprobs", "n", "stream_options"):
        body.pop(name, None)
    body["input_prefix"], body["input_suffix"] = _text(body.pop("prompt")), (chat.client_body or {}).get("suffix", "")
    limit = body.pop("max_tokens", None)
    if limit is not None:
        body["n_predict"] = limit
    return body


def generate_body(chat: ChatRequest, model: str, traits: ModelTraits) -> JsonObject:
    """The body for Ollama's /api/generate; raises Refused for what it cannot do."""
    given = chat.client_body or {}
    _check_scores(chat)
    if given.get("max_tokens") == 0:
        raise unsupported("does not support max_tokens 0")
    said = {key: value for key, value in given.items() if key not in _NOT_FOR_OLLAMA and value is not None}
    said = {**openai_request.without_destinations(said), "messages": []}
    asked = ollama_request.chat_body(
        replace(chat, asked=ChatBody(said), dialect=Dialect.OPENAI, client_body=None), model, traits
    )
    body = {"model": model, "prompt": _text(given.get("prompt")), "stream": True}
    if given.get("suffix"):
        body["suffix"] = given["suffix"]
    body.update({key: asked[key] for key in ("options", "keep_alive", "format") if key in asked})
    if traits.can_think:
        body["think"] = False  # there is no place for thoughts in an answer, and they would cost the user's time
    if given.get("logprobs") is not None:
        body["logprobs"] = True
        if given["logprobs"]:
            body["top_logprobs"] = given["logprobs"]
    return body


def _said(rules: BodyRules, chat: ChatRequest, model: str, traits: ModelTraits) -> JsonObject:
    """What the client said, as a provider of this dialect takes it, always for a stream."""
    said = {**(chat.client_body or {}), "messages": []}
    traits = replace(traits, thinking_mode=None)
    body = openai_request.chat_body(rules, replace(chat, asked=ChatBody(said), dialect=Dialect.OPENAI), model, traits)
    return {key: value for key, value in body.items() if key not in _CHAT_ONLY}


def _check_scores(chat: ChatRequest) -> None:
    """What a server cannot do that only goes on from a prompt: score it, or choose the best of many."""
    given = chat.client_body or {}
    if (given.get("best_of") or 1) > (given.get("n") or 1):
        raise unsupported("does not support best_of")
    if given.get("echo"):
        if given.get("logprobs") is not None:
            raise unsupported("does not support echo together with logprobs")
        for prompt in prompts_of(given.get("prompt")):
            _text(prompt)


def _text(prompt: Any) -> str:
    prompts = prompts_of(prompt)
    if len(prompts) != 1 or not isinstance(prompts[0], str):
        raise unsupported("does not support tokens as a prompt")
    return prompts[0]


class CompletionsDecoder(CompletionDecoder):
    """Reads /v1/completions with its log probabilities, in either shape."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        super().__init__(new_id, _chat_of_scored)
        self._usages: dict[int, Usage] = {}

    def feed(self, data: bytes) -> list[Chunk]:
        return self._summed(super().feed(data))

    def end(self) -> list[Chunk]:
        return self._summed(super().end())

    def _summed(self, chunks: list[Chunk]) -> list[Chunk]:
        """llama.cpp counts each choice for itself, so the count of all is their sum."""
        for chunk in chunks:
            if chunk.usage is not None and chunk.source is not None and chunk.source.get("choices"):
                self._usages[chunk.index] = chunk.usage
                if len(self._usages) > 1:
                    chunk.usage = total(self._usages.values())
        return chunks


def _chat_of_scored(frame: JsonObject) -> JsonObject:
    choices = frame.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and "text" in choice:
            choice["delta"] = {"content": choice.pop("text")}
            choice["logprobs"] = _hub_logprobs(choice.get("logprobs"))
            choice.setdefault("finish_reason", None)
    return frame


def _hub_logprobs(given: Any) -> JsonObject | None:
    """Log probabilities as chat has them; None where there are none that can be read."""
    if not isinstance(given, dict):
        return None
    if isinstance(given.get("content"), list):
        return given  # llama.cpp says them as in chat
    tokens, values, tops = (given.get(key) for key in ("tokens", "token_logprobs", "top_logprobs"))
    if not isinstance(tokens, list) or not isinstance(values, list) or len(tokens) != len(values):
        return None
    content = []
    for position, (token, value) in enumerate(zip(tokens, values, strict=True)):
        top = tops[position] if isinstance(tops, list) and position < len(tops) else None
        entry = _hub_logprob(token, value)
        entry["top_logprobs"] = [_hub_logprob(*pair) for pair in top.items()] if isinstance(top, dict) else []
        content.append(entry)
    return {"content": content}


def _hub_logprob(token: Any, value: Any) -> JsonObject:
    text = token if isinstance(token, str) else str(token)
    return {"token": text, "logprob": value, "bytes": list(text.encode("utf-8", "replace"))}
