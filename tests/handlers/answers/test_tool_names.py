"""Names of tools on their whole way: refused or bent upstream, and the client's own in its stream and whole answers."""

from __future__ import annotations

from typing import Any

import pytest

from linx.dialects.anthropic.face import AnthropicFace
from linx.dialects.ollama.face import OllamaFace
from linx.handlers.answers.generation import answer_chat
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Call
from tests.handlers.answers.world import HI, world

LONG = "mcp__plugin_chrome-devtools-mcp_chrome-devtools__performance_analyze_insight"
REFUSAL = scripted.status(
    400,
    "Invalid 'tools[0].function.name': string too long. Expected a string with maximum length 64, but got a string "
    "with length 77 instead.",
)


def chat(name: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {}}
    return {
        "model": "m",
        "messages": HI,
        "tools": [{"type": "function", "function": {"name": name, "parameters": schema}}],
    }


def messages(name: str) -> dict[str, Any]:
    return {
        "model": "m",
        "max_tokens": 9,
        "messages": HI,
        "tools": [{"name": name, "input_schema": {"type": "object"}}],
    }


FACES: dict[str, Any] = {
    "chat": (None, chat),
    "messages": (AnthropicFace(), messages),
    "ollama": (OllamaFace("chat"), chat),
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("which", FACES)
async def test_a_name_that_is_too_long_is_the_clients_own_in_its_answer(which: str, stream: bool) -> None:
    face, ask = FACES[which]
    body = {**ask(LONG), "stream": stream}
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        fake.next(REFUSAL, Answer(calls=[Call("other")], tokens=[]))
        await here.ask(answer_chat, body, face)
        sent = fake.calls[1].json["tools"][0]["function"]["name"]
        fake.next(Answer(calls=[Call(sent, {"a": 1})], tokens=[]))
        answer = await here.ask(answer_chat, body, face)
        assert len(sent) <= 64
        assert len(fake.calls) == 3
        assert answer.status == 200
        assert answer.headers["x-linx-adapted"] == "tool_names:64"
        assert LONG.encode() in answer.body
        assert sent.encode() not in answer.body
        (one,) = here.providers
        assert one.health.consecutive_failures == 0


@pytest.mark.parametrize("kind", ["openai", "ollama"])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("which", FACES)
async def test_a_bent_name_is_the_offered_one_in_the_answer(which: str, stream: bool, kind: Any) -> None:
    face, ask = FACES[which]
    async with FakeProvider(kind, ["m"]) as fake, world(fake) as here:
        fake.next(Answer(calls=[Call("functions.read_file<|channel|>commentary", {"a": 1})], tokens=[]))
        answer = await here.ask(answer_chat, {**ask("mcp__fs__read_file"), "stream": stream}, face)
        assert answer.status == 200
        assert b'"mcp__fs__read_file"' in answer.body
        assert b"commentary" not in answer.body
