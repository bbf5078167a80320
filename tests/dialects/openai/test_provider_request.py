from __future__ import annotations

import copy
from typing import Any

import pytest

from linx.core.chat import ChatRequest, JsonObject, ModelTraits
from linx.dialects.openai.provider_request import chat_body, thinking

KINDS = ("openai", "openrouter", "llamacpp")
TRAITS = ModelTraits()
HELLO = [{"role": "user", "content": "hello"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
OTHER = {"type": "function", "function": {"name": "g", "parameters": {"type": "object", "properties": {}}}}


def sent(
    said: JsonObject, kind: str = "openai", dialect: str = "openai", traits: ModelTraits = TRAITS, model: str = "real"
) -> JsonObject:
    """The body made of ``said``; asserts on the way that nothing in it was changed."""
    said = {"model": "asked", "messages": HELLO, **said}
    before = copy.deepcopy(said)
    body = chat_body(ChatRequest("asked", said, dialect=dialect), model, kind, traits)
    assert said == before
    return body


@pytest.mark.parametrize("kind", KINDS)
def test_the_model_is_replaced_and_a_stream_with_usage_asked_for(kind: str) -> None:
    body = sent({"stream": False}, kind)
    assert body == {
        "model": "real",
        "messages": HELLO,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_stream_options_of_the_client_survive() -> None:
    options = {"include_usage": False, "include_obfuscation": False}
    assert sent({"stream_options": options})["stream_options"] == {"include_usage": True, "include_obfuscation": False}


def test_a_provider_that_refuses_stream_options_gets_none() -> None:
    body = sent({"stream_options": {"include_usage": True}}, traits=ModelTraits(takes_stream_options=False))
    assert "stream_options" not in body


@pytest.mark.parametrize("kind", KINDS)
def test_what_needs_no_change_is_shared_not_copied(kind: str) -> None:
    said: JsonObject = {
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "t"}]}],
        "response_format": {"type": "json_object"},
        "tools": [TOOL],
    }
    body = chat_body(ChatRequest("m", said), "real", kind, TRAITS)
    assert body is not said
    assert body["messages"] is said["messages"]
    assert body["response_format"] is said["response_format"]
    assert body["tools"][0] is TOOL


@pytest.mark.parametrize("kind", KINDS)
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
def test_fields_of_an_openai_client_pass_known_or_not(kind: str, name: str, value: Any) -> None:
    assert sent({name: value}, kind)[name] == value


@pytest.mark.parametrize("kind", KINDS)
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
def test_nothing_chooses_a_destination_and_words_of_linx_stay_here(kind: str, dialect: str, name: str) -> None:
    assert name not in sent({name: "http://evil.example"}, kind, dialect)


@pytest.mark.parametrize("name", ["provider", "models", "route", "plugins", "transforms", "usage"])
def test_words_of_openrouter_go_there_only(name: str) -> None:
    said = {name: ["x"]}
    assert sent(said, "openrouter")[name] == ["x"]
    assert name not in sent(said, "openai")
    assert name not in sent(said, "llamacpp")


