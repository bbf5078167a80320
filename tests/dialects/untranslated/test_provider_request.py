"""Bodies for providers that speak the client's dialect: nothing of Linx's own goes to them."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.chat import ChatBody, ChatRequest, ModelTraits
from linx.dialects.shared import opaque_reasoning
from linx.dialects.untranslated.provider_request import (
    clean_messages,
    messages_body,
    messages_body_with_thoughts,
    responses_body,
)

BILLING = "x-anthropic-billing-header: cc_version=2; cch=1a2b"
SEALED = opaque_reasoning.pack([{"type": "reasoning.encrypted", "data": "x"}])


def chat(native: dict[str, Any]) -> ChatRequest:
    return ChatRequest("m", ChatBody({}), client_body=native)


def test_the_body_goes_as_it_came() -> None:
    native = {
        "model": "m",
        "max_tokens": 5,
        "stream": False,
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"type": "web_search_20250305", "name": "web_search"}],
        "thinking": {"type": "adaptive"},
        "api_base": "http://evil",
    }
    body = messages_body(chat(native), "real", ModelTraits())
    assert body == {**{key: native[key] for key in native if key != "api_base"}, "model": "real", "stream": True}
    assert native["stream"] is False


@pytest.mark.parametrize(
    ("system", "clean"),
    [
        ("You are", "You are"),
        (BILLING + "\nYou are", "You are"),
        (BILLING, None),
        ([{"type": "text", "text": BILLING}, {"type": "text", "text": "a", "cache_control": {}}], "second"),
        ([{"type": "text", "text": BILLING}], None),
        ([{"type": "text", "text": BILLING + "\n\nrest"}], [{"type": "text", "text": "rest"}]),
        (5, 5),
    ],
)
def test_the_changing_line_is_left_out(system: Any, clean: Any) -> None:
    found = clean_messages({"system": system})
    assert found.get("system") == (system[1:] if clean == "second" else clean)


def test_thoughts_that_nobody_signed_are_left_out() -> None:
    real = {"type": "thinking", "thinking": "t", "signature": "EqQB"}
    text = {"type": "text", "text": "a"}
    turns = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "linx"}, text]},
        {"role": "assistant", "content": [{"type": "redacted_thinking", "data": SEALED}]},
        {"role": "assistant", "content": [real, {"type": "redacted_thinking", "data": "Eo8B"}, text]},
    ]
    found = clean_messages({"messages": turns})["messages"]
    assert found == [turns[0], {"role": "assistant", "content": [text]}, turns[3]]


def test_a_provider_that_verifies_nothing_gets_all_thoughts_back() -> None:
    unsigned = {"type": "thinking", "thinking": "t", "signature": ""}
    own = {"type": "thinking", "thinking": "t", "signature": "linx"}
    turn = {"role": "assistant", "content": [unsigned, own, {"type": "redacted_thinking", "data": SEALED}]}
    body = chat({"messages": [turn, "odd"]})
    found = messages_body_with_thoughts(body, "real", ModelTraits())["messages"]
    assert found == [{"role": "assistant", "content": [unsigned, own]}, "odd"]


def test_what_is_no_block_is_the_provider_s_to_refuse() -> None:
    thought = {"type": "thinking", "thinking": "t", "signature": "linx"}
    body = chat({"messages": [{"role": "assistant", "content": ["odd", thought, 5]}, "odd"]})
    found = messages_body(body, "real", ModelTraits())["messages"]
    assert found == [{"role": "assistant", "content": ["odd", 5]}, "odd"]


def test_responses_without_reasoning_of_ours() -> None:
    items = [
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "summary": [], "encrypted_content": SEALED},
        {"type": "reasoning", "summary": [], "id": f"rs_{'0a' * 16}_0"},
        {"type": "reasoning", "summary": [], "id": f"rs_{'0a' * 16}_0", "encrypted_content": None},
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"},
        {"type": "reasoning", "summary": [], "id": "rs_68af4030baa48193b0b43b4c2a176a1a0e6967589f080e78"},
    ]
    body = responses_body(chat({"model": "m", "input": items, "previous_response_id": "resp_1"}), "real", ModelTraits())
    assert body == {"model": "real", "stream": True, "input": [items[0], *items[4:]], "previous_response_id": "resp_1"}
    assert responses_body(chat({"input": "hi"}), "real", ModelTraits())["input"] == "hi"
