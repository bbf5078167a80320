"""What a provider signs its tool calls with."""

from __future__ import annotations

import copy
import time
from typing import Any

from linx.core.chat import ChatBody, ChatRequest, Chunk, Dialect, ModelTraits, ToolDelta
from linx.dialects.openai.provider_request import chat_body
from linx.dialects.openai.servers import PLAIN
from linx.dialects.openai.signatures import MAX_SIGNATURE, SignatureReader, signature_of, with_signatures

SIGNED = {"extra_content": {"google": {"thought_signature": "c2ln"}}}  # Google's guide to thought signatures
DETAIL = {"type": "reasoning.encrypted", "data": "c2ln", "id": "c1", "format": "google-gemini-v1", "index": 0}


def call(call_id: str | None, **more: Any) -> dict[str, Any]:
    return {"index": 0, "id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}, **more}


def chunk(*calls: Any, **delta: Any) -> Chunk:
    if calls:
        delta["tool_calls"] = list(calls)
    tools = [ToolDelta(0, one["id"], "f") for one in calls] or None
    return Chunk(tools=tools, source={"choices": [{"delta": delta}]}, dialect=Dialect.OPENAI)


def read(*chunks: Chunk, has_details: bool = False) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    reader = SignatureReader(kept.__setitem__, has_details=has_details)
    assert reader.reads_all is has_details
    for one in chunks:
        reader.read(one)
    return kept


def history(*calls: Any, **more: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": "hi"}, {"role": "assistant", "tool_calls": list(calls), **more}]


def test_geminis_signature_is_a_calls_own() -> None:
    assert read(chunk(call("c1", **SIGNED), call("c2")), chunk(call("c3"))) == {"c1": "c2ln"}
    odd = [Chunk(), chunk(), chunk(call("c1", extra_content=5)), chunk(call(None, **SIGNED))]
    long = {"extra_content": {"google": {"thought_signature": "x" * (MAX_SIGNATURE + 1)}}}
    assert read(*odd, chunk(call("c1", **long))) == {}
    assert signature_of(call("c1", **SIGNED)) == "c2ln"
    assert signature_of(None) is None


def test_openrouters_details_are_the_first_calls_whenever_they_come() -> None:
    details = chunk(reasoning_details=[DETAIL, {"type": "reasoning.text", "text": "hm"}])
    assert read(details, chunk(call("c1"), call("c2")), has_details=True) == {"c1": [DETAIL]}
    assert read(chunk(call("c1")), chunk(call("c2")), details, details, has_details=True) == {"c1": [DETAIL, DETAIL]}
    assert read(details, chunk(content="no call"), has_details=True) == {}
    huge = {**DETAIL, "data": "x" * MAX_SIGNATURE}
    assert read(chunk(call("c1")), chunk(reasoning_details=[huge]), has_details=True) == {}


def test_details_without_end_are_not_gathered() -> None:
    details = chunk(reasoning_details=[DETAIL])
    began = time.perf_counter()
    kept = read(chunk(call("c1")), *[details] * 20_000, has_details=True)
    assert time.perf_counter() - began < 2
    assert 10 < len(kept["c1"]) <= MAX_SIGNATURE / len(str(DETAIL))


def test_a_signature_is_put_back_where_it_is_missing() -> None:
    messages = history(call("c1"), call("c2"))
    before = copy.deepcopy(messages)
    changed = with_signatures(messages, {"c1": "c2ln"})
    assert changed[1]["tool_calls"] == [call("c1", **SIGNED), call("c2")]
    assert changed[0] is messages[0]
    assert messages == before
    assert with_signatures(messages, {"c9": "c2ln"}) is messages
    assert with_signatures(messages, {"c1": None}) is messages
    kept = history(call("c1", **SIGNED))
    assert with_signatures(kept, {"c1": "other"}) is kept


def test_details_are_put_back_where_they_are_missing() -> None:
    messages = history(call("c1"))
    assert with_signatures(messages, {"c1": [DETAIL]})[1]["reasoning_details"] == [DETAIL]
    assert "reasoning_details" not in messages[1]
    kept = history(call("c1"), reasoning_details=[DETAIL])
    assert with_signatures(kept, {"c1": [DETAIL, DETAIL]}) is kept
    odd: list[Any] = [*history(), {"role": "assistant", "tool_calls": [None, {"id": 5}]}]
    assert with_signatures(odd, {"c1": "x"}) is odd


def test_a_body_gets_what_is_known() -> None:
    chat = ChatRequest("m", ChatBody({"messages": history(call("c1"))}))
    body = chat_body(PLAIN, chat, "m", ModelTraits(signed={"c1": "c2ln"}))
    assert body["messages"][1]["tool_calls"] == [call("c1", **SIGNED)]
    assert chat_body(PLAIN, chat, "m", ModelTraits())["messages"] is chat.chat_body["messages"]
