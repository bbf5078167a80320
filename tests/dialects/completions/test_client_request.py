"""Bodies of /v1/completions: what is taken, what is refused, what is asked."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.chat import Task, TextCompletion
from linx.core.errors import BadRequest
from linx.dialects.completions.client_request import parse, prompts_of


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("a", ["a"]),
        ("", [""]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [[1, 2]]),
        ([[1], [2, 3]], [[1], [2, 3]]),
    ],
)
def test_prompts_come_in_four_shapes(prompt: Any, found: Any) -> None:
    assert prompts_of(prompt) == found


@pytest.mark.parametrize("prompt", [None, 5, [], [[]], ["a", 1], [True], {"a": 1}, [["a"]]])
def test_other_prompts_are_refused(prompt: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        parse({"model": "m", "prompt": prompt})
    assert caught.value.param == "prompt"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", None),
        ("n", 0),
        ("max_tokens", -1),
        ("logprobs", 21),
        ("logprobs", True),
        ("best_of", 1),
        ("suffix", 3),
        ("echo", "yes"),
        ("stream", 1),
        ("stop", 5),
        ("temperature", "hot"),
        ("n", 129),
    ],
)
def test_wrong_types_are_named(field: str, value: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        parse({"model": "m", "prompt": "a", "n": 2, field: value})
    assert caught.value.param in (field, "prompt")


def test_a_request_keeps_the_client_s_own_body() -> None:
    body = {"model": "m", "prompt": ["a", "b"], "max_tokens": 7, "stream": True, "grammar": "root ::= x"}
    chat = parse(body)
    assert chat.client_body is body
    assert (chat.dialect, chat.stream, chat.include_usage) == ("completions", True, False)
    assert chat.asked == TextCompletion(prompts=["a", "b"], fields={"max_tokens": 7, "grammar": "root ::= x"})
    assert chat.task is Task.COMPLETE
    assert parse({**body, "stream_options": {"include_usage": True}}).include_usage


def test_what_has_a_place_of_its_own_is_no_other_field() -> None:
    own = {"suffix": "b", "n": 2, "best_of": 3, "echo": True, "logprobs": 0}
    chat = parse({"model": "m", "prompt": "a", "stream": False, "stop": None, "seed": 1, **own})
    assert chat.asked == TextCompletion(
        prompts=["a"], suffix="b", count=2, best_of=3, has_echo=True, logprobs=0, fields={"seed": 1}
    )
    assert chat.task is Task.INSERT
