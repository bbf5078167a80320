"""An order of messages that Mistral's models do not take.

The details: ``user_after_tool`` (a user's text straight behind the result of a tool becomes a part of the result),
``prefix`` (an answer that is to be gone on with says so).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from linx.dialects.adaptation.row import BodyFormat, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject

_USER_AFTER_TOOL = re.compile(r"unexpected role \W*(?:roleenum\.)?user\W* after role \W*(?:roleenum\.)?tool\b")
_BETWEEN = {"role": "assistant", "content": "Done."}
"""Stands between a tool's result and what cannot be a part of it, such as a picture."""


def _refuses_order(refusal: Refused, _body: JsonObject) -> str | None:
    if _USER_AFTER_TOOL.search(refusal.words):
        return "user_after_tool"
    return "prefix" if "assistant with prefix true" in refusal.words else None


def _in_order(body: JsonObject, detail: str) -> JsonObject:
    messages, change = body.get("messages"), _CHANGES.get(detail)
    if change is None or not isinstance(messages, list):
        return body
    changed = change(messages)
    return body if changed is messages else {**body, "messages": changed}


def _fold_users(messages: list[Any]) -> list[Any]:
    if not any(_is_user_after_tool(messages, at) for at in range(1, len(messages))):
        return messages
    folded: list[Any] = []
    for message in messages:
        if not (folded and _role(message) == "user" and _role(folded[-1]) == "tool"):
            folded.append(message)
            continue
        parts = _texts(message.get("content"))
        if parts is None:
            folded += (_BETWEEN, message)
        else:
            folded[-1] = _with_text(folded[-1], "\n\n".join(parts))
    return folded


def _is_user_after_tool(messages: list[Any], at: int) -> bool:
    return (_role(messages[at - 1]), _role(messages[at])) == ("tool", "user")


def _role(message: Any) -> Any:
    return message.get("role") if isinstance(message, dict) else None


def _texts(content: Any) -> list[str] | None:
    """The texts of a message; None if there is more in it."""
    parts = [content] if isinstance(content, str) else content
    if not isinstance(parts, list):
        return [] if content is None else None
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return [text for text in texts if text] if all(isinstance(text, str) for text in texts) else None


def _with_text(result: JsonObject, text: str) -> JsonObject:
    content = result.get("content")
    if isinstance(content, list):
        return {**result, "content": [*content, {"type": "text", "text": text}]}
    return {**result, "content": f"{content}\n\n{text}" if content else text}


def _mark_prefix(messages: list[Any]) -> list[Any]:
    last = messages[-1] if messages else None
    if not isinstance(last, dict) or last.get("role") != "assistant" or last.get("tool_calls") or last.get("prefix"):
        return messages
    return [*messages[:-1], {**last, "prefix": True}]


_CHANGES: Mapping[str, Callable[[list[Any]], list[Any]]] = {"user_after_tool": _fold_users, "prefix": _mark_prefix}

MESSAGE_ORDER = Row(
    name="message_order",
    formats=frozenset((BodyFormat.CHAT,)),
    recognise=_refuses_order,
    change=_in_order,
)
