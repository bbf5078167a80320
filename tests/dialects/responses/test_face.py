from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from linx.core import errors
from linx.core.chat import Answer, ChatBody, ChatRequest, Chunk, Stamp
from linx.core.errors import BadRequest
from linx.dialects.responses.client_request import to_chat_body
from linx.dialects.responses.face import ResponsesFace

if TYPE_CHECKING:
    from linx.dialects.base import Face

FACE: Face = ResponsesFace()
BODY: dict[str, Any] = {"model": "m", "input": "hi"}


def test_a_request_keeps_the_client_s_own_body() -> None:
    chat = FACE.parse({**BODY, "stream": True})
    assert (chat.model, chat.stream, chat.include_usage, chat.dialect) == ("m", True, True, "responses")
    assert chat.client_body == {**BODY, "stream": True}
    assert chat.chat_body == {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    assert FACE.parse(BODY).stream is False


@pytest.mark.parametrize("stream", ["true", 1, []])
def test_a_stream_is_true_or_false(stream: Any) -> None:
    with pytest.raises(BadRequest, match=r"^stream: must be true or false"):
        FACE.parse({**BODY, "stream": stream})


def test_an_error_is_openai_s() -> None:
    assert FACE.error_body(errors.UnknownModel("no model x"), "req_1") == {
        "error": {
            "message": "no model x",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }
    }


def test_a_request_without_its_own_body_is_answered_too() -> None:
    answer = Answer()
    answer.add(Chunk(text="a"))
    made = FACE.whole(ChatRequest("m", ChatBody({"model": "m", "messages": []})), answer, Stamp("1", 0.0, lambda: 0.0))
    assert made["output"][0]["content"][0]["text"] == "a"
    assert ResponsesFace.stream_type == b"text/event-stream"


def test_a_body_as_cursor_posts_it_to_the_chat_path() -> None:
    made = to_chat_body(
        {
            "model": "m",
            "user": "u",
            "stream": True,
            "stream_options": {"include_usage": True},
            "store": False,
            "include": ["reasoning.encrypted_content"],
            "reasoning": {"effort": "medium", "summary": "auto"},
            "text": {"verbosity": "medium"},
            "input": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": [{"type": "input_text", "text": "read it"}]},
                {"type": "function_call", "call_id": "c", "name": "read", "arguments": '{"f":1}'},
                {"type": "function_call_output", "call_id": "c", "output": "text"},
            ],
            "tools": [
                {"type": "function", "name": "read", "parameters": {"type": "object"}},
                {"type": "custom", "name": "patch"},
            ],
        }
    )
    assert [message["role"] for message in made["messages"]] == ["system", "user", "assistant", "tool"]
    assert [tool["function"]["name"] for tool in made["tools"]] == ["read", "patch"]
    assert (made["reasoning_effort"], made["verbosity"], made["user"]) == ("medium", "medium", "u")
    assert "stream" not in made


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_a_body_is_an_object(body: Any) -> None:
    with pytest.raises(BadRequest, match="must be a JSON object"):
        FACE.parse(body)


FULL: dict[str, Any] = {
    **BODY,
    "stream": True,
    "instructions": "i",
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}},
    "include": ["reasoning.encrypted_content"],
    "max_output_tokens": 9,
    "top_logprobs": 1,
    "stop": ["a"],
    "metadata": {"a": "b"},
    "tools": [
        {"type": "function", "name": "f", "parameters": {}, "strict": True},
        {"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "lark", "definition": "d"}},
        {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "g"}]},
    ],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
    "parallel_tool_calls": True,
    "input": [
        {"type": "message", "role": "developer", "content": "d"},
        {"role": "user", "content": [{"type": "input_image", "image_url": "https://a/b", "detail": "low"}]},
        {"role": "user", "content": [{"type": "input_file", "filename": "f", "file_data": "d"}]},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "d", "format": "wav"}}]},
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "t"}],
            "encrypted_content": "linx:W3sidHlwZSI6InJlYXNvbmluZy50ZXh0In1d",
        },
        {"role": "assistant", "content": [{"type": "output_text", "text": "t"}]},
        {"type": "function_call", "call_id": "a", "name": "g", "namespace": "n", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "b", "name": "c", "input": "x"},
        {"type": "function_call_output", "call_id": "a", "output": [{"type": "input_text", "text": "t"}]},
        {"type": "custom_tool_call_output", "call_id": "b", "output": "x"},
        {"role": "assistant", "tool_calls": [{"id": "d", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "d", "content": "x"},
        {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "h"}]},
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