@pytest.mark.parametrize("kind", KINDS)
def test_null_means_absent(kind: str) -> None:
    said = {"temperature": None, "tools": None, "tool_choice": None, "stream_options": None, "stop": None}
    assert set(sent(said, kind)) == {"model", "messages", "stream", "stream_options"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stop", [[], ""])
def test_an_empty_stop_is_none(kind: str, stop: Any) -> None:
    assert "stop" not in sent({"stop": stop}, kind)


@pytest.mark.parametrize(
    ("dialect", "kind", "kept"),
    [
        ("ollama", "openai", {}),
        ("ollama", "openrouter", {"top_k": 1, "min_p": 0.2, "repetition_penalty": 1.1}),
        (
            "ollama",
            "llamacpp",
            {"top_k": 1, "min_p": 0.2, "typical_p": 0.3, "repeat_penalty": 1.1, "repeat_last_n": 64},
        ),
        (
            "openai",
            "openai",
            {"top_k": 1, "min_p": 0.2, "typical_p": 0.3, "repeat_penalty": 1.1, "repeat_last_n": 64},
        ),
    ],
)
def test_samplers_go_where_they_are_known(dialect: str, kind: str, kept: JsonObject) -> None:
    said = {"top_k": 1, "min_p": 0.2, "typical_p": 0.3, "repeat_penalty": 1.1, "repeat_last_n": 64}
    body = sent(said, kind, dialect)
    assert {name: value for name, value in body.items() if name in {*said, "repetition_penalty"}} == kept


def test_llamacpp_has_its_own_name_for_the_repetition_penalty() -> None:
    body = sent({"repetition_penalty": 1.2}, "llamacpp")
    assert body["repeat_penalty"] == 1.2
    assert "repetition_penalty" not in body


@pytest.mark.parametrize("name", ["format", "shift", "truncate"])
def test_ollama_words_of_an_ollama_client_stay_here(name: str) -> None:
    for kind in KINDS:
        assert name not in sent({name: True}, kind, "ollama")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("openai", {"max_completion_tokens": 9}), ("openrouter", {"max_completion_tokens": 9})],
)
def test_the_limit_passes_under_the_name_the_client_used(kind: str, expected: JsonObject) -> None:
    body = sent({"max_completion_tokens": 9}, kind)
    assert {name: body[name] for name in body if name.startswith("max")} == expected


def test_old_llamacpp_needs_the_old_name_of_the_limit() -> None:
    body = sent({"max_completion_tokens": 9, "max_tokens": 100}, "llamacpp")
    assert body["max_completion_tokens"] == 9
    assert body["max_tokens"] == 9


# --- tools -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_tools_and_their_settings_pass(kind: str) -> None:
    body = sent({"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False}, kind)
    assert (body["tools"], body["tool_choice"], body["parallel_tool_calls"]) == ([TOOL], "required", False)


@pytest.mark.parametrize("kind", KINDS)
def test_without_tools_nothing_is_said_about_them(kind: str) -> None:
    body = sent({"tools": [], "tool_choice": "auto", "parallel_tool_calls": True}, kind)
    assert body.keys().isdisjoint({"tools", "tool_choice", "parallel_tool_calls"})


@pytest.mark.parametrize("kind", KINDS)
def test_a_tool_without_a_type_is_a_function(kind: str) -> None:
    assert sent({"tools": [{"function": TOOL["function"]}]}, kind)["tools"] == [TOOL]


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


CHOICE_OF_F = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize("kind", ["openai", "openrouter"])
def test_a_named_tool_is_chosen_by_name(kind: str) -> None:
    body = sent({"tools": [TOOL, OTHER], "tool_choice": CHOICE_OF_F}, kind)
    assert (body["tools"], body["tool_choice"]) == ([TOOL, OTHER], CHOICE_OF_F)


@pytest.mark.parametrize(
    ("choice", "tools", "word"),
    [
        (CHOICE_OF_F, [TOOL], "required"),
        ({"type": "function", "name": "g"}, [OTHER], "required"),
        ({"type": "function"}, [TOOL, OTHER], "auto"),
        ({"type": "function", "function": {"name": "gone"}}, [TOOL, OTHER], "auto"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [CHOICE_OF_F]}}, [TOOL], "required"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [CHOICE_OF_F]}}, [TOOL], "auto"),
        ({"type": "allowed_tools", "allowed_tools": {}}, [TOOL, OTHER], "auto"),
        ({"type": "allowed_tools", "allowed_tools": {"tools": ["odd"]}}, [TOOL, OTHER], "auto"),
        ("none", [TOOL, OTHER], "none"),
    ],
)
def test_llamacpp_chooses_by_word(choice: Any, tools: list[Any], word: str) -> None:
    body = sent({"tools": [TOOL, OTHER], "tool_choice": choice}, "llamacpp")
    assert (body["tools"], body["tool_choice"]) == (tools, word)


def test_llamacpp_gets_functions_only_each_with_parameters() -> None:
    custom = {"type": "custom", "custom": {"name": "c"}}
    bare = {"type": "function", "function": {"name": "f"}}
    assert sent({"tools": [custom, bare, "odd"]}, "llamacpp")["tools"] == [TOOL]
    assert sent({"tools": [custom]}, "openai")["tools"] == [custom]
    body = sent({"tools": [custom], "tool_choice": "auto", "parallel_tool_calls": True}, "llamacpp")
    assert body.keys().isdisjoint({"tools", "tool_choice", "parallel_tool_calls"})


