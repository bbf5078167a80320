"""A limit of the answer that is more than the prompt leaves of the context, or than there is credit for."""

from __future__ import annotations

from typing import Any

import pytest

from linx.dialects.adaptation.answer_room import LEAST_ROOM
from linx.dialects.adaptation.table import BY_NAME
from tests.dialects.adaptation.help import CHAT, COMPLETION, MESSAGES, RESPONSES, asked_until_taken, step

ROOM = {
    "vllm: claude-code#272": (
        b'{"object":"error","message":"\'max_tokens\' or \'max_completion_tokens\' is too large: 64000. This'
        b" model's maximum"
        b' context length is 64001 tokens and your request has 24235 input tokens (64000 > 64001 - 24235).",'
        b'"type":"BadRequestError","param":null,"code":400}',
        39766,
    ),
    "vllm since 0.12": (
        b'{"error":{"message":"You passed 47176 input tokens and requested 110073 output tokens. However, the model\'s'
        b" context length is only 157248 tokens, resulting in a maximum input length of 47175 tokens. Please reduce the"
        b' length of the input prompt. (parameter=input_tokens, value=47176)","type":"BadRequestError","code":400}}',
        110072,
    ),
    "openai, deepseek": (
        b'{"error":{"message":"This model\'s maximum context length is 65536 tokens. However, you requested'
        b" 70215 tokens"
        b' (6215 in the messages, 64000 in the completion). Please reduce the length of the messages or completion.",'
        b'"type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}',
        59321,
    ),
    "openrouter": (
        b'{"error":{"message":"This endpoint\'s maximum context length is 131072 tokens. However, you requested about'
        b" 139907 tokens (81253 of text input, 58654 in the output). Please reduce the length of either one, or use the"
        b' context-compression plugin to compress your prompt automatically.","code":400}}',
        49819,
    ),
    "openrouter with tools": (
        b'{"error":{"message":"This endpoint\'s maximum context length is 204800 tokens. However, you requested about'
        b" 213538 tokens (187711 of text input, 1827 of tool input, 24000 in the output). Please reduce the length of"
        b' either one.","code":400,"metadata":{"provider_name":null}}}',
        15262,
    ),
    "sglang": (
        b'{"object":"error","message":"Requested token count exceeds the model\'s maximum context length of'
        b" 64000 tokens."
        b" You requested a total of 71897 tokens: 7897 tokens from the input messages and 64000 tokens for the"
        b' completion.","type":"BadRequestError","code":400}',
        56103,
    ),
    "together, tgi": (
        b'{"error":{"message":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 32769. Given: 500'
        b' `inputs` tokens and 64000 `max_new_tokens`","type":"invalid_request_error"}}',
        32269,
    ),
    "anthropic": (
        b'{"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens`'
        b" exceed context"
        b' limit: 190000 + 20000 > 200000, decrease input length or `max_tokens` and try again"}}',
        10000,
    ),
}
BODY: dict[str, Any] = {"model": "m", "messages": [], "stream": True}


@pytest.mark.parametrize("seen", ROOM)
def test_the_limit_gives_way_to_the_prompt(seen: str) -> None:
    words, left = ROOM[seen]
    for form, field in ((CHAT, "max_tokens"), (CHAT, "max_completion_tokens"), (RESPONSES, "max_output_tokens")):
        assert asked_until_taken({**BODY, field: 110073}, [words], form=form) == (["answer_room"], BODY)
    for form in (MESSAGES, COMPLETION):
        lowered = {**BODY, "max_tokens": left}
        assert asked_until_taken({**BODY, "max_tokens": 110073}, [words], form=form) == (
            [f"answer_room_left:{left}"],
            lowered,
        )


FULL = (
    b"This model's maximum context length is 32768 tokens. However, you requested 33824 tokens (31800 in the messages,"
    b" 2024 in the completion). Please reduce the length of the messages or completion.",
    b"You passed 163805 input tokens and requested 0 output tokens. However, the model's context length is only 163804",
    b"prompt is too long: 208310 tokens > 200000 maximum",
    b"request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it",
)


@pytest.mark.parametrize("words", FULL)
@pytest.mark.parametrize("form", [CHAT, MESSAGES])
def test_a_prompt_that_leaves_no_room_is_too_long(words: bytes, form: Any) -> None:
    assert step({**BODY, "max_tokens": 4000}, words, form=form) is None


def test_without_a_limit_there_is_nothing_to_lower() -> None:
    for words, _left in ROOM.values():
        assert step(BODY, words) is None
        assert step({**BODY, "max_tokens": None}, words, form=MESSAGES) is None


# OpenRouter reserves the credit for the whole of max_tokens (Agent Zero, gitlab's llmprotocol: the same words).
AFFORDED = (
    b'{"error":{"message":"This request requires more credits, or fewer max_tokens. You requested up to 64000'
    b" tokens, but"
    b" can only afford 4717. To increase, visit https://openrouter.ai/settings/credits and add more"
    b' credits","code":402}}'
)


def test_the_limit_is_lowered_to_what_can_be_afforded() -> None:
    for form, field in ((CHAT, "max_tokens"), (MESSAGES, "max_tokens"), (RESPONSES, "max_output_tokens")):
        used, body = asked_until_taken({**BODY, field: 64000}, [AFFORDED], 402, form)
        assert (used, body[field]) == (["answer_credit:4717"], 4717)
    assert step(BODY, AFFORDED, 402) is None
    assert step({**BODY, "max_tokens": 64000}, AFFORDED.replace(b"4717", b"%d" % (LEAST_ROOM - 1)), 402) is None
    assert step({**BODY, "max_tokens": 64000}, b"Insufficient credits", 402) is None


def test_what_is_true_of_one_prompt_is_not_remembered() -> None:
    names = [name for name, row in BY_NAME.items() if not row.is_lasting]
    assert names == ["answer_room", "answer_room_left", "answer_credit"]
