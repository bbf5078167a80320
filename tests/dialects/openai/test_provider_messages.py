from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from linx.dialects.openai.provider_messages import messages_for
from tests.dialects.openai.bodies import SERVERS

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

HELLO = [{"role": "user", "content": "hello"}]


def tool_call(arguments: Any, **more: Any) -> JsonObject:
    return {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}, **more}


def made(messages: list[JsonObject], server: str = "plain", dialect: str = "openai") -> list[JsonObject]:
    before = copy.deepcopy(messages)
    new = messages_for(SERVERS[server].messages, messages, dialect == "openai")
    assert messages == before
    return new


def history(message: JsonObject, server: str = "plain", dialect: str = "openai") -> JsonObject:
    return made([message, {"role": "user", "content": "go on"}], server, dialect)[0]


@pytest.mark.parametrize(("server", "role"), [("plain", "developer"), ("openrouter", "system"), ("llamacpp", "system")])
def test_the_developer_is_a_system_elsewhere(server: str, role: str) -> None:
    assert history({"role": "developer", "content": "x"}, server) == {"role": role, "content": "x"}


@pytest.mark.parametrize("server", SERVERS)
def test_an_earlier_call_of_a_custom_tool_is_a_function_s_where_nothing_else_is_known(server: str) -> None:
    """llama.cpp refuses the whole history: "Unsupported tool call type" (common/chat.cpp)."""
    call = {"id": "c1", "type": "custom", "custom": {"name": "f", "input": 'say "x"'}}
    (new,) = history({"role": "assistant", "content": "", "tool_calls": [call]}, server)["tool_calls"]
    assert new == (tool_call('{"input":"say \\"x\\""}') if server == "llamacpp" else call)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("text", ['{"a": 1,  "b": 2.50}', '{"torn', "not json"])
def test_arguments_that_are_text_pass_untouched(server: str, text: str) -> None:
    message = {"role": "assistant", "content": "", "tool_calls": [tool_call(text)]}
    assert history(message, server) is message


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    ("arguments", "text"),
    [({"a": "é"}, '{"a":"é"}'), (None, "{}"), ([1], "[1]"), ({"big": 2**70}, f'{{"big":{2**70}}}')],
)
def test_arguments_that_are_no_text_become_one(server: str, arguments: Any, text: str) -> None:
    message = {"role": "assistant", "content": "", "tool_calls": [tool_call(arguments)]}
    assert history(message, server)["tool_calls"] == [tool_call(text)]


@pytest.mark.parametrize(("server", "text"), [("plain", " "), ("openrouter", " "), ("llamacpp", "{}")])
def test_blank_arguments_break_a_chat_template(server: str, text: str) -> None:
    message = {"role": "assistant", "content": "", "tool_calls": [tool_call(" ")]}
    assert history(message, server)["tool_calls"] == [tool_call(text)]


def test_a_call_without_a_type_gets_one_and_odd_calls_pass() -> None:
    call = {"id": "c1", "function": {"name": "f", "arguments": "{}"}}
    custom = {"id": "c2", "type": "custom", "custom": {"name": "x", "input": "y"}}
    message = {"role": "assistant", "content": "", "tool_calls": [call, custom]}
    assert history(message)["tool_calls"] == [{**call, "type": "function"}, custom]


def test_an_empty_list_of_calls_is_none() -> None:
    assert history({"role": "assistant", "content": "x", "tool_calls": []}) == {"role": "assistant", "content": "x"}


@pytest.mark.parametrize("server", SERVERS)
def test_the_old_form_of_calls_is_brought_up_to_date(server: str) -> None:
    messages: list[JsonObject] = [
        HELLO[0],
        {"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "42"},
        {"role": "function", "name": "orphan", "content": "1"},
    ]
    assert made(messages, server)[1:] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "42"},
        {"role": "tool", "tool_call_id": "call_orphan", "content": "1"},
    ]


@pytest.mark.parametrize("url", ["data:image/png;base64,AAAA", "https://example.org/cat.png"])
@pytest.mark.parametrize("server", SERVERS)
def test_images_pass_unchanged(server: str, url: str) -> None:
    message = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url, "detail": "low"}}]}
    assert history(message, server) is message


