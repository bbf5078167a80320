"""The messages of an Ollama client as those of a chat body.

Ollama's clients pair tool results with calls by order and name, and drop the ids, while other
providers insist on ids. So every call gets an id here, and exactly one result.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.dialects.ollama.images import to_url
from linx.dialects.shared import fields
from linx.dialects.shared.data_urls import clean_base64

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

_ROLES = ("system", "developer", "user", "assistant", "tool")


def messages_of(body: JsonObject) -> list[JsonObject]:
    """Raises BadRequest."""
    history = _History()
    for number, message in enumerate(fields.objects(body, "messages")):
        history.add(number, message)
    return history.end()


def images_of(body: JsonObject, where: str) -> list[str]:
    return [clean_base64(image, fields.at(where, "images")) for image in fields.texts(body, "images", where)]


def content_of(text: str, images: list[str]) -> str | list[JsonObject]:
    """A string, or parts with the text first."""
    if not images:
        return text
    parts: list[JsonObject] = [{"type": "text", "text": text}] if text else []
    return parts + [{"type": "image_url", "image_url": {"url": to_url(image)}} for image in images]


class _OpenCalls:
    """Calls without a result yet, oldest first; found by id or name without a search through all of them."""

    def __init__(self) -> None:
        self._ids: dict[int, str] = {}  # by number, in the order of the calls
        self._oldest: deque[int] = deque()
        self._named: dict[tuple[str, str], deque[int]] = {}
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._ids)

    def add(self, call_id: str, name: str) -> None:
        number = self._count
        self._count += 1
        self._ids[number] = call_id
        self._oldest.append(number)
        for key in (("id", call_id), ("name", name)):
            self._named.setdefault(key, deque()).append(number)

    def take(self, call_id: str | None, name: str) -> str | None:
        """The id of the call that a result answers: by id, else by name, else the oldest."""
        if not self._ids:
            return None
        for field, wanted in (("id", call_id), ("name", name)):
            numbers = self._named.get((field, wanted)) if wanted else None
            if numbers and (found := self._first(numbers)) is not None:
                return found
        return self._first(self._oldest)

    def _first(self, numbers: deque[int]) -> str | None:
        while numbers:
            found = self._ids.pop(numbers.popleft(), None)
            if found is not None:
                return found
        return None

    def take_all(self) -> list[str]:
        ids = list(self._ids.values())
        self._ids.clear()
        self._oldest.clear()
        self._named.clear()
        return ids


class _History:
    """The messages of a chat body in the making."""

    def __init__(self) -> None:
        self._messages: list[JsonObject] = []
        self._open = _OpenCalls()
        self._images: list[JsonObject] = []
        """Images of tool results; they follow the results in messages of the user's."""
        self._pieces: dict[str, list[str]] = {}
        """Texts of the last assistant message, by field; joined once that message is complete."""

    def add(self, number: int, message: JsonObject) -> None:
        where = f"messages[{number}]"
        role = (fields.text(message, "role", where) or "").lower()
        if role not in _ROLES:
            role = "user"  # Ollama checks no role: whatever it is, the template puts it into the prompt
        text = fields.text(message, "content", where) or ""
        images = images_of(message, where)
        if role == "tool":
            self._add_result(message, text, images, where)
            return
        calls = fields.objects(message, "tool_calls", where) if role == "assistant" else []
        thinking = fields.text(message, "thinking", where)
        if calls and self._open and self._messages[-1]["role"] == "assistant":
            # Some clients keep each frame of an answer as a message of its own.
            self._add_text("content", text)
            self._add_text("reasoning_content", thinking)
            self._messages[-1]["tool_calls"] += self._calls(number, calls, where)
            return
        self._close_calls()
        clean: JsonObject = {"role": role, "content": content_of(text, images)}
        if role == "assistant":
            clean["content"] = text
            if thinking:
                clean["reasoning_content"] = thinking
            if calls:
                clean["tool_calls"] = self._calls(number, calls, where)
        self._messages.append(clean)

    def end(self) -> list[JsonObject]:
        self._close_calls()
        return self._messages

    def _calls(self, number: int, calls: list[JsonObject], where: str) -> list[JsonObject]:
        clean = []
        for position, call in enumerate(calls):
            place = f"{where}.tool_calls[{position}]"
            function = fields.mapping(call, "function", place) or {}
            name = fields.need_text(function, "name", f"{place}.function")
            arguments = fields.mapping(function, "arguments", f"{place}.function") or {}
            given = call.get("id")
            call_id = given if isinstance(given, str) and given else f"call_{number}_{position}"
            self._open.add(call_id, name)
            text = jsontext.dumps(arguments).decode()
            clean.append({"id": call_id, "type": "function", "function": {"name": name, "arguments": text}})
        return clean

    def _add_result(self, message: JsonObject, text: str, images: list[str], where: str) -> None:
        name = fields.text(message, "tool_name", where) or fields.text(message, "name", where) or ""
        call_id = self._open.take(fields.text(message, "tool_call_id", where), name)
        if images:
            self._images.append({"role": "user", "content": content_of("", images)})
        if call_id is None:
            # Providers refuse a result without a call, so such a result becomes a text of the user's.
            self._close_calls()
            self._messages.append({"role": "user", "content": f"[tool {name} result] {text}"})
            return
        self._join_pieces()
        self._messages.append({"role": "tool", "tool_call_id": call_id, "content": text})

    def _add_text(self, key: str, text: str | None) -> None:
        """More of the last assistant message. To add string to string would copy the whole text each time."""
        if text:
            pieces = self._pieces.get(key)
            if pieces is None:
                pieces = self._pieces[key] = [self._messages[-1].get(key, "")]
            pieces.append(text)

    def _join_pieces(self) -> None:
        if self._pieces:
            self._messages[-1].update({key: "".join(pieces) for key, pieces in self._pieces.items()})
            self._pieces.clear()

    def _close_calls(self) -> None:
        """Give an empty result to each call that has none, then add the images that wait for the results."""
        self._join_pieces()
        for call_id in self._open.take_all():
            self._messages.append({"role": "tool", "tool_call_id": call_id, "content": ""})
        self._messages += self._images
        self._images.clear()
