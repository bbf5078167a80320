from __future__ import annotations

from typing import Any

import pytest

from linx.core.errors import BadRequest
from linx.dialects.responses.tools import Original, ToolNames

PATCH = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edit files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: patch"},
}


def function(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "name": name, **more}


def namespace(name: str, *tools: Any) -> dict[str, Any]:
    return {"type": "namespace", "name": name, "description": "d", "tools": list(tools)}


def names(*tools: Any, **more: Any) -> ToolNames:
    return ToolNames({"tools": list(tools), **more})


def flat_names(made: ToolNames) -> list[str]:
    return [tool["function"]["name"] for tool in made.tools]


@pytest.mark.parametrize(
    ("tool", "made"),
    [
        (
            function("f", description="d", parameters={"type": "object"}, strict=True),
            {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
        ),
        (
            function("f", parameters=None, strict=False),
            {"name": "f", "parameters": {"type": "object", "properties": {}}},
        ),
        (
            {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}},
            {"name": "f", "parameters": {"type": "object"}},
        ),
    ],
)
def test_a_function_is_nested(tool: dict[str, Any], made: dict[str, Any]) -> None:
    one = names(tool)
    assert one.tools == [{"type": "function", "function": made}]
    assert one.original("f") == Original("f")


def test_a_custom_tool_is_a_function_of_one_text() -> None:
    one = names(PATCH, {"type": "custom", "name": "plain"}, {"type": "custom", "custom": {"name": "nested"}})
    made = one.tools[0]["function"]
    assert made["description"] == "Edit files.\n\nThe input has to match this lark grammar:\nstart: patch"
    assert made["parameters"]["required"] == ["input"]
    assert "description" not in one.tools[1]["function"]
    assert [one.original(name).is_custom for name in flat_names(one)] == [True, True, True]


def test_a_namespace_stands_before_the_name() -> None:
    one = names(namespace("github", function("issue"), PATCH), namespace("mcp__git__", function("log")))
    assert flat_names(one) == ["github__issue", "github__apply_patch", "mcp__git__log"]
    assert one.original("github__issue") == Original("issue", False, "github")
    assert one.original("github__apply_patch") == Original("apply_patch", True, "github")
    assert one.flat("issue", "github") == "github__issue"
    assert one.flat("issue") == "issue"


def test_names_that_meet_are_told_apart() -> None:
    one = names(namespace("a", function("b__c")), namespace("a__b", function("c")), function("a__b__c"))
    made = flat_names(one)
    assert len(set(made)) == 3
    assert made[0] == "a__b__c"
    assert one.original("a__b__c") == Original("a__b__c")
    assert {one.original(name) for name in made[1:]} == {Original("b__c", False, "a"), Original("c", False, "a__b")}
    assert one.flat("b__c", "a") == made[1]
    assert names(namespace("a", function("b__c")), function("a__b__c")).flat("b__c", "a") == made[1]


def test_a_long_or_odd_name_is_shortened() -> None:
    made = flat_names(names(namespace("n" * 40, function("f" * 40), function("g.h"))))
    assert [len(name) for name in made] == [64, 62]
    assert all(name.replace("_", "").isalnum() for name in made)


def test_a_tool_is_taken_once_wherever_it_stands() -> None:
    one = names(
        function("f"),
        function("f", description="again"),
        input=[
            "odd",
            {"type": "additional_tools", "role": "developer", "tools": [function("g"), function("f")]},
            {"type": "tool_search_output", "tools": [namespace("n", function("h"))]},
            {"type": "message", "role": "user", "content": "hi"},
        ],
    )
    assert flat_names(one) == ["f", "g", "n__h"]


def test_tools_that_a_service_runs_are_left_out() -> None:
    assert names({"type": "web_search"}, {"type": "image_generation"}, {"type": "local_shell"}).tools == []
    assert ToolNames({"input": "hi"}).tools == []
    assert ToolNames({}).original("unknown") == Original("unknown")


@pytest.mark.parametrize(
    ("tools", "param"),
    [
        ({}, "tools"),
        (["f"], "tools[0]"),
        ([{"name": "f"}], "tools[0].type"),
        ([{"type": "function"}], "tools[0].name"),
        ([{"type": "function", "function": {}}], "tools[0].function.name"),
        ([function("f", parameters="x")], "tools[0].parameters"),
        ([{"type": "namespace"}], "tools[0].name"),
        ([{"type": "namespace", "name": "n", "tools": [{"type": "function"}]}], "tools[0].tools[0].name"),
        ([{"type": "custom", "name": "c", "format": "x"}], "tools[0].format"),
    ],
)
def test_what_is_wrong_is_named(tools: Any, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        ToolNames({"tools": tools})
    assert caught.value.param == param
