"""The conversation of a Messages body, as chat messages.

What must not be lost on the way: tool results come before anything else their message says; reasoning goes back to
the model, with its signature where a provider gave one; and the same conversation always gives the same text, since a
changed prefix empties the provider's prompt cache. The line that Claude Code puts before the system prompt changes
with each request and is therefore left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.chat import JsonObject
from linx.dialects.anthropic.client_content import parts_of, parts_of_all
from linx.dialects.shared import chat_body, fields, opaque_reasoning

if TYPE_CHECKING:
    from collections.abc import Callable

_FORMAT = "anthropic-claude-v1"
"""What OpenRouter calls reasoning details of this shape."""
_BILLING = "x-anthropic-billing-header"

Content = str | list[JsonObject]


def messages_of(body: JsonObject) -> list[JsonObject]:
    """The chat messages; raises BadRequest."""
    messages: list[JsonObject] = []
    if body.get("system") is not None:
        messages += _system(_content(body["system"], "system"), "system")
    turns = fields.objects(body, "messages")
    if not turns:
        raise fields.wrong("messages", "a list of at least one message")
    for position, turn in enumerate(turns):
        role, text = turn.get("role"), _only_text(turn.get("content"))
        if text is not None and role in ("user", "assistant"):
            messages.append({"role": role, "content": text})
            continue
        path = f"messages[{position}]"
        read = _ROLES.get(fields.need_text(turn, "role", path))
        if read is None:
            raise fields.wrong(f"{path}.role", "user, assistant or system")
        where = f"{path}.content"
        messages += read(_content(turn.get("content"), where), where)
    return chat_body.join_leading_system(messages)


def _only_text(content: Any) -> str | None:
    """The text of a content that is no more than one text, as most are."""
    if type(content) is list and len(content) == 1:
        block = content[0]
        if type(block) is dict and block.get("type") == "text":
            content = block.get("text")
    return content if type(content) is str else None


def _content(value: Any, where: str) -> Content:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return fields.as_objects(value, where)
    raise fields.wrong(where, "a string or a list of blocks")


def _system(content: Content, where: str) -> list[JsonObject]:
    blocks = [chat_body.text_part(content)] if isinstance(content, str) else content
    texts = []
    for position, block in enumerate(blocks):
        text = fields.need_text(block, "text", f"{where}[{position}]") if block.get("type") == "text" else ""
        if text.startswith(_BILLING):
            text = text.partition("\n")[2].lstrip("\n")
        if text:
            texts.append(text)
    return [{"role": "system", "content": "\n\n".join(texts)}] if texts else []


def _user(content: Content, where: str) -> list[JsonObject]:
    if isinstance(content, str):
        return [{"role": "user", "content": content}]
    results: list[JsonObject] = []
    pictures: list[JsonObject] = []
    parts: list[JsonObject] = []
    for position, block in enumerate(content):
        if block.get("type") == "tool_result":
            result, rest = _tool_result(block, f"{where}[{position}]")
            results.append(result)
            pictures += rest
        else:
            parts += parts_of(block, f"{where}[{position}]")
    parts = pictures + parts
    return [*results, chat_body.user_message(parts)] if parts or not results else results


def _tool_result(block: JsonObject, path: str) -> tuple[JsonObject, list[JsonObject]]:
    """The tool message, and the pictures that have to follow it in a user message."""
    call_id = chat_body.clean_id(fields.need_name(block, "tool_use_id", path))
    content = block.get("content")
    text, rest = _only_text(content), list[JsonObject]()
    if text is None:
        text, rest = chat_body.split_text([] if content is None else parts_of_all(content, f"{path}.content"))
    if fields.flag(block, "is_error", path):
        text = f"Error: {text}"
    return {"role": "tool", "tool_call_id": call_id, "content": text}, rest


def _assistant(content: Content, where: str) -> list[JsonObject]:
    if isinstance(content, str):
        return [{"role": "assistant", "content": content}]
    texts: list[str] = []
    thoughts: list[str] = []
    details: list[JsonObject] = []
    calls: list[JsonObject] = []
    for position, block in enumerate(content):
        if block.get("type") == "text" and type(text := block.get("text")) is str:
            texts.append(text)
            continue
        path = f"{where}[{position}]"
        match fields.need_text(block, "type", path):
            case "text":
                texts.append(fields.need_text(block, "text", path))
            case "tool_use":
                call_id = chat_body.clean_id(fields.need_name(block, "id", path))
                arguments = jsontext.dumps(fields.mapping(block, "input", path) or {}).decode()
                calls.append(chat_body.tool_call(call_id, fields.need_name(block, "name", path), arguments))
            case "thinking":
                thoughts.append(fields.need_text(block, "thinking", path))
                details += _signed(thoughts[-1], fields.text(block, "signature", path), len(details))
            case "redacted_thinking":
                details += _redacted(fields.need_text(block, "data", path), len(details))
            # A block of a tool that Anthropic ran is left out; the text around it tells what the tool found.
    message: JsonObject = {"role": "assistant", "content": "".join(texts) or (None if calls else "")}
    if reasoning := "".join(thoughts):
        message["reasoning_content"] = reasoning
    if details:
        message["reasoning_details"] = details
    if calls:
        message["tool_calls"] = calls
    return [message]


_ROLES: dict[str, Callable[[Content, str], list[JsonObject]]] = {
    "user": _user,
    "assistant": _assistant,
    "system": _system,
}


def _signed(thought: str, signature: str | None, index: int) -> list[JsonObject]:
    """The reasoning detail of a thought that a provider signed."""
    if not signature or signature == opaque_reasoning.UNSIGNED:
        return []
    return [{"type": "reasoning.text", "text": thought, "signature": signature, "format": _FORMAT, "index": index}]


def _redacted(data: str, index: int) -> list[JsonObject]:
    """The reasoning details in a block that no client can read: those that Linx packed, else Anthropic's own."""
    anthropic = {"type": "reasoning.encrypted", "data": data, "format": _FORMAT, "index": index}
    return opaque_reasoning.unpack(data) or [anthropic]
