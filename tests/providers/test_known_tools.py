"""Requests with known tools become the same bytes at every provider as requests whose tools nobody knows."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext, known_tools
from linx.core.attempt_errors import AttemptError
from linx.core.chat import ModelTraits, Task
from linx.core.errors import LinxError
from linx.dialects.anthropic.face import AnthropicFace
from linx.dialects.ollama.face import OllamaFace
from linx.dialects.openai.face import OpenAIFace
from linx.dialects.responses.face import ResponsesFace
from linx.dialects.shared.needs import needs_of
from linx.dialects.shared.tokens import prompt_tokens
from linx.providers.kinds import KINDS
from linx.providers.requests import UNTRANSLATED, UNVERIFIED

if TYPE_CHECKING:
    from linx.core.chat import ChatRequest, JsonObject

WORDS = "what the tool does, in many words; " * 8
SCHEMAS: list[JsonObject | None] = [
    {"type": "object", "properties": {"path": {"type": "string", "description": WORDS}}, "required": ["path"]},
    {"type": "object", "$defs": {"P": {"type": "string"}}, "properties": {"p": {"$ref": "#/$defs/P"}}},
    {"properties": {"n": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": 2**70}}},
    {"type": "object", "properties": {"tools": {"type": "array", "items": {"const": "é\u2028"}}}},
    None,
    {},
]
NAMES = [f"tool_{number}" for number in range(24)]


def schema(number: int) -> JsonObject | None:
    return copy.deepcopy(SCHEMAS[number % len(SCHEMAS)])


def openai_tools() -> list[JsonObject]:
    named = enumerate(NAMES)
    return [
        {"type": "function", "function": {"name": name, "description": WORDS, "parameters": schema(at), "strict": None}}
        for at, name in named
    ]


def flat_tools(key: str, **more: Any) -> list[JsonObject]:
    return [{**more, "name": name, "description": WORDS, key: schema(at)} for at, name in enumerate(NAMES)]


CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello " * 300}], "max_tokens": 99, "stream": True}
FACES: dict[str, tuple[Any, JsonObject]] = {
    "chat": (OpenAIFace(), {**CHAT, "tools": openai_tools()}),
    "chat, one tool chosen": (
        OpenAIFace(),
        {**CHAT, "tools": openai_tools(), "tool_choice": {"type": "function", "function": {"name": "tool_3"}}},
    ),
    "chat, flat": (OpenAIFace(), {**CHAT, "tools": flat_tools("input_schema")}),
    "chat, free text": (OpenAIFace(), {**CHAT, "tools": [*openai_tools(), {"type": "custom", "name": "patch"}]}),
    "messages": (AnthropicFace(), {**CHAT, "tools": flat_tools("input_schema")}),
    "messages, marked": (
        AnthropicFace(),
        {**CHAT, "tools": flat_tools("input_schema", cache_control={"type": "ephemeral"})},
    ),
    "responses": (
        ResponsesFace(),
        {"model": "m", "input": "hello", "tools": flat_tools("parameters", type="function"), "stream": True},
    ),
    "ollama": (OllamaFace("chat"), {**CHAT, "tools": openai_tools()}),
}


def sent(face: Any, value: JsonObject) -> dict[str, Any]:
    """The bodies for all kinds of provider, or why there is none, and what routing knows of the request."""
    chat: ChatRequest = face.parse(value)
    made: dict[str, Any] = {"tokens": prompt_tokens(chat), "needs": needs_of(chat)}
    for name, kind in KINDS.items():
        ways = [kind.request(Task.CHAT)]
        if chat.client_body is not None:
            ways += [own[chat.dialect] for own in (kind.own, UNTRANSLATED, UNVERIFIED) if chat.dialect in own]
        for number, way in enumerate(ways):
            try:
                made[f"{name} {number}"] = way.write(chat, "model", ModelTraits(can_think=False))
            except (LinxError, AttemptError) as error:
                made[f"{name} {number}"] = repr(error)
    return made


@pytest.mark.parametrize("face", FACES)
def test_known_tools_become_the_same_bytes(face: str) -> None:
    parser, body = FACES[face]
    data = jsontext.dumps(body)
    long = sent(parser, jsontext.loads_strict(data))
    read = [known_tools.loads(data) for _ in range(3)]
    assert read[1]["tools"] is read[2]["tools"]
    for value in read:
        assert sent(parser, value) == long
        assert sent(parser, value) == long
    assert known_tools.loads(data)["tools"] is read[2]["tools"]
    assert repr(known_tools.loads(data)) == repr(jsontext.loads_strict(data))  # nobody has changed them


@pytest.mark.parametrize("face", ["chat", "messages", "ollama"])
def test_wrong_tools_are_refused_each_time(face: str) -> None:
    parser, body = FACES[face]
    data = jsontext.dumps({**body, "tools": [*body["tools"], 7]})
    errors = set()
    for _ in range(4):
        with pytest.raises(LinxError) as caught:
            parser.parse(known_tools.loads(data))
        errors.add(str(caught.value))
    assert len(errors) == 1
