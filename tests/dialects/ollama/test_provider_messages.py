"""The hub's messages as Ollama's."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from linx.core.attempt_errors import Fallback, Refused
from linx.core.chat import Dialect
from linx.core.errors import BadRequest
from linx.dialects.ollama.provider_messages import arguments_object, messages_for

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

PIXEL = b64encode(b"\x89PNG pixel").decode()


def one(**message: Any) -> JsonObject:
    (clean,) = messages_for([{"role": "user"} | message])
    return clean


def image(url: str = f"data:image/png;base64,{PIXEL}") -> JsonObject:
    return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}


def file(data: Any) -> JsonObject:
    return {"type": "file", "file": {"filename": "a.txt", "file_data": data}}


@pytest.mark.parametrize(
    ("role", "own"),
    [("system", "system"), ("developer", "system"), ("user", "user"), ("assistant", "assistant")],
)
def test_roles(role: str, own: str) -> None:
    assert one(role=role, content="Hi") == {"role": own, "content": "Hi"}


@pytest.mark.parametrize("content", [None, "", []])
def test_no_content_is_an_empty_string(content: Any) -> None:
    assert one(content=content) == {"role": "user", "content": ""}
    assert messages_for([{"role": "user"}]) == [{"role": "user", "content": ""}]


def test_parts_become_what_ollama_makes_of_them_in_the_client_s_dialect() -> None:
    """A message each in chat completions (openai/openai.go there), one string in Messages (anthropic/anthropic.go)."""
    parts = [
        {"type": "text", "text": "a"},
        image(),
        {"type": "input_text", "text": "b"},
        {"type": "image_url", "image_url": "data:;base64,QUJD"},
        {"type": "input_image", "image_url": "data:,ABC"},
        {"type": "refusal", "refusal": "no"},
        "c",
    ]
    message = {"role": "user", "content": parts}
    assert messages_for([message]) == [
        {"role": "user", "content": "a"},
        {"role": "user", "content": "", "images": [PIXEL]},
        {"role": "user", "content": "b"},
        {"role": "user", "content": "", "images": ["QUJD"]},
        {"role": "user", "content": "", "images": ["QUJD"]},
        {"role": "user", "content": "no"},
        {"role": "user", "content": "c"},
    ]
    for dialect in (Dialect.ANTHROPIC, Dialect.RESPONSES):
        whole = {"role": "user", "content": "abnoc", "images": [PIXEL, "QUJD", "QUJD"]}
        assert messages_for([message], dialect) == [whole]


@pytest.mark.parametrize(("dialect", "content"), [(Dialect.OPENAI, "a\nb"), (Dialect.ANTHROPIC, "ab")])
def test_results_and_answers_stay_whole(dialect: Dialect, content: str) -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    for role in ("assistant", "system", "tool"):
        (made,) = messages_for([{"role": role, "content": parts}], dialect)
        assert made["content"] == content


@pytest.mark.parametrize("dialect", [Dialect.OPENAI, Dialect.ANTHROPIC])
def test_the_place_of_a_wrong_part_is_told(dialect: Dialect) -> None:
    with pytest.raises(BadRequest, match=r"messages\[1\]\.content\[1\] has no text"):
        messages_for([{"role": "user", "content": "a"}, {"role": "user", "content": ["a", {"type": "text"}]}], dialect)


def test_a_plain_text_file_is_read() -> None:
    assert one(content=[file("data:text/plain;base64,w6k=")])["content"] == "é"
    assert one(content=[file("data:text/plain;charset=utf-8,%C3%A9")])["content"] == "é"


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
        {"type": "video_url"},
        {},
        {"type": "file"},
        {"type": "file", "file": {"file_id": "f"}},
        file(5),
        file("data:application/pdf;base64,QUJD"),
        file("data:text/plain"),
        image("https://example.com/x.png"),
    ],
)
def test_parts_for_another_provider(part: JsonObject) -> None:
    with pytest.raises(Refused) as refused:
        one(content=[part])
    assert refused.value.fallback is Fallback.YES
    assert "messages[0].content[0]" in refused.value.message


@pytest.mark.parametrize(
    "message",
    [
        5,
        {},
        {"role": "bishop"},
        {"role": 5},
        {"role": ["user"]},
        {"role": "user", "content": 5},
        {"role": "user", "content": [5]},
        {"role": "user", "content": [{"type": "text"}]},
        {"role": "user", "content": [{"type": "refusal", "text": "x"}]},
        {"role": "user", "content": [{"type": "image_url"}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": 5}}]},
        {"role": "user", "content": [image("data:image/png;base64,***")]},
        {"role": "user", "content": [file("data:text/plain;base64,***")]},
        {"role": "assistant", "tool_calls": {"a": 1}},
        {"role": "assistant", "tool_calls": [5]},
        {"role": "assistant", "tool_calls": [{"function": {}}]},
        {"role": "assistant", "tool_calls": [{"custom": {}}]},
    ],
)
def test_what_is_wrong_everywhere(message: Any) -> None:
    with pytest.raises(BadRequest, match=r"messages\[1\]"):
        messages_for([{"role": "user"}, message])


def test_a_tool_loop() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    old = {"role": "assistant", "function_call": {"name": "old", "arguments": ""}}
    assert messages_for(
        [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "1"}]},
            {"role": "tool", "tool_call_id": "c1", "name": "g", "content": "2"},
            {"role": "tool", "tool_call_id": "lost", "content": "3"},
            old,
            {"role": "function", "name": "old", "content": "4"},
            {"role": "tool", "content": "5"},
        ]
    ) == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}}],
        },
        {"role": "tool", "content": "1", "tool_call_id": "c1", "tool_name": "f"},
        {"role": "tool", "content": "2", "tool_call_id": "c1", "tool_name": "g"},
        {"role": "tool", "content": "3", "tool_call_id": "lost", "tool_name": ""},
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "old", "arguments": {}}}]},
        {"role": "tool", "content": "4", "tool_name": "old"},
        {"role": "tool", "content": "5", "tool_name": ""},
    ]


def test_a_custom_call_and_an_image_in_a_tool_result() -> None:
    call = {"id": "c", "type": "custom", "custom": {"name": "patch", "input": "x"}}
    assert messages_for(
        [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c", "content": [image()]}]
    ) == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c", "function": {"name": "patch", "arguments": {"input": "x"}}}],
        },
        {"role": "tool", "content": "", "images": [PIXEL], "tool_call_id": "c", "tool_name": "patch"},
    ]


def test_no_calls_are_no_field() -> None:
    assert one(role="assistant", content="Hi", tool_calls=[]) == {"role": "assistant", "content": "Hi"}


@pytest.mark.parametrize(
    ("fields", "thinking"),
    [
        ({"reasoning_content": "a", "reasoning": "b"}, "a"),
        ({"reasoning_content": "", "reasoning": "b"}, "b"),
        ({"reasoning_details": [{"text": "a"}, {"summary": "b"}, {"data": "x"}, 5]}, "ab"),
        ({"reasoning_details": "x"}, None),
        ({"reasoning": {"effort": "low"}}, None),
    ],
)
def test_reasoning_becomes_thinking(fields: JsonObject, thinking: str | None) -> None:
    assert one(role="assistant", content="Hi", **fields).get("thinking") == thinking
    assert "thinking" not in one(role="user", content="Hi", **fields)


def test_a_refusal_is_the_content_where_there_is_none() -> None:
    assert one(role="assistant", refusal="no")["content"] == "no"
    assert one(role="assistant", content="yes", refusal="no")["content"] == "yes"


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (None, {}),
        ("", {}),
        (" \n", {}),
        ('{"a": 123456789012345678901234567890}', {"a": 123456789012345678901234567890}),
        ({"a": 1}, {"a": 1}),
        ('{"a":', {"_raw": '{"a":'}),
        ("[1]", {"_raw": "[1]"}),
        (5, {}),
    ],
)
def test_arguments_are_always_an_object(arguments: Any, value: JsonObject) -> None:
    assert arguments_object(arguments) == value