def test_llamacpp_refuses_logprobs_beside_tools_in_a_stream() -> None:
    said = {"logprobs": True, "top_logprobs": 2}
    assert sent(said, "llamacpp")["top_logprobs"] == 2
    assert sent({**said, "tools": [TOOL]}, "llamacpp").keys().isdisjoint(said)
    assert sent({**said, "tools": [TOOL]}, "openai")["logprobs"] is True


# --- thinking --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ({}, None),
        ({"reasoning_effort": "high"}, "high"),
        ({"reasoning_effort": " Minimal "}, "minimal"),
        ({"reasoning_effort": "ultra"}, "ultra"),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": "auto"}, None),
        ({"reasoning_effort": None}, None),
        ({"reasoning_effort": 3}, None),
        ({"reasoning": {"effort": "low"}}, "low"),
        ({"reasoning": {"effort": "none"}}, False),
        ({"reasoning": {"enabled": True}}, True),
        ({"reasoning": {"enabled": False}}, False),
        ({"reasoning": {"max_tokens": 2000}}, True),
        ({"reasoning": {"max_tokens": True}}, None),
        ({"reasoning": {"exclude": True}}, None),
        ({"reasoning": "odd"}, None),
        ({"think": True}, True),
        ({"think": False}, False),
        ({"think": "medium"}, "medium"),
        ({"think": "true"}, True),
        ({"chat_template_kwargs": {"enable_thinking": False}}, False),
        ({"chat_template_kwargs": {"enable_thinking": "false"}}, False),
        ({"chat_template_kwargs": {"other": 1}}, None),
        ({"enable_thinking": True}, True),
        ({"thinking": {"type": "disabled"}}, False),
        ({"thinking": {"type": "enabled"}}, True),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking_budget": 1024}, True),
        ({"thinking_budget": 0}, False),
        ({"think": True, "reasoning_effort": "high"}, "high"),
        ({"think": False, "reasoning_effort": "high"}, False),
    ],
)
def test_the_wish_to_think(said: JsonObject, wish: bool | str | None) -> None:
    assert thinking(said, TRAITS) == wish
    for mode in (True, False):
        assert thinking(said, ModelTraits(thinking_mode=mode)) == (mode if wish is None else wish)


THINKING = {"reasoning_effort", "reasoning", "chat_template_kwargs", "thinking_budget_tokens"}


def thoughts(
    said: JsonObject, kind: str, dialect: str = "openai", mode: bool | None = None, can_think: bool | None = None
) -> JsonObject:
    body = sent(said, kind, dialect, ModelTraits(thinking_mode=mode, can_think=can_think))
    return {name: value for name, value in body.items() if name in THINKING}


@pytest.mark.parametrize(
    ("said", "dialect", "mode", "expected"),
    [
        ({}, "openai", None, {}),
        ({}, "openai", True, {}),
        ({}, "openai", False, {}),
        ({"reasoning_effort": "none"}, "openai", True, {"reasoning_effort": "none"}),
        ({"reasoning_effort": "high"}, "openai", False, {"reasoning_effort": "high"}),
        ({"reasoning": {"effort": "low"}}, "openai", None, {"reasoning_effort": "low"}),
        ({"reasoning": {"effort": "none"}}, "openai", None, {"reasoning_effort": "none"}),
        ({"reasoning": {"enabled": True}}, "openai", None, {}),
        ({"think": True}, "ollama", None, {}),
        ({"think": False}, "ollama", None, {}),
        ({"think": "high"}, "ollama", None, {"reasoning_effort": "high"}),
        ({"think": True, "thinking_budget": 4096}, "anthropic", None, {"reasoning_effort": "low"}),
        ({"think": True, "thinking_budget": 16384}, "anthropic", None, {"reasoning_effort": "medium"}),
        ({"think": True, "thinking_budget": 32000}, "anthropic", None, {"reasoning_effort": "high"}),
        (
            {"chat_template_kwargs": {"enable_thinking": False}},
            "openai",
            None,
            {"chat_template_kwargs": {"enable_thinking": False}},
        ),
    ],
)
def test_plain_openai_knows_levels_only(
    said: JsonObject, dialect: str, mode: bool | None, expected: JsonObject
) -> None:
    assert thoughts(said, "openai", dialect, mode) == expected


