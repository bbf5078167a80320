"""Turns the content of a client's input items into parts of chat messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.dialects.shared import chat_body, fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import JsonObject


def parts_of(value: Any, where: str) -> list[JsonObject]:
    """A content (a string or a list of parts) as parts of a chat message. Raises BadRequest."""
    if isinstance(value, str):
        return [chat_body.text_part(value)]
    parts = []
    for position, part in enumerate(fields.as_objects(value, where)):
        path = f"{where}[{position}]"
        read = _PARTS.get(fields.need_text(part, "type", path))
        if read is None:
            raise fields.wrong(f"{path}.type", f"one of {', '.join(_PARTS)}")
        parts.append(read(part, path))
    return parts


def _text_part(part: JsonObject, path: str) -> JsonObject:
    return chat_body.text_part(fields.need_text(part, "text", path))


def _refusal_part(part: JsonObject, path: str) -> JsonObject:
    return chat_body.text_part(fields.need_text(part, "refusal", path))


def _image_part(part: JsonObject, path: str) -> JsonObject:
    url = part.get("image_url")
    holder, where = (url, f"{path}.image_url") if isinstance(url, dict) else (part, path)
    key = "url" if isinstance(url, dict) else "image_url"
    return chat_body.image_part(
        fields.need_text(holder, key, where), fields.at(where, key), fields.text(holder, "detail", where)
    )


def _file_part(part: JsonObject, path: str) -> JsonObject:
    nested = fields.mapping(part, "file", path)
    holder = part if nested is None else nested
    for key in ("file_data", "file_url"):
        data = fields.text(holder, key, path)
        if data:
            return chat_body.file_part(fields.text(holder, "filename", path) or "file", data)
    return {"type": "file", "file": {"file_id": fields.need_text(holder, "file_id", path)}}


def _audio_part(part: JsonObject, path: str) -> JsonObject:
    audio = fields.mapping(part, "input_audio", path) or part
    sound = {key: fields.need_text(audio, key, path) for key in ("data", "format")}
    return {"type": "input_audio", "input_audio": sound}


_PARTS: dict[str, Callable[[JsonObject, str], JsonObject]] = {
    "input_text": _text_part,
    "output_text": _text_part,
    "text": _text_part,
    "summary_text": _text_part,
    "reasoning_text": _text_part,
    "refusal": _refusal_part,
    "input_image": _image_part,
    "image_url": _image_part,
    "input_file": _file_part,
    "file": _file_part,
    "input_audio": _audio_part,
}
