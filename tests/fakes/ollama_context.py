"""Does a prompt fit into a runner's context, and what becomes of one that does not.

A real tokenizer is replaced by words and marks; the limits, the cutting and the words are Ollama's
(server/prompt.go, llm/llama_server.go) and llama-server's.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.fakes.ollama_refusals import TOO_LONG, refused, runner_refused

if TYPE_CHECKING:
    from tests.fakes.catalogue import JsonObject
    from tests.fakes.ollama_state import Runner

_WORDS = re.compile(r"\w+|[^\w\s]")
_KEPT = 4  # num_keep


def count(text: str) -> int:
    """Tokens of a text, roughly: a word or a mark each."""
    return len(_WORDS.findall(text))


def _count_message(message: JsonObject) -> int:
    calls = message.get("tool_calls")
    return 5 + count(message.get("content") or "") + (count(json.dumps(calls)) if calls else 0)


def count_chat(messages: list[JsonObject], tools: int) -> int:
    return 4 + tools + sum(map(_count_message, messages))


def fitting_messages(messages: list[JsonObject], tools: int, num_ctx: int) -> list[JsonObject]:
    """Messages are dropped from the front, except system messages and the last one (server/prompt.go)."""
    for first in range(len(messages)):
        system = [message for message in messages[:first] if message.get("role") == "system"]
        kept = [*system, *messages[first:]]
        if count_chat(kept, tools) <= num_ctx or first == len(messages) - 1:
            return kept
    return messages


def prompt_tokens(body: JsonObject, counted: int, runner: Runner, content_type: str) -> int | None:
    """How many tokens of a prompt were read; None: all that there were. Raises RequestRefused."""
    num_ctx = runner.num_ctx
    if body.get("truncate") is False:
        if counted > num_ctx:
            message = f"request ({counted} tokens) exceeds the available context size ({num_ctx} tokens)"
            raise runner_refused(
                f"{message}, try increasing it",
                "exceed_context_size_error",
                content_type=content_type,
                n_prompt_tokens=counted,
                n_ctx=num_ctx,
            )
        return None
    if counted <= num_ctx - 1:
        return None
    if not runner.may_shift:
        raise refused(TOO_LONG, content_type=content_type)
    return num_ctx - max((num_ctx - min(_KEPT, num_ctx - 1)) // 2, 1)
