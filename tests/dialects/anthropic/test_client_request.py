from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from linx.core.errors import BadRequest
from linx.dialects.anthropic.client_request import estimate_tokens, to_chat_body
from linx.dialects.shared import chat_body, opaque_reasoning

BILLING = "x-anthropic-billing-header: cc_version=2.1.0; cch=abc12;"
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}
WEATHER = {"name": "weather", "description": "d", "input_schema": {"type": "object", "properties": {"city": {}}}}
WEATHER_TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "d", "parameters": WEATHER["input_schema"]},
}


def body(**more: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}], **more}


def messages(*turns: Any, **more: Any) -> list[dict[str, Any]]:
    given = body(messages=list(turns), **more)
    before = deepcopy(given)
    made: list[dict[str, Any]] = to_chat_body(given)["messages"]
    assert given == before, "the client's own body stays as it came"
    return made


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def test_the_least_body() -> None:
    assert to_chat_body(body()) == {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("more", "made"),
    [
        ({"temperature": 0.5, "top_p": 1, "top_k": 40}, {"temperature": 0.5, "top_p": 1, "top_k": 40}),
        ({"temperature": None, "stop_sequences": None, "tools": None, "stream": None, "metadata": None}, {}),
        ({"stop_sequences": ["a", ""]}, {"stop": ["a"]}),
        ({"stop_sequences": [""]}, {}),
        ({"metadata": {"user_id": "u"}}, {"user": "u"}),
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


@pytest.mark.parametrize(
    ("system", "made"),
    [
        ("be brief", ["be brief"]),
        ([text("a"), {**text("b"), "cache_control": {"type": "ephemeral"}}], ["a\n\nb"]),
        ([text(BILLING), text("a")], ["a"]),
        ([text(BILLING)], []),
        (f"{BILLING}\n\nbe brief", ["be brief"]),
        (BILLING, []),
        ("", []),
        ([], []),
        ([{"type": "image"}, text("a")], ["a"]),
        (None, []),
    ],
)
def test_the_system_prompt_comes_first_and_the_same_each_time(system: Any, made: list[str]) -> None:
    out = messages({"role": "user", "content": "hi"}, system=system)
    assert [message["content"] for message in out if message["role"] == "system"] == made
    assert out[-1] == {"role": "user", "content": "hi"}


def test_a_system_message_stays_in_its_place() -> None:
    made = messages(
        {"role": "system", "content": "b"}, user(text("hi")), {"role": "system", "content": [text("c")]}, system="a"
    )
    assert made == [
        {"role": "system", "content": "a\n\nb"},
        {"role": "user", "content": "hi"},
        {"role": "system", "content": "c"},
    ]


@pytest.mark.parametrize(
    ("blocks", "content"),
    [
        ([text("a"), text("b")], "a\n\nb"),
        ([], ""),
        ([{"type": "container_upload", "file_id": "f"}], ""),
        ([text("a"), PNG, text("b")], [text("a"), PNG_PART, text("b")]),
        (
            [{"type": "image", "source": {"type": "url", "url": "https://a/b.png"}}],
            [{"type": "image_url", "image_url": {"url": "https://a/b.png"}}],
        ),
        ([{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}}], "words"),
        ([{"type": "document", "title": "T", "source": {"type": "text", "data": "words"}}], "T\n\nwords"),
        ([{"type": "document", "source": {"type": "content", "content": "words"}}], "words"),
        (
            [{"type": "document", "title": "T", "source": {"type": "content", "content": [text("x"), PNG]}}],
            [text("T"), text("x"), PNG_PART],
        ),
        (
            [{"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVB"}}],
            [
                {
                    "type": "file",
                    "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,JVB"},
                }
            ],
        ),
        (
            [{"type": "document", "title": "a.pdf", "source": {"type": "url", "url": "https://a/a.pdf"}}],
            [{"type": "file", "file": {"filename": "a.pdf", "file_data": "https://a/a.pdf"}}],
        ),
        (
            [{"type": "search_result", "title": "T", "source": "https://s", "content": [text("x"), PNG]}],
            "T\nhttps://s\nx",
        ),
        ([{"type": "search_result", "content": [text("x")]}], "x"),
    ],
)
def test_blocks_of_a_user(blocks: list[Any], content: Any) -> None:
    assert messages(user(*blocks)) == [{"role": "user", "content": content}]


def result(call_id: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **more}


