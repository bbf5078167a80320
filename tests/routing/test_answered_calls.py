"""The tool calls of an answer: resolved names, and signatures that come back with the next turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from linx.core.chat import ChatBody, ChatRequest
from linx.routing.answered_calls import answered_calls
from linx.routing.candidate import Candidate
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Call, Close, Raw, ReadRequest, Send, Whole
from tests.routing.attempts import at, attempt_at, rest

if TYPE_CHECKING:
    from linx.core.chat import Chunk
    from linx.upstream.pool import Pool

USER = {"role": "user", "content": "hi"}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
SIGNED = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
DETAIL = {"type": "reasoning.encrypted", "data": "c2ln", "id": "c1", "format": "google-gemini-v1", "index": 0}


def chat(*messages: Any, tools: Any = TOOLS) -> ChatRequest:
    return ChatRequest("asked", ChatBody({"model": "asked", "messages": [USER, *messages], "tools": tools}))


def call(**more: Any) -> dict[str, Any]:
    return {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}, **more}


def turn(**more: Any) -> list[dict[str, Any]]:
    known = {name: value for name, value in call().items() if name != "index"}
    return [
        {"role": "assistant", "content": None, "tool_calls": [{**known, **more}]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
    ]


def answers(*deltas: Any) -> dict[str, Raw | Whole]:
    """A stream, and the whole answer that says the same."""
    frames = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    frames.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    wire = b"".join(b"data: %b\n\n" % jsontext.dumps(frame) for frame in frames) + b"data: [DONE]\n\n"
    message = {name: value for delta in deltas for name, value in delta.items()}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    return {"streamed": Raw([ReadRequest(), Send(head + wire), Close()]), "whole": Whole(200, jsontext.dumps(body))}


async def ask(asked: ChatRequest, one: Any, pool: Pool, model: str = "m") -> list[Chunk]:
    attempt = attempt_at(one, pool, asked, model=model)
    await attempt.begin()
    chunks = await rest(attempt)
    attempt.finish()
    return chunks


async def test_nothing_is_looked_at_where_no_tool_is_offered(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        one = at(fake)
        here = Candidate(one, "m")
        plain = chat(tools=None)
        assert answered_calls(here, plain, one.request(plain), pool.clock) is None
        assert answered_calls(here, chat(), one.request(chat()), pool.clock) is not None


async def test_a_bent_name_is_resolved(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Answer(tokens=["x"], calls=[Call("functions.f", {})]))
        names = [delta.name for chunk in await ask(chat(), at(fake), pool) for delta in chunk.tools or () if delta.name]
        assert names == ["f"]


@pytest.mark.parametrize("how", ["streamed", "whole"])
async def test_a_signature_comes_back_with_the_next_turn(how: str, pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        one = at(fake)
        fake.next(answers({"tool_calls": [call(**SIGNED)]})[how], Answer())
        await ask(chat(), one, pool)
        second = chat(*turn())
        await ask(second, one, pool)
        assert fake.calls[1].json["messages"][1]["tool_calls"][0]["extra_content"] == SIGNED["extra_content"]
        assert "extra_content" not in second.chat_body["messages"][1]["tool_calls"][0]
        other = at(fake)
        await ask(second, other, pool)
        assert "extra_content" not in fake.calls[2].json["messages"][1]["tool_calls"][0]


@pytest.mark.parametrize("how", ["streamed", "whole"])
async def test_and_so_do_openrouters_details(how: str, pool: Pool) -> None:
    async with FakeProvider("openrouter", ["google/gemini-3-pro"]) as fake:
        one = at(fake)
        fake.next(answers({"reasoning_details": [DETAIL]}, {"tool_calls": [call()]})[how], Answer())
        for asked in (chat(), chat(*turn())):
            await ask(asked, one, pool, "google/gemini-3-pro")
        assert fake.calls[1].json["messages"][1]["reasoning_details"] == [DETAIL]
