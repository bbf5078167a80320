"""The whole message of an answer; ``test_encoder`` holds it against the stream where both say the same."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest

from linx.core.chat import Answer, Chunk
from linx.dialects.anthropic.message import whole_message
from tests.dialects.anthropic.test_encoder import STAMP, chat, start


def whole_input(arguments: str, finish: str = "tool_calls") -> list[Any]:
    answer = Answer()
    answer.add(start(0, arguments))
    answer.add(Chunk(finish=finish))
    return [block["input"] for block in whole_message(chat(), answer, STAMP)["content"]]


@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        ('{"a":12345678901234567890123}', [{"a": 12345678901234567890123}]),
        ("", [{}]),
        (" ", [{}]),
        ("null", [{}]),
        ("[1]", [{"_raw": "[1]"}]),
        ("{a:1}", [{"_raw": "{a:1}"}]),
    ],
)
def test_the_input_of_a_whole_call_is_an_object(arguments: str, made: list[Any]) -> None:
    assert whole_input(arguments) == made


def test_a_call_that_was_cut_off_is_left_out_of_a_whole_message() -> None:
    assert whole_input('{"a":"x', "length") == []
    assert whole_input("", "length") == [{}]


def test_a_whole_message() -> None:
    answer = Answer()
    for chunk in (Chunk(reasoning="hm"), Chunk(text="Hi"), Chunk(refusal="!"), start(0, '{"a":1}')):
        answer.add(chunk)
    made = whole_message(chat(), answer, STAMP)
    assert made["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "linx"},
        {"type": "text", "text": "Hi!"},
        {"type": "tool_use", "id": "call_0", "name": "f0", "input": {"a": 1}},
    ]
    parsed = anthropic.types.Message.model_validate(made)
    assert (parsed.id, parsed.model, parsed.stop_reason) == ("msg_abc", "m", "tool_use")
    assert whole_message(chat(), Answer(), STAMP)["content"] == []
