"""Checks a client's body for /v1/completions and turns it into a text completion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core.chat import ChatRequest, Dialect, Task, TextCompletion
from linx.core.errors import BadRequest
from linx.dialects.shared import fields

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

MAX_CHOICES = 128
MOST_LOGPROBS = 20
_NUMBERS = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_OWN_FIELDS = frozenset(("best_of", "echo", "logprobs", "model", "n", "prompt", "stream", "suffix"))
"""The fields for which ``TextCompletion`` and ``ChatRequest`` have attributes."""


def parse(body: JsonObject) -> ChatRequest:
    """The request of a body. Raises BadRequest."""
    fields.whole_body(body)
    model = fields.need_name(body, "model")
    prompts = prompts_of(body.get("prompt"))
    count = fields.integer(body, "n", least=1) or 1
    if len(prompts) * count > MAX_CHOICES:
        raise BadRequest(f"prompt: the number of prompts times n must be at most {MAX_CHOICES}", param="prompt")
    fields.integer(body, "max_tokens", least=0)
    logprobs = fields.integer(body, "logprobs", least=0)
    if logprobs is not None and logprobs > MOST_LOGPROBS:
        raise fields.wrong("logprobs", f"at most {MOST_LOGPROBS}")
    best_of = fields.integer(body, "best_of", least=1)
    if best_of is not None and best_of < count:
        raise fields.wrong("best_of", "at least n")
    for name in _NUMBERS:
        fields.number(body, name)
    fields.integer(body, "seed")
    fields.text(body, "suffix")
    fields.text(body, "user")
    fields.flag(body, "echo")
    if not isinstance(body.get("stop"), str):
        fields.texts(body, "stop")
    options = fields.mapping(body, "stream_options") or {}
    stream = bool(fields.flag(body, "stream"))
    suffix = body.get("suffix") or ""
    asked = TextCompletion(
        prompts=prompts,
        suffix=suffix,
        count=count,
        best_of=best_of,
        has_echo=bool(body.get("echo")),
        logprobs=logprobs,
        fields={key: value for key, value in body.items() if value is not None and key not in _OWN_FIELDS},
    )
    return ChatRequest(
        model,
        asked,
        stream=stream,
        include_usage=stream and options.get("include_usage") is True,
        task=Task.INSERT if suffix else Task.COMPLETE,
        dialect=Dialect.COMPLETIONS,
        client_body=body,
    )


def prompts_of(prompt: Any) -> list[str | list[int]]:
    """The prompts of a request: texts, or lists of tokens. Raises BadRequest."""
    if isinstance(prompt, str):
        return [prompt]
    if isinstance(prompt, list) and prompt:
        if all(isinstance(item, str) for item in prompt):
            return list(prompt)
        if _are_tokens(prompt):
            return [prompt]
        if all(isinstance(item, list) and item and _are_tokens(item) for item in prompt):
            return list(prompt)
    raise fields.wrong("prompt", "a text, a list of texts, a list of tokens or a list of such lists, and not empty")


def _are_tokens(items: list[Any]) -> bool:
    return all(type(item) is int for item in items)
