"""What a chat request needs of a model besides words, in the words of ``Model.capabilities``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core.chat import ChatBody
from linx.dialects.failures.lacks import TOOLS, VISION

if TYPE_CHECKING:
    from linx.core.chat import ChatRequest

NOTHING: frozenset[str] = frozenset()
_IMAGES = frozenset(("image", "image_url", "input_image"))


def needs_of(chat: ChatRequest) -> frozenset[str]:
    """All messages are looked at, so it is asked only where some candidate is known to lack something."""
    body = chat.asked
    if not isinstance(body, ChatBody):
        return NOTHING
    has_tools = body.get("tools") or body.get("functions")
    needs = {TOOLS} if has_tools and body.get("tool_choice") != "none" else set()
    messages = body.get("messages")
    if isinstance(messages, list) and any(_shows_image(message) for message in messages):
        needs.add(VISION)
    return frozenset(needs)


def _shows_image(message: Any) -> bool:
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list):
        return False
    return any(isinstance(part, dict) and part.get("type") in _IMAGES for part in content)
