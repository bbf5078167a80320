"""An order of messages that Mistral's models do not take."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from linx.core.chat import Adapted
from linx.dialects.adaptation.message_order import MESSAGE_ORDER
from linx.dialects.adaptation.row import BodyFormat
from linx.dialects.adaptation.table import next_adaptation
from tests.dialects.adaptation.shapes import refusals

# litellm#6323, and from mistral-common behind vLLM
AFTER_TOOL = ("Unexpected role 'user' after role 'tool'", "Unexpected role RoleEnum.user after role RoleEnum.tool")
# rig#1130
PREFIX = "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"

CALL = {"role": "assistant", "tool_calls": [{"id": "abcDEF123", "function": {"name": "f", "arguments": "{}"}}]}
RESULT = {"role": "tool", "tool_call_id": "abcDEF123", "content": "42"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


def body(*messages: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "hi"}, *messages]}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


@pytest.mark.parametrize("words", AFTER_TOOL)
def test_a_user_behind_a_result_is_recognised_in_every_shape(words: str) -> None:
    for refusal in refusals(words):
        found = next_adaptation(refusal, BodyFormat.CHAT, body(CALL, RESULT, user("go on")), ())
        assert found == Adapted("message_order", "user_after_tool")
        assert next_adaptation(refusal, BodyFormat.CHAT, body(CALL, RESULT), ()) is None


def test_an_answer_to_go_on_with_is_recognised_in_every_shape() -> None:
    for refusal in refusals(PREFIX):
        found = next_adaptation(refusal, BodyFormat.CHAT, body({"role": "assistant", "content": "He"}), ())
        assert found == Adapted("message_order", "prefix")
        assert next_adaptation(refusal, BodyFormat.CHAT, body(), ()) is None


@pytest.mark.parametrize(
    ("content", "said", "folded"),
    [
        ("42", "go on", "42\n\ngo on"),
        ("", "go on", "go on"),
        (None, [{"type": "text", "text": "go"}, {"type": "text", "text": "on"}], "go\n\non"),
        (
            [{"type": "text", "text": "42"}],
            "go on",
            [{"type": "text", "text": "42"}, {"type": "text", "text": "go on"}],
        ),
    ],
)
def test_the_text_becomes_a_part_of_the_result(content: Any, said: Any, folded: Any) -> None:
    asked = body(CALL, {**RESULT, "content": content}, user(said), user("now"))
    before = copy.deepcopy(asked)
    changed = MESSAGE_ORDER.change(asked, "user_after_tool")["messages"]
    assert [message["role"] for message in changed] == ["user", "assistant", "tool"]
    if isinstance(folded, str):
        assert changed[2] == {**RESULT, "content": folded + "\n\nnow"}
    else:
        assert changed[2]["content"] == [*folded, {"type": "text", "text": "now"}]
    assert asked == before


def test_a_picture_is_no_part_of_a_result() -> None:
    asked = body(CALL, RESULT, user([{"type": "text", "text": "look"}, IMAGE]))
    changed = MESSAGE_ORDER.change(asked, "user_after_tool")["messages"]
    assert [message["role"] for message in changed] == ["user", "assistant", "tool", "assistant", "user"]
    assert changed[-1] is asked["messages"][-1]


def test_several_turns() -> None:
    changed = MESSAGE_ORDER.change(body(CALL, RESULT, RESULT, user("a"), CALL, RESULT, user("b")), "user_after_tool")
    assert [message["role"] for message in changed["messages"]] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
        "tool",
    ]


def test_a_last_answer_says_that_it_is_a_prefix() -> None:
    asked = body({"role": "assistant", "content": "He"})
    changed = MESSAGE_ORDER.change(asked, "prefix")
    assert changed["messages"][-1] == {"role": "assistant", "content": "He", "prefix": True}
    assert "prefix" not in asked["messages"][-1]
    assert MESSAGE_ORDER.change(changed, "prefix") is changed
    called = body(CALL)
    assert MESSAGE_ORDER.change(called, "prefix") is called
