from __future__ import annotations

from typing import Any

import pytest

from linx.core.errors import BadRequest
from linx.dialects.anthropic.client_request import to_chat_body
from linx.dialects.shared import chat_body
from tests.dialects.anthropic.test_client_messages import BILLING, assistant, text, user

WEATHER = {"name": "weather", "description": "d", "input_schema": {"type": "object", "properties": {"city": {}}}}
WEATHER_TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "d", "parameters": WEATHER["input_schema"]},
}


def body(**more: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}], **more}


def test_the_least_body() -> None:
    assert to_chat_body(body()) == {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("more", "made"),
    [
        ({"temperature": 0.5, "top_p": 1, "top_k": 40}, {"temperature": 0.5, "top_p": 1, "top_k": 40}),
        ({"temperature": None, "stop_sequences": None, "tools": None, "stream": None, "metadata": None}, {}),
        ({"stop_sequences": ["a", ""]}, {"stop": ["a"]}),
        ({"stop_sequences": [""]}, {}),
        ({"metadata": {"user_id": "u"}}, {}),
        ({"metadata": {}}, {}),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, {"think": True, "thinking_budget": 2048}),
        ({"thinking": {"type": "enabled"}}, {"think": True}),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, {"think": False}),
        ({"thinking": {"type": "adaptive"}}, {}),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, {"reasoning_effort": "low"}),
        ({"output_config": {"effort": "xhigh"}}, {"reasoning_effort": "xhigh"}),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "response", "schema": {"type": "object"}, "strict": True},
                }
            },
        ),
        (
            {"output_format": {"type": "json_schema", "schema": {}}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "response", "schema": {}, "strict": True},
                }
            },
        ),
        ({"tools": []}, {}),
        ({"tools": [WEATHER]}, {"tools": [WEATHER_TOOL]}),
        ({"tools": [{**WEATHER, "type": "custom", "cache_control": {"type": "ephemeral"}}]}, {"tools": [WEATHER_TOOL]}),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}, WEATHER]}, {"tools": [WEATHER_TOOL]}),
        (
            {"tools": [{"name": "f", "strict": True}]},
            {"tools": [chat_body.function_tool("f", None, None, True)]},
        ),
        ({"tools": [WEATHER], "tool_choice": {"type": "auto"}}, {"tools": [WEATHER_TOOL], "tool_choice": "auto"}),
        ({"tools": [WEATHER], "tool_choice": {"type": "any"}}, {"tools": [WEATHER_TOOL], "tool_choice": "required"}),
        ({"tools": [WEATHER], "tool_choice": {"type": "none"}}, {"tools": [WEATHER_TOOL], "tool_choice": "none"}),
        (
            {
                "tools": [WEATHER],
                "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
            },
            {
                "tools": [WEATHER_TOOL],
                "tool_choice": {"type": "function", "function": {"name": "weather"}},
                "parallel_tool_calls": False,
            },
        ),
        ({"tool_choice": {"type": "auto"}}, {}),
        ({"service_tier": "auto", "container": "c", "mcp_servers": [], "context_management": {}, "unknown": 1}, {}),
    ],
)
def test_a_field_is_translated(more: dict[str, Any], made: dict[str, Any]) -> None:
    assert to_chat_body(body(**more)) == {**to_chat_body(body()), **made}


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"model": None}, "model"),
        ({"model": " "}, "model"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "10"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "root", "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [user("hi")]}, "messages[0].content[0]"),
        ({"messages": [user({"text": "hi"})]}, "messages[0].content[0].type"),
        ({"messages": [user({"type": "text", "text": 5})]}, "messages[0].content[0].text"),
        ({"messages": [user({"type": "image"})]}, "messages[0].content[0].source"),
        ({"messages": [user({"type": "image", "source": {}})]}, "messages[0].content[0].source.type"),
        (
            {"messages": [user({"type": "image", "source": {"type": "file", "file_id": "f"}})]},
            "messages[0].content[0].source.type",
        ),
        (
            {"messages": [user({"type": "image", "source": {"type": "url", "url": "file:///etc/passwd"}})]},
            "messages[0].content[0].source.url",
        ),
        (
            {"messages": [user({"type": "image", "source": {"type": "base64", "media_type": "a b", "data": ""}})]},
            "messages[0].content[0].source.media_type",
        ),
        (
            {"messages": [user({"type": "document", "source": {"type": "file", "file_id": "f"}})]},
            "messages[0].content[0].source.type",
        ),
        ({"messages": [user({"type": "tool_result", "content": "x"})]}, "messages[0].content[0].tool_use_id"),
        (
            {"messages": [user({"type": "tool_result", "tool_use_id": "a", "content": 5})]},
            "messages[0].content[0].content",
        ),
        ({"messages": [assistant({"type": "tool_use", "name": "f", "input": {}})]}, "messages[0].content[0].id"),
        ({"messages": [assistant({"type": "tool_use", "id": "a", "input": {}})]}, "messages[0].content[0].name"),
        (
            {"messages": [assistant({"type": "tool_use", "id": "a", "name": "f", "input": "x"})]},
            "messages[0].content[0].input",
        ),
        ({"messages": [assistant({"type": "thinking"})]}, "messages[0].content[0].thinking"),
        ({"system": 5}, "system"),
        ({"system": [{"type": "text"}]}, "system[0].text"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_k": 1.5}, "top_k"),
        ({"stop_sequences": "x"}, "stop_sequences"),
        ({"metadata": []}, "metadata"),
        ({"thinking": {"type": "enabled", "budget_tokens": "x"}}, "thinking.budget_tokens"),
        ({"thinking": {}}, "thinking.type"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "custom"}]}, "tools[0].name"),
        ({"tools": [{"name": "f", "input_schema": []}]}, "tools[0].input_schema"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools"),
        ({"tools": [WEATHER], "tool_choice": "auto"}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": {"type": "sometimes"}}, "tool_choice.type"),
        ({"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "web_search"}}, "tool_choice.name"),
    ],
)
def test_what_is_wrong_is_named(more: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        to_chat_body(body(**more))
    assert caught.value.param == param
    assert caught.value.message.startswith(f"{param}: ")


def test_counting_needs_no_limit_but_a_sound_body() -> None:
    given = body(system=[text(BILLING), text("x" * 36)])
    del given["max_tokens"]
    assert to_chat_body(given, is_count=True)["messages"][0] == {"role": "system", "content": "x" * 36}
    with pytest.raises(BadRequest, match="max_tokens"):
        to_chat_body(given)
    with pytest.raises(BadRequest):
        to_chat_body({"model": "m"}, is_count=True)
    with pytest.raises(BadRequest):
        to_chat_body(body(max_tokens="x"), is_count=True)
