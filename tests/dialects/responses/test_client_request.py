from __future__ import annotations

import time
from copy import deepcopy
from typing import Any

import pytest

from linx.core.errors import BadRequest
from linx.dialects.responses.client_request import to_chat_body
from linx.dialects.shared import chat_body, opaque_reasoning

F = {"type": "function", "name": "f", "parameters": {"type": "object"}}
F_TOOL = chat_body.function_tool("f", None, {"type": "object"}, None)
G = {"type": "function", "name": "g"}
G_TOOL = chat_body.function_tool("g", None, None, None)
USER = {"role": "user", "content": "hi"}
PNG = "data:image/png;base64,iVBO"
PNG_PART = {"type": "image_url", "image_url": {"url": PNG}}


def body(**more: Any) -> dict[str, Any]:
    return {"model": "m", "input": "hi", **more}


def messages(*items: Any, **more: Any) -> list[dict[str, Any]]:
    given = body(input=list(items), **more)
    before = deepcopy(given)
    made: list[dict[str, Any]] = to_chat_body(given)["messages"]
    assert given == before, "the client's own body stays as it came"
    return made


def call(call_id: str, arguments: str = "{}", **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": arguments, "id": "fc_1", **more}


def output(call_id: str, value: Any = "ok") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": value}


def reasoning(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": text}], **more}


def says(role: str, *parts: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(parts)}


def text(words: str, kind: str = "input_text") -> dict[str, Any]:
    return {"type": kind, "text": words}


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
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ({"instructions": []}, "instructions"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
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


def test_instructions_and_leading_messages_of_the_developer_are_one_system_message() -> None:
    made = messages(
        says("developer", text("b")), {"role": "system", "content": "c"}, USER, says("developer", text("d")),
        instructions="a",
    )  # fmt: skip
    assert made == [{"role": "system", "content": "a\n\nb\n\nc"}, USER, {"role": "system", "content": "d"}]


@pytest.mark.parametrize(
    ("part", "made"),
    [
        (text("a"), chat_body.text_part("a")),
        (text("a", "text"), chat_body.text_part("a")),
        ({"type": "input_image", "image_url": PNG}, PNG_PART),
        (
            {"type": "input_image", "image_url": PNG, "detail": "low"},
            {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        ),
        ({"type": "image_url", "image_url": {"url": PNG}}, PNG_PART),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVB"},
            chat_body.file_part("a.pdf", "data:application/pdf;base64,JVB"),
        ),
        ({"type": "input_file", "file_url": "https://a/a.pdf"}, chat_body.file_part("file", "https://a/a.pdf")),
        ({"type": "file", "file": {"file_id": "f"}}, {"type": "file", "file": {"file_id": "f"}}),
        (
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
        ),
        (
            {"type": "input_audio", "data": "AA", "format": "mp3"},
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}},
        ),
    ],
)
def test_parts_of_a_user(part: dict[str, Any], made: dict[str, Any]) -> None:
    more = {"type": "input_image", "image_url": "https://a/b.png"}
    content = messages(says("user", part, more))[0]["content"]
    assert content == [made, {"type": "image_url", "image_url": {"url": "https://a/b.png"}}]


def test_what_an_assistant_did_in_one_turn_is_one_message() -> None:
    made = messages(
        USER,
        reasoning("hm"),
        says("assistant", text("I look. ", "output_text"), {"type": "refusal", "refusal": "No."}),
        call("a", '{"x":1}'),
        reasoning("and"),
        call("b"),
        output("a", "1"),
        output("b", [text("2"), {"type": "input_image", "image_url": PNG}, text("3")]),
        reasoning("so"),
        says("assistant", text("Done", "output_text")),
        says("assistant", text("Really", "output_text")),
        reasoning("left over"),
    )
    assert made == [
        USER,
        {
            "role": "assistant",
            "content": "I look. \nNo.",
            "reasoning_content": "hm\n\nand",
            "tool_calls": [chat_body.tool_call("a", "f", '{"x":1}'), chat_body.tool_call("b", "f", "{}")],
        },
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": "2\n3"},
        {"role": "user", "content": [PNG_PART]},
        {"role": "assistant", "content": "Done", "reasoning_content": "so"},
        {"role": "assistant", "content": "Really"},
    ]


@pytest.mark.parametrize(
    ("items", "made"),
    [
        ([call("a")], {"content": None, "tool_calls": [chat_body.tool_call("a", "f", "{}")]}),
        (
            [call("a"), says("assistant", text("late"))],
            {"content": "late", "tool_calls": [chat_body.tool_call("a", "f", "{}")]},
        ),
        (
            [says("assistant", text("one")), call("a"), says("assistant", text("two")), says("assistant", text(""))],
            {"content": "one\ntwo", "tool_calls": [chat_body.tool_call("a", "f", "{}")]},
        ),
        ([says("assistant", text(""))], {"content": ""}),
        (
            [{"role": "assistant", "content": None, "tool_calls": [chat_body.tool_call("a", "f", "{}")]}],
            {"content": None, "tool_calls": [chat_body.tool_call("a", "f", "{}")]},
        ),
    ],
)
def test_calls_and_text_of_a_turn(items: list[Any], made: dict[str, Any]) -> None:
    assert messages(*items) == [{"role": "assistant", **made}]


@pytest.mark.parametrize(
    ("value", "made"), [("x", "x"), (None, ""), ([], ""), ({"a": 1}, '{"a":1}'), ([text("a"), text("b")], "a\nb")]
)
def test_a_tool_s_output_is_text(value: Any, made: str) -> None:
    assert messages(output("a", value)) == [{"role": "tool", "tool_call_id": "a", "content": made}]


def test_pictures_of_tools_wait_for_the_last_result() -> None:
    picture = [{"type": "input_image", "image_url": PNG}]
    roles = [message["role"] for message in messages(call("a"), call("b"), output("a", picture), output("b"), USER)]
    assert roles == ["assistant", "tool", "tool", "user", "user"]
    roles = [message["role"] for message in messages(call("a"), output("a", picture))]
    assert roles == ["assistant", "tool", "user"]


def test_a_chat_shaped_tool_message_is_understood() -> None:
    calls = [chat_body.tool_call("a", "f", "{}")]
    made = messages(
        {"role": "assistant", "content": "", "tool_calls": calls}, {"role": "tool", "tool_call_id": "a", "content": "x"}
    )
    assert made == [
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "a", "content": "x"},
    ]


