"""A provider of kind ``anthropic`` under every client: what reaches it, and what comes back.

The fake is as strict as the real one (``wire_anthropic_checks``): it refuses any other body, and any signature but
its own. So an answer is also the proof that what Linx wrote was right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ollama
import pytest
import trio
import trio.testing

from tests.e2e.anthropic_sdk import with_anthropic
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import config_for, linx_here, url_of
from tests.e2e.openai_sdk import HI, ask_sdk, told_by, with_sdk
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Call
from tests.fakes.wire_anthropic import signature_of
from tests.waiting import within

if TYPE_CHECKING:
    from pathlib import Path

    import anthropic
    import openai

    from linx.app import App
    from tests.fakes.exchange import Exchange
    from tests.fakes.scripted import Reply

HAIKU, SONNET = "claude-haiku-4-5-20251001", "claude-sonnet-5"
BY_BUDGET_OR_BY_ITSELF = pytest.mark.parametrize("model", [HAIKU, SONNET])
streamed_or_whole = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "weather", "description": "Tells the weather", "parameters": PARAMETERS}
TOOLS: list[Any] = [{"type": "function", "function": FUNCTION}]
OWN_TOOLS: Any = [{"name": "weather", "description": "Tells the weather", "input_schema": PARAMETERS}]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
KEY = "sk-ant-0123456789"


def fake_of(*models: str) -> FakeProvider:
    return FakeProvider("anthropic", models or (HAIKU, SONNET), api_key=KEY)


def port_of(app: App) -> int:
    return app.bound[0][1]


# --- text -----------------------------------------------------------------------------


@streamed_or_whole
async def test_a_chat(stream: bool, tmp_path: Path) -> None:
    async with fake_of() as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = Answer(prompt_tokens=20, cached_tokens=8, written_tokens=5)
        told = await ask_sdk(port_of(app), stream=stream, model="claude-haiku-4-5", user="me", seed=1)
    assert (told.text, told.finish, told.usage) == ("Hello from the fake.", "stop", (20, 5))
    assert told.raw.model == "claude-haiku-4-5"
    details = told.raw.usage.prompt_tokens_details
    assert (details.cached_tokens, details.cache_write_tokens) == (8, 5)
    (call,) = fake.calls
    assert (call.path, call.headers["x-api-key"], call.headers["anthropic-version"]) == (
        "/v1/messages",
        KEY,
        "2023-06-01",
    )
    assert "authorization" not in call.headers
    assert call.json == {
        "model": HAIKU,
        "max_tokens": 64_000,
        "stream": True,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }


@streamed_or_whole
async def test_a_response(stream: bool, tmp_path: Path) -> None:
    def work(sdk: openai.OpenAI) -> Any:
        if not stream:
            return sdk.responses.create(model=SONNET, input="hi", instructions="be brief")
        with sdk.responses.stream(model=SONNET, input="hi", instructions="be brief") as events:
            return events.get_final_response()

    async with fake_of() as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = Answer(prompt_tokens=20, cached_tokens=8, written_tokens=5)
        response = await with_sdk(port_of(app), work)
    assert (response.output_text, response.status, response.model) == ("Hello from the fake.", "completed", SONNET)
    usage = response.usage
    assert (usage.input_tokens, usage.output_tokens, usage.input_tokens_details.cached_tokens) == (20, 5, 8)
    assert fake.calls[0].json["system"] == [{"type": "text", "text": "be brief"}]


@streamed_or_whole
async def test_an_ollama_chat(stream: bool, tmp_path: Path) -> None:
    def work(url: str) -> Any:
        client = ollama.Client(url)
        try:
            if not stream:
                return client.chat(HAIKU, HI)
            pieces = list(client.chat(HAIKU, HI, stream=True))
            pieces[-1].message.content = "".join(piece.message.content or "" for piece in pieces)
            return pieces[-1]
        finally:
            client.close()  # type: ignore[no-untyped-call]

    async with fake_of() as fake, linx_here(config_for(fake), tmp_path) as app:
        told = await trio.to_thread.run_sync(work, url_of(app))
    assert told.message.content == "Hello from the fake."
    assert (told.done_reason, told.prompt_eval_count, told.eval_count) == ("stop", 9, 5)


@streamed_or_whole
async def test_a_message_goes_as_it_came(stream: bool, tmp_path: Path) -> None:
    """The client's own body and the provider's own events, but for the model's name and whose request it was."""
    request: dict[str, Any] = {
        "model": "claude-haiku-4-5",
        "max_tokens": 64,
        "messages": HI,
        "system": [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}],
        "metadata": {"user_id": "user_0123"},
        "service_tier": "auto",
    }

    def work(sdk: anthropic.Anthropic) -> Any:
        headers = {"anthropic-beta": "a-beta", "anthropic-version": "2023-06-01"}
        if not stream:
            return sdk.messages.create(**request, extra_headers=headers)
        with sdk.messages.stream(**request, extra_headers=headers) as events:
            return events.get_final_message()

    async with fake_of() as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = Answer(prompt_tokens=20, cached_tokens=8, written_tokens=5)
        message = await with_anthropic(port_of(app), work)
    assert (message.id, message.content[0].text, message.stop_reason) == (
        "msg_fake",
        "Hello from the fake.",
        "end_turn",
    )
    assert message.model == "claude-haiku-4-5"
    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (7, 8, 5)
    assert usage.service_tier == "standard"
    (call,) = fake.calls
    del request["metadata"]
    assert call.json == {**request, "model": HAIKU, "stream": True}
    assert (call.headers["anthropic-beta"], call.headers["anthropic-version"]) == ("a-beta", "2023-06-01")
    assert call.headers["x-api-key"] == KEY


