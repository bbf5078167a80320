"""The reasoning of earlier answers in the history: some providers refuse it, some demand it.

Rule: it is given back under the provider's own name where that is known, else left out; where it is demanded, a message
that has none gets an empty one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from linx.dialects.adaptation.row import BodyFormat, Row
from linx.dialects.adaptation.wording import says_unknown, sentences, words_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject

WITHOUT, RENAMED, DEMANDED = "without", "reasoning", "demanded"
_FIELDS = ("reasoning_content", "reasoning_details", "reasoning")
_DEMANDED = re.compile(
    r"reasoning_content\W{1,3}in the thinking mode must be passed back|reasoning_content is missing in assistant"
)
_BLOCK_DEMANDED = re.compile(r"content\[\]\.thinking\W{1,3}in the thinking mode must be passed back")
_REASONING = re.compile(r"reasoning(?!_?effort)")
_IN_MESSAGES = re.compile(r"messages|assistant|role")


def _history(refusal: Refused, body: JsonObject) -> str | None:
    words = words_of(refusal)
    if _DEMANDED.search(words):
        return DEMANDED
    for part in sentences(words):
        if _REASONING.search(part) and says_unknown(part) and _IN_MESSAGES.search(part):
            return WITHOUT if _change_each(body, _leave_out) is not body else None
    return None


def _change(body: JsonObject, detail: str) -> JsonObject:
    change = _CHANGES.get(detail)
    return body if change is None else _change_each(body, change)


def _change_each(body: JsonObject, change: Callable[[JsonObject], JsonObject]) -> JsonObject:
    """``body`` with ``change`` applied to each message of the assistant."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        return body
    changed = [
        change(message) if isinstance(message, dict) and message.get("role") == "assistant" else message
        for message in messages
    ]
    if all(new is old for new, old in zip(changed, messages, strict=True)):
        return body
    return {**body, "messages": changed}


def _leave_out(message: JsonObject) -> JsonObject:
    if message.keys().isdisjoint(_FIELDS):
        return message
    return {name: value for name, value in message.items() if name not in _FIELDS}


def _text(message: JsonObject) -> str:
    """The reasoning in a message as one text."""
    for name in ("reasoning_content", "reasoning"):
        text = message.get(name)
        if isinstance(text, str) and text:
            return text
    details = message.get("reasoning_details")
    texts = [one.get("text") for one in details if isinstance(one, dict)] if isinstance(details, list) else []
    return "".join(text for text in texts if isinstance(text, str))


def _rename(message: JsonObject) -> JsonObject:
    if message.keys().isdisjoint(_FIELDS) or message.keys() & set(_FIELDS) == {"reasoning"}:
        return message
    text, rest = _text(message), _leave_out(message)
    return {**rest, "reasoning": text} if text else rest


def _demand(message: JsonObject) -> JsonObject:
    if isinstance(message.get("reasoning_content"), str):
        return message
    return {**message, "reasoning_content": _text(message)}


_CHANGES = {WITHOUT: _leave_out, RENAMED: _rename, DEMANDED: _demand}

REASONING_HISTORY = Row(
    name="reasoning_history",
    formats=frozenset((BodyFormat.CHAT,)),
    recognise=_history,
    change=_change,
)


def _demand_block(message: JsonObject) -> JsonObject:
    content = message.get("content")
    blocks: list[Any] = content if isinstance(content, list) else [{"type": "text", "text": content}]
    if content is None or any(_kind(block) in ("thinking", "redacted_thinking") for block in blocks):
        return message
    return {**message, "content": [{"type": "thinking", "thinking": "", "signature": ""}, *blocks]}


def _kind(block: Any) -> object:
    return block.get("type") if isinstance(block, dict) else None


THINKING_HISTORY = Row(
    name="thinking_history",
    formats=frozenset((BodyFormat.MESSAGES,)),
    recognise=lambda refusal, _body: "" if _BLOCK_DEMANDED.search(words_of(refusal)) else None,
    change=lambda body, _detail: _change_each(body, _demand_block),
)
"""The same demand of a provider that speaks Anthropic's dialect."""
