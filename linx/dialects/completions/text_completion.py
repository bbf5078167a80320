"""Text completion past any chat template: /v1/completions, and llama.cpp's /infill.

Both streams become the chunks of a chat answer: their frames are turned into chat frames
and read by the one decoder that knows how providers deviate.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from linx.core.chat import ChatBody
from linx.dialects.ollama.face import completion_body as prompt_of
from linx.dialects.openai import provider_request as openai_request
from linx.dialects.openai.decoder import OpenAIDecoder
from linx.dialects.openai.servers import LLAMACPP

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import ChatRequest, JsonObject, ModelTraits
    from linx.dialects.openai.provider_request import BodyRules

USUAL_LENGTH = 1024  # tokens; plain OpenAI servers stop after 16 where the request names no limit
_CHAT_ONLY = frozenset(("messages", "chat_template_kwargs", "reasoning", "reasoning_effort", "tools", "tool_choice"))
_FINISHES = {"limit": "length"}  # llama.cpp's stop_type; eos and word are both a proper end


def completion_body(
    rules: BodyRules, usual_length: int | None, chat: ChatRequest, model: str, traits: ModelTraits
) -> JsonObject:
    """The /v1/completions body for a request that came as /api/generate, raw or with a suffix.

    ``usual_length``: tokens to ask for where the client names no limit, at a server that stops soon without one.
    """
    said = {**prompt_of(chat), "messages": []}
    asked = openai_request.chat_body(
        rules, replace(chat, asked=ChatBody(said)), model, replace(traits, thinking_mode=None)
    )
    body = {key: value for key, value in asked.items() if key not in _CHAT_ONLY}
    if usual_length is not None:
        body.setdefault("max_tokens", usual_length)
    return body


def infill_body(chat: ChatRequest, model: str, traits: ModelTraits) -> JsonObject:
    """llama.cpp's /infill body: it puts the model's own marks around prefix and suffix."""
    body = completion_body(LLAMACPP, None, chat, model, traits)
    body.pop("stream_options", None)
    body["input_prefix"], body["input_suffix"] = body.pop("prompt"), body.pop("suffix", "")
    limit = body.pop("max_tokens", None)
    if limit is not None:
        body["n_predict"] = limit
    return body


def chat_of_completion(frame: JsonObject) -> JsonObject:
    """A frame of /v1/completions as a chat frame."""
    choices = frame.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and "text" in choice:
            choice["delta"] = {"content": choice.pop("text")}
            choice.pop("logprobs", None)  # of another shape than a chat's
            choice.setdefault("finish_reason", None)
    return frame


def chat_of_infill(frame: JsonObject) -> JsonObject:
    """A frame of llama.cpp's own, which has no choices, as a chat frame; the last one says ``stop``."""
    if "content" in frame:
        finish = _FINISHES.get(frame.get("stop_type", ""), "stop") if frame.get("stop") is True else None
        text, timings = frame["content"], frame.get("timings")
        frame.clear()
        frame["choices"] = [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]
        if timings is not None:
            frame["timings"] = timings
    return frame


class CompletionDecoder(OpenAIDecoder):
    """Reads /v1/completions."""

    def __init__(
        self, new_id: Callable[[], str], as_chat: Callable[[JsonObject], JsonObject] = chat_of_completion
    ) -> None:
        super().__init__(new_id, as_chat)


class InfillDecoder(CompletionDecoder):
    """Reads llama.cpp's own frames."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        super().__init__(new_id, chat_of_infill)
