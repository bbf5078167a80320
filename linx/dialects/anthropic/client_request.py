"""An Anthropic Messages body, checked and turned into the hub's chat body.

What must not be lost on the way: tool results come before anything else their message
says; reasoning goes back to the model, with its signature where that is a real one; and
the same conversation always gives the same text, since a changed prefix empties the
provider's prompt cache. The block that Claude Code puts in front of the system prompt
changes with each request and is therefore left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.chat import JsonObject
from linx.core.errors import BadRequest
from linx.dialects.shared import chat_body, fields, opaque_reasoning

if TYPE_CHECKING:
    from collections.abc import Callable

_FORMAT = "anthropic-claude-v1"  # what OpenRouter calls reasoning details of this shape
_BILLING = "x-anthropic-billing-header"
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)

Content = str | list[JsonObject]


def to_chat_body(body: JsonObject, *, is_count: bool = False) -> JsonObject:
    """The hub body; ``is_count``: only to count its tokens, which needs no max_tokens."""
    fields.whole_body(body)
    out: JsonObject = {"model": fields.need_name(body, "model"), "messages": _messages(body)}
    limit = fields.integer(body, "max_tokens", least=1)
    if limit is not None:
        out["max_tokens"] = limit
    elif not is_count:
        raise BadRequest("max_tokens: is missing; it must be a whole number of at least 1", param="max_tokens")
    for key, read in (("temperature", fields.number), ("top_p", fields.number), ("top_k", fields.integer)):
        value = read(body, key)
        if value is not None:
            out[key] = value
    if stops := [stop for stop in fields.texts(body, "stop_sequences") if stop]:
        out["stop"] = stops
    if user := fields.text(fields.mapping(body, "metadata") or {}, "user_id", "metadata"):
        out["user"] = user
    _add_tools(body, out)
    _add_thinking(body, out)
    return out


def estimate_tokens(body: JsonObject) -> int:
    """For count_tokens, where no provider can say. Raises BadRequest."""
    return chat_body.estimate_tokens(to_chat_body(body, is_count=True))


# --- messages -------------------------------------------------------------------------


def _messages(body: JsonObject) -> list[JsonObject]:
    messages: list[JsonObject] = []
    if body.get("system") is not None:
        messages += _system(_content(body["system"], "system"), "system")
    turns = fields.objects(body, "messages")
    if not turns:
        raise fields.wrong("messages", "a list of at least one message")
    for position, turn in enumerate(turns):
        path = f"messages[{position}]"
        read = _ROLES.get(fields.need_text(turn, "role", path))
        if read is None:
            raise fields.wrong(f"{path}.role", "user, assistant or system")
        where = f"{path}.content"
        messages += read(_content(turn.get("content"), where), where)
    return chat_body.join_leading_system(messages)


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
        path = f"{where}[{position}]"
        if block.get("type") == "tool_result":
            result, rest = _tool_result(block, path)
            results.append(result)
            pictures += rest
        else:
            parts += _parts(block, path)
    parts = pictures + parts
    return [*results, chat_body.user_message(parts)] if parts or not results else results


def _tool_result(block: JsonObject, path: str) -> tuple[JsonObject, list[JsonObject]]:
    """The tool message, and the pictures that have to follow it in a user message."""
    call_id = chat_body.clean_id(fields.need_name(block, "tool_use_id", path))
    content = block.get("content")
    text, rest = chat_body.split_text([] if content is None else _all_parts(content, f"{path}.content"))
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
        path = f"{where}[{position}]"
        match _kind(block, path):
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
            # What a server tool did is told by the text around it.
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
    if not signature or signature == opaque_reasoning.UNSIGNED:
        return []
    return [
        {"type": "reasoning.text", "text": thought, "signature": signature, "format": _FORMAT, "index": index},
    ]


def _redacted(data: str, index: int) -> list[JsonObject]:
    own = {"type": "reasoning.encrypted", "data": data, "format": _FORMAT, "index": index}
    return opaque_reasoning.unpack(data) or [own]


# --- blocks ---------------------------------------------------------------------------


def _kind(block: JsonObject, path: str) -> str:
    return fields.need_text(block, "type", path)


def _parts(block: JsonObject, path: str) -> list[JsonObject]:
    """A block as parts of a hub message. Unknown ones are left out: clients learn new
    kinds of block before their gateways do."""
    read = _PARTS.get(_kind(block, path))
    return read(block, path) if read else []


def _all_parts(value: Any, where: str) -> list[JsonObject]:
    if isinstance(value, str):
        return [chat_body.text_part(value)]
    blocks = fields.as_objects(value, where)
    return [part for position, block in enumerate(blocks) for part in _parts(block, f"{where}[{position}]")]


def _text(block: JsonObject, path: str) -> list[JsonObject]:
    return [chat_body.text_part(fields.need_text(block, "text", path))]


def _image(block: JsonObject, path: str) -> list[JsonObject]:
    source, kind, where = _source(block, path)
    if kind == "base64":
        return [chat_body.image_part(_data_url(source, where), where)]
    if kind == "url":
        return [chat_body.image_part(fields.need_text(source, "url", where), f"{where}.url")]
    raise fields.wrong(f"{where}.type", "base64 or url (Linx keeps no files)")


def _document(block: JsonObject, path: str) -> list[JsonObject]:
    source, kind, where = _source(block, path)
    title = fields.text(block, "title", path)
    if kind == "text":
        text = fields.need_text(source, "data", where)
        return [chat_body.text_part(f"{title}\n\n{text}" if title else text)]
    if kind == "content":
        heading = [chat_body.text_part(title)] if title else []
        return heading + _all_parts(source.get("content"), f"{where}.content")
    if kind == "base64":
        return [chat_body.file_part(title or "document.pdf", _data_url(source, where))]
    if kind == "url":
        return [chat_body.file_part(title or "document.pdf", fields.need_text(source, "url", where))]
    raise fields.wrong(f"{where}.type", "text, content, base64 or url (Linx keeps no files)")


def _search_result(block: JsonObject, path: str) -> list[JsonObject]:
    lines = [fields.text(block, key, path) for key in ("title", "source")]
    lines += [part["text"] for part in _all_parts(block.get("content"), f"{path}.content") if part["type"] == "text"]
    return [chat_body.text_part("\n".join(line for line in lines if line))]


def _tool_reference(block: JsonObject, path: str) -> list[JsonObject]:
    return [chat_body.text_part(fields.need_text(block, "tool_name", path))]


_PARTS: dict[str, Callable[[JsonObject, str], list[JsonObject]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "tool_reference": _tool_reference,
}


def _source(block: JsonObject, path: str) -> tuple[JsonObject, str, str]:
    where = f"{path}.source"
    source = fields.mapping(block, "source", path)
    if source is None:
        raise fields.wrong(where, "an object")
    return source, fields.need_text(source, "type", where), where


def _data_url(source: JsonObject, where: str) -> str:
    media_type = fields.need_text(source, "media_type", where)
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise fields.wrong(f"{where}.media_type", "a media type such as image/png")
    return f"data:{media_type};base64,{fields.need_text(source, 'data', where)}"


# --- tools and thinking ---------------------------------------------------------------


def _add_tools(body: JsonObject, out: JsonObject) -> None:
    tools = []
    given = fields.objects(body, "tools")
    for position, tool in enumerate(given):
        path = f"tools[{position}]"
        if fields.text(tool, "type", path) in {None, "custom"}:
            name = fields.need_name(tool, "name", path)
            schema = fields.mapping(tool, "input_schema", path)
            description = fields.text(tool, "description", path)
            tools.append(chat_body.function_tool(name, description, schema, fields.flag(tool, "strict", path)))
    if given and not tools:
        raise BadRequest("tools: only tools that Anthropic runs itself were given; Linx cannot run them", param="tools")
    choice = fields.mapping(body, "tool_choice")
    if tools:
        out["tools"] = tools
        if choice is not None:
            _add_choice(choice, out)


def _add_choice(choice: JsonObject, out: JsonObject) -> None:
    kind = fields.need_text(choice, "type", "tool_choice")
    if kind == "tool":
        name = fields.need_name(choice, "name", "tool_choice")
        if all(tool["function"]["name"] != name for tool in out["tools"]):
            raise fields.wrong("tool_choice.name", "the name of one of the tools")
        out["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif kind in _CHOICES:
        out["tool_choice"] = _CHOICES[kind]
    else:
        raise fields.wrong("tool_choice.type", "auto, any, tool or none")
    if fields.flag(choice, "disable_parallel_tool_use", "tool_choice"):
        out["parallel_tool_calls"] = False


_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def _add_thinking(body: JsonObject, out: JsonObject) -> None:
    config = fields.mapping(body, "output_config") or {}
    effort = fields.text(config, "effort", "output_config")
    thinking = fields.mapping(body, "thinking")
    kind = None if thinking is None else fields.need_text(thinking, "type", "thinking")
    if thinking is not None and kind == "enabled":
        out["think"] = True
        budget = fields.integer(thinking, "budget_tokens", "thinking", least=1)
        if budget is not None:
            out["thinking_budget"] = budget
    if kind == "disabled":
        out["think"] = False
    elif effort:
        out["reasoning_effort"] = effort
    # Adaptive and what may come after it: the model's own way.
    wanted = fields.mapping(config, "format", "output_config") or fields.mapping(body, "output_format")
    if wanted is not None:
        schema = fields.mapping(wanted, "schema", "output_config.format")
        if wanted.get("type") != "json_schema" or schema is None:
            raise fields.wrong("output_config.format", "of type json_schema, with a schema")
        shape = {"name": "response", "schema": schema, "strict": True}
        out["response_format"] = {"type": "json_schema", "json_schema": shape}
