"""Builds parts of the chat body, for dialects whose requests are translated into it.

The rule: the simplest shape with the same meaning, since every provider accepts that; and the same input always gives
the same output, since a changed prefix would make the provider's prompt cache useless.
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
    """A picture by its URL, which Linx does not fetch. Only http, https and data URLs are allowed, since any other
    could make a provider read a file of its own."""
    if not _IMAGE_URL.match(url):
        raise fields.wrong(where, "an http, https or data URL")
    return {"type": "image_url", "image_url": {"url": url, "detail": detail} if detail else {"url": url}}


def file_part(name: str, data: str) -> JsonObject:
    return {"type": "file", "file": {"filename": name, "file_data": data}}


def user_message(parts: Sequence[JsonObject]) -> JsonObject:
    """A user's message. Its content is a string if there is but one text; several stay parts, and it is the server
    that joins them, since nobody else knows how its model has learnt it."""
    if not parts:
        return {"role": "user", "content": ""}
    if len(parts) == 1 and parts[0]["type"] == "text":
        return {"role": "user", "content": parts[0]["text"]}
    return {"role": "user", "content": list(parts)}


def split_text(parts: Sequence[JsonObject]) -> tuple[str, list[JsonObject]]:
    """The joined text of the parts, and the parts that are not text, which a tool message cannot contain."""
    texts = [part["text"] for part in parts if part["type"] == "text"]
    return "\n".join(texts), [part for part in parts if part["type"] != "text"]


def join_leading_system(messages: list[JsonObject]) -> list[JsonObject]:
    """Join the system messages at the start into one, since many chat templates accept only one."""
    count = 0
    while count < len(messages) and messages[count]["role"] == "system":
        count += 1
    if count < 2:
        return messages
    text = "\n\n".join(message["content"] for message in messages[:count])
    return [{"role": "system", "content": text}, *messages[count:]]


def short_name(name: str, limit: int = 64) -> str:
    """``name`` in at most ``limit`` letters, digits, ``_`` and ``-``. A changed name ends with a digest of the original
    name, so that equal names stay equal and different names stay different."""
    if _CLEAN_ID.fullmatch(name) and len(name) <= limit:
        return name
    digest = hashlib.blake2s(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{_UNCLEAN.sub('_', name[: limit - 17])}_{digest}"


def clean_id(call_id: str) -> str:
    """A tool call's id in a form that every provider accepts; OpenAI's own limit is 40 characters."""
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
    """The ids of the tool calls in the history of a chat body.

    Some providers number the calls of each answer from 0 again. A client that finds the same id twice in a
    conversation confuses the two calls, so a new call must not get one of these ids.
    """
    return {call["id"] for message in body["messages"] for call in message.get("tool_calls") or ()}
