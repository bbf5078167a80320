"""The content blocks of a client's messages, as parts of chat messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from linx.dialects.shared import chat_body, fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import JsonObject

_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)


def parts_of(block: JsonObject, path: str) -> list[JsonObject]:
    """A block as parts of a chat message. A block of an unknown type is left out: clients learn new types before
    their gateways do."""
    read = _PARTS.get(fields.need_text(block, "type", path))
    return read(block, path) if read else []


def parts_of_all(value: Any, where: str) -> list[JsonObject]:
    """A content, which is a string or a list of blocks, as parts."""
    if isinstance(value, str):
        return [chat_body.text_part(value)]
    blocks = fields.as_objects(value, where)
    return [part for position, block in enumerate(blocks) for part in parts_of(block, f"{where}[{position}]")]


def _text(block: JsonObject, path: str) -> list[JsonObject]:
    return [chat_body.text_part(fields.need_text(block, "text", path))]


def _image(block: JsonObject, path: str) -> list[JsonObject]:
    source, source_type, where = _source(block, path)
    if source_type == "base64":
        return [chat_body.image_part(_data_url(source, where), where)]
    if source_type == "url":
        return [chat_body.image_part(fields.need_text(source, "url", where), f"{where}.url")]
    raise fields.wrong(f"{where}.type", "base64 or url (Linx keeps no files)")


def _document(block: JsonObject, path: str) -> list[JsonObject]:
    source, source_type, where = _source(block, path)
    title = fields.text(block, "title", path)
    if source_type == "text":
        text = fields.need_text(source, "data", where)
        return [chat_body.text_part(f"{title}\n\n{text}" if title else text)]
    if source_type == "content":
        heading = [chat_body.text_part(title)] if title else []
        return heading + parts_of_all(source.get("content"), f"{where}.content")
    if source_type == "base64":
        return [chat_body.file_part(title or "document.pdf", _data_url(source, where))]
    if source_type == "url":
        return [chat_body.file_part(title or "document.pdf", fields.need_text(source, "url", where))]
    raise fields.wrong(f"{where}.type", "text, content, base64 or url (Linx keeps no files)")


def _search_result(block: JsonObject, path: str) -> list[JsonObject]:
    lines = [fields.text(block, key, path) for key in ("title", "source")]
    lines += [part["text"] for part in parts_of_all(block.get("content"), f"{path}.content") if part["type"] == "text"]
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
    """The source of a block, the source's type, and its path."""
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
