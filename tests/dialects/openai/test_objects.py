"""The objects that a stream and a whole answer have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linx.core.chat import Usage
from linx.dialects.openai.objects import identity, reasoning_delta, to_legacy, usage_object
from tests.dialects.openai.help import stamp

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11, "cost": 0.5}


@pytest.mark.parametrize("source", [None, {}, {"id": "", "created": 0}, {"id": 5, "created": "x"}, {"created": True}])
def test_identity_is_made_up_where_the_provider_gives_none(source: JsonObject | None) -> None:
    assert identity(source, stamp()) == ("chatcmpl-0123abcd", 1755800000)


def test_a_fractional_time_is_made_whole() -> None:
    assert identity({"id": "a", "created": 5.9}, stamp()) == ("a", 5)


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (Usage(9, 2), {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}),
        (
            Usage(9, 2, 3, 1, 0.25),
            {
                "prompt_tokens": 9,
                "completion_tokens": 2,
                "total_tokens": 11,
                "prompt_tokens_details": {"cached_tokens": 3},
                "completion_tokens_details": {"reasoning_tokens": 1},
                "cost": 0.25,
            },
        ),
        (
            Usage(9, 2, cached=0, cache_write=4),
            {
                "prompt_tokens": 9,
                "completion_tokens": 2,
                "total_tokens": 11,
                "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 4},
            },
        ),
        (
            Usage(9, 2, source={"total_tokens": 12, "prompt_tokens": None, "x": 1}),
            {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 12, "x": 1},
        ),
        (
            Usage(9, 2, source={"total_tokens": None}),
            {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
        ),
    ],
)
def test_usage_objects(usage: Usage, told: JsonObject) -> None:
    assert usage_object(usage) == told


def test_reasoning_has_the_names_that_the_config_gives_it() -> None:
    assert reasoning_delta("a", "reasoning") == {"reasoning": "a"}
    assert reasoning_delta("a", "both") == {"reasoning_content": "a", "reasoning": "a"}


def test_an_old_client_gets_the_first_call_and_no_other() -> None:
    pieces = [(0, {"name": "f", "arguments": "{"}), (1, {"name": "g", "arguments": "{}"}), (0, {"arguments": "}"})]
    fragments = [{"index": index, "function": function} for index, function in pieces]
    choice: JsonObject = {"finish_reason": None, "delta": {"tool_calls": fragments}}
    assert to_legacy(choice)
    assert choice["delta"] == {"function_call": {"name": "f", "arguments": "{}"}}
    other: JsonObject = {"finish_reason": "tool_calls", "delta": {"tool_calls": fragments[1:2]}}
    assert not to_legacy(other)
    assert other["finish_reason"] == "function_call"