def test_other_kinds_of_call() -> None:
    shell = {"type": "local_shell_call", "call_id": "s", "action": {"type": "exec", "command": ["ls"]}, "id": "l"}
    made = messages(
        {"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "input": '*** "Begin"'},
        shell,
        call("n", namespace="space"),
        {"type": "custom_tool_call_output", "call_id": "c", "output": "done"},
        {"type": "local_shell_call_output", "id": "s", "output": "files"},
        {"type": "web_search_call", "id": "w", "status": "completed"},
        {"type": "compaction", "encrypted_content": "x"},
    )
    assert made == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                chat_body.tool_call("c", "apply_patch", '{"input":"*** \\"Begin\\""}'),
                chat_body.tool_call("s", "local_shell", '{"type":"exec","command":["ls"]}'),
                chat_body.tool_call("n", "space__f", "{}"),
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": "done"},
        {"role": "tool", "tool_call_id": "s", "content": "files"},
    ]


def test_reasoning_is_its_content_or_else_its_summary() -> None:
    item = reasoning("short", content=[{"type": "reasoning_text", "text": "long"}])
    assert messages(item, call("a"))[0]["reasoning_content"] == "long"
    two = {"type": "reasoning", "summary": [text("a", "summary_text"), text("b", "summary_text")]}
    assert messages(two, call("a"))[0]["reasoning_content"] == "a\n\nb"
    assert "reasoning_content" not in messages({"type": "reasoning", "summary": []}, call("a"))[0]


def test_what_linx_sealed_goes_back_to_the_provider() -> None:
    signed = {"type": "reasoning.text", "signature": "sig", "index": 0}
    secret = {"type": "reasoning.encrypted", "data": "x"}
    sealed = opaque_reasoning.pack([signed, secret])
    made = messages(
        reasoning("hm", encrypted_content=sealed), call("a"), reasoning("x", encrypted_content="gAAA"), call("b")
    )
    assert made[0]["reasoning_details"] == [{**signed, "text": "hm"}, secret]


def test_ids_are_clean_on_both_sides() -> None:
    made = messages(call("functions.f:0"), output("functions.f:0"))
    assert made[0]["tool_calls"][0]["id"] == made[1]["tool_call_id"] == chat_body.clean_id("functions.f:0")


def test_a_turn_of_many_items_costs_no_more_per_item_than_a_short_one() -> None:
    """It took twenty seconds when all text so far was copied for each."""
    count = 15_000
    items = [
        item
        for number in range(count)
        for item in (reasoning("r" * 200), says("assistant", text("z" * 200, "output_text")), call(f"c{number}"))
    ]
    given = body(input=items)
    began = time.process_time()
    turn = to_chat_body(given)["messages"][0]
    assert time.process_time() - began < 3
    assert turn["content"] == "\n".join(["z" * 200] * count)
    assert turn["reasoning_content"] == "\n\n".join(["r" * 200] * count)
    assert len(turn["tool_calls"]) == count
