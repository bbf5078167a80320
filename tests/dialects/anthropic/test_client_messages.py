from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from linx.dialects.anthropic.client_messages import messages_of
from linx.dialects.shared import chat_body, opaque_reasoning

BILLING = "x-anthropic-billing-header: cc_version=2.1.0; cch=abc12;"
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}


def messages(*turns: Any, **more: Any) -> list[dict[str, Any]]:
    given = {"messages": list(turns), **more}
    before = deepcopy(given)
    made = messages_of(given)
    assert given == before, "the client's own body stays as it came"
    return made


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


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
