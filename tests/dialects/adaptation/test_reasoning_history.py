"""The reasoning of earlier answers in the history."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.chat import Adapted
from linx.dialects.adaptation.table import adapt
from tests.dialects.adaptation.help import MESSAGES, asked_until_taken, step

GROQ = (  # AstrBot#5946, jan#8136
    b"{\"error\":{\"message\":\"'messages.2' : for 'role:assistant' the following must be satisfied[('messages.2' :"
    b' property \'reasoning_content\' is unsupported)]","type":"invalid_request_error"}}'
)
GROQ_MODEL = b'{"error":{"message":"messages[2].reasoning: reasoning is not supported with this model"}}'  # ai#8057
CEREBRAS = (  # kilocode#10375
    b'{"message":"messages.2.assistant.reasoning_content: property \'messages.2.assistant.reasoning_content\' is'
    b' unsupported","type":"invalid_request_error","param":"validation_error","code":"wrong_api_format"}'
)
MISTRAL = (  # crush#1590
    b'{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","messages",2,"assistant",'
    b'"reasoning_content"],"msg":"Extra inputs are not permitted","input":"\\n"}]},"type":"invalid_request_error"}'
)
DEEPSEEK = (  # modelparams.dev#29
    b'{"error":{"message":"The `reasoning_content` in the thinking mode must be passed back to the API.",'
    b'"type":"invalid_request_error","param":null,"code":"invalid_request_error"}}'
)
DEEPSEEK_MESSAGES = DEEPSEEK.replace(b"reasoning_content", b"content[].thinking")  # 9router#2397
KIMI = b"thinking is enabled but reasoning_content is missing in assistant tool call message at index 2"

HISTORY: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b", "reasoning_content": "hm"},
        {"role": "assistant", "content": "c", "reasoning": "so", "reasoning_details": [{"text": "so"}]},
        {"role": "assistant", "content": "d", "reasoning_details": [{"type": "reasoning.text", "text": "well"}]},
        {"role": "assistant", "content": "e"},
    ],
}


def thoughts(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [{key: one[key] for key in one if key.startswith("reasoning")} for one in body["messages"][1:]]


@pytest.mark.parametrize("words", [GROQ, GROQ_MODEL, CEREBRAS, MISTRAL])
@pytest.mark.parametrize("status", [400, 422, 500])
def test_where_it_is_refused_it_is_left_out(words: bytes, status: int) -> None:
    used, body = asked_until_taken(HISTORY, [words, words], status)
    assert used == ["reasoning_history:without"]
    assert thoughts(body) == [{}, {}, {}, {}]
    assert body["messages"][0] is HISTORY["messages"][0]
    assert HISTORY["messages"][1]["reasoning_content"] == "hm"


def test_a_provider_that_has_its_own_name_for_it_gets_it_under_that_name() -> None:
    body = adapt(HISTORY, [Adapted("reasoning_history", "reasoning")], [])
    assert thoughts(body) == [{"reasoning": "hm"}, {"reasoning": "so"}, {"reasoning": "well"}, {}]
    assert step(HISTORY, GROQ_MODEL, used=[Adapted("reasoning_history", "reasoning")]) == "reasoning_history:without"


@pytest.mark.parametrize("words", [DEEPSEEK, KIMI])
def test_where_it_is_demanded_each_answer_has_one_if_only_an_empty_one(words: bytes) -> None:
    used, body = asked_until_taken(HISTORY, [words, words])
    assert used == ["reasoning_history:demanded"]
    assert [one["reasoning_content"] for one in body["messages"][1:]] == ["hm", "so", "well", ""]


def test_the_same_demand_in_anthropics_dialect() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    given = {
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "assistant", "content": [thought, {"type": "text", "text": "c"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]},
        ]
    }
    used, body = asked_until_taken(given, [DEEPSEEK_MESSAGES], form=MESSAGES)
    assert used == ["thinking_history"]
    kinds = [[block["type"] for block in one["content"]] for one in body["messages"][1:]]
    assert kinds == [["thinking", "text"], ["thinking", "text"], ["thinking", "tool_use"]]
    assert body["messages"][2] is given["messages"][2]


def test_a_refusal_of_another_field_is_not_taken_for_it() -> None:
    assert step(HISTORY, b"role assistant: reasoning_effort is not supported") is None
    assert step({"messages": [{"role": "user", "content": "a"}]}, GROQ) is None
    assert step({"messages": "none"}, DEEPSEEK) is None
