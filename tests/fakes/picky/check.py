"""What a check is, and the walks over a body that several checks make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fakes.picky.refusal import JsonObject, Refusal


@dataclass(frozen=True)
class Check:
    """One thing that a server refuses."""

    name: str
    look: Callable[[JsonObject], Refusal | None]
    """The refusal of a body, None where the check has nothing against it."""
    source: str
    """Where the words and the limits come from."""


def messages(body: JsonObject) -> list[JsonObject]:
    found: list[JsonObject] = body.get("messages") or []
    return found


def assistants(body: JsonObject) -> Iterator[tuple[int, JsonObject]]:
    return ((at, message) for at, message in enumerate(messages(body)) if message.get("role") == "assistant")


def calls(message: JsonObject) -> list[JsonObject]:
    found: list[JsonObject] = message.get("tool_calls") or []
    return found


def tools(body: JsonObject) -> list[JsonObject]:
    """The functions that are offered, without the envelope."""
    return [tool.get("function") or tool for tool in body.get("tools") or []]


def parts(message: JsonObject) -> list[Any]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def has_image(body: JsonObject) -> bool:
    shown = any(
        isinstance(part, dict) and part.get("type") in ("image_url", "input_image")
        for message in messages(body)
        for part in parts(message)
    )
    return shown or any(message.get("images") for message in messages(body))
