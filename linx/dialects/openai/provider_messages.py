"""The messages of a chat request as an OpenAI-type provider takes them.

Rule: what needs no change is shared, message by message and part by part; a message that
does is copied. Two forms are brought up to date on the way, since most providers have
forgotten them: the ``function`` role with its ``function_call``, and nulls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from linx.core import jsontext

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import JsonObject


def pick(value: object, *names: str) -> tuple[object, ...]:
    """The values of those fields if it is an object, else nothing."""
    return tuple(value.get(name) for name in names) if isinstance(value, dict) else ()


def messages_for(kind: str, messages: list[JsonObject], is_native: bool) -> list[JsonObject]:
    """The same list if nothing has to change; else a new one that shares the unchanged messages."""
    rules = _RULES[kind]
    calls: dict[str, str] = {}
    changed: list[JsonObject] | None = None
    for at, message in enumerate(messages):
        new = _message(message, at, calls, rules, is_native)
        if new is not message and changed is None:
            changed = messages[:at]
        if changed is not None:
            changed.append(new)
    return messages if changed is None else changed


def _message(message: JsonObject, at: int, calls: dict[str, str], rules: Rules, is_native: bool) -> JsonObject:
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
        rules.recall(message, changes, is_native)
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
    # A null means the same as nothing, but for content, which some want beside tool calls.
    kept = {name: value for name, value in merged.items() if value is not None or name == "content"}
    return message if len(kept) == len(message) and not changes else kept


def _change_assistant(message: JsonObject, at: int, calls: dict[str, str], changes: JsonObject, rules: Rules) -> None:
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
    """Arguments that are a text pass untouched; an object, as lenient clients send it, becomes one."""
    function = call.get("function")
    if not isinstance(function, dict):
        return call
    arguments = function.get("arguments")
    if not isinstance(arguments, str) or (is_strict and not arguments.strip()):
        text = "{}" if not arguments or isinstance(arguments, str) else jsontext.dumps(arguments).decode()
        return {**call, "type": "function", "function": {**function, "arguments": text}}
    return call if call.get("type") else {**call, "type": "function"}


def _parts(parts: list[Any], rules: Rules) -> list[Any]:
    """Images stay as they are, data or address: nobody here fetches them."""
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


def _recall_as_said(message: JsonObject, changes: JsonObject, is_native: bool) -> None:
    """Some providers insist on getting their own reasoning back, under their own name for it."""
    if not is_native and "reasoning_details" in message:
        changes["reasoning_details"] = None


def _recall_for_openrouter(message: JsonObject, changes: JsonObject, is_native: bool) -> None:
    """Its details must come back unmodified and in order; the plain text has another name."""
    text = message.get("reasoning_content")
    if text is not None:
        changes["reasoning_content"] = None
        if message.get("reasoning") is None:
            changes["reasoning"] = text


def _recall_for_llamacpp(message: JsonObject, changes: JsonObject, is_native: bool) -> None:
    details = message.get("reasoning_details")
    if message.get("reasoning_content") is None:
        text = message.get("reasoning")
        if not isinstance(text, str) and isinstance(details, list):
            pieces = [pick(detail, "text", "summary") for detail in details]
            text = "".join(piece for pair in pieces for piece in pair if isinstance(piece, str))
        if isinstance(text, str) and text:
            changes["reasoning_content"] = text
    if message.get("reasoning") is not None:
        changes["reasoning"] = None
    if details is not None:
        changes["reasoning_details"] = None


@dataclass(frozen=True, slots=True)
class Rules:
    """In what the kinds differ."""

    recall: Callable[[JsonObject, JsonObject, bool], None]
    """Puts the reasoning of an earlier answer under the name that the provider reads."""
    has_developer: bool = False
    has_refusals: bool = True
    is_strict: bool = False
    """Its chat templates fail on a message without content and on arguments that are blank."""


_RULES = {
    "openai": Rules(_recall_as_said, has_developer=True),
    "openrouter": Rules(_recall_for_openrouter),
    "llamacpp": Rules(_recall_for_llamacpp, has_refusals=False, is_strict=True),
}
