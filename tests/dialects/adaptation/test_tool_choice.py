"""A choice of tools as an object."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from linx.core.chat import Adapted
from linx.dialects.adaptation.row import BodyFormat
from linx.dialects.adaptation.table import next_adaptation
from linx.dialects.adaptation.tool_choice import TOOL_CHOICE
from linx.dialects.failures.meaning import failure
from tests.dialects.adaptation.shapes import refusals

# LM Studio: lmstudio-bug-tracker#670. OpenRouter, with a 404: its routing documentation.
WORDS = (
    "Invalid tool_choice type: 'object'. Supported string values: none, auto, required",
    "No endpoints found that support the provided 'tool_choice' value. To learn more about provider routing, visit: …",
)


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}


TOOLS = [tool("read"), tool("write"), tool("run")]
NAMED = {"type": "function", "function": {"name": "write"}}


def body(choice: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [], "tools": TOOLS, "tool_choice": choice}


@pytest.mark.parametrize("words", WORDS)
def test_a_refused_object_is_recognised_in_every_shape(words: str) -> None:
    for refusal in refusals(words):
        assert next_adaptation(refusal, BodyFormat.CHAT, body(NAMED), ()) == Adapted("tool_choice")


def test_a_word_that_is_refused_is_no_object() -> None:
    refusal = failure(400, WORDS[0].encode())
    assert next_adaptation(refusal, BodyFormat.CHAT, body("required"), ()) is None


def test_a_model_that_takes_no_choice_while_it_thinks_is_not_asked_again() -> None:
    # Alibaba's Qwen (qwen-code#2417): a word would be refused as well.
    words = b"The tool_choice parameter does not support being set to required or object in thinking mode"
    assert next_adaptation(failure(400, words), BodyFormat.CHAT, body(NAMED), ()) is None


@pytest.mark.parametrize(
    ("choice", "names", "word"),
    [
        (NAMED, ["write"], "required"),
        ({"type": "function", "name": "run"}, ["run"], "required"),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [tool("run"), tool("read")]}},
            ["read", "run"],
            "required",
        ),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool("read")]}}, ["read"], "auto"),
    ],
)
def test_only_the_named_tools_are_left(choice: Any, names: list[str], word: str) -> None:
    asked = body(choice)
    before = copy.deepcopy(asked)
    changed = TOOL_CHOICE.change(asked, "")
    assert [one["function"]["name"] for one in changed["tools"]] == names
    assert changed["tool_choice"] == word
    assert asked == before


@pytest.mark.parametrize(
    "choice", ["auto", None, {}, {"type": "function", "function": {"name": "other"}}, {"allowed_tools": {"tools": 1}}]
)
def test_a_word_stays_and_so_does_the_choice_of_what_is_not_there(choice: Any) -> None:
    asked = body(choice)
    assert TOOL_CHOICE.change(asked, "") is asked