def test_a_model_known_not_to_think_is_not_asked_to() -> None:
    assert thoughts({"reasoning_effort": "high"}, "openai", "anthropic", can_think=False) == {}
    assert thoughts({"reasoning_effort": "high"}, "openai", "openai", can_think=False) == {"reasoning_effort": "high"}


@pytest.mark.parametrize(
    ("said", "dialect", "mode", "expected"),
    [
        ({}, "openai", None, {}),
        ({}, "openai", True, {"reasoning": {"enabled": True}}),
        ({}, "openai", False, {"reasoning": {"effort": "none"}}),
        ({"reasoning": {"exclude": True}}, "openai", False, {"reasoning": {"exclude": True, "effort": "none"}}),
        ({"reasoning": {"exclude": True}}, "openai", None, {"reasoning": {"exclude": True}}),
        ({"reasoning": "odd"}, "openai", None, {}),
        ({"reasoning": {"max_tokens": 9, "x": 1}}, "openai", False, {"reasoning": {"max_tokens": 9, "x": 1}}),
        ({"reasoning_effort": "high"}, "openai", False, {"reasoning_effort": "high"}),
        ({"think": "low"}, "ollama", None, {"reasoning": {"effort": "low"}}),
        ({"think": True}, "ollama", None, {"reasoning": {"enabled": True}}),
        ({"think": False}, "ollama", True, {"reasoning": {"effort": "none"}}),
        ({"reasoning_effort": "high"}, "anthropic", None, {"reasoning": {"effort": "high"}}),
        ({"think": True, "thinking_budget": 2048}, "anthropic", None, {"reasoning": {"max_tokens": 2048}}),
    ],
)
def test_openrouter_has_one_object_for_it(
    said: JsonObject, dialect: str, mode: bool | None, expected: JsonObject
) -> None:
    assert thoughts(said, "openrouter", dialect, mode) == expected


@pytest.mark.parametrize(
    ("said", "mode", "expected"),
    [
        ({}, None, {}),
        ({}, True, {"chat_template_kwargs": {"enable_thinking": True}}),
        ({}, False, {"chat_template_kwargs": {"enable_thinking": False}}),
        ({"think": False}, True, {"chat_template_kwargs": {"enable_thinking": False}}),
        (
            {"chat_template_kwargs": {"enable_thinking": "true", "x": 1}},
            None,
            {"chat_template_kwargs": {"enable_thinking": True, "x": 1}},
        ),
        ({"chat_template_kwargs": {"x": 1}}, None, {"chat_template_kwargs": {"x": 1}}),
        ({"chat_template_kwargs": "odd"}, None, {}),
        (
            {"reasoning_effort": "high"},
            False,
            {"chat_template_kwargs": {"enable_thinking": True}, "reasoning_effort": "high"},
        ),
        ({"reasoning_effort": "none"}, True, {"chat_template_kwargs": {"enable_thinking": False}}),
        (
            {"think": True, "thinking_budget": 512},
            None,
            {"chat_template_kwargs": {"enable_thinking": True}, "thinking_budget_tokens": 512},
        ),
        (
            {"thinking_budget": 512, "thinking_budget_tokens": 9},
            None,
            {"chat_template_kwargs": {"enable_thinking": True}, "thinking_budget_tokens": 9},
        ),
    ],
)
def test_llamacpp_has_a_switch_in_its_template(said: JsonObject, mode: bool | None, expected: JsonObject) -> None:
    assert thoughts(said, "llamacpp", mode=mode) == expected


def test_a_begun_answer_is_not_thought_about() -> None:
    messages = [*HELLO, {"role": "assistant", "content": "The answer is"}]
    said = {"messages": messages, "reasoning_effort": "high", "thinking_budget": 99}
    assert thoughts(said, "llamacpp", mode=True) == {"chat_template_kwargs": {"enable_thinking": False}}
    assert thoughts({"messages": []}, "llamacpp") == {}
