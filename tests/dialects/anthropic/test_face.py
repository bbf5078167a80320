from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from linx.core import errors
from linx.core.chat import Answer, Chunk, Stamp
from linx.core.errors import BadRequest
from linx.dialects.anthropic.face import AnthropicFace

if TYPE_CHECKING:
    from linx.dialects.base import Face

FACE: Face = AnthropicFace()
BODY: dict[str, Any] = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}


def test_a_request_keeps_the_client_s_own_body() -> None:
    chat = FACE.parse(BODY)
    assert (chat.model, chat.stream, chat.include_usage, chat.dialect) == ("m", False, True, "anthropic")
    assert chat.client_body is BODY
    assert chat.chat_body["messages"] == BODY["messages"]


@pytest.mark.parametrize(("stream", "made"), [(True, True), (False, False), (None, False)])
def test_a_stream_is_asked_for(stream: Any, made: bool) -> None:
    assert FACE.parse({**BODY, "stream": stream}).stream is made


@pytest.mark.parametrize("stream", ["true", 1, []])
def test_a_stream_is_true_or_false(stream: Any) -> None:
    with pytest.raises(BadRequest, match=r"^stream: must be true or false"):
        FACE.parse({**BODY, "stream": stream})


def test_an_error_has_the_id_of_its_request() -> None:
    assert FACE.error_body(errors.UnknownModel("no model x"), "req_1") == {
        "type": "error",
        "error": {"type": "not_found_error", "message": "no model x"},
        "request_id": "req_1",
    }


def test_an_overload_has_a_status_of_its_own() -> None:
    face = AnthropicFace()
    assert face.status_of(errors.Overloaded("busy")) == 529
    assert face.status_of(errors.BadRequest("x")) == 400


def test_its_stream_is_one_of_events() -> None:
    assert AnthropicFace.stream_type == b"text/event-stream"


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_a_body_is_an_object(body: Any) -> None:
    with pytest.raises(BadRequest, match="must be a JSON object"):
        FACE.parse(body)


FULL: dict[str, Any] = {
    **BODY,
    "stream": True,
    "system": [{"type": "text", "text": "x-anthropic-billing-header: a"}, {"type": "text", "text": "s"}],
    "temperature": 1,
    "stop_sequences": ["END"],
    "metadata": {"user_id": "u"},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {}}},
    "tools": [{"name": "f", "description": "d", "input_schema": {}}, {"type": "web_search_20250305", "name": "w"}],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "messages": [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "t", "signature": "s"},
                {"type": "redacted_thinking", "data": "linx:W10="},
                {"type": "text", "text": "t"},
                {"type": "tool_use", "id": "a", "name": "f", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "a",
                    "is_error": True,
                    "content": [{"type": "text", "text": "t"}],
                },
                {"type": "image", "source": {"type": "url", "url": "https://a/b"}},
                {"type": "document", "title": "t", "source": {"type": "text", "data": "d"}},
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "d"}},
                {"type": "search_result", "title": "t", "source": "s", "content": [{"type": "text", "text": "t"}]},
            ],
        },
        {"role": "system", "content": "s"},
    ],
}

JUNK: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    [],
    {},
    [None],
    [[]],
    [{}],
    {"type": "x"},
    {"type": 5},
    [5],
    "\ud83d",
]


def spoiled(value: Any, draw: random.Random) -> Any:
    """The same body with one thing somewhere in it replaced by junk, or gone."""
    if isinstance(value, dict) and value and draw.random() < 0.85:
        key = draw.choice(list(value))
        if draw.random() < 0.15:
            return {name: item for name, item in value.items() if name != key}
        return {**value, key: spoiled(value[key], draw)}
    if isinstance(value, list) and value and draw.random() < 0.85:
        position = draw.randrange(len(value))
        return [*value[:position], spoiled(value[position], draw), *value[position + 1 :]]
    return draw.choice(JUNK)


def test_a_spoiled_body_is_refused_or_answered_but_never_crashes() -> None:
    draw = random.Random(11)
    refused = nameless = 0
    for _ in range(3000):
        spot = draw.choice(list(FULL))
        try:
            chat = FACE.parse({key: spoiled(FULL[key], draw) if key == spot else FULL[key] for key in FULL})
        except BadRequest as problem:
            refused += 1
            nameless += problem.param is None
            continue
        encoder = FACE.encoder(chat, Stamp("1", 0.0, lambda: 0.0))
        assert encoder.frames([Chunk(text="a", finish="stop")]) + encoder.end()
        assert FACE.whole(chat, Answer(), Stamp("1", 0.0, lambda: 0.0))
    assert 300 < refused < 2700
    assert nameless == 0
