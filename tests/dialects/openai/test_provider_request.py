"""The body that any server of OpenAI's dialect gets."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.chat import ChatBody, ChatRequest, JsonObject
from linx.dialects.openai.provider_request import chat_body
from tests.dialects.openai.bodies import HELLO, SERVERS, TOOL, TRAITS, sent


@pytest.mark.parametrize("server", SERVERS)
def test_the_model_is_replaced_and_a_stream_with_usage_asked_for(server: str) -> None:
    body = sent({"stream": False}, server)
    assert body == {
        "model": "real",
        "messages": HELLO,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_stream_options_of_the_client_survive() -> None:
    options = {"include_usage": False, "include_obfuscation": False}
    assert sent({"stream_options": options})["stream_options"] == {"include_usage": True, "include_obfuscation": False}


@pytest.mark.parametrize("server", SERVERS)
def test_what_needs_no_change_is_shared_not_copied(server: str) -> None:
    said: JsonObject = {
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "t"}]}],
        "response_format": {"type": "json_object"},
        "tools": [TOOL],
    }
    body = chat_body(SERVERS[server], ChatRequest("m", ChatBody(said)), "real", TRAITS)
    assert body is not said
    assert body["messages"] is said["messages"]
    assert body["response_format"] is said["response_format"]
    assert body["tools"][0] is TOOL


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 0),
        ("top_p", 0.5),
        ("n", 2),
        ("seed", 7),
        ("stop", ["a", "b", "c", "d", "e"]),
        ("max_tokens", 5),
        ("presence_penalty", -1),
        ("logit_bias", {"1": 2}),
        ("response_format", {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}),
        ("metadata", {"user_id": "u"}),
        ("prompt_cache_key", "k"),
        ("cache_prompt", False),
        ("something_new", {"deep": [1]}),
        ("top_k", 3),
        ("min_p", 0.1),
    ],
)
def test_fields_of_an_openai_client_pass_known_or_not(server: str, name: str, value: Any) -> None:
    assert sent({name: value}, server)[name] == value


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("dialect", ["openai", "ollama", "anthropic"])
@pytest.mark.parametrize(
    "name",
    [
        "api_base",
        "base_url",
        "api_key",
        "endpoint",
        "headers",
        "extra_headers",
        "provider_url",
        "custom_llm_provider",
        "organization",
        "proxy",
        "keep_alive",
        "num_ctx",
        "options",
        "think",
        "thinking_budget",
    ],
)
def test_nothing_chooses_a_destination_and_words_of_linx_stay_here(server: str, dialect: str, name: str) -> None:
    assert name not in sent({name: "http://evil.example"}, server, dialect)


@pytest.mark.parametrize("server", SERVERS)
def test_null_means_absent(server: str) -> None:
    said = {"temperature": None, "tools": None, "tool_choice": None, "stream_options": None, "stop": None}
    assert set(sent(said, server)) == {"model", "messages", "stream", "stream_options"}


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("stop", [[], ""])
def test_an_empty_stop_is_none(server: str, stop: Any) -> None:
    assert "stop" not in sent({"stop": stop}, server)


@pytest.mark.parametrize("name", ["format", "shift", "truncate"])
def test_ollama_words_of_an_ollama_client_stay_here(name: str) -> None:
    for server in SERVERS:
        assert name not in sent({name: True}, server, "ollama")


@pytest.mark.parametrize("server", SERVERS)
def test_tools_and_their_settings_pass(server: str) -> None:
    body = sent({"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False}, server)
    assert (body["tools"], body["tool_choice"], body["parallel_tool_calls"]) == ([TOOL], "required", False)


@pytest.mark.parametrize("server", SERVERS)
def test_without_tools_nothing_is_said_about_them(server: str) -> None:
    body = sent({"tools": [], "tool_choice": "auto", "parallel_tool_calls": True}, server)
    assert body.keys().isdisjoint({"tools", "tool_choice", "parallel_tool_calls"})


@pytest.mark.parametrize("server", SERVERS)
def test_a_tool_without_a_type_is_a_function(server: str) -> None:
    assert sent({"tools": [{"function": TOOL["function"]}]}, server)["tools"] == [TOOL]


@pytest.mark.parametrize(
    ("call", "choice"),
    [
        (None, None),
        ("auto", "auto"),
        ("none", "none"),
        ({"name": "f"}, {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_legacy_functions_become_tools(call: Any, choice: Any) -> None:
    body = sent({"functions": [TOOL["function"]], "function_call": call})
    assert body["tools"] == [TOOL]
    assert body.get("tool_choice") == choice
    assert body.keys().isdisjoint({"functions", "function_call"})
