from __future__ import annotations

import base64
import copy
import itertools
from pathlib import Path
from typing import Any

import pytest

from linx.core import jsontext
from linx.core.errors import BadRequest
from linx.dialects.openai import client_request
from linx.dialects.openai.client_request import checked_body

CORPUS = Path(__file__).parents[2] / "corpus" / "bad_requests.json"
HI: list[Any] = [{"role": "user", "content": "hi"}]


def corpus_cases() -> list[Any]:
    cases = []
    for case in jsontext.loads(CORPUS.read_bytes()):
        head, _, body = base64.b64decode(case.get("raw_b64", "")).partition(b"\r\n\r\n")
        if case["layer"] in ("schema", "json") and head.startswith(b"POST /v1/chat/completions "):
            cases.append(pytest.param(body, case["expect"].split("|"), id=case["id"]))
    return cases


@pytest.mark.parametrize(("body", "allowed"), corpus_cases())
def test_the_corpus_of_bad_requests(body: bytes, allowed: list[str]) -> None:
    try:
        checked_body(jsontext.loads_strict(body))
    except (BadRequest, jsontext.InvalidJSON):
        assert "400" in allowed
    else:
        assert "200" in allowed or "404" in allowed  # a 404 is for the router, which knows the names


def check(**settings: Any) -> Any:
    body = {"model": "m", "messages": HI, **settings}
    before = copy.deepcopy(body)
    try:
        return checked_body(body)[0]
    finally:
        assert body == before


def messages(*given: Any) -> Any:
    return check(messages=list(given))["messages"]


