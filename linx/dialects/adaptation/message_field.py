"""Fields inside the messages that a provider does not take.

Rule: exactly the field that the refusal names is left out, of each message and of its parts; what a message is made of
stays.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linx.dialects.adaptation.parameters import without
from linx.dialects.adaptation.row import BodyFormat, Row
from linx.dialects.adaptation.wording import words_of

if TYPE_CHECKING:
    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject

_IN_MESSAGES = (
    re.compile(r"messages?(?:\.\d+|\[\d+\])?\W.{0,80}?property '(?:[\w.\[\]]*\.)?(\w{1,40})' is unsupported"),
    re.compile(r"property 'messages?(?:\.\d+|\[\d+\])(?:\.\w+)*\.(\w{1,40})' is unsupported"),
    re.compile(
        r"messages(?:\.\d+|\[\d+\])(?:\.\w+){0,4}?\.(\w{1,40})"
        r"(?:: |, 'msg': ')(?:extra inputs are not|property|unknown)"
    ),
)
_OF_A_MESSAGE = frozenset(
    (
        *("arguments", "content", "data", "detail", "file", "format", "function", "id", "image_url", "input"),
        *("input_audio", "role", "source", "text", "tool_call_id", "tool_calls", "type", "url"),
    )
)
"""What a message is made of."""


def _refused_message_field(refusal: Refused, body: JsonObject) -> str | None:
    words = words_of(refusal)
    for pattern in _IN_MESSAGES:
        found = pattern.search(words)
        if found is not None and _without_in_messages(body, found[1]) is not body:
            return found[1]
    return None


def _without_in_messages(body: JsonObject, name: str) -> JsonObject:
    """``body`` without a field of its messages and of their parts."""
    messages = body.get("messages")
    if name in _OF_A_MESSAGE or not isinstance(messages, list):
        return body
    changed = [_without_in_message(message, name) if isinstance(message, dict) else message for message in messages]
    is_same = all(new is old for new, old in zip(changed, messages, strict=True))
    return body if is_same else {**body, "messages": changed}


def _without_in_message(message: JsonObject, name: str) -> JsonObject:
    message, content = without(message, name), message.get("content")
    if not isinstance(content, list):
        return message
    parts = [without(part, name) if isinstance(part, dict) else part for part in content]
    if all(new is old for new, old in zip(parts, content, strict=True)):
        return message
    return {**message, "content": parts}


MESSAGE_FIELD = Row(
    name="message_field",
    formats=frozenset((BodyFormat.CHAT,)),
    recognise=_refused_message_field,
    change=_without_in_messages,
)
