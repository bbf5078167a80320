"""Tools and images that a model cannot take: the next candidate that can, and nothing is left out in silence."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.attempt_errors import RouteExhausted
from linx.handlers.answers.generation import answer_chat
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.handlers.answers.world import CHAT, world

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
SHOWN: dict[str, Any] = {**CHAT, "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, IMAGE]}]}
WITH_TOOLS: dict[str, Any] = {
    **CHAT,
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
}
REFUSALS = {
    "images": (SHOWN, "Failed to deserialize the JSON body: messages[0]: unknown variant `image_url`, expected `text`"),
    "tools": (WITH_TOOLS, "registry.ollama.ai/library/m:latest does not support tools"),
    "text only": (SHOWN, "messages[0].content must be a string"),
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("status", [400, 422, 500])
@pytest.mark.parametrize("case", REFUSALS)
async def test_the_next_that_can_answers_and_is_asked_first_from_then_on(case: str, status: int, stream: bool) -> None:
    asked, words = REFUSALS[case]
    async with FakeProvider("openai", ["m"]) as first, FakeProvider("openai", ["m"]) as second:
        async with world(first, second) as here:
            first.next(scripted.status(status, words))
            answer = await here.ask(answer_chat, {**asked, "stream": stream})
            assert answer.headers["x-linx-attempts"] == f"openai1=http_{status}, openai2=ok"
            assert len(first.calls) == 1
            assert second.calls[0].json["messages"] == asked["messages"]
            answer = await here.ask(answer_chat, asked)
            assert answer.headers["x-linx-attempts"] == "openai2=ok"
            answer = await here.ask(answer_chat, CHAT)
            assert answer.headers["x-linx-attempts"] == "openai1=ok"  # words alone it can take
            assert here.providers[0].health.consecutive_failures == 0


@pytest.mark.parametrize("case", REFUSALS)
async def test_where_nobody_can_the_client_is_told(case: str) -> None:
    asked, words = REFUSALS[case]
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        for _ in range(2):
            fake.next(scripted.status(400, words))
            answer = await here.ask(answer_chat, asked)
            assert answer.status == 400
            assert isinstance(answer.error, RouteExhausted)
            assert answer.error.code == "unsupported_feature"
            assert words[:40] in str(answer.error)
        assert here.providers[0].health.consecutive_failures == 0
