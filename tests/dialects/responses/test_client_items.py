from __future__ import annotations

import time
from copy import deepcopy
from typing import Any

import pytest

from linx.dialects.responses.client_items import messages_of
from linx.dialects.responses.tools import ToolNames
from linx.dialects.shared import chat_body, opaque_reasoning

USER = {"role": "user", "content": "hi"}
PNG = "data:image/png;base64,iVBO"
PNG_PART = {"type": "image_url", "image_url": {"url": PNG}}


def messages(*items: Any, **more: Any) -> list[dict[str, Any]]:
    given = {"input": list(items), **more}
    before = deepcopy(given)
    made = messages_of(given, ToolNames(given))
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


def test_instructions_and_leading_messages_of_the_developer_are_one_system_message() -> None:
    made = messages(
        says("developer", text("b")), {"role": "system", "content": "c"}, USER, says("developer", text("d")),
        instructions="a",
    )  # fmt: skip
    assert made == [{"role": "system", "content": "a\n\nb\n\nc"}, USER, {"role": "system", "content": "d"}]


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


def test_what_linx_packed_goes_back_to_the_provider() -> None:
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
    given = {"input": items}
    began = time.process_time()
    turn = messages_of(given, ToolNames(given))[0]
    assert time.process_time() - began < 3
    assert turn["content"] == "\n".join(["z" * 200] * count)
    assert turn["reasoning_content"] == "\n\n".join(["r" * 200] * count)
    assert len(turn["tool_calls"]) == count
