"""A hub message's content as blocks: texts, pictures, documents.

No block is blank, since the API refuses a text without a visible character. Pictures and files go as base64 or as
the web address that the client gave; Linx fetches nothing.
"""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any

from linx.core.errors import BadRequest, quote
from linx.dialects.failures.meaning import unsupported
from linx.dialects.shared.data_urls import is_data_url, is_web_url, read_data_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import JsonObject

PICTURES = frozenset(("image/jpeg", "image/png", "image/gif", "image/webp"))
_PDF = "application/pdf"
_PDF_START = "JVBERi"  # "%PDF-" in base64


def blocks_of(content: Any, where: str) -> list[JsonObject]:
    """The blocks of a string or of a list of parts. Raises BadRequest or, for what only this API cannot do, Refused."""
    if content is None:
        return []
    if isinstance(content, str):
        return text_blocks(content)
    if not isinstance(content, list):
        raise BadRequest(f"{where} must be a string or a list of parts", param=where)
    blocks: list[JsonObject] = []
    for number, part in enumerate(content):
        place = f"{where}[{number}]"
        if isinstance(part, str):
            blocks += text_blocks(part)
            continue
        if not isinstance(part, dict):
            raise BadRequest(f"{place} must be an object", param=place)
        read = _READERS.get(str(part.get("type")))
        if read is None:
            raise unsupported(f"takes no {quote(str(part.get('type')))} part ({place})")
        made = read(part, place)
        if made and isinstance(part.get("cache_control"), dict):
            made[-1]["cache_control"] = part["cache_control"]
        blocks += made
    return blocks


def text_blocks(text: str) -> list[JsonObject]:
    return [{"type": "text", "text": text}] if text.strip() else []


def _text(part: JsonObject, where: str) -> list[JsonObject]:
    text = part.get("text")
    if not isinstance(text, str):
        raise BadRequest(f"{where} has no text", param=where)
    return text_blocks(text)


def _refusal(part: JsonObject, _where: str) -> list[JsonObject]:
    return text_blocks(str(part.get("refusal") or ""))


def _picture(part: JsonObject, where: str) -> list[JsonObject]:
    url = part.get("image_url")
    if isinstance(url, dict):
        url = url.get("url")
    where = f"{where}.image_url.url"
    if not isinstance(url, str):
        raise BadRequest(f"{where} must be a string", param=where)
    if is_web_url(url):
        return [{"type": "image", "source": {"type": "url", "url": url}}]
    if not is_data_url(url):
        raise BadRequest(f"{where} must be an http, https or data URL", param=where)
    media_type, data = read_data_url(url, where)
    media_type = "image/jpeg" if media_type == "image/jpg" else media_type
    if media_type not in PICTURES:
        raise unsupported(f"takes no picture of type {quote(media_type)} ({where})")
    return [{"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}]


def _file(part: JsonObject, where: str) -> list[JsonObject]:
    file = part.get("file")
    data = file.get("file_data") if isinstance(file, dict) else None
    if not isinstance(file, dict) or not isinstance(data, str) or not data:
        raise unsupported(f"takes no file by its id, only by its content ({where})")
    block: JsonObject = {"type": "document", "source": _file_source(data, f"{where}.file.file_data")}
    name = file.get("filename")
    if isinstance(name, str) and name.strip():
        block["title"] = name
    return [block]


def _file_source(data: str, where: str) -> JsonObject:
    if is_web_url(data):
        return {"type": "url", "url": data}
    if not is_data_url(data):
        data = f"data:{_PDF if data.startswith(_PDF_START) else ''};base64,{data}"
    media_type, content = read_data_url(data, where)
    if media_type == _PDF:
        return {"type": "base64", "media_type": _PDF, "data": content}
    if media_type.startswith("text/"):
        text = b64decode(content).decode("utf-8", "replace")
        return {"type": "text", "media_type": "text/plain", "data": text}
    raise unsupported(f"takes no file but PDF and plain text ({where})")


_READERS: dict[str, Callable[[JsonObject, str], list[JsonObject]]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "refusal": _refusal,
    "image_url": _picture,
    "input_image": _picture,
    "file": _file,
}