# --- tools ----------------------------------------------------------------------------


def forecaster(call: Exchange) -> Reply:
    """Asks for two cities at a time, then tells what it has seen."""
    results = [
        block["content"]
        for turn in call.json["messages"]
        for block in turn["content"]
        if isinstance(block, dict) and block["type"] == "tool_result"
    ]
    if results:
        return Answer(tokens=["Seen ", str(len(results)), "."], reasoning=["All ", "there."])
    calls = [Call("weather", {"city": "Oslo"}), Call("weather", {"city": "Rome"})]
    return Answer(tokens=["I look."], reasoning=["I must ", "look."], calls=calls)


@BY_BUDGET_OR_BY_ITSELF
@pytest.mark.parametrize("effort", ["high", None])
@streamed_or_whole
async def test_tools_and_thoughts_of_a_chat_client(
    model: str, effort: str | None, stream: bool, tmp_path: Path
) -> None:
    more = {"model": model, "tools": TOOLS, **({"reasoning_effort": effort} if effort else {})}

    def work(sdk: openai.OpenAI) -> tuple[Any, Any]:
        first = told_by(sdk, stream=stream, **more)
        assert first.error is None, first.error
        message = first.raw.choices[0].message.model_dump(exclude_none=True, exclude={"parsed"})
        results = [{"role": "tool", "tool_call_id": call[0], "content": "rain"} for call in first.calls]
        return first, told_by(sdk, stream=stream, **{**more, "messages": [*HI, message, *results]})

    async with fake_of() as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.rule = forecaster
        first, second = await with_sdk(port_of(app), work)
    cities = [("weather", '{"city":"Oslo"}'), ("weather", '{"city":"Rome"}')]
    thoughts = ("I must look.", "All there.") if effort else ("", "")
    assert first.said == ("I look.", thoughts[0], cities, "tool_calls")
    assert (second.error, second.said) == (None, ("Seen 2.", thoughts[1], [], "stop"))
    if effort:
        answer = fake.calls[1].json["messages"][1]
        assert [block["type"] for block in answer["content"]] == ["thinking", "text", "tool_use", "tool_use"]
        assert answer["content"][0] == {
            "type": "thinking",
            "thinking": "I must look.",
            "signature": signature_of("I must look."),
        }


