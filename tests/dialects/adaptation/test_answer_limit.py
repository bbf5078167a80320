"""The field that limits the length of an answer: its two names and its ceiling."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.chat import Adapted
from linx.dialects.adaptation.table import adapt
from tests.dialects.adaptation.help import CHAT, COMPLETION, MESSAGES, RESPONSES, asked_until_taken, step

OPENAI = (  # opencode#37964
    b'{"error": {"message": "Unsupported parameter: \'max_tokens\' is not supported with this model. Use'
    b' \'max_completion_tokens\' instead.", "type": "invalid_request_error", "param": "max_tokens",'
    b' "code": "unsupported_parameter"}}'
)
COPILOT = (  # copilot-api#164
    b'{"error":{"message":"Unsupported parameter: \'max_tokens\' is not supported with this model. Use'
    b' \'max_completion_tokens\' instead.","code":"invalid_request_body"}}'
)
MISTRAL = (  # eca#231
    b'{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","max_completion_tokens"],'
    b'"msg":"Extra inputs are not permitted","input":32000}]},"type":"invalid_request_error","param":null,"code":null}'
)
VLLM = (  # void#128
    b"{\"object\": \"error\", \"message\": \"[{'type': 'extra_forbidden', 'loc': ('body', 'max_completion_tokens'),"
    b' \'msg\': \'Extra inputs are not permitted\', \'input\': 800}]", "type": "BadRequestError", "code": 400}'
)
GEMINI = b'Unknown name "max_tokens": Cannot find field. Unsupported parameter max_tokens'


@pytest.mark.parametrize("status", [400, 422, 500])
@pytest.mark.parametrize("words", [OPENAI, COPILOT, b"max_tokens: use max_completion_tokens instead", GEMINI])
def test_the_old_name_becomes_the_new_one(words: bytes, status: int) -> None:
    body = {"model": "m", "max_tokens": 5, "stream": True}
    assert step(body, words, status) == "answer_limit_name:max_completion_tokens"
    used, taken = asked_until_taken(body, [words], status)
    assert list(taken.items()) == [("model", "m"), ("max_completion_tokens", 5), ("stream", True)]
    assert step(body, words, status, used=[Adapted("answer_limit_name", "max_completion_tokens")]) is None
    assert len(used) == 1


@pytest.mark.parametrize("words", [MISTRAL, VLLM, b"unknown field max_completion_tokens"])
def test_and_the_other_way_round(words: bytes) -> None:
    assert asked_until_taken({"max_completion_tokens": 5}, [words], 422) == (
        ["answer_limit_name:max_tokens"],
        {"max_tokens": 5},
    )


def test_of_two_the_one_that_is_taken_stays() -> None:
    body = {"max_tokens": 5, "max_completion_tokens": 6}
    assert asked_until_taken(body, [OPENAI])[1] == {"max_completion_tokens": 6}
    assert asked_until_taken(body, [MISTRAL])[1] == {"max_tokens": 5}


def test_what_is_no_name_of_the_field_changes_nothing() -> None:
    body = {"max_tokens": 5}
    assert adapt(body, [Adapted("answer_limit_name", "messages")], []) is body
    assert step(body, b"max_tokens must be at least 16") is None


CEILINGS = {
    "openai: forgecode#1185": (
        b'{"error": {"message": "max_tokens is too large: 20480. This model supports at most 16384 completion tokens,'
        b' whereas you provided 20480.", "type": "invalid_request_error", "param": "max_tokens",'
        b' "code": "invalid_value"}}',
        16384,
    ),
    "in the wrong place: AQBot#93": (
        b'{"error":{"message":"Param Incorrect","type":"upstream_error","param":"max_tokens is too large: 1048576.'
        b' This model supports at most 131072 completion tokens, whereas you provided 1048576.","code":"400"}}',
        131072,
    ),
    "anthropic": (
        b'{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: 128000 > 64000, which is the'
        b' maximum allowed number of output tokens for claude-haiku-4-5-20251001"}}',
        64000,
    ),
    "doubao: openclaude#331": (
        b'{"error":{"code":"InvalidParameter","message":"The parameter `max_completion_tokens` specified in the request'
        b" are not valid: integer above maximum value, expected a value <= 12288, but got 32000 instead. Request id:"
        b' 0","param":"max_completion_tokens","type":"BadRequest"}}',
        12288,
    ),
    "deepseek": (
        b'{"error":{"message":"Invalid max_tokens value, the valid range of max_tokens is [1, 8192]",'
        b'"type":"invalid_request_error","param":null,"code":"invalid_request_error"}}',
        8192,
    ),
    "groq": (
        b'{"error":{"message":"`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens` is'
        b' less than the `context_window` for this model","type":"invalid_request_error"}}',
        8192,
    ),
    "bedrock: h2ogpt": (
        b'{"message":"The maximum tokens you requested exceeds the model limit of 10000. Try again with a'
        b" maximum tokens"
        b' value that is lower than 10000."}',
        10000,
    ),
    "gemini": (
        b'[{"error":{"code":400,"message":"Unable to submit request because it has a maxOutputTokens value of'
        b" 200000 but"
        b' the supported range is from 1 (inclusive) to 65537 (exclusive). Update the value and try again.",'
        b'"status":"INVALID_ARGUMENT"}}]',
        65536,
    ),
    "dashscope": (b'{"error":{"message":"Range of max_tokens should be [1, 8192]"}}', 8192),
}


@pytest.mark.parametrize("seen", CEILINGS)
def test_the_limit_is_lowered_to_the_number_that_is_named(seen: str) -> None:
    words, ceiling = CEILINGS[seen]
    for form, field in (
        (CHAT, "max_tokens"),
        (CHAT, "max_completion_tokens"),
        (COMPLETION, "max_tokens"),
        (MESSAGES, "max_tokens"),
        (RESPONSES, "max_output_tokens"),
    ):
        body: dict[str, Any] = {"model": "m", field: 1048576, "stream": True}
        assert asked_until_taken(body, [words], form=form) == ([f"answer_limit:{ceiling}"], {**body, field: ceiling})


def test_a_limit_that_is_low_enough_stays_as_it_is() -> None:
    words = CEILINGS["deepseek"][0]
    assert step({"max_tokens": 8192}, words) is None
    body = {"max_tokens": 100}
    assert adapt(body, [Adapted("answer_limit", "8192")], []) is body


def test_a_prompt_that_does_not_fit_is_no_question_of_a_field() -> None:
    """vLLM's words for a context that is full: claude-code#272. ``answer_room`` has those for one that is not."""
    words = b"'max_tokens' or 'max_completion_tokens' is too large: 64000. This model's maximum context length is 64001"
    assert step({"max_tokens": 64000}, words + b" tokens and your request has 63500 input tokens") is None
