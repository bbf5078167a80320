"""The parts of a frame, also where a provider sends what is none."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.chat import Timings, Usage
from linx.dialects.ollama.frames import function_of, logprobs_of, timings_of, usage_of


def test_odd_counters_do_no_harm() -> None:
    frame: dict[str, Any] = {"eval_count": 2.0, "prompt_eval_count": -1}
    frame |= {"total_duration": "x", "load_duration": 1e300, "eval_duration": True}
    assert usage_of(frame) == Usage(0, 2)
    assert timings_of(frame) == Timings()
    assert timings_of({"total_duration": 9, "load_duration": 1}) == Timings(total=9, load=1)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (5, None),
        ([5], None),
        ([{"token": 5, "logprob": float("nan")}], [{"token": "", "logprob": -9999.0, "bytes": [], "top_logprobs": []}]),
        (
            [{"token": "\ud83d", "logprob": None, "top_logprobs": 5}],
            [{"token": "\ud83d", "logprob": -9999.0, "bytes": [63], "top_logprobs": []}],
        ),
    ],
)
def test_odd_logprobs(given: Any, read: object) -> None:
    assert logprobs_of(given) == read


@pytest.mark.parametrize(
    "call",
    [None, {}, {"function": 5}, {"function": {"arguments": {}}}, {"function": {"name": "f", "arguments": "[1]"}}],
)
def test_what_is_no_call(call: Any) -> None:
    assert function_of(call) is None


def test_arguments_in_a_text_become_an_object_in_the_frame() -> None:
    call: dict[str, Any] = {"function": {"name": "f", "arguments": '{"a": 1}'}}
    assert function_of(call) == ("f", '{"a": 1}')
    assert call["function"]["arguments"] == {"a": 1}