@BY_BUDGET_OR_BY_ITSELF
@streamed_or_whole
async def test_tools_and_thoughts_of_a_responses_client(model: str, stream: bool, tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "model": model,
        "tools": [{"type": "function", **FUNCTION}],
        "reasoning": {"effort": "medium", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "store": False,
    }

    def respond(sdk: openai.OpenAI, items: list[Any]) -> Any:
        if not stream:
            return sdk.responses.create(**settings, input=items)
        with sdk.responses.stream(**settings, input=items) as events:
            return events.get_final_response()

    def work(sdk: openai.OpenAI) -> tuple[Any, Any]:
        first = respond(sdk, [*HI])
        items = [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in first.output]
        results = [
            {"type": "function_call_output", "call_id": item.call_id, "output": "rain"}
            for item in first.output
            if item.type == "function_call"
        ]
        return first, respond(sdk, [*HI, *items, *results])

    async with fake_of() as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.rule = forecaster
        first, second = await with_sdk(port_of(app), work)
    assert [item.type for item in first.output] == ["reasoning", "message", "function_call", "function_call"]
    assert first.output[0].summary[0].text == "I must look."
    assert second.output_text == "Seen 2."
    thought = fake.calls[1].json["messages"][1]["content"][0]
    assert (thought["thinking"], thought["signature"]) == ("I must look.", signature_of("I must look."))


@BY_BUDGET_OR_BY_ITSELF
@streamed_or_whole
async def test_tools_and_thoughts_of_an_anthropic_client(model: str, stream: bool, tmp_path: Path) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024} if model == HAIKU else {"type": "adaptive"}
    if model == SONNET:
        thinking["display"] = "summarized"

    def say(sdk: anthropic.Anthropic, turns: list[Any]) -> Any:
        settings: Any = {"model": model, "max_tokens": 4096, "tools": OWN_TOOLS, "thinking": thinking}
        if not stream:
            return sdk.messages.create(**settings, messages=turns)
        with sdk.messages.stream(**settings, messages=turns) as events:
            return events.get_final_message()

    def work(sdk: anthropic.Anthropic) -> tuple[Any, Any]:
        first = say(sdk, HI)
        calls = [block.id for block in first.content if block.type == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": one, "content": "rain"} for one in calls]
        turns = [*HI, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
        return first, say(sdk, turns)

    async with fake_of() as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.rule = forecaster
        first, second = await with_anthropic(port_of(app), work)
    assert [block.type for block in first.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert first.content[0].signature == signature_of("I must look.")
    assert (second.content[-1].text, second.stop_reason) == ("Seen 2.", "end_turn")


@BY_BUDGET_OR_BY_ITSELF
async def test_tools_and_thoughts_of_an_ollama_client(model: str, tmp_path: Path) -> None:
    """It cannot carry a signature, so the thought does not come back; the loop goes on without it."""

    def work(url: str) -> tuple[Any, Any]:
        client = ollama.Client(url)
        try:
            first = client.chat(model, HI, tools=TOOLS, think=True)
            results = [{"role": "tool", "tool_name": "weather", "content": "rain"} for _ in range(2)]
            return first, client.chat(model, [*HI, first.message, *results], tools=TOOLS, think=True)
        finally:
            client.close()  # type: ignore[no-untyped-call]

    async with fake_of() as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.rule = forecaster
        first, second = await trio.to_thread.run_sync(work, url_of(app))
    assert (first.message.thinking, first.message.content) == ("I must look.", "I look.")
    assert [call.function.arguments for call in first.message.tool_calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert second.message.content == "Seen 2."
    answer = fake.calls[1].json["messages"][1]
    assert [block["type"] for block in answer["content"]] == ["text", "tool_use", "tool_use"]


# --- the rest of a request ------------------------------------------------------------


async def test_an_image(tmp_path: Path) -> None:
    parts = [
        {"type": "text", "text": "what is it?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "image_url", "image_url": {"url": "https://pictures.test/a.png"}},
    ]
    async with fake_of() as fake, linx_here(config_for(fake), tmp_path) as app:
        told = await ask_sdk(port_of(app), stream=True, model=HAIKU, messages=[{"role": "user", "content": parts}])
        own = await ask(
            port_of(app),
            "/api/chat",
            {"model": HAIKU, "messages": [{"role": "user", "content": "and?", "images": [PNG]}], "stream": False},
        )
    assert (told.text, own.json["message"]["content"]) == ("Hello from the fake.", "Hello from the fake.")
    sources = [block["source"] for block in fake.calls[0].json["messages"][0]["content"][1:]]
    inline = {"type": "base64", "media_type": "image/png", "data": PNG}
    assert sources == [inline, {"type": "url", "url": "https://pictures.test/a.png"}]
    assert inline in [block.get("source") for block in fake.calls[1].json["messages"][0]["content"]]


async def test_a_shape_of_the_answer(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    shape = {"type": "json_schema", "json_schema": {"name": "x", "schema": {**schema, "additionalProperties": False}}}
    async with fake_of(HAIKU, "claude-3-5-haiku-20241022") as fake, linx_here(config_for(fake), tmp_path) as app:
        told = await ask_sdk(port_of(app), stream=False, model=HAIKU, response_format=shape)
        assert told.error is None
        assert fake.calls[0].json["output_config"]["format"]["schema"]["properties"] == schema["properties"]
        refused = await ask_sdk(port_of(app), stream=False, model="claude-3-5-haiku-20241022", response_format=shape)
        assert (refused.status, len(fake.calls)) == (400, 1)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/v1/completions", {"prompt": "a"}, "text completion"),
        ("/v1/completions", {"prompt": "a", "suffix": "b"}, "insert"),
        ("/v1/embeddings", {"input": "a"}, "embeddings"),
        ("/api/generate", {"prompt": "a", "suffix": "b"}, "insert"),
        ("/api/embed", {"input": "a"}, "embeddings"),
        ("/v1/chat/completions", {"messages": HI, "n": 2}, "n > 1"),
        ("/v1/chat/completions", {"messages": HI, "logprobs": True}, "logprobs"),
    ],
)
async def test_what_it_cannot_do_is_refused_and_left_to_another(
    path: str, body: dict[str, Any], words: str, tmp_path: Path
) -> None:
    async with fake_of() as fake, FakeProvider("openai", [HAIKU]) as other:
        async with linx_here(config_for(fake), tmp_path) as app:
            answer = await ask(port_of(app), path, {"model": HAIKU, **body})
            assert (answer.status, words in answer.body.decode()) == (400, True), answer.body
            assert fake.calls == []
            assert app.context.providers[0].health.state(0.0) == "up"
        async with linx_here(config_for(fake, other), tmp_path) as app:
            answer = await ask(port_of(app), path, {"model": HAIKU, **body})
            assert answer.status == 200
            assert answer.headers["x-linx-provider"] == "openai2"


async def test_a_body_of_megabytes(tmp_path: Path) -> None:
    """It is written beside the event loop, on both roads."""
    said = [{"role": "user", "content": "word " * 400_000}]
    async with fake_of() as fake, linx_here(config_for(fake), tmp_path) as app:
        for path in ("/v1/chat/completions", "/v1/messages"):
            answer = await ask(port_of(app), path, {"model": SONNET, "max_tokens": 9, "messages": said})
            assert answer.status == 200, answer.body
        own = fake.calls[1].json["messages"]
        assert fake.calls[0].json["messages"][0]["content"][0]["text"] == own[0]["content"] == said[0]["content"]


# --- lists, counts, cost --------------------------------------------------------------


async def test_its_models_are_listed_as_every_client_lists(tmp_path: Path) -> None:
    async with fake_of() as fake, linx_here(config_for(fake), tmp_path) as app:
        names = [model.id for model in await with_sdk(port_of(app), lambda sdk: sdk.models.list().data)]
        assert set(names) == {HAIKU, SONNET}
        own = await with_anthropic(port_of(app), lambda sdk: sdk.models.list(limit=10).data)
        assert {model.id for model in own} == {HAIKU, SONNET}
        shown = (await ask(port_of(app), "/api/show", {"model": HAIKU})).json
        assert set(shown["capabilities"]) == {"completion", "thinking", "tools", "vision"}
        assert 200_000 in shown["model_info"].values()


async def test_tokens_are_counted_by_the_provider(tmp_path: Path) -> None:
    async with fake_of() as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = Answer(prompt_tokens=1234)
        count = await with_anthropic(
            port_of(app),
            lambda sdk: sdk.messages.count_tokens(
                model="claude-haiku-4-5", messages=HI, tools=OWN_TOOLS, system="s", extra_body={"metadata": None}
            ),
        )
        assert count.input_tokens == 1234
        (call,) = fake.calls
        assert (call.path, call.json["model"]) == ("/v1/messages/count_tokens", HAIKU)
        assert not {"stream", "max_tokens", "metadata"} & call.json.keys()


async def test_the_cache_has_prices_of_its_own(tmp_path: Path) -> None:
    price = {"*": {"prompt": 3, "completion": 15, "cached": 0.3, "cache_write": 3.75}}
    async with fake_of() as fake:
        config = config_for(fake, providers={"anthropic1": {"price": price}})
        async with linx_here(config, tmp_path) as app:
            fake.default = Answer(prompt_tokens=1000, cached_tokens=500, written_tokens=300)
            for path in ("/v1/chat/completions", "/v1/messages"):
                answer = await ask(port_of(app), path, {"model": HAIKU, "max_tokens": 99, "messages": HI})
                wanted = (200 * 3 + 500 * 0.3 + 300 * 3.75 + 5 * 15) / 1e6
                assert float(answer.headers["x-linx-cost-usd"]) == pytest.approx(wanted)


async def test_a_long_conversation_is_marked_for_the_cache(tmp_path: Path) -> None:
    turns = [
        {"role": "system", "content": "Be a fox. " * 600},
        {"role": "user", "content": "one " * 400},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
    ]
    async with fake_of() as fake, linx_here(config_for(fake), tmp_path) as app:
        told = await ask_sdk(port_of(app), stream=False, model=SONNET, messages=turns, tools=TOOLS)
    assert told.error is None
    body = fake.calls[0].json
    last = [turn["content"][-1] for turn in body["messages"] if turn["role"] == "user"]
    marked = [body["tools"][-1], body["system"][-1], *last]
    assert all(block["cache_control"] == {"type": "ephemeral"} for block in marked)


# --- an answer that is given up -------------------------------------------------------


@streamed_or_whole
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_a_closed_client_closes_the_upstream(path: str, stream: bool, tmp_path: Path) -> None:
    async with fake_of() as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(Answer(tokens=["x"] * 1000, interval_s=0.02))
        client = Client(port_of(app))
        await client.open()
        await client.send("POST", path, {"model": HAIKU, "max_tokens": 2000, "messages": HI, "stream": stream})
        call = await fake.received()
        await trio.sleep(0.1)
        await client.close()
        with within(0.1):
            await call.hung_up.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert app.context.providers[0].active == 0
