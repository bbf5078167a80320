"""Estimates how many tokens a prompt has, and reads how many its answer may have.

The rule: there is one way to estimate, and it is used once for each request. Routing, the size
of a context, prompt caching and the counts that clients are told all use this estimate, so
they agree for bodies of every size. Text is counted in bytes, since a character outside ASCII
is more often a token of its own. The estimate is good enough to choose a context size, and no
better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from linx.core import jsontext, known_tools
from linx.core.chat import ChatBody, EmbeddingInput, Opaque, TextCompletion

if TYPE_CHECKING:
    from linx.core.chat import ChatRequest

BYTES_PER_TOKEN = 4
TOKENS_PER_IMAGE = 1600  # about the number for a picture of common size
TOKENS_PER_MESSAGE = 8  # about the number that a chat template adds to a message

Write = Callable[[Any], bytes]


def prompt_tokens(chat: ChatRequest) -> int:
    """The estimate for a request. The first call makes the estimate and keeps it in the request's facts."""
    facts = chat.facts
    if facts.prompt_tokens is None:
        write = jsontext.dumps_in_pieces if facts.size > jsontext.HUGE else jsontext.dumps
        facts.prompt_tokens = _COUNTERS[type(chat.asked)](chat.asked, write)
    return facts.prompt_tokens


def answer_tokens(chat: ChatRequest) -> int | None:
    """The client's limit for the length of the answer; None if it sets no limit."""
    asked = chat.asked
    if isinstance(asked, ChatBody):
        limit = asked.get("max_completion_tokens") or asked.get("max_tokens")
    else:
        limit = asked.fields.get("max_tokens") if isinstance(asked, TextCompletion) else None
    return limit if isinstance(limit, int) and limit > 0 else None


def billed_tokens(chat: ChatRequest) -> tuple[int, int | None]:
    """What a provider may bill: an estimate of all prompts, and the client's limit for all answers together.

    The limit is None where the client sets none.
    """
    asked = chat.asked
    if isinstance(asked, EmbeddingInput):
        return sum(map(_of_text, asked.texts)), 0
    if isinstance(asked, Opaque):
        body = chat.client_body or {}
        limit = body.get("max_tokens") or body.get("max_output_tokens")
        return chat.facts.size // BYTES_PER_TOKEN, limit if type(limit) is int and limit > 0 else None
    limit = answer_tokens(chat)
    return prompt_tokens(chat), None if limit is None else limit * choices(chat)


def choices(chat: ChatRequest) -> int:
    """How many answers to each prompt the client wants."""
    asked = chat.asked
    if isinstance(asked, TextCompletion):
        return asked.count
    wanted = asked.get("n") if isinstance(asked, ChatBody) else None
    return wanted if type(wanted) is int and wanted > 0 else 1


def _of_chat(body: ChatBody, write: Write) -> int:
    size = images = 0
    messages = body.get("messages") or ()
    for message in messages:
        content = message.get("content")
        if type(content) is str:
            size += len(content) if content.isascii() else _size(content)
            if len(message) == 2:
                continue  # it has nothing besides its role
        else:
            for part in content if isinstance(content, list) else ():
                if isinstance(part, dict):
                    if "text" not in part:
                        images += 1
                    size += _size(part.get("text"))
                else:
                    size += _size(part)
        size += _size(message.get("reasoning_content"))
        for call in message.get("tool_calls") or ():
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                size += _size(function.get("name")) + _size(function.get("arguments"))
    if tools := body.get("tools"):
        size += known_tools.derived(tools, _written_size) if write is jsontext.dumps else len(write(tools))
    return size // BYTES_PER_TOKEN + images * TOKENS_PER_IMAGE + len(messages) * TOKENS_PER_MESSAGE


def _written_size(tools: Any) -> int:
    return len(jsontext.dumps(tools))


def _of_completion(asked: TextCompletion, _write: Write) -> int:
    return _size(asked.suffix) // BYTES_PER_TOKEN + sum(map(_of_text, asked.prompts))


def _of_embedding(asked: EmbeddingInput, _write: Write) -> int:
    """The tokens of the longest text, since each text is embedded on its own."""
    return max(map(_of_text, asked.texts), default=0)


def _of_text(text: str | list[int]) -> int:
    """The tokens of a text, or of a list of tokens."""
    return _size(text) // BYTES_PER_TOKEN if isinstance(text, str) else len(text)


def _size(text: Any) -> int:
    if not isinstance(text, str):
        return 0
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


_COUNTERS: Mapping[type, Callable[[Any, Write], int]] = {
    ChatBody: _of_chat,
    TextCompletion: _of_completion,
    EmbeddingInput: _of_embedding,
    Opaque: lambda _asked, _write: 0,
}
"""The counter for each type of ``ChatRequest.asked``."""