def test_tool_results_come_before_everything_else_of_their_message() -> None:
    made = messages(user(text("and now?"), result("a", "1"), result("b", [text("2"), PNG, text("3")]), text("go")))
    assert made == [
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": "2\n3"},
        {"role": "user", "content": [PNG_PART, text("and now?"), text("go")]},
    ]


@pytest.mark.parametrize(
    ("block", "content"),
    [
        (result("a", None), ""),
        (result("a", []), ""),
        (result("a", "boom", is_error=True), "Error: boom"),
        (result("a", "fine", is_error=False), "fine"),
        (result("a", [{"type": "tool_reference", "tool_name": "f"}]), "f"),
    ],
)
def test_a_tool_result_is_text(block: dict[str, Any], content: str) -> None:
    assert messages(user(block)) == [{"role": "tool", "tool_call_id": "a", "content": content}]


def test_an_assistant_says_thinks_and_calls() -> None:
    made = messages(
        assistant(
            {"type": "thinking", "thinking": "hm", "signature": "linx"},
            text("I will "),
            text("look."),
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"b": 1, "a": "\u2028"}},
            {"type": "tool_use", "id": "toolu_2", "name": "g"},
        )
    )
    assert made == [
        {
            "role": "assistant",
            "content": "I will look.",
            "reasoning_content": "hm",
            "tool_calls": [
                {
                    "id": "toolu_1",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"b":1,"a":"\\u2028"}'},
                },
                {"id": "toolu_2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        }
    ]


@pytest.mark.parametrize(
    ("content", "made"),
    [
        ("text", {"content": "text"}),
        ([], {"content": ""}),
        ([{"type": "thinking", "thinking": "hm"}], {"content": "", "reasoning_content": "hm"}),
        (
            [{"type": "tool_use", "id": "a", "name": "f", "input": {}}],
            {"content": None, "tool_calls": [chat_body.tool_call("a", "f", "{}")]},
        ),
    ],
)
def test_an_assistant_message_always_has_content(content: Any, made: dict[str, Any]) -> None:
    assert messages({"role": "assistant", "content": content}) == [{"role": "assistant", **made}]


def test_signed_and_secret_reasoning_goes_back_to_its_provider() -> None:
    google = {"type": "reasoning.encrypted", "data": "x", "format": "google-gemini-v1", "id": "call_1", "index": 7}
    made = messages(
        assistant(
            {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
            {"type": "redacted_thinking", "data": "AAAA"},
            {"type": "redacted_thinking", "data": opaque_reasoning.pack([google])},
            text("a"),
        )
    )
    assert made[0]["reasoning_content"] == "hm"
    assert made[0]["reasoning_details"] == [
        {
            "type": "reasoning.text",
            "text": "hm",
            "signature": "EqQB",
            "format": "anthropic-claude-v1",
            "index": 0,
        },
        {"type": "reasoning.encrypted", "data": "AAAA", "format": "anthropic-claude-v1", "index": 1},
        google,
    ]


def test_a_call_and_its_result_keep_one_id_whatever_it_was() -> None:
    made = messages(
        assistant(
            {"type": "tool_use", "id": "functions.f:0", "name": "f", "input": {}},
            {"type": "tool_use", "id": "functions.f:1", "name": "f", "input": {}},
        ),
        user(result("functions.f:0", "0"), result("functions.f:1", "1")),
    )
    ids = [call["id"] for call in made[0]["tool_calls"]]
    assert len(set(ids)) == 2
    assert [message["tool_call_id"] for message in made[1:]] == ids


def test_a_whole_tool_loop_of_several_rounds() -> None:
    made = messages(
        {"role": "user", "content": "compare"},
        assistant(text("first"), {"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "A"}}),
        user(result("a", "sun")),
        assistant({"type": "tool_use", "id": "b", "name": "weather", "input": {"city": "B"}}),
        user(result("b", "rain", is_error=True), text("hurry")),
        assistant(text("A.")),
        system="s",
        tools=[WEATHER],
    )
    assert [message["role"] for message in made] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "tool",
        "user",
        "assistant",
    ]


def test_counting_needs_no_limit_but_a_sound_body() -> None:
    given = body(system=[text(BILLING), text("x" * 36)])
    del given["max_tokens"]
    assert estimate_tokens(given) == (36 + 2) // 4
    assert estimate_tokens(body(messages=[user(PNG)])) == 1600
    with pytest.raises(BadRequest):
        estimate_tokens({"model": "m"})
    with pytest.raises(BadRequest):
        estimate_tokens(body(max_tokens="x"))