@pytest.mark.parametrize(
    ("settings", "param"),
    [
        ({"model": None}, "model"),
        ({"model": " "}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [5]}, "messages[0]"),
        ({"messages": [*HI, {"role": ""}]}, "messages[1].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": {}}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [5]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": 5}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "file"}]}]}, "messages[0].content[0].file"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": 5}]}]},
            "messages[0].content[0].image_url",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
            "messages[0].content[0].input_audio",
        ),
        ({"messages": [{"role": "tool", "tool_call_id": 5}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "messages[0].tool_calls"),
        ({"messages": [{"role": "assistant", "tool_calls": [5]}]}, "messages[0].tool_calls[0]"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": 5}]}]}, "messages[0].tool_calls[0].id"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "x"}]}]}, "messages[0].tool_calls[0].function"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": 5}}]}]},
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"messages": [{"role": "assistant", "function_call": 5}]}, "messages[0].function_call[0].function"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": 1}}, "stream_options"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"n": True}, "n"),
        ({"stop": ["a", 5]}, "stop"),
        ({"logit_bias": [1]}, "logit_bias"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": 5}}},
            "response_format.json_schema.schema",
        ),
        ({"tools": {}}, "tools"),
        ({"tools": [5]}, "tools[0]"),
        ({"tools": [{}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {"name": ""}}]}, "tools[0].function.name"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
            "tools[0].function.parameters",
        ),
        ({"tool_choice": 5}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.function.name"),
        ({"tool_choice": {"type": "function", "function": {}}}, "tool_choice.function.name"),
        ({"functions": 5}, "functions"),
        ({"functions": [5]}, "functions[0]"),
        ({"functions": [{"name": "f"}], "function_call": {}}, "function_call.name"),
    ],
)
def test_what_is_wrong_is_named(settings: Any, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        check(**settings)
    assert caught.value.param == param
    assert str(caught.value).startswith(f"{param} must be ")


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_a_body_that_is_no_object(body: Any) -> None:
    with pytest.raises(BadRequest):
        checked_body(body)


def test_null_is_nothing_and_the_unknown_passes() -> None:
    clean = check(
        temperature=None, tools=None, functions=None, stop=None, x_unknown={"a": None}, reasoning={"effort": 1}
    )
    assert clean == {"model": "m", "messages": HI, "x_unknown": {"a": None}, "reasoning": {"effort": 1}}


def test_ranges_are_not_for_linx_to_judge() -> None:
    given = {"temperature": -5, "n": 0, "top_p": 9.0, "seed": -1, "top_logprobs": 99, "stop": ["x"] * 9}
    assert {key: check(**given)[key] for key in given} == given


def test_a_whole_number_may_be_written_with_a_point() -> None:
    clean = check(max_tokens=5.0, seed=2**70)
    assert (clean["max_tokens"], type(clean["max_tokens"]), clean["seed"]) == (5, int, 2**70)


@pytest.mark.parametrize(
    "given",
    [
        {"type": "text"},
        {"type": "json_object", "schema": {}},
        {"type": "json_schema", "schema": {}},
        {"type": "json_schema", "json_schema": {"name": "n"}},
        {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
    ],
)
def test_response_formats(given: Any) -> None:
    assert check(response_format=given)["response_format"] == given


def test_tools_in_every_form() -> None:
    nested = {"type": "function", "function": {"name": "f", "parameters": {}}, "cache_control": {}}
    given = [
        nested,
        {"function": {"name": "f", "parameters": None, "description": "d"}},
        {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
        {"name": "f", "input_schema": {"type": "object"}},
        {"type": "function", "name": "f"},
        {"type": "custom", "custom": {"name": "p"}},
        {"type": "web_search"},
    ]
    assert check(tools=given)["tools"] == [
        nested,
        {"type": "function", "function": {"name": "f", "description": "d"}},
        {
            "type": "function",
            "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
        },
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}},
        {"type": "function", "function": {"name": "f"}},
        {"type": "custom", "custom": {"name": "p"}},
        {"type": "web_search"},
    ]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("auto", "auto"),
        ({"type": "function", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
        ({"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "f"}}),
        ({"type": "allowed_tools", "allowed_tools": {}}, {"type": "allowed_tools", "allowed_tools": {}}),
    ],
)
def test_tool_choices(given: Any, told: Any) -> None:
    assert check(tool_choice=given)["tool_choice"] == told


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (None, {}),
        ("none", {"tool_choice": "none"}),
        ({"name": "f"}, {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
    ],
)
def test_functions_become_tools(choice: Any, told: Any) -> None:
    function = {"name": "f", "parameters": {}}
    body = {"model": "m", "messages": HI, "functions": [function], "function_call": choice}
    clean, is_legacy = checked_body(body)
    assert is_legacy
    assert clean == {"model": "m", "messages": HI, "tools": [{"type": "function", "function": function}], **told}


def test_functions_beside_tools_are_dropped() -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    body = {"model": "m", "messages": HI, "functions": [{"name": "g"}], "tools": [tool]}
    assert checked_body(body) == ({"model": "m", "messages": HI, "tools": [tool]}, False)
    assert checked_body({"model": "m", "messages": HI, "functions": []}) == ({"model": "m", "messages": HI}, False)


def test_old_calls_in_the_history_become_tool_calls() -> None:
    old = {"name": "f", "arguments": "{}"}
    call = {"id": "call_1", "type": "function", "function": old}
    assert messages(
        *HI,
        {"role": "assistant", "content": None, "function_call": old},
        {"role": "function", "name": "f", "content": "r"},
    )[1:] == [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "name": "f", "content": "r", "tool_call_id": "call_1"},
    ]
    assert messages({"role": "function", "name": "f", "content": "r"})[0]["tool_call_id"] == "call_0"
    both = {"role": "assistant", "function_call": old, "tool_calls": [{**call, "id": "x"}]}
    assert messages(both) == [{"role": "assistant", "tool_calls": [{**call, "id": "x"}]}]


def test_messages_pass_as_they_are() -> None:
    given = [
        {"role": "developer", "content": "d"},
        {"role": "user", "content": [{"type": "text", "text": "t"}, {"type": "hologram", "x": 1}], "name": "n"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u", "detail": "low"}}]},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]},
        {"role": "user", "content": [{"type": "file", "file": {}}, {"type": "refusal", "refusal": "r"}]},
        {"role": "assistant", "reasoning_content": "r", "content": None},
        {"role": "assistant", "tool_calls": [{"id": "x", "type": "custom", "custom": {"name": "p", "input": ""}}]},
        {"role": "tool", "tool_call_id": "x", "content": "r"},
        {"role": "whatever", "content": ""},
    ]
    assert messages(*given) == given


def test_what_is_mended_in_messages() -> None:
    assert messages(
        {"role": "assistant", "content": None, "tool_calls": None, "function_call": None, "name": None},
        {"role": "user", "content": [{"type": "image_url", "image_url": "u"}]},
        {"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": "f", "arguments": {"a": 1}}}]},
        {"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": "f"}}]},
    ) == [
        {"role": "assistant", "content": None},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]},
        {"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": "f", "arguments": '{"a":1}'}}]},
        {"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": "f", "arguments": ""}}]},
    ]


ROLES: list[Any] = ["system", "user", "assistant", "tool", "function", "critic", "", None, [], {}, 1]
CONTENTS: list[Any] = ["text", "", None, [], [{"type": "text", "text": "x"}], 1, {}]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"name": None},
        {"tool_call_id": "c1"},
        {"tool_call_id": None},
        {"tool_call_id": 1},
        {"tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]},
        {"tool_calls": []},
        {"tool_calls": None},
        {"function_call": {"name": "f", "arguments": "{}"}},
    ],
    ids=["plain", "null", "id", "no-id", "wrong-id", "calls", "calls-of-objects", "no-calls", "null-calls", "old-call"],
)
def test_a_message_is_read_the_short_way_as_the_long_way(more: Any) -> None:
    for role, content in itertools.product(ROLES, CONTENTS):
        message = {"role": role, "content": content, **more}
        try:
            long: Any = [client_request._message(message, 0, "")[0]]
        except BadRequest as error:
            long = str(error)
        try:
            short: Any = checked_body({"model": "m", "messages": [message]})[0]["messages"]
        except BadRequest as error:
            short = str(error)
        assert short == long
