"""In what the bodies for the servers of OpenAI's dialect differ."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.chat import JsonObject, ModelTraits
from tests.dialects.openai.bodies import HELLO, OTHER, TOOL, sent


@pytest.mark.parametrize("name", ["provider", "models", "route", "plugins", "transforms", "usage"])
def test_words_of_openrouter_go_there_only(name: str) -> None:
    said = {name: ["x"]}
    assert sent(said, "openrouter")[name] == ["x"]
    assert name not in sent(said, "plain")
    assert name not in sent(said, "llamacpp")


@pytest.mark.parametrize(
    ("dialect", "server", "kept"),
    [
        ("ollama", "plain", {}),
        ("ollama", "openrouter", {"top_k": 1, "min_p": 0.2, "repetition_penalty": 1.1}),
        (
            "ollama",
            "llamacpp",
            {"top_k": 1, "min_p": 0.2, "typical_p": 0.3, "repeat_penalty": 1.1, "repeat_last_n": 64},
        ),
        (
            "openai",
            "plain",
            {"top_k": 1, "min_p": 0.2, "typical_p": 0.3, "repeat_penalty": 1.1, "repeat_last_n": 64},
        ),
    ],
)
def test_samplers_go_where_they_are_known(dialect: str, server: str, kept: JsonObject) -> None:
    said = {"top_k": 1, "min_p": 0.2, "typical_p": 0.3, "repeat_penalty": 1.1, "repeat_last_n": 64}
    body = sent(said, server, dialect)
    assert {name: value for name, value in body.items() if name in {*said, "repetition_penalty"}} == kept


def test_llamacpp_has_its_own_name_for_the_repetition_penalty() -> None:
    body = sent({"repetition_penalty": 1.2}, "llamacpp")
    assert body["repeat_penalty"] == 1.2
    assert "repetition_penalty" not in body


@pytest.mark.parametrize(
    ("server", "expected"),
    [("plain", {"max_completion_tokens": 9}), ("openrouter", {"max_completion_tokens": 9})],
)
def test_the_limit_passes_under_the_name_the_client_used(server: str, expected: JsonObject) -> None:
    body = sent({"max_completion_tokens": 9}, server)
    assert {name: body[name] for name in body if name.startswith("max")} == expected


def test_old_llamacpp_needs_the_old_name_of_the_limit() -> None:
    body = sent({"max_completion_tokens": 9, "max_tokens": 100}, "llamacpp")
    assert body["max_completion_tokens"] == 9
    assert body["max_tokens"] == 9


CHOICE_OF_F = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize("server", ["plain", "openrouter"])
def test_a_named_tool_is_chosen_by_name(server: str) -> None:
    body = sent({"tools": [TOOL, OTHER], "tool_choice": CHOICE_OF_F}, server)
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
    assert sent({"tools": [custom]}, "plain")["tools"] == [custom]
    body = sent({"tools": [custom], "tool_choice": "auto", "parallel_tool_calls": True}, "llamacpp")
    assert body.keys().isdisjoint({"tools", "tool_choice", "parallel_tool_calls"})


def test_llamacpp_refuses_logprobs_beside_tools_in_a_stream() -> None:
    said = {"logprobs": True, "top_logprobs": 2}
    assert sent(said, "llamacpp")["top_logprobs"] == 2
    assert sent({**said, "tools": [TOOL]}, "llamacpp").keys().isdisjoint(said)
    assert sent({**said, "tools": [TOOL]}, "plain")["logprobs"] is True


THINKING = {"reasoning_effort", "reasoning", "chat_template_kwargs", "thinking_budget_tokens"}


def thoughts(
    said: JsonObject, server: str, dialect: str = "openai", mode: bool | None = None, can_think: bool | None = None
) -> JsonObject:
    body = sent(said, server, dialect, ModelTraits(thinking_mode=mode, can_think=can_think))
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
    assert thoughts(said, "plain", dialect, mode) == expected


def test_a_model_known_not_to_think_is_not_asked_to() -> None:
    assert thoughts({"reasoning_effort": "high"}, "plain", "anthropic", can_think=False) == {}
    assert thoughts({"reasoning_effort": "high"}, "plain", "openai", can_think=False) == {"reasoning_effort": "high"}


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
