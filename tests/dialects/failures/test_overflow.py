"""The two counts of a prompt that does not fit, in every provider's words."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core import jsontext
from linx.dialects.failures.meaning import failure, too_long

SAID: dict[str, tuple[Any, tuple[int, int] | None]] = {
    "llama.cpp": (
        {
            "code": 400,
            "message": "request (9412 tokens) exceeds the available context size (8192 tokens), try increasing it",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": 9412,
            "n_ctx": 8192,
        },
        (9412, 8192),
    ),
    "llama.cpp's words": (
        {"message": "request (9412 tokens) exceeds the available context size (8192 tokens), try increasing it"},
        (9412, 8192),
    ),
    "fields of other types": (
        {"message": "context length exceeded", "n_prompt_tokens": "9", "n_ctx": True},
        None,
    ),
    "anthropic": ({"message": "prompt is too long: 208310 tokens > 200000 maximum"}, (208310, 200000)),
    "openai": (
        {
            "message": "This model's maximum context length is 8192 tokens. However, your messages"
            " resulted in 9001 tokens."
        },
        (9001, 8192),
    ),
    "vllm: pi#5930": (
        {
            "message": "This model's maximum context length is 262144 tokens. However, you requested 0 output tokens"
            " and your prompt contains at least 262145 input tokens, for a total of at least 262145 tokens."
        },
        (262145, 262144),
    ),
    "sglang": (
        {"message": "The input (10009 tokens) is longer than the model's context length (128 tokens)."},
        (10009, 128),
    ),
    "gemini": (
        {"message": "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575)."},
        (1196265, 1048575),
    ),
    "mistral": (
        {
            "message": "Prompt contains 40012 tokens and 0 draft tokens, too large for model with 32768 maximum context"
            " length"
        },
        (40012, 32768),
    ),
    "openrouter": (
        {
            "message": "This endpoint's maximum context length is 256000 tokens. However, you requested about 258091"
            " tokens (243286 of text input, 14804 of tool input, 1 in the output).",
            "code": 400,
        },
        (258090, 256000),
    ),
    "without counts": ({"message": "the input length exceeds the context length"}, None),
}


@pytest.mark.parametrize("seen", SAID)
def test_the_counts_are_kept(seen: str) -> None:
    error, counts = SAID[seen]
    refused = failure(400, jsontext.dumps({"error": error}))
    assert refused.code == "context_length_exceeded"
    assert (refused.n_prompt_tokens, refused.n_ctx) == (counts or (None, None))
    assert ("n_ctx" in refused.fields()) is (counts is not None)


def test_counts_of_another_failure_are_nothing() -> None:
    refused = failure(429, b'{"error":{"message":"prompt is too long: 9 tokens > 8","n_prompt_tokens":9,"n_ctx":8}}')
    assert (refused.code, refused.n_ctx) == ("rate_limit_exceeded", None)


def test_what_linx_itself_refuses_has_them_too() -> None:
    refused = too_long(9000, 8192)
    assert (refused.n_prompt_tokens, refused.n_ctx) == (9000, 8192)
