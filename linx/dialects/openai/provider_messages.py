"""The messages of a chat request as a server of OpenAI's dialect takes them.

Rule: a message that needs no change is shared with the client's request, and so are its
parts; a message that needs one is copied. Two old forms are brought up to date on the way,
since most servers have forgotten them: the ``function`` role with its ``function_call``,
and nulls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from linx.core import jsontext

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import JsonObject


@dataclass(frozen=True, slots=True)
class MessageRules:
    """In what the messages of the servers differ."""

    recall: Callable[[JsonObject, JsonObject, bool], None]
    """Puts the reasoning of an earlier answer under the name that the server reads:
    (message, changes to it, does the client speak OpenAI's dialect?)."""
    has_developer: bool = False
    """Does the server know the role ``developer``?"""
    has_refusals: bool = True
    """Does the server know parts of the type ``refusal``?"""
    is_strict: bool = False
    """Chat templates of the server fail on a message without content and on arguments that are blank, and the server
    refuses a call that is none of a function ("Unsupported tool call type", llama.cpp's common/chat.cpp)."""


_PLAIN_ROLES = frozenset(("system", "user", "tool"))
_PLAIN = frozenset(("system", "user", "assistant"))
"""Roles of messages that stay as they are where they have a text and no other field."""


def pick(value: object, *names: str) -> tuple[object, ...]:
    """The values of the named fields if ``value`` is an object, else nothing."""
    return tuple(value.get(name) for name in names) if isinstance(value, dict) else ()


def messages_for(rules: MessageRules, messages: list[JsonObject], speaks_openai: bool) -> list[JsonObject]:
    """``messages`` itself if nothing has to change; else a new list that shares the unchanged messages."""
    calls: dict[str, str] = {}
    changed: list[JsonObject] | None = None
    for at, message in enumerate(messages):
        new = message if _is_plain(message) else _message(message, at, calls, rules, speaks_openai)
        if new is not message and changed is None:
            changed = messages[:at]
        if changed is not None:
            changed.append(new)
    return messages if changed is None else changed


def _is_plain(message: JsonObject) -> bool:
    """Is it a text of a user, of a tool or of an answer, as most messages are? These stay as they are."""
    if type(message.get("content")) is not str or type(role := message.get("role")) is not str:
        return False
    if len(message) == 2:
        return role in _PLAIN
    return role in _PLAIN_ROLES and None not in message.values()


def _message(
    message: JsonObject, at: int, calls: dict[str, str], rules: MessageRules, speaks_openai: bool
) -> JsonObject:
    """``calls`` are the ids given to calls in the old form, by the function's name."""
    changes: JsonObject = {}
    role = message.get("role")
    if role == "developer" and not rules.has_developer:
        changes["role"] = "system"
    elif role == "function":
        name = str(message.get("name") or "")
        changes.update(role="tool", tool_call_id=calls.get(name, f"call_{name}"), name=None)
    elif role == "assistant":
        _change_assistant(message, at, calls, changes, rules)
        rules.recall(message, changes, speaks_openai)
    content = message.get("content")
    if isinstance(content, list):
        parts = _parts(content, rules)
        if parts is not content:
            changes["content"] = parts
    elif content is None and rules.is_strict and not changes.get("tool_calls", message.get("tool_calls")):
        changes["content"] = ""
    if not changes and None not in message.values():
        return message
    merged = {**message, **changes}
    # Null means that a field is absent, but some servers want a content, even null, beside tool calls.
    kept = {name: value for name, value in merged.items() if value is not None or name == "content"}
    return message if len(kept) == len(message) and not changes else kept


def _change_assistant(
    message: JsonObject, at: int, calls: dict[str, str], changes: JsonObject, rules: MessageRules
) -> None:
    tool_calls = message.get("tool_calls")
    if isinstance(tool_calls, list):
        if not tool_calls:
            changes["tool_calls"] = None
            return
        fixed = [_tool_call(call, rules.is_strict) for call in tool_calls]
        if any(new is not old for new, old in zip(fixed, tool_calls, strict=True)):
            changes["tool_calls"] = fixed
        return
    old_call = message.get("function_call")
    if isinstance(old_call, dict):
        call_id = f"call_{at}"
        calls[str(old_call.get("name") or "")] = call_id
        changes["function_call"] = None
        changes["tool_calls"] = [_tool_call({"id": call_id, "type": "function", "function": old_call}, rules.is_strict)]


def _tool_call(call: JsonObject, is_strict: bool) -> JsonObject:
    """Arguments that are a text pass untouched; an object, as lenient clients send it, becomes a text."""
    function, custom = call.get("function"), call.get("custom")
    if is_strict and isinstance(custom, dict):
        kept = {name: value for name, value in call.items() if name != "custom"}
        as_function = {"name": custom.get("name"), "arguments": jsontext.dumps({"input": custom.get("input")}).decode()}
        return {**kept, "type": "function", "function": as_function}
    if not isinstance(function, dict):
        return call
    arguments = function.get("arguments")
    if not isinstance(arguments, str) or (is_strict and not arguments.strip()):
        text = "{}" if not arguments or isinstance(arguments, str) else jsontext.dumps(arguments).decode()
        return {**call, "type": "function", "function": {**function, "arguments": text}}
    return call if call.get("type") else {**call, "type": "function"}


def _parts(parts: list[Any], rules: MessageRules) -> list[Any]:
    """Images stay as they are, data or address: Linx fetches no picture."""
    changed = None
    for at, part in enumerate(parts):
        if not isinstance(part, dict):
            continue
        kind = part.get("type")
        new = part
        if kind == "image_url" and isinstance(part.get("image_url"), str):
            new = {**part, "image_url": {"url": part["image_url"]}}
        elif kind == "refusal" and not rules.has_refusals:
            new = {"type": "text", "text": str(part.get("refusal") or "")}
        if new is not part:
            changed = changed if changed is not None else list(parts)
            changed[at] = new
    return parts if changed is None else changed
