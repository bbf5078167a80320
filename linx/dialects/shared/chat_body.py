"""Pieces of the hub body, for the dialects that are translated into it.

Also the one thing that travels through a client unread: a provider's own notes about its
reasoning (signatures, encrypted thoughts). Some providers refuse the next turn of a tool
loop without them, so they ride along in the field that the client's dialect has for
opaque reasoning, and come back with its history.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from linx.dialects.shared import fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.chat import JsonObject

_IMAGE_URL = re.compile(r"(?:https?://|data:)", re.IGNORECASE)
_CLEAN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UNCLEAN = re.compile(r"[^A-Za-z0-9_-]")


def text_part(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def image_part(url: str, where: str, detail: str | None = None) -> JsonObject:
    """Linx fetches no picture; a provider gets only what cannot be a file of its own."""
    if not _IMAGE_URL.match(url):
        raise fields.wrong(where, "an http, https or data URL")
    return {"type": "image_url", "image_url": {"url": url, "detail": detail} if detail else {"url": url}}


def file_part(name: str, data: str) -> JsonObject:
    return {"type": "file", "file": {"filename": name, "file_data": data}}


def user_message(parts: Sequence[JsonObject]) -> JsonObject:
    """A string where a string will do: the plainest shape is the one every provider takes."""
    if all(part["type"] == "text" for part in parts):
        return {"role": "user", "content": "\n\n".join(part["text"] for part in parts)}
    return {"role": "user", "content": list(parts)}


def split_text(parts: Sequence[JsonObject]) -> tuple[str, list[JsonObject]]:
    """The text of a tool's result, and what a tool message cannot carry."""
    texts = [part["text"] for part in parts if part["type"] == "text"]
    return "\n".join(texts), [part for part in parts if part["type"] != "text"]


def join_leading_system(messages: list[JsonObject]) -> list[JsonObject]:
    """Several system messages at the start become one: many chat templates take no more."""
    count = 0
    while count < len(messages) and messages[count]["role"] == "system":
        count += 1
    if count < 2:
        return messages
    text = "\n\n".join(message["content"] for message in messages[:count])
    return [{"role": "system", "content": text}, *messages[count:]]


def short_name(name: str, limit: int = 64) -> str:
    """``name`` in letters, digits, ``_`` and ``-``. A changed one ends in a digest of the
    whole, so that the same name always gives the same and different names different ones."""
    if _CLEAN_ID.fullmatch(name) and len(name) <= limit:
        return name
    digest = hashlib.blake2s(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{_UNCLEAN.sub('_', name[: limit - 17])}_{digest}"


def clean_id(call_id: str) -> str:
    """A tool call's id that every provider takes; OpenAI's own limit is 40 characters."""
    return call_id if _CLEAN_ID.fullmatch(call_id) else short_name(call_id, 40)


def function_tool(name: str, description: str | None, parameters: JsonObject | None, strict: bool | None) -> JsonObject:
    function: JsonObject = {"name": name}
    if description:
        function["description"] = description
    function["parameters"] = parameters if parameters is not None else {"type": "object", "properties": {}}
    if strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def tool_call(call_id: str, name: str, arguments: str) -> JsonObject:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def used_ids(body: JsonObject) -> set[str]:
    """The ids of the tool calls in a hub body's history.

    Some providers number the calls of each answer from 0 again, and a client that finds
    the same id twice in a conversation mistakes one call for the other.
    """
    return {call["id"] for message in body["messages"] for call in message.get("tool_calls") or ()}
