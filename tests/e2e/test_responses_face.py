"""The Responses API over every kind of provider, and its bodies on the chat path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.e2e.openai_sdk import with_sdk
from tests.fakes import scripted
from tests.fakes.catalogue import Kind, Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Call

if TYPE_CHECKING:
    from pathlib import Path

    import openai

    from tests.e2e.llamacpp import LlamaCpp
    from tests.fakes.exchange import Exchange
    from tests.fakes.scripted import Reply

KINDS: tuple[Kind, ...] = ("ollama", "llamacpp", "openrouter", "openai")
BODY: dict[str, Any] = {"model": "m", "input": "hi"}
TOOLS: Any = [
    {
        "type": "function",
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        "strict": False,
    }
]


def fake_of(kind: Kind) -> FakeProvider:
    return FakeProvider(kind, [Model("m", capabilities=("completion", "tools", "thinking"))])


@pytest.mark.parametrize("kind", KINDS)
async def test_whole_and_streamed_over_every_kind(kind: Kind, tmp_path: Path) -> None:
    async with fake_of(kind) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = Answer(tokens=["Hel", "lo"], reasoning=["hm"], prompt_tokens=9)

        def work(sdk: openai.OpenAI) -> tuple[Any, ...]:
            whole = sdk.responses.create(model="m", input="hi", instructions="be brief")
            with sdk.responses.stream(model="m", input="hi") as stream:
                kinds = [event.type for event in stream]
                return whole, stream.get_final_response(), kinds

        whole, streamed, kinds = await with_sdk(app.bound[0][1], work)
    for response in (whole, streamed):
        assert response.output_text == "Hello"
        assert [item.type for item in response.output] == ["reasoning", "message"]
        assert (response.model, response.status) == ("m", "completed")
        assert response.usage.input_tokens == 9
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert fake.calls[0].json["messages"][0]["content"] == "be brief"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_loop_of_tools_with_two_rounds(kind: Kind, tmp_path: Path) -> None:
    def model(call: Exchange) -> Reply:
        results = [turn["content"] for turn in call.json["messages"] if turn["role"] == "tool"]
        if len(results) < 2:
            return Answer(tokens=["I look."], calls=[Call("weather", {"city": ["Oslo", "Rome"][len(results)]})])
        assert results == ["Oslo: rain", "Rome: sun"]
        return Answer(tokens=["Seen both."])

    async with fake_of(kind) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.rule = model

        def work(sdk: openai.OpenAI) -> str:
            items: list[Any] = [{"role": "user", "content": "weather?"}]
            for said in ("Oslo: rain", "Rome: sun", ""):
                with sdk.responses.stream(model="m", input=items, tools=TOOLS, store=False) as stream:
                    response = stream.get_final_response()
                items += [item.to_dict() for item in response.output]
                calls = [item for item in response.output if item.type == "function_call"]
                if not calls:
                    return response.output_text
                assert said.partition(":")[0] in calls[0].arguments
                items.append({"type": "function_call_output", "call_id": calls[0].call_id, "output": said})
            raise AssertionError("the loop did not end")

        assert await with_sdk(app.bound[0][1], work) == "Seen both."


async def test_the_real_llama_cpp(llamacpp: LlamaCpp, tmp_path: Path) -> None:
    async with linx_here(llamacpp.config(), tmp_path) as app:

        def work(sdk: openai.OpenAI) -> tuple[Any, list[str]]:
            whole = sdk.responses.create(model="tiny", input="hi", max_output_tokens=5)
            stream = sdk.responses.create(model="tiny", input="hi", max_output_tokens=5, stream=True)
            return whole, [event.type for event in stream]

        whole, kinds = await with_sdk(app.bound[0][1], work)
    assert (whole.status, whole.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert whole.output_text
    assert whole.usage.output_tokens == 5
    assert kinds[-1] == "response.incomplete"


@pytest.mark.parametrize("path", ["/responses", "/v1/responses", "/v1/v1/responses", "/cursor/v1/responses/"])
async def test_every_variant_of_the_path(path: str, tmp_path: Path) -> None:
    async with fake_of("openai") as fake, linx_here(config_for(fake), tmp_path) as app:
        answer = await ask(app.bound[0][1], path, BODY)
        assert answer.json["object"] == "response"
        assert answer.headers["x-linx-provider"] == "openai1"


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_fallback_and_errors(stream: bool, tmp_path: Path) -> None:
    async with fake_of("ollama") as bad, fake_of("openai") as good, linx_here(config_for(bad, good), tmp_path) as app:
        port = app.bound[0][1]
        bad.next(scripted.status(500))
        answer = await ask(port, "/v1/responses", {**BODY, "stream": stream})
        assert answer.headers["x-linx-attempts"] == "ollama1=http_500, openai2=ok"
        bad.next(scripted.status(400, "no such thing"))
        answer = await ask(port, "/v1/responses", {**BODY, "stream": stream})
        assert (answer.status, answer.json["error"]["type"]) == (400, "invalid_request_error")
        answer = await ask(port, "/v1/responses", {**BODY, "previous_response_id": "resp_1"})
        assert (answer.status, answer.json["error"]["param"]) == (400, "previous_response_id")


async def test_a_break_in_mid_stream_is_a_failed_response(tmp_path: Path) -> None:
    async with fake_of("openai") as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(scripted.cut_after(3, "close"))
        answer = await ask(app.bound[0][1], "/v1/responses", {**BODY, "stream": True})
    last = answer.events[-1]
    assert (last["type"], last["response"]["status"]) == ("response.failed", "failed")
    assert "openai1" in last["response"]["error"]["message"]
    assert [event["sequence_number"] for event in answer.events] == list(range(len(answer.events)))


CURSOR: dict[str, Any] = {
    "model": "m",
    "input": [
        {"role": "system", "content": "You are"},
        {"role": "user", "content": [{"type": "input_text", "text": "weather?"}]},
    ],
    "tools": TOOLS,
    "include": ["reasoning.encrypted_content"],
    "reasoning": {"effort": "medium"},
    "text": {"format": {"type": "text"}},
    "store": False,
    "stream": True,
    "stream_options": {"include_usage": True},
}


@pytest.mark.parametrize("kind", KINDS)
async def test_cursor_s_body_on_the_chat_path_is_answered_in_chat_chunks(kind: Kind, tmp_path: Path) -> None:
    async with fake_of(kind) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(Answer(calls=[Call("weather", {"city": "Oslo"})]))
        answer = await ask(app.bound[0][1], "/cursor/v1/chat/completions", CURSOR)
    assert answer.status == 200
    assert answer.events[-1] == "[DONE]"
    assert {event["object"] for event in answer.events[:-1]} == {"chat.completion.chunk"}
    deltas = [event["choices"][0]["delta"] for event in answer.events[:-1] if event["choices"]]
    names = [call["function"].get("name") for delta in deltas for call in delta.get("tool_calls", ())]
    assert "weather" in names
    assert answer.events[-2]["usage"]["total_tokens"] > 0
    sent = fake.calls[0].json
    assert [turn["role"] for turn in sent["messages"]] == ["system", "user"]
    assert sent["tools"][0]["function"]["name"] == "weather"


async def test_codex_s_model_list(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["a", "b"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        answer = await ask(app.bound[0][1], "/v1/models?client_version=0.155.1")
        many = "&".join(f"a{number}=1" for number in range(40))
        assert (await ask(app.bound[0][1], f"/v1/models?{many}")).status == 400
    models = answer.json["models"]
    assert [model["slug"] for model in models] == ["a", "b"]
    assert all(model["base_instructions"] for model in models)
