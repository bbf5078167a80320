"""About how many tokens a prompt takes."""

from __future__ import annotations

from typing import Any

from linx.core.chat import ChatBody, ChatRequest, JsonObject
from linx.dialects.shared import chat_body
from linx.dialects.shared.tokens import prompt_tokens_estimate


def test_an_estimate_counts_everything_that_is_read() -> None:
    call = chat_body.tool_call("c", "abcd", '{"a":1}1')  # 12
    body: dict[str, Any] = {
        "messages": [
            {"role": "system", "content": "x" * 40},
            {"role": "user", "content": [chat_body.text_part("é" * 20), chat_body.image_part("data:,", "")]},
            {"role": "assistant", "content": None, "reasoning_content": "y" * 8, "tool_calls": [call]},
        ]
    }
    assert chat_body.estimate_tokens(body) == (40 + 40 + 8 + 12) // 4 + 1600
    body["tools"] = [chat_body.function_tool("f", None, {}, None)]
    assert chat_body.estimate_tokens(body) > (40 + 40 + 8 + 12) // 4 + 1600 + 10
    assert chat_body.estimate_tokens({"messages": []}) == 1


def test_the_estimate_counts_all_there_is() -> None:
    def estimate(*messages: JsonObject, **more: Any) -> int:
        return prompt_tokens_estimate(ChatRequest("m", ChatBody({"messages": list(messages), **more})))

    assert estimate() == 0
    assert estimate({"content": "x" * 400}) == 108
    assert estimate({"content": "é" * 400}) == 208
    assert estimate({"content": None}) == 8
    parts = [{"type": "text", "text": "x" * 400}, {"type": "image_url"}, "x" * 40]
    assert estimate({"content": parts}) == 1718
    calls = [{"function": {"arguments": "x" * 40}}, {"function": None}, 5]
    assert estimate({"content": "", "reasoning_content": "x" * 40, "tool_calls": calls}) == 28
    assert estimate(tools=[{"type": "function"}]) > 4
