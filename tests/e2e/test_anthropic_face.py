"""Anthropic's clients over every kind of provider, the official SDK among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anthropic
import pytest
import trio
import trio.testing

from tests.e2e.anthropic_sdk import with_anthropic
from tests.e2e.canaries import PROVIDER_KEY
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes import scripted
from tests.fakes.catalogue import Kind, Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Call
from tests.waiting import within

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.llamacpp import LlamaCpp
    from tests.fakes.exchange import Exchange
    from tests.fakes.scripted import Reply

KINDS: tuple[Kind, ...] = ("ollama", "llamacpp", "openrouter", "openai")
HI: Any = [{"role": "user", "content": "hi"}]
BODY: dict[str, Any] = {"model": "m", "max_tokens": 64, "messages": HI}
BILLING = "x-anthropic-billing-header: cc_version=2.1; cc_entrypoint=cli; cch=ab12"
TOOLS: Any = [
    {
        "name": "weather",
        "description": "Tells the weather",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
]


def fake_of(kind: Kind) -> FakeProvider:
    return FakeProvider(kind, [Model("m", capabilities=("completion", "tools", "thinking"))])


# --- the SDK --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_messages_and_streams_over_every_kind(kind: Kind, tmp_path: Path) -> None:
    async with fake_of(kind) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = Answer(tokens=["Hel", "lo"], reasoning=["hm"], prompt_tokens=9)

        def work(sdk: anthropic.Anthropic) -> tuple[anthropic.types.Message, anthropic.types.Message, str]:
            whole = sdk.messages.create(model="m", max_tokens=64, messages=HI)
            with sdk.messages.stream(model="m", max_tokens=64, messages=HI) as stream:
                text = "".join(stream.text_stream)
                return whole, stream.get_final_message(), text

        whole, streamed, text = await with_anthropic(app.bound[0][1], work)
    assert text == "Hello"
    for message in (whole, streamed):
        assert [block.type for block in message.content] == ["thinking", "text"]
        assert message.content[1].type == "text"
        assert message.content[1].text == "Hello"
        assert (message.model, message.stop_reason) == ("m", "end_turn")
        assert message.usage.input_tokens == 9
        assert message.usage.output_tokens > 0


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_loop_of_tools_with_two_rounds(kind: Kind, stream: bool, tmp_path: Path) -> None:
    """The model asks twice, once for two calls at a time; ids and results find each other."""

    def model(call: Exchange) -> Reply:
        results = [turn["content"] for turn in call.json["messages"] if turn["role"] == "tool"]
        if not results:
            return Answer(
                tokens=["Let me see."],
                calls=[Call("weather", {"city": "Oslo"}, id="functions.weather:0"), Call("weather", {"city": "Rome"})],
            )
        if len(results) == 2:
            assert results == ["Oslo: rain", "Rome: sun"]
            # Some providers give the ids of their first answer again; a client would mix them up.
            return Answer(tokens=[], calls=[Call("weather", {"city": "Bonn"}, id="functions.weather:0")])
        return Answer(tokens=[f"Seen {len(results)}."])

    async with fake_of(kind) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.rule = model

        def work(sdk: anthropic.Anthropic) -> str:
            turns: list[Any] = [{"role": "user", "content": "weather?"}]
            weather = {"Oslo": "rain", "Rome": "sun", "Bonn": "fog"}
            seen: set[str] = set()
            for _round in range(3):
                message: anthropic.types.Message
                if stream:
                    with sdk.messages.stream(model="m", max_tokens=99, messages=turns, tools=TOOLS) as events:
                        message = events.get_final_message()
                else:
                    message = sdk.messages.create(model="m", max_tokens=99, messages=turns, tools=TOOLS)
                turns.append({"role": "assistant", "content": message.content})
                calls = [block for block in message.content if block.type == "tool_use"]
                if message.stop_reason != "tool_use":
                    return "".join(block.text for block in message.content if block.type == "text")
                results = []
                for call in calls:
                    city = str(call.input["city"])
                    assert all(char.isalnum() or char in "_-" for char in call.id)
                    assert call.id not in seen
                    seen.add(call.id)
                    results.append(
                        {"type": "tool_result", "tool_use_id": call.id, "content": f"{city}: {weather[city]}"}
                    )
                turns.append({"role": "user", "content": results})
            raise AssertionError("the loop did not end")

        assert await with_anthropic(app.bound[0][1], work) == "Seen 3."
        assert len(fake.calls) == 3


async def test_the_real_llama_cpp(llamacpp: LlamaCpp, tmp_path: Path) -> None:
    config = llamacpp.config(model_mappings={"claude-sonnet": "tiny"})
    async with linx_here(config, tmp_path) as app:

        def work(sdk: anthropic.Anthropic) -> tuple[Any, ...]:
            whole = sdk.messages.create(model="claude-sonnet", max_tokens=6, messages=HI)
            with sdk.messages.stream(model="claude-sonnet", max_tokens=6, messages=HI, system="s") as stream:
                streamed = stream.get_final_message()
            exact = sdk.messages.count_tokens(model="claude-sonnet", messages=HI, system="s")
            return whole, streamed, exact.input_tokens

        whole, streamed, exact = await with_anthropic(app.bound[0][1], work)
    assert whole.model == "claude-sonnet"
    assert (whole.stop_reason, whole.usage.output_tokens) == ("max_tokens", 6)
    assert streamed.content[0].text
    # What was counted beforehand is what it took, whichever part of it the cache had.
    assert streamed.usage.input_tokens + streamed.usage.cache_read_input_tokens == exact


# --- what reaches a provider ----------------------------------------------------------


async def test_the_changing_line_and_the_client_s_headers_stay_here(tmp_path: Path) -> None:
    async with fake_of("llamacpp") as fake, linx_here(config_for(fake), tmp_path) as app:
        system = [{"type": "text", "text": BILLING}, {"type": "text", "text": "You are"}]
        headers = {"x-api-key": "secret", "anthropic-beta": "b1", "anthropic-version": "2023-06-01"}
        answer = await ask(app.bound[0][1], "/v1/messages?beta=true", {**BODY, "system": system}, headers=headers)
        assert answer.status == 200
        (call,) = fake.calls
        assert call.json["messages"][0] == {"role": "system", "content": "You are"}
        assert not {"anthropic-beta", "anthropic-version", "x-api-key"} & call.headers.keys()


@pytest.mark.parametrize(
    "path", ["/messages", "/v1/messages", "/v1/v1/messages", "/v1/messages/", "/k/any/v1/messages"]
)
async def test_every_variant_of_the_path(path: str, tmp_path: Path) -> None:
    async with fake_of("openai") as fake, linx_here(config_for(fake), tmp_path) as app:
        answer = await ask(app.bound[0][1], path, BODY)
        assert answer.json["content"] == [{"type": "text", "text": "Hello from the fake."}]
        assert answer.headers["request-id"] == answer.headers["x-request-id"]
        assert answer.headers["x-linx-attempts"] == "openai1=ok"


# --- failures -------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_fallback_is_the_same_road(stream: bool, tmp_path: Path) -> None:
    async with fake_of("ollama") as bad, fake_of("openai") as good, linx_here(config_for(bad, good), tmp_path) as app:
        bad.next(scripted.status(500))
        answer = await ask(app.bound[0][1], "/v1/messages", {**BODY, "stream": stream})
        assert answer.headers["x-linx-attempts"] == "ollama1=http_500, openai2=ok"
        assert b"Hello" in answer.body


@pytest.mark.parametrize(
    ("reply", "status", "kind", "words"),
    [
        (scripted.status(503, "overloaded"), 529, "overloaded_error", "overloaded"),
        (scripted.status(429, "slow down", retry_after="7"), 429, "rate_limit_error", "slow down"),
        (scripted.status(400, "bad thing"), 400, "invalid_request_error", "bad thing"),
        (scripted.status(500), 502, "api_error", "openai1"),
        (scripted.status(404, "The model `m` does not exist"), 404, "not_found_error", "does not"),
        (
            scripted.status(400, "This model's maximum context length is 8192 tokens, you asked for 9000 tokens"),
            400,
            "invalid_request_error",
            "prompt is too long: 9000 tokens > 8192 maximum",
        ),
    ],
)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_errors_in_the_client_s_words(
    reply: Reply, status: int, kind: str, words: str, stream: bool, tmp_path: Path
) -> None:
    async with fake_of("openai") as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(reply)
        answer = await ask(app.bound[0][1], "/v1/messages", {**BODY, "stream": stream})
        record = next(iter(app.context.telemetry.finished))
    assert (answer.status, record.status) == (status, status)
    assert answer.json["type"] == "error"
    assert answer.json["error"]["type"] == kind
    assert words in answer.json["error"]["message"]
    assert answer.json["request_id"] == answer.headers["request-id"]
    if status == 429:
        assert answer.headers["retry-after"] == "7"


async def test_an_error_in_mid_stream_raises_in_the_sdk(tmp_path: Path) -> None:
    async with fake_of("openai") as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(scripted.cut_after(3, "close"))

        def work(sdk: anthropic.Anthropic) -> None:
            with sdk.messages.stream(model="m", max_tokens=64, messages=HI) as stream:
                stream.get_final_message()

        with pytest.raises(anthropic.APIStatusError) as caught:
            await with_anthropic(app.bound[0][1], work)
        assert "openai1" in str(caught.value)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "kind"),
    [
        ("GET", "/v1/messages", {}, 405, "invalid_request_error"),
        ("POST", "/v1/messages/batches", {}, 404, "not_found_error"),
        ("GET", "/v1/nothing", {"anthropic-version": "2023-06-01"}, 404, "not_found_error"),
        ("GET", "/v1/models/nope", {"anthropic-version": "2023-06-01"}, 404, "not_found_error"),
        ("POST", "/v1/messages", {"content-type": "text/plain; charset=latin-1"}, 415, "invalid_request_error"),
    ],
)
async def test_errors_before_any_provider(
    method: str, path: str, headers: dict[str, str], status: int, kind: str, tmp_path: Path
) -> None:
    async with fake_of("openai") as fake, linx_here(config_for(fake), tmp_path) as app:
        client = Client(app.bound[0][1])
        await client.open()
        await client.send(method, path, None, headers)
        answer = await client.answer()
        await client.close()
    assert answer.status == status
    assert answer.json["error"]["type"] == kind
    assert answer.json["request_id"] == answer.headers["request-id"]


async def test_the_key(tmp_path: Path) -> None:
    async with fake_of("openai") as fake:
        async with linx_here(config_for(fake, server={"api_key": "right"}), tmp_path) as app:
            port = app.bound[0][1]
            for path, body in (("/v1/messages", BODY), ("/v1/messages/count_tokens", BODY)):
                answer = await ask(port, path, body)
                assert (answer.status, answer.json["error"]["type"]) == (401, "authentication_error")
                assert answer.json["request_id"] == answer.headers["request-id"]
            answer = await ask(port, "/v1/models", headers={"anthropic-version": "2023-06-01"})
            assert answer.json["error"]["type"] == "authentication_error"
            assert (await ask(port, "/api/hello", method="HEAD")).status == 200
            assert (await ask(port, "/api/hello", method="GET")).status in (401, 405)
            for headers in ({"x-api-key": "right"}, {"authorization": "Bearer right"}):
                assert (await ask(port, "/v1/messages", BODY, headers=headers)).status == 200
            answer = await ask(port, "/k/right/v1/messages", BODY)
            assert answer.status == 200
        assert {call.headers.get("authorization") for call in fake.calls} == {f"Bearer {PROVIDER_KEY}"}
        assert not any("x-api-key" in call.headers for call in fake.calls)


async def test_a_ping_keeps_a_silent_stream_alive(tmp_path: Path) -> None:
    async with fake_of("openai") as fake:
        fake.next(Answer(first_s=0.5))
        async with linx_here(config_for(fake, server={"heartbeat_s": 0.1}), tmp_path) as app:
            answer = await ask(app.bound[0][1], "/v1/messages", {**BODY, "stream": True})
    kinds = [event["type"] for event in answer.events]
    assert kinds[:2] == ["message_start", "ping"]
    assert kinds.count("message_start") == 1
    assert kinds[-1] == "message_stop"


async def test_a_closed_client_closes_the_upstream(tmp_path: Path) -> None:
    async with fake_of("ollama") as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(Answer(tokens=["x"] * 1000, interval_s=0.02))
        client = Client(app.bound[0][1])
        await client.open()
        await client.send("POST", "/v1/messages", {**BODY, "stream": True})
        call = await fake.received()
        await trio.sleep(0.1)
        await client.close()
        with within(0.1):
            await call.hung_up.wait()


# --- count_tokens and models ----------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_counting(kind: Kind, tmp_path: Path) -> None:
    async with fake_of(kind) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = Answer(prompt_tokens=77)
        body = {"model": "m", "messages": HI, "system": [{"type": "text", "text": BILLING}]}
        answer = await ask(app.bound[0][1], "/v1/messages/count_tokens?beta=true", body)
        counted = [call for call in fake.requests if "count_tokens" in call.path]
    assert answer.status == 200
    if kind == "llamacpp":
        assert answer.json == {"input_tokens": 77}
        assert answer.headers["x-linx-provider"] == "llamacpp1"
        assert "system" not in counted[0].json
    else:
        assert 0 < answer.json["input_tokens"] < 77
        assert counted == []


async def test_counting_where_llama_cpp_is_old_or_broken(tmp_path: Path) -> None:
    async with fake_of("llamacpp") as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        body = {"model": "m", "messages": HI}
        fake.at["/v1/messages/count_tokens"] = scripted.status(404, "File Not Found")
        fake.at["/apply-template"] = scripted.Whole(200, b'{"prompt":"<user>hi"}')
        assert (await ask(port, "/v1/messages/count_tokens", body)).json == {"input_tokens": 8}
        fake.at["/apply-template"] = scripted.status(500)
        estimate = (await ask(port, "/v1/messages/count_tokens", body)).json["input_tokens"]
        assert estimate >= 1
        assert (await ask(port, "/v1/messages/count_tokens", {"model": "m"})).status == 400
        assert (await ask(port, "/v1/messages/count_tokens", {"model": "nope/x", "messages": HI})).status == 404


async def test_models_in_anthropic_s_shape(tmp_path: Path) -> None:
    models = [Model("a"), Model("b/c"), Model("d")]
    async with FakeProvider("openai", models) as fake, linx_here(config_for(fake), tmp_path) as app:

        def work(sdk: anthropic.Anthropic) -> Any:
            first = sdk.models.list(limit=2)
            return [one.id for one in first], first.has_more, first.last_id, sdk.models.retrieve("b/c").display_name

        found = await with_anthropic(app.bound[0][1], work)
        plain = await ask(app.bound[0][1], "/v1/models")
    assert found == (["a", "b/c", "d"], True, "b/c", "b/c")
    assert plain.json["object"] == "list"
