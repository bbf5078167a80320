"""Items of kept answers: their ids, and what refers to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.dialects.responses.stored import input_items, items_of, reference_in, refers, response_of
from tests.dialects.responses.test_encoder import last, start, stream

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

HI = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}


def test_the_id_of_an_item_says_where_it_is() -> None:
    response = last(stream(start(0, "{}")))
    assert [response_of(item["id"]) for item in response["output"]] == [response["id"]]
    for item in input_items({"input": "hi"}, response["id"]):
        assert response_of(item["id"]) == response["id"]


@pytest.mark.parametrize("item_id", ["msg_68f0a1", "rs_0495a_", "", "_a_0", "msg_a-b_0", "msg_a_0\n", "MSG_a_0"])
def test_an_id_of_somebody_else_says_nothing(item_id: str) -> None:
    assert response_of(item_id) is None


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("hi", [HI]),
        ([{"role": "user", "content": "hi"}], [{"role": "user", "content": "hi"}]),
        ([], []),
        (None, []),
        (5, []),
    ],
)
def test_the_input_as_items(given: Any, made: list[JsonObject]) -> None:
    assert items_of({"input": given}) == made


def test_every_item_of_a_listed_input_has_type_and_id() -> None:
    given = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "yes", "id": "msg_own"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "x"},
        {"id": "rs_x_0"},
    ]
    assert input_items({"input": given}, "resp_abc") == [
        {**HI, "id": "msg_abc_in0"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "yes"}],
            "id": "msg_own",
        },
        {**given[2], "id": "fc_abc_in2"},
        {**given[3], "id": "item_abc_in3"},
        {"type": "item_reference", "id": "rs_x_0"},
    ]


@pytest.mark.parametrize(
    ("item", "found"),
    [
        ({"type": "item_reference", "id": "a"}, "a"),
        ({"type": None, "id": "a"}, "a"),
        ({"id": "a"}, "a"),
        ({"id": "a", "role": "user", "content": "x"}, None),
        ({"id": "a", "type": "message"}, None),
        ({"type": "item_reference"}, None),
        ({"type": "item_reference", "id": 5}, None),
        ("a", None),
    ],
)
def test_what_is_a_reference(item: Any, found: str | None) -> None:
    assert reference_in(item) == found
    assert refers({"input": [item]}) is (found is not None)


def test_a_body_may_refer_to_an_answer() -> None:
    assert refers({"previous_response_id": "a"})
    assert not refers({"previous_response_id": None, "input": "hi"})
