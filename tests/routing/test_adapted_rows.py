"""Each row of the table of adaptations over real sockets: a refusal, then an answer, and the provider stays healthy."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from linx.core import jsontext
from linx.core.chat import ChatBody, ChatRequest
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Whole
from tests.routing.attempts import assert_clean, at, attempt_at, rest, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.upstream.pool import Pool

WHOLE = Whole(
    200,
    jsontext.dumps(
        {
            "object": "chat.completion",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
        }
    ),
)
ANSWERS: dict[str, Answer | Whole] = {"streamed": Answer(tokens=["Hello"]), "whole": WHOLE}
USER = {"role": "user", "content": "hi"}


def tool(name: str, **parameters: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {}, **parameters}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def called(call_id: str) -> list[dict[str, Any]]:
    call = {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "content": "42"},
    ]


class Case(NamedTuple):
    adapted: str
    words: str
    asked: dict[str, Any]
    is_taken: Callable[[dict[str, Any]], bool]
    """Would the server that refused take this body?"""
    status: int = 400


CASES = [
    Case(
        "tool_choice",
        "Invalid tool_choice type: 'object'. Supported string values: none, auto, required",
        {"tools": [tool("f"), tool("g")], "tool_choice": {"type": "function", "function": {"name": "g"}}},
        lambda body: body["tool_choice"] == "required" and body["tools"] == [tool("g")],
    ),
    Case(
        "call_ids:9",
        "Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9.",
        {"messages": [USER, *called("call_1")]},
        lambda body: (
            len({body["messages"][1]["tool_calls"][0]["id"], body["messages"][2]["tool_call_id"]}) == 1
            and len(body["messages"][2]["tool_call_id"]) == 9
        ),
    ),
    Case(
        "message_order:user_after_tool",
        "Unexpected role 'user' after role 'tool'",
        {"messages": [USER, *called("abcDEF123"), {"role": "user", "content": "go on"}]},
        lambda body: body["messages"][-1]["content"] == "42\n\ngo on",
    ),
    Case(
        "schemas:all",
        "Failed to initialize samplers: failed to parse grammar",
        {"tools": [tool("f", properties={"script": {"type": "string", "minLength": 1, "maxLength": 65536}})]},
        lambda body: body["tools"] == [tool("f", properties={"script": {"type": "string"}})],
    ),
    Case(
        "schemas:$schema",
        'Invalid JSON payload received. Unknown name "$schema" at '
        "'tools[0].function_declarations[0].parameters': Cannot find field.",
        {"tools": [tool("f", **{"$schema": "draft-07", "properties": {"a": {"pattern": "^x$"}}})]},
        lambda body: body["tools"] == [tool("f", properties={"a": {"pattern": "^x$"}})],
    ),
    Case(
        "thought_signature",
        "Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
        "correctly, and missing thought_signature may lead to degraded model performance.",
        {"messages": [USER, *called("call_1")]},
        lambda body: (
            body["messages"][1]["tool_calls"][0]["extra_content"]["google"]["thought_signature"]
            == "skip_thought_signature_validator"
        ),
    ),
    Case(
        "text_parts",
        "messages[0].content must be a string",
        {"messages": [{"role": "system", "content": [{"type": "text", "text": "Be brief."}]}, USER]},
        lambda body: body["messages"][0]["content"] == "Be brief.",
    ),
    Case(
        "response_format:json_schema",
        "'response_format.type' must be 'json_schema' or 'text'",
        {"response_format": {"type": "json_object"}},
        lambda body: body["response_format"]["type"] == "json_schema",
    ),
    Case(
        "response_format:json_object",
        "This response_format type is unavailable now",
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}},
        lambda body: body["response_format"]["type"] == "json_object" and "JSON" in body["messages"][0]["content"],
        422,
    ),
]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.adapted)
async def test_it_is_asked_once_more_and_then_right_at_once(case: Case, answer: str, pool: Pool) -> None:
    chat = ChatRequest("asked", ChatBody({"model": "asked", "messages": [USER], **case.asked}))
    before = copy.deepcopy(dict(chat.chat_body))
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(scripted.status(case.status, case.words), ANSWERS[answer], ANSWERS[answer])
        one = at(fake)
        for _ in range(2):
            attempt = attempt_at(one, pool, chat)
            await attempt.begin()
            assert text(await rest(attempt)) == "Hello"
            attempt.finish()
        assert [case.is_taken(call.json) for call in fake.calls[1:]] == [True, True]
        assert [str(step) for step in attempt.record.adapted] == [case.adapted]
        assert (one.health.consecutive_failures, one.counters.failures) == (0, 0)
        assert_clean(one, pool, idle=1)
    assert chat.chat_body == before
