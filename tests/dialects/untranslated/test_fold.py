"""A provider's events folded into a whole answer."""

from __future__ import annotations

from typing import Any

import anthropic.types
import pytest

from linx.core.attempt_errors import StreamBroken
from linx.dialects.untranslated.fold import whole_message, whole_response
from tests.dialects.untranslated.test_decoder import MESSAGE, RESPONSE, START


def test_a_message() -> None:
    message = whole_message(MESSAGE)
    assert message["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "Eq"},
        {"type": "text", "text": "Hi"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
    ]
    assert message["stop_reason"] == "tool_use"
    assert message["usage"] == {"input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 9, "cost": 0.25}
    anthropic.types.Message.model_validate(message)
    assert START["message"]["content"] == []


def delta(index: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def test_what_is_odd_does_not_break_it() -> None:
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "a"}}
    tool = {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "input": {}}}
    events = [
        START,
        block,
        tool,
        delta(0, type="text_delta", text="b"),
        delta(0, type="citations_delta", citation={"cited_text": "x"}),
        delta(0, type="new_delta", text="?"),
        delta(7, type="text_delta", text="nowhere"),
        delta(1, type="input_json_delta", partial_json='{"cut'),
        {"type": "new_event"},
        {"type": "message_delta", "delta": None, "usage": None},
    ]
    content = whole_message(events)["content"]
    assert content[0] == {"type": "text", "text": "ab", "citations": [{"cited_text": "x"}]}
    assert content[1]["input"] == {}


@pytest.mark.parametrize("index", [{"a": 5}, [0], None, "0", True, 0.0])
def test_an_index_that_is_no_number_names_no_block(index: Any) -> None:
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "a"}}
    assert whole_message([START, block, delta(index, type="text_delta", text="b")])["content"] == [
        {"type": "text", "text": "a"}
    ]


@pytest.mark.parametrize("before", [5, True, "x", {"a": 5}, None])
def test_citations_of_another_type_are_replaced(before: Any) -> None:
    block = {"type": "text", "text": "a", "citations": before}
    start = {"type": "content_block_start", "index": 0, "content_block": block}
    (folded,) = whole_message([START, start, delta(0, type="citations_delta", citation={"cited_text": "x"})])["content"]
    assert folded["citations"] == [{"cited_text": "x"}]


def test_without_a_beginning_or_an_end() -> None:
    with pytest.raises(StreamBroken):
        whole_message(MESSAGE[1:])
    with pytest.raises(StreamBroken):
        whole_response([])
    with pytest.raises(StreamBroken):
        whole_response(RESPONSE[:4])


def test_a_response_is_the_one_of_the_last_event() -> None:
    assert whole_response(RESPONSE)["output"] == [{"type": "message"}]
