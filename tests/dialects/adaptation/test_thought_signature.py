"""Calls in the history without Gemini's signature."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from linx.core.chat import Adapted
from linx.dialects.adaptation.known import known_beforehand
from linx.dialects.adaptation.row import BodyFormat
from linx.dialects.adaptation.table import next_adaptation
from linx.dialects.adaptation.thought_signature import SENTINEL, THOUGHT_SIGNATURE
from tests.dialects.adaptation.shapes import refusals

# pi#6733, paws#103
GEMINI = (
    "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, "
    "and missing thought_signature may lead to degraded model performance. Additional data, function call "
    "`default_api:shell` , position 2. Please refer to the documentation for more details."
)
# MassGen#624
OPENROUTER = (
    "Gemini models require OpenRouter reasoning details to be preserved in each request. Upstream error: " + GEMINI
)


def call(call_id: str, **more: Any) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}, **more}


def body(*calls: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "tool_calls": list(calls), **more}]}


SIGNED = {"extra_content": {"google": {"thought_signature": SENTINEL}}}


@pytest.mark.parametrize(("words", "detail"), [(GEMINI, ""), (OPENROUTER, "reasoning_details")])
def test_a_missing_signature_is_recognised_in_every_shape(words: str, detail: str) -> None:
    for refusal in refusals(words):
        found = next_adaptation(refusal, BodyFormat.CHAT, body(call("a")), ())
        assert found == Adapted("thought_signature", detail)
        assert next_adaptation(refusal, BodyFormat.CHAT, {"messages": []}, ()) is None


def test_the_first_of_several_calls_gets_the_word_that_the_validator_passes_over() -> None:
    asked = body(call("a"), call("b"))
    before = copy.deepcopy(asked)
    changed = THOUGHT_SIGNATURE.change(asked, "")
    assert changed["messages"][1]["tool_calls"] == [call("a", **SIGNED), call("b")]
    assert changed["messages"][0] is asked["messages"][0]
    assert asked == before
    assert THOUGHT_SIGNATURE.change(changed, "") is changed


def test_a_signature_of_its_own_is_kept() -> None:
    asked = body(call("a", extra_content={"google": {"thought_signature": "c2ln"}}))
    assert THOUGHT_SIGNATURE.change(asked, "") is asked
    kept = body(call("a"), reasoning_details=[{"type": "reasoning.encrypted", "data": "c2ln"}])
    assert THOUGHT_SIGNATURE.change(kept, "reasoning_details") is kept


def test_openrouter_gets_one_detail_a_message() -> None:
    # Roo-Code#10640
    asked = body(call("a"), call("b"))
    (detail,) = THOUGHT_SIGNATURE.change(asked, "reasoning_details")["messages"][1]["reasoning_details"]
    assert (detail["type"], detail["id"], detail["data"], detail["index"]) == ("reasoning.encrypted", "a", SENTINEL, 0)


@pytest.mark.parametrize("calls", [None, [], [None], "x"])
def test_a_message_without_calls_stays(calls: Any) -> None:
    asked = {"messages": [{"role": "assistant", "tool_calls": calls}, None]}
    assert THOUGHT_SIGNATURE.change(asked, "") is asked


def test_gemini_3_is_known_beforehand() -> None:
    step = Adapted("thought_signature")
    assert step in known_beforehand("generativelanguage.googleapis.com", "gemini-3-pro-preview")
    assert step in known_beforehand("europe-west4-aiplatform.googleapis.com", "google/gemini-3.1-flash")
    assert step not in known_beforehand("generativelanguage.googleapis.com", "gemini-2.5-pro")
