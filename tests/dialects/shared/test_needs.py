"""What a chat request needs of a model."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.chat import ChatBody, ChatRequest, Opaque
from linx.dialects.anthropic.face import AnthropicFace
from linx.dialects.ollama.face import OllamaFace
from linx.dialects.shared.needs import NOTHING, needs_of

TOOLS = [{"type": "function", "function": {"name": "f"}}]
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


def needs(**body: Any) -> set[str]:
    return set(needs_of(ChatRequest("m", ChatBody(body))))


@pytest.mark.parametrize(
    ("body", "needed"),
    [
        ({"messages": [{"role": "user", "content": "hi"}]}, set()),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, None]}, None]}, set()),
        ({"messages": [{"role": "user", "content": [IMAGE]}]}, {"vision"}),
        ({"messages": [{"role": "tool", "content": [IMAGE]}], "tools": TOOLS}, {"vision", "tools"}),
        ({"tools": TOOLS, "tool_choice": "none"}, set()),
        ({"functions": [{"name": "f"}]}, {"tools"}),
        ({"tools": [], "messages": 5}, set()),
    ],
)
def test_tools_and_images_are_needs(body: Any, needed: set[str]) -> None:
    assert needs(**body) == needed


def test_another_request_needs_nothing() -> None:
    assert needs_of(ChatRequest("m", Opaque())) is NOTHING


def test_whatever_dialect_they_came_in() -> None:
    block = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
    asked = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": [block]}]}
    assert needs_of(AnthropicFace().parse(asked)) == {"vision"}
    asked = {"model": "m", "messages": [{"role": "user", "content": "x", "images": ["iVBORw0KGgo="]}]}
    assert needs_of(OllamaFace("chat").parse(asked)) == {"vision"}
