"""Ids of tool calls."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linx.core.chat import Adapted
from linx.dialects.adaptation import call_ids
from linx.dialects.adaptation.call_ids import CALL_IDS
from linx.dialects.adaptation.row import BodyFormat
from linx.dialects.adaptation.table import next_adaptation
from tests.dialects.adaptation.shapes import refusals

NINE = re.compile(r"[a-zA-Z0-9]{9}")
# opencode#1680, gptel#1203
MISTRAL = "Tool call id was call_PTLP8xhu3uwZk4l3nlnrrJha but must be a-z, A-Z, 0-9, with a length of 9."
WORDS = [
    (MISTRAL, "9"),
    # OpenAI: openclaw#875, vercel/ai#8132
    (
        "Invalid 'messages[2].tool_calls[0].id': string too long. Expected a string with maximum length 40, but got a "
        "string with length 83 instead.",
        "40",
    ),
    (
        "Invalid 'input[3].call_id': string too long. Expected a string with maximum length 64, but got a string with "
        "length 83 instead.",
        "64",
    ),
    # Anthropic: cline#4437
    ("messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'", "64"),
]
LONG = "functions.read:0" + "x" * 70


def chat(*ids: str) -> dict[str, Any]:
    calls = [{"id": one, "type": "function", "function": {"name": "f", "arguments": "{}"}} for one in ids]
    results = [{"role": "tool", "tool_call_id": one, "content": one} for one in ids]
    return {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "tool_calls": calls}, *results]}


def ids_in(body: Any) -> list[str]:
    calls = [call["id"] for call in body["messages"][1]["tool_calls"]]
    assert calls == [message["tool_call_id"] for message in body["messages"][2:]]
    return calls


@pytest.mark.parametrize(("words", "detail"), WORDS)
def test_a_refused_id_is_recognised_in_every_shape(words: str, detail: str) -> None:
    for refusal in refusals(words):
        assert next_adaptation(refusal, BodyFormat.CHAT, chat(LONG), ()) == Adapted("call_ids", detail)
        assert next_adaptation(refusal, BodyFormat.CHAT, chat("abcDEF123"), ()) is None


def test_a_missing_result_is_no_id_that_is_refused() -> None:
    # OpenAI
    words = (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'."
    )
    for refusal in refusals(words):
        assert next_adaptation(refusal, BodyFormat.CHAT, chat(LONG), ()) is None


def test_calls_and_results_get_the_same_id_each_time() -> None:
    asked = chat("call_1", "call_2", "abcDEF123")
    before = copy.deepcopy(asked)
    changed = CALL_IDS.change(asked, "9")
    first, second, third = ids_in(changed)
    assert NINE.fullmatch(first)
    assert NINE.fullmatch(second)
    assert first != second
    assert third == "abcDEF123"
    assert changed["messages"][0] is asked["messages"][0]
    assert changed["messages"][2]["content"] == "call_1"
    assert asked == before
    assert ids_in(CALL_IDS.change(chat("call_2", "call_1"), "9")) == [second, first]


def test_an_id_that_is_taken_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = CALL_IDS.change(chat("call_1"), "9")
    taken = ids_in(ids)[0]
    first, second = ids_in(CALL_IDS.change(chat("call_1", taken), "9"))
    assert second == taken
    assert first != taken
    monkeypatch.setattr(call_ids, "_DIGITS", "ab")  # collisions
    many = ids_in(CALL_IDS.change(chat(*[f"call_{number}" for number in range(200)]), "9"))
    assert len(set(many)) == 200


def test_the_other_formats_too() -> None:
    messages = {
        "messages": [
            {"role": "assistant", "content": [{"type": "text", "text": "x"}, {"type": "tool_use", "id": LONG}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": LONG}, {"type": "image", "id": LONG}]},
        ]
    }
    changed = CALL_IDS.change(messages, "64")
    new = changed["messages"][0]["content"][1]["id"]
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", new)
    assert changed["messages"][1]["content"][0]["tool_use_id"] == new
    assert changed["messages"][1]["content"][1]["id"] == LONG
    responses = {
        "input": [{"type": "function_call", "call_id": LONG}, {"type": "function_call_output", "call_id": LONG}]
    }
    assert [one["call_id"] for one in CALL_IDS.change(responses, "64")["input"]] == [new, new]


@given(st.lists(st.text(min_size=1, max_size=60), max_size=12, unique=True), st.sampled_from(("9", "40", "64", "?")))
def test_any_ids_become_good_ones_that_differ(ids: list[str], detail: str) -> None:
    changed = ids_in(CALL_IDS.change(chat(*ids), detail))
    pattern = "[a-zA-Z0-9]{9}" if detail in ("9", "?") else f"[a-zA-Z0-9_-]{{1,{detail}}}"
    assert len(set(changed)) == len(ids)
    assert all(re.fullmatch(pattern, one) for one in changed)