@pytest.mark.parametrize("server", SERVERS)
def test_a_bare_image_address_is_put_in_an_object(server: str) -> None:
    parts = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": "data:,a"}, "odd"]
    parts += [{"type": "image_url", "image_url": "data:,b"}]
    message = {"role": "user", "content": parts}
    new = history(message, server)
    assert new["content"] == [
        parts[0],
        {"type": "image_url", "image_url": {"url": "data:,a"}},
        "odd",
        {"type": "image_url", "image_url": {"url": "data:,b"}},
    ]
    assert new["content"][0] is parts[0]


def test_llamacpp_knows_no_refusals_and_no_missing_content() -> None:
    refused = {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}
    assert history(refused, "plain") is refused
    assert history(refused, "llamacpp")["content"] == [{"type": "text", "text": "no"}]
    empty = {"role": "assistant", "content": None}
    assert history(empty, "plain") is empty
    assert history(empty, "llamacpp") == {"role": "assistant", "content": ""}
    assert history({"role": "assistant"}, "llamacpp") == {"role": "assistant", "content": ""}
    calling = {"role": "assistant", "content": None, "tool_calls": [tool_call("{}")]}
    assert history(calling, "llamacpp") is calling
    assert history({**calling, "tool_calls": []}, "llamacpp") == {"role": "assistant", "content": ""}


DETAILS = [{"type": "reasoning.text", "text": "a", "signature": "s"}, {"type": "reasoning.summary", "summary": "b"}]


@pytest.mark.parametrize(
    ("server", "dialect", "given", "kept"),
    [
        ("plain", "openai", {"reasoning_content": "r"}, {"reasoning_content": "r"}),
        ("plain", "openai", {"reasoning": "r", "reasoning_details": DETAILS}, None),
        ("plain", "anthropic", {"reasoning_content": "r", "reasoning_details": DETAILS}, {"reasoning_content": "r"}),
        ("plain", "anthropic", {"reasoning_content": "r"}, {"reasoning_content": "r"}),
        ("openrouter", "openai", {"reasoning": "r", "reasoning_details": DETAILS}, None),
        ("openrouter", "ollama", {"reasoning_content": "r"}, {"reasoning": "r"}),
        ("openrouter", "openai", {"reasoning_content": "r", "reasoning": "x"}, {"reasoning": "x"}),
        ("llamacpp", "openai", {"reasoning_content": "r"}, None),
        ("llamacpp", "openai", {"reasoning": "r"}, {"reasoning_content": "r"}),
        ("llamacpp", "openai", {"reasoning_details": [*DETAILS, "odd"]}, {"reasoning_content": "ab"}),
        ("llamacpp", "openai", {"reasoning_details": "odd"}, {}),
        ("llamacpp", "openai", {"reasoning_content": "r", "reasoning": "r"}, {"reasoning_content": "r"}),
    ],
)
def test_reasoning_comes_back_under_the_name_that_is_read(
    server: str, dialect: str, given: JsonObject, kept: JsonObject | None
) -> None:
    message = {"role": "assistant", "content": "x", **given}
    expected = given if kept is None else kept
    assert history(message, server, dialect) == {"role": "assistant", "content": "x", **expected}


def test_nulls_in_a_message_are_dropped_but_for_content() -> None:
    messages: list[JsonObject] = [
        {"role": "user", "content": "hi", "name": None},
        {"role": "assistant", "content": None, "refusal": None, "tool_calls": [tool_call("{}")]},
    ]
    assert made(messages) == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [tool_call("{}")]},
    ]


@pytest.mark.parametrize("server", SERVERS)
def test_one_changed_message_leaves_the_others_shared(server: str) -> None:
    call = {"id": "1", "function": {"name": "f", "arguments": {"a": 1}}}
    messages: list[JsonObject] = [
        HELLO[0],
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "user", "content": ""},
    ]
    new = made(messages, server)
    assert new[0] is messages[0]
    assert new[2] is messages[2]
    assert new[1] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
    }
