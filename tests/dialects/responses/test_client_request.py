from __future__ import annotations

from typing import Any

import pytest

from linx.core.errors import BadRequest
from linx.dialects.responses.client_request import to_chat_body
from linx.dialects.shared import chat_body
from tests.dialects.responses.test_client_items import call

F = {"type": "function", "name": "f", "parameters": {"type": "object"}}
F_TOOL = chat_body.function_tool("f", None, {"type": "object"}, None)
G = {"type": "function", "name": "g"}
G_TOOL = chat_body.function_tool("g", None, None, None)
USER = {"role": "user", "content": "hi"}


def body(**more: Any) -> dict[str, Any]:
    return {"model": "m", "input": "hi", **more}


def test_the_least_body() -> None:
    assert to_chat_body(body()) == {"model": "m", "messages": [USER]}


@pytest.mark.parametrize(
    ("more", "made"),
    [
        ({"temperature": 0.5, "top_p": 1, "user": "u"}, {"temperature": 0.5, "top_p": 1, "user": "u"}),
        ({"max_output_tokens": 9}, {"max_tokens": 9}),
        ({"max_tokens": 8}, {"max_tokens": 8}),
        ({"max_output_tokens": 9, "max_tokens": 8}, {"max_tokens": 9}),
        ({"stop": "a"}, {"stop": ["a"]}),
        ({"stop": ["a", "b"]}, {"stop": ["a", "b"]}),
        ({"reasoning": {"effort": "high", "summary": "auto"}}, {"reasoning_effort": "high"}),
        ({"reasoning": {"effort": None}}, {}),
        ({"text": {"verbosity": "low", "format": {"type": "text"}}}, {"verbosity": "low"}),
        ({"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}}},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}}},
        ),
        (
            {"text": {"format": {"type": "json_schema", "schema": {}}}},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "response", "schema": {}}}},
        ),
        ({"include": ["message.output_text.logprobs"]}, {"logprobs": True}),
        ({"top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
        ({"top_logprobs": 0, "include": ["reasoning.encrypted_content"]}, {}),
        ({"tools": []}, {}),
        ({"tools": [F]}, {"tools": [F_TOOL]}),
        ({"tools": [{"type": "web_search"}], "tool_choice": "auto", "parallel_tool_calls": True}, {}),
        (
            {"tools": [F], "tool_choice": "required", "parallel_tool_calls": False},
            {"tools": [F_TOOL], "tool_choice": "required", "parallel_tool_calls": False},
        ),
        (
            {"tools": [F], "tool_choice": {"type": "function", "name": "f"}},
            {"tools": [F_TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
        ),
        (
            {"tools": [F], "tool_choice": {"type": "function", "function": {"name": "f"}}},
            {"tools": [F_TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
        ),
        ({"tools": [F], "tool_choice": {"type": "web_search_preview"}}, {"tools": [F_TOOL]}),
        (
            {"tools": [F, G], "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [G]}},
            {"tools": [G_TOOL], "tool_choice": "required"},
        ),
        (
            {"tools": [F, G], "tool_choice": {"type": "allowed_tools", "tools": [F, {"type": "mcp"}]}},
            {"tools": [F_TOOL], "tool_choice": "auto"},
        ),
        (
            {"tools": [F], "tool_choice": {"type": "allowed_tools", "tools": []}, "parallel_tool_calls": True},
            {},
        ),
        ({"store": True, "truncation": "auto", "metadata": {}, "prompt_cache_key": "k", "unknown": 1}, {}),
        ({"previous_response_id": None, "conversation": None, "background": False, "stream_options": {}}, {}),
    ],
)
def test_a_field_is_translated(more: dict[str, Any], made: dict[str, Any]) -> None:
    assert to_chat_body(body(**more)) == {**to_chat_body(body()), **made}


def test_a_tool_of_a_namespace_may_be_chosen() -> None:
    space = {"type": "namespace", "name": "n", "tools": [F]}
    made = to_chat_body(body(tools=[space], tool_choice={"type": "function", "name": "f", "namespace": "n"}))
    assert made["tool_choice"] == {"type": "function", "function": {"name": "n__f"}}


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"model": None}, "model"),
        ({"input": None}, "input"),
        ({"input": {}}, "input"),
        ({"input": []}, "input"),
        ({"input": ["hi"]}, "input[0]"),
        ({"input": [{}]}, "input[0].role"),
        ({"input": [{"type": 5}]}, "input[0].type"),
        ({"input": [{"role": "root", "content": "hi"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "hologram"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
            "input[0].content[0].image_url",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "file:///x"}]}]},
            "input[0].content[0].image_url",
        ),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0].file_id"),
        ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "input[0].content[0].data"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input[0].id"),
        ({"input": [{"type": "function_call", "call_id": "a"}]}, "input[0].name"),
        ({"input": [call("a", arguments={})]}, "input[0].arguments"),  # type: ignore[arg-type]
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].id"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].tool_call_id"),
        ({"input": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]}, "input[0].tool_calls[0].name"),
        ({"input": [{"type": "item_reference"}]}, "input[0].id"),
        ({"instructions": []}, "instructions"),
        ({"previous_response_id": 1}, "previous_response_id"),
        ({"store": "x"}, "store"),
        ({"max_tool_calls": "x"}, "max_tool_calls"),
        ({"safety_identifier": 1}, "safety_identifier"),
        ({"prompt_cache_key": 1}, "prompt_cache_key"),
        ({"metadata": 1}, "metadata"),
        ({"conversation": {"id": "c"}}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"background": True}, "background"),
        ({"background": "x"}, "background"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"temperature": True}, "temperature"),
        ({"stop": [1]}, "stop"),
        ({"reasoning": "high"}, "reasoning"),
        ({"reasoning": {"effort": 5}}, "reasoning.effort"),
        ({"text": {"format": "json"}}, "text.format"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format.schema"),
        ({"include": "x"}, "include"),
        ({"top_logprobs": 1.5}, "top_logprobs"),
        ({"tools": {}}, "tools"),
        ({"tool_choice": 5}, "tool_choice"),
        ({"tools": [F], "tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": [F], "tool_choice": {"type": "function", "name": "g"}}, "tool_choice.name"),
        ({"parallel_tool_calls": "x"}, "parallel_tool_calls"),
    ],
)
def test_what_is_wrong_is_named(more: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        to_chat_body(body(**more))
    assert caught.value.param == param
    assert caught.value.message.startswith(f"{param}: ")


def test_what_is_not_kept_is_told_in_openai_s_words() -> None:
    """The words that clients look for: AI SDK and LangChain match them, Codex and others the code."""
    with pytest.raises(BadRequest) as raised:
        to_chat_body(body(previous_response_id="resp_1"))
    assert raised.value.fields() == {
        "message": "Previous response with id 'resp_1' not found.",
        "type": "invalid_request_error",
        "param": "previous_response_id",
        "code": "previous_response_not_found",
    }
    for reference in ({"type": "item_reference", "id": "rs_1"}, {"id": "rs_1"}):
        with pytest.raises(BadRequest) as raised:
            to_chat_body(body(input=[reference]))
        assert (raised.value.status, raised.value.param) == (404, "input")
        assert str(raised.value).startswith("Item with id 'rs_1' not found. Items are not persisted when `store` is")
