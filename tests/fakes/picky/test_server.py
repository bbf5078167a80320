"""A picky server over a socket: refuses, answers, calls tools, and keeps what it received."""

from __future__ import annotations

from typing import Any

from tests.e2e.http_client import Answer, ask
from tests.fakes.picky.server import PickyServer
from tests.fakes.picky.servers import BY_NAME
from tests.fakes.picky.spoken import Spoken
from tests.fakes.picky.tools import signature

BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "f", "description": "[f] does it", "parameters": {"type": "object"}},
}
CALLS = Spoken("I do it.", "Hm.", [("f", {"a": 1}), ("f", {})])


async def chat(server: PickyServer, body: dict[str, Any]) -> Answer:
    return await ask(server.fake.port, "/v1/chat/completions", body)


def deltas(answer: Answer) -> list[dict[str, Any]]:
    return [event["choices"][0]["delta"] for event in answer.events if event != "[DONE]" and event["choices"]]


async def test_a_refusal_and_then_an_answer() -> None:
    async with PickyServer(BY_NAME["fireworks"], ["m"]) as server:
        refused = await chat(server, {**BODY, "stream_options": {"include_usage": True}})
        assert (refused.status, refused.json["error"]["object"]) == (400, "error")
        answer = await chat(server, BODY)
        assert (answer.status, answer.text, answer.is_whole) == (200, "Hello.", True)
        assert answer.events[-1] == "[DONE]"
        assert server.refusals("m") == ["stream_options"]
        assert [asked.refused_by for asked in server.of("m")] == ["stream_options", None]
        assert server.of("m")[0].body["stream_options"] == {"include_usage": True}


async def test_calls_have_the_ids_and_the_reasoning_the_name_of_the_server() -> None:
    async with PickyServer(BY_NAME["mistral"], ["m"]) as server:
        server.next["m"] = CALLS
        said = deltas(await chat(server, {**BODY, "tools": [TOOL]}))
        ids = [call["id"] for delta in said for call in delta.get("tool_calls") or () if "id" in call]
        assert ids == ["c00000000", "c00000001"]
        again = deltas(await chat(server, {**BODY, "tools": [TOOL]}))
        assert next(c["id"] for delta in again for c in delta.get("tool_calls") or () if "id" in c) == "c00000002"
    async with PickyServer(BY_NAME["cerebras"], ["m"]) as server:
        server.next["m"] = CALLS
        said = deltas(await chat(server, {**BODY, "tools": [TOOL]}))
        assert "".join(delta.get("reasoning", "") for delta in said) == "Hm."


async def test_gemini_signs_the_first_of_several_calls() -> None:
    async with PickyServer(BY_NAME["gemini"], ["m"]) as server:
        server.next["m"] = CALLS
        said = deltas(await chat(server, {**BODY, "tools": [TOOL]}))
        starts = [call for delta in said for call in delta.get("tool_calls") or () if "id" in call]
        assert starts[0]["extra_content"] == {"google": {"thought_signature": signature(starts[0]["id"])}}
        assert "extra_content" not in starts[1]


async def test_a_tool_that_was_renamed_is_called_by_its_new_name() -> None:
    renamed = {"type": "function", "function": {**TOOL["function"], "name": "f_1"}}
    async with PickyServer(BY_NAME["gpt-names"], ["m"]) as server:
        server.next["m"] = CALLS
        said = deltas(await chat(server, {**BODY, "tools": [renamed]}))
        starts = [call for delta in said for call in delta.get("tool_calls") or () if "id" in call]
        assert [call["function"]["name"] for call in starts] == ["f_1", "f_1"]


async def test_ollama_answers_in_its_own_dialect() -> None:
    async with PickyServer(BY_NAME["ollama-levels"], ["m"]) as server:
        server.next["m"] = CALLS
        refused = await ask(server.fake.port, "/api/chat", {**BODY, "think": "max"})
        assert refused.status == 400
        answer = await ask(server.fake.port, "/api/chat", {**BODY, "think": "high", "tools": [TOOL]})
        assert answer.body.count(b"\n") >= 5
        assert b'"tool_calls":[{"id":"call_00000001"' in answer.body
        assert server.refusals("m") == ["think"]


async def test_usage_comes_to_those_who_ask() -> None:
    async with PickyServer(BY_NAME["gpt-names"], ["m"]) as server:
        assert b"prompt_tokens" not in (await chat(server, BODY)).body
        assert b"prompt_tokens" in (await chat(server, {**BODY, "stream_options": {"include_usage": True}})).body


async def test_other_endpoints_answer_as_ever() -> None:
    async with PickyServer(BY_NAME["voyage"], ["m"]) as server:
        body = {"model": "m", "input": "a"}
        assert (await ask(server.fake.port, "/v1/embeddings", {**body, "encoding_format": "float"})).status == 400
        assert (await ask(server.fake.port, "/v1/embeddings", {**body, "encoding_format": "base64"})).status == 200
        assert (await ask(server.fake.port, "/v1/models")).json["data"][0]["id"] == "m"
