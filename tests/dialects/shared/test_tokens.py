"""About how many tokens a prompt takes: one estimate for whatever is asked, made once."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core import jsontext
from linx.core.chat import (
    ChatBody,
    ChatRequest,
    Dialect,
    EmbeddingInput,
    JsonObject,
    Opaque,
    RequestFacts,
    TextCompletion,
)
from linx.dialects.anthropic.face import AnthropicFace
from linx.dialects.shared import chat_body
from linx.dialects.shared.tokens import answer_tokens, prompt_tokens

TOOLS = [chat_body.function_tool("f", "é" * 100, {}, None)]


def estimate(*messages: JsonObject, **more: Any) -> int:
    return prompt_tokens(ChatRequest("m", ChatBody({"messages": list(messages), **more})))


def test_the_estimate_counts_all_there_is() -> None:
    assert estimate() == 0
    assert estimate({"content": "x" * 400}) == 108
    assert estimate({"content": "é" * 400}) == 208
    assert estimate({"content": None}) == 8
    parts = [{"type": "text", "text": "x" * 400}, {"type": "image_url"}, "x" * 40]
    assert estimate({"content": parts}) == 1718
    calls = [{"function": {"name": "f" * 8, "arguments": "x" * 40}}, {"function": None}, 5]
    assert estimate({"content": "", "reasoning_content": "x" * 40, "tool_calls": calls}) == 30
    assert estimate(tools=TOOLS) == len(jsontext.dumps(TOOLS)) // 4


def test_a_translated_history_is_counted_with_its_calls_and_pictures() -> None:
    call = chat_body.tool_call("c", "abcd", '{"a":1}1')  # 12 bytes of name and arguments
    messages: list[JsonObject] = [
        {"role": "system", "content": "x" * 40},
        {"role": "user", "content": [chat_body.text_part("é" * 20), chat_body.image_part("data:,", "")]},
        {"role": "assistant", "content": None, "reasoning_content": "y" * 8, "tool_calls": [call]},
    ]
    assert estimate(*messages) == (40 + 40 + 8 + 12) // 4 + 1600 + 3 * 8


def test_a_line_that_does_not_reach_the_provider_is_not_counted() -> None:
    billing = {"type": "text", "text": "x-anthropic-billing-header: cc_version=1"}
    system = [billing, {"type": "text", "text": "x" * 36}]
    body = {"model": "m", "max_tokens": 9, "system": system, "messages": [{"role": "user", "content": "hi"}]}
    assert prompt_tokens(AnthropicFace().parse(body)) == (36 + 2) // 4 + 2 * 8


@pytest.mark.parametrize(
    ("asked", "tokens"),
    [
        (TextCompletion(prompts=["x" * 40, "é" * 40], suffix="y" * 8), 10 + 20 + 2),
        (TextCompletion(prompts=[[1, 2, 3]]), 3),
        (EmbeddingInput("x" * 40), 10),
        (EmbeddingInput(["x" * 40, "x" * 80]), 20),
        (EmbeddingInput([1, 2, 3]), 3),
        (EmbeddingInput([[1, 2], [3]]), 2),
        (EmbeddingInput([]), 0),
        (Opaque(), 0),
    ],
)
def test_whatever_is_asked_has_its_count(asked: Any, tokens: int) -> None:
    assert prompt_tokens(ChatRequest("m", asked)) == tokens


def test_it_is_counted_once() -> None:
    chat = ChatRequest("m", ChatBody({"messages": [{"content": "x" * 400}]}))
    assert chat.facts == RequestFacts()
    assert prompt_tokens(chat) == chat.facts.prompt_tokens == 108
    chat.facts.prompt_tokens = 7
    assert prompt_tokens(chat) == 7


def test_a_huge_request_is_counted_like_any_other() -> None:
    huge = ChatRequest("m", ChatBody({"messages": [], "tools": TOOLS}), facts=RequestFacts(jsontext.HUGE + 1))
    assert prompt_tokens(huge) == estimate(tools=TOOLS)


@pytest.mark.parametrize(
    ("asked", "limit"),
    [
        (ChatBody({"max_tokens": 7}), 7),
        (ChatBody({"max_tokens": 7, "max_completion_tokens": 9}), 9),
        (ChatBody({"max_tokens": "x"}), None),
        (ChatBody({"max_tokens": -1}), None),
        (ChatBody({}), None),
        (TextCompletion(prompts=["a"], fields={"max_tokens": 5}), 5),
        (TextCompletion(prompts=["a"]), None),
        (EmbeddingInput("a"), None),
        (Opaque(), None),
    ],
)
def test_the_limit_that_a_client_sets(asked: Any, limit: int | None) -> None:
    assert answer_tokens(ChatRequest("m", asked, dialect=Dialect.OPENAI)) == limit
