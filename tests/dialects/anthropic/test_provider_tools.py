"""Tools and the choice among them."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.attempt_errors import Fallback, Refused
from linx.core.errors import BadRequest
from tests.dialects.anthropic.help import body_for, calls, function, result, said

NOTHING = {"type": "object", "properties": {}}
F, G = {"name": "f", "input_schema": NOTHING}, {"name": "g", "input_schema": NOTHING}


def sent(*tools: Any, **more: Any) -> tuple[Any, Any]:
    body = body_for(said("hi", tools=list(tools), **more))
    return body.get("tools"), body.get("tool_choice")


def test_a_function_as_a_tool() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    tools, choice = sent(function(description="Does it", parameters=schema, strict=True))
    assert tools == [{"name": "f", "description": "Does it", "input_schema": schema}]
    assert choice is None


@pytest.mark.parametrize("more", [{}, {"parameters": None}, {"parameters": {}}, {"description": ""}], ids=str)
def test_a_function_that_says_little(more: dict[str, Any]) -> None:
    assert sent(function(**more))[0] == [F]


def test_a_schema_without_its_type() -> None:
    assert sent(function(parameters={"properties": {"a": {}}}))[0][0]["input_schema"] == {
        "properties": {"a": {}},
        "type": "object",
    }


@pytest.mark.parametrize(
    ("choice", "made"),
    [
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ("none", {"type": "none"}),
        ({"type": "function", "function": {"name": "g"}}, {"type": "tool", "name": "g"}),
    ],
)
def test_choices(choice: Any, made: Any) -> None:
    assert sent(function(), function("g"), tool_choice=choice) == ([F, G], made)
    alone = made if made["type"] == "none" else {**made, "disable_parallel_tool_use": True}
    assert sent(function(), function("g"), tool_choice=choice, parallel_tool_calls=False)[1] == alone


def test_one_call_at_a_time_without_a_choice() -> None:
    assert sent(function(), parallel_tool_calls=False)[1] == {"type": "auto", "disable_parallel_tool_use": True}
    assert sent(function(), parallel_tool_calls=True)[1] is None


def test_allowed_tools_are_the_tools() -> None:
    allowed = {"mode": "required", "tools": [function("g")]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    assert sent(function(), function("g"), tool_choice=choice) == ([G], {"type": "any"})


def test_a_choice_without_tools_is_none() -> None:
    body = body_for(said("hi", tool_choice="auto", parallel_tool_calls=False))
    assert not {"tools", "tool_choice"} & body.keys()


def test_a_history_with_calls_where_no_tools_are_given() -> None:
    body = body_for(said("hi", calls("a", name="f"), result("a"), calls("b", name="g"), result("b")))
    assert (body["tools"], body["tool_choice"]) == ([F, G], {"type": "none"})


def test_a_client_s_own_cache_mark_on_a_tool() -> None:
    mark = {"type": "ephemeral"}
    assert sent(function(cache_control=mark))[0] == [{**F, "cache_control": mark}]


def test_tools_that_are_no_functions() -> None:
    assert sent(function(), {"type": "web_search"})[0] == [F]
    with pytest.raises(Refused, match="function only"):
        sent({"type": "custom", "custom": {"name": "f"}})


def test_a_name_that_the_api_would_refuse_is_another_candidate_s() -> None:
    assert sent(function("f" * 128))[0][0]["name"] == "f" * 128
    with pytest.raises(Refused, match="letters, digits") as caught:
        sent(function("a.b"))
    assert caught.value.fallback is Fallback.YES


@pytest.mark.parametrize(
    ("tool", "choice", "words"),
    [
        (function(""), None, "tools[0].function.name"),
        (function(parameters="x"), None, "tools[0].function.parameters"),
        (function(), "any", "tool_choice must be"),
        (function(), {"type": "function", "function": {"name": "g"}}, "not among the tools"),
        (function(), {"type": "function"}, "not among the tools"),
    ],
)
def test_bad_requests(tool: Any, choice: Any, words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        sent(tool, tool_choice=choice)
    assert words in str(caught.value)
