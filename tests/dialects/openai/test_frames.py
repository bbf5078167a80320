from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.dialects.openai.frames import clean
from linx.dialects.openai.tool_calls import ToolCalls
from tests.dialects.openai.help import frame

if TYPE_CHECKING:
    from linx.core.chat import Chunk


def cleaned(delta: Any) -> tuple[Chunk, Any]:
    item = frame(delta)
    chunk = clean(item, item["choices"][0], 0, ToolCalls(str))
    assert chunk.source is item
    return chunk, item["choices"][0]["delta"]


@pytest.mark.parametrize(
    ("content", "text", "reasoning", "left"),
    [
        ("a", "a", "", {"content": "a"}),
        ("", "", "", {"content": ""}),
        (None, "", "", {}),
        (5, "", "", {}),
        ([{"type": "text", "text": "a"}, "b", 5, {"type": "image"}], "ab", "", {"content": "ab"}),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "h"}]}], "", "h", {"reasoning_content": "h"}),
        ([{"type": "thinking", "thinking": "h"}, {"text": "a"}], "a", "h", {"content": "a", "reasoning_content": "h"}),
    ],
)
def test_content_in_every_form(content: Any, text: str, reasoning: str, left: Any) -> None:
    chunk, delta = cleaned({"role": "assistant", "content": content})
    assert (chunk.text, chunk.reasoning, delta) == (text, reasoning, left)


def test_reasoning_that_stands_in_the_details_only() -> None:
    details: list[Any] = [{"text": "a"}, {"summary": "b"}, {"data": "c"}, {"text": 5}, 5]
    chunk, delta = cleaned({"reasoning_details": details})
    assert chunk.reasoning == delta["reasoning_content"] == "ab"
    assert delta["reasoning_details"] is details


def test_fields_of_a_wrong_type() -> None:
    chunk, delta = cleaned({"refusal": 5, "reasoning": {"effort": "high"}, "tool_calls": "x", "function_call": "x"})
    assert not chunk.is_meaningful
    assert delta == {"reasoning": {"effort": "high"}}
    assert cleaned("x")[1] == {}
    assert cleaned({"refusal": "no"})[0].refusal == "no"


def test_the_old_form_of_a_call() -> None:
    item = frame({"function_call": {"name": "f", "arguments": "{"}})
    calls = ToolCalls(lambda: "1")
    chunk = clean(item, item["choices"][0], 0, calls)
    assert chunk.tools is not None
    assert (chunk.tools[0].name, chunk.tools[0].id, chunk.tools[0].index) == ("f", "call_1", 0)
    more = frame({"function_call": {"arguments": "}"}})
    chunk = clean(more, more["choices"][0], 0, calls)
    assert chunk.tools is not None
    assert chunk.tools[0].arguments == "}"
    assert more["choices"][0]["delta"] == {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}


@pytest.mark.parametrize(
    ("logprobs", "told"),
    [
        (None, None),
        (5, None),
        ({}, None),
        ({"content": None}, None),
        ({"content": []}, None),
        ({"content": [{"token": "a"}, 5]}, [{"token": "a"}]),
    ],
)
def test_logprobs(logprobs: Any, told: Any) -> None:
    item = frame({"content": "a"})
    item["choices"][0]["logprobs"] = logprobs
    assert clean(item, item["choices"][0], 0, ToolCalls(str)).logprobs == told
