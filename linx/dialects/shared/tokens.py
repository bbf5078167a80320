"""About how many tokens a prompt takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.chat import ChatBody, TextCompletion

if TYPE_CHECKING:
    from linx.core.chat import ChatRequest

TOKENS_PER_IMAGE = 1600

BYTES_PER_TOKEN = 4

TOKENS_PER_MESSAGE = 8  # what a chat template puts around one


def prompt_tokens_estimate(chat: ChatRequest) -> int:
    """About how many tokens the prompt takes: enough to choose a context size, no more.

    Counted in bytes, since a character outside ASCII is more often a token of its own.
    """
    if chat.weight is not None:
        return chat.weight.prompt_tokens
    size = images = 0
    if not isinstance(chat.asked, ChatBody):
        return 0
    messages = chat.asked.get("messages") or ()
    for message in messages:
        content = message.get("content")
        for part in content if isinstance(content, list) else (content,):
            if isinstance(part, dict):
                if "text" not in part:
                    images += 1
                size += _size(part.get("text"))
            else:
                size += _size(part)
        size += _size(message.get("reasoning_content"))
        for call in message.get("tool_calls") or ():
            function = call.get("function") if isinstance(call, dict) else None
            size += _size(function.get("arguments")) if isinstance(function, dict) else 0
    if tools := chat.asked.get("tools"):
        size += len(jsontext.dumps(tools))
    return size // BYTES_PER_TOKEN + images * TOKENS_PER_IMAGE + len(messages) * TOKENS_PER_MESSAGE


def answer_tokens(chat: ChatRequest) -> int | None:
    """The limit that the client sets to the length of an answer; None where it sets none."""
    if isinstance(chat.asked, ChatBody):
        limit = chat.asked.get("max_completion_tokens") or chat.asked.get("max_tokens")
    else:
        limit = chat.asked.fields.get("max_tokens") if isinstance(chat.asked, TextCompletion) else None
    return limit if isinstance(limit, int) and limit > 0 else None


def _size(text: Any) -> int:
    if not isinstance(text, str):
        return 0
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
