"""Writes the bodies of text completions for servers of OpenAI's dialect: /v1/completions, and llama.cpp's /infill.

Plain servers and OpenRouter get all fields of the client. llama.cpp ignores ``echo`` and
``suffix``, so they are left out: for ``echo`` the handler puts the prompt before the answer,
and for ``suffix`` the path /infill is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.chat import Dialect
from linx.dialects.openai.provider_request import ask_for_stream, pass_on
from linx.dialects.openai.servers import LLAMACPP
from linx.dialects.shared.text_completion import only_text, refuse_scoring

if TYPE_CHECKING:
    from linx.core.chat import ChatRequest, JsonObject, ModelTraits
    from linx.dialects.openai.provider_request import BodyRules

USUAL_LENGTH = 1024  # tokens; the limit for plain servers, which would stop after 16 tokens without a limit
_CHAT_ONLY = (
    "chat_template_kwargs", "messages", "parallel_tool_calls", "reasoning", "reasoning_effort", "response_format",
    "tool_choice", "tools",
)  # fmt: skip


def openai_body(
    rules: BodyRules, usual_length: int | None, chat: ChatRequest, model: str, _traits: ModelTraits
) -> JsonObject:
    """The body for /v1/completions.

    ``usual_length`` is the limit to set if the client of another dialect sets none, for a
    server that stops early without a limit. Clients of OpenAI's dialect expect that.
    """
    asked = chat.completion
    speaks_openai = chat.dialect is Dialect.COMPLETIONS
    body: JsonObject = {"model": model, "prompt": asked.prompts if len(asked.prompts) > 1 else asked.prompts[0]}
    pass_on(body, asked.fields, rules, speaks_openai)
    for name in _CHAT_ONLY:
        body.pop(name, None)
    if rules.finish is not None:
        rules.finish(body)
    if asked.suffix:
        body["suffix"] = asked.suffix
    if asked.count > 1:
        body["n"] = asked.count
    if asked.best_of is not None:
        body["best_of"] = asked.best_of
    if asked.has_echo:
        body["echo"] = True
    if asked.logprobs is not None:
        body["logprobs"] = asked.logprobs
    if usual_length is not None and not speaks_openai:
        body.setdefault("max_tokens", usual_length)
    ask_for_stream(body, asked.fields)
    return body


def llamacpp_body(chat: ChatRequest, model: str, traits: ModelTraits) -> JsonObject:
    """The body for llama.cpp's /v1/completions. Raises Refused for what llama.cpp cannot do."""
    refuse_scoring(chat.completion)
    body = openai_body(LLAMACPP, None, chat, model, traits)
    for name in ("best_of", "echo", "suffix"):
        body.pop(name, None)
    if body.get("logprobs") == 0:
        body["logprobs"] = 1  # for llama.cpp 0 means no log probabilities at all
    return body


def infill_body(chat: ChatRequest, model: str, traits: ModelTraits) -> JsonObject:
    """The body for llama.cpp's /infill, which marks prefix and suffix in the way that the model has learnt."""
    prompt = only_text(chat.completion)
    body = llamacpp_body(chat, model, traits)
    for name in ("logprobs", "n", "prompt", "stream_options"):
        body.pop(name, None)
    body["input_prefix"], body["input_suffix"] = prompt, chat.completion.suffix
    limit = body.pop("max_tokens", None)
    if limit is not None:
        body["n_predict"] = limit
    return body
