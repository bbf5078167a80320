"""The official openai SDK through Linx to every kind of provider: the same answer on every road."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import openai
import pydantic
import pytest
import trio

from linx.core import jsontext
from tests.e2e.linx_process import config_for, linx_here
from tests.e2e.openai_sdk import HI, ask_sdk, with_sdk
from tests.fakes import scripted
from tests.fakes.catalogue import Kind, Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Call
from tests.waiting import within

if TYPE_CHECKING:
    from pathlib import Path

KINDS: tuple[Kind, ...] = ("ollama", "openai", "openrouter", "llamacpp")
OPENAI_KINDS = KINDS[1:]
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n not really a picture").decode()
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALLS = [Call("weather", {"city": "Köln", "days": 2}), Call("weather", {"city": "Paris\u2028", "days": 3})]

every_kind = pytest.mark.parametrize("kind", KINDS)
both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


@both_ways
@every_kind
async def test_text_usage_and_the_name_that_was_asked_for(kind: Kind, stream: bool, tmp_path: Path) -> None:
    mapped = {"providers": {"one": {"model_mappings": {"gpt-4o": "m"}}}}
    async with FakeProvider(kind, ["m"]) as fake:
        fake.default = Answer(tokens=["Hé", "llo ", "\N{GRINNING FACE}\u2028\u0085", "!"])
        async with linx_here(config_for(fake, names=("one",), **mapped), tmp_path) as app:
            told = await ask_sdk(app.bound[0][1], stream=stream, model="gpt-4o", temperature=0, seed=7, max_tokens=50)
        assert told.said == ("Héllo \N{GRINNING FACE}\u2028\u0085!", "", [], "stop")
        assert told.usage == (9, 4)
        assert told.raw.model == "gpt-4o"
        sent = fake.calls[0].json
        assert sent["model"] == "m"
        assert sent["stream"] is True
        options = sent["options"] if kind == "ollama" else sent
        assert (options["temperature"], options["seed"]) == (0, 7)
        assert options["num_predict" if kind == "ollama" else "max_tokens"] == 50
        if stream:
            assert len({(chunk.id, chunk.created, chunk.model, chunk.object) for chunk in told.chunks}) == 1
            assert [chunk.usage is not None for chunk in told.chunks] == [False] * (len(told.chunks) - 1) + [True]
            roles = [choice.delta.role for chunk in told.chunks for choice in chunk.choices]
            assert roles.count("assistant") == 1


@every_kind
async def test_no_usage_and_no_frame_without_a_choice_unless_asked(kind: Kind, tmp_path: Path) -> None:
    async with FakeProvider(kind, ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        told = await ask_sdk(app.bound[0][1], stream=True, stream_options=openai.omit)
    assert told.usage is None
    assert all(chunk.choices and chunk.usage is None for chunk in told.chunks)
    assert told.said == ("Hello from the fake.", "", [], "stop")


@both_ways
@every_kind
async def test_tools_there_and_back(kind: Kind, stream: bool, tmp_path: Path) -> None:
    async with FakeProvider(kind, ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        fake.next(Answer(tokens=["Let me look. "], calls=CALLS), Answer(tokens=["Rain."]))
        asked = await ask_sdk(port, stream=stream, tools=[WEATHER], tool_choice="auto", parallel_tool_calls=True)
        assert asked.finish == "tool_calls"
        assert asked.text == "Let me look. "
        assert [(name, jsontext.loads(text.encode())) for _id, name, text in asked.calls] == [
            ("weather", {"city": "Köln", "days": 2}),
            ("weather", {"city": "Paris\u2028", "days": 3}),
        ]
        history = [*HI, asked.raw.choices[0].message.model_dump(exclude_none=True, exclude={"parsed"})]
        for call in history[1]["tool_calls"]:
            call["function"].pop("parsed_arguments", None)
            call.pop("index", None)
        history += [{"role": "tool", "tool_call_id": id_, "content": "rain"} for id_, _name, _text in asked.calls]
        told = await ask_sdk(port, stream=stream, messages=history, tools=[WEATHER])
        assert told.said == ("Rain.", "", [], "stop")
        sent = fake.calls[1].json["messages"]
        assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool"]
        functions = [call["function"] for call in sent[1]["tool_calls"]]
        if kind == "ollama":
            assert [function["arguments"] for function in functions] == [call.arguments for call in CALLS]
            assert [message["tool_name"] for message in sent[2:]] == ["weather", "weather"]
        else:
            assert [function["arguments"] for function in functions] == [text for _id, _name, text in asked.calls]
            assert [message["tool_call_id"] for message in sent[2:]] == [id_ for id_, _name, _text in asked.calls]


@both_ways
@every_kind
async def test_reasoning_is_kept_apart(kind: Kind, stream: bool, tmp_path: Path) -> None:
    async with FakeProvider(kind, [Model("m", ("completion", "thinking"))]) as fake:
        fake.default = Answer(reasoning=["Let ", "me think"], tokens=["4"])
        async with linx_here(config_for(fake), tmp_path) as app:
            told = await ask_sdk(app.bound[0][1], stream=stream, reasoning_effort="high")
        assert told.said == ("4", "Let me think", [], "stop")
        sent = fake.calls[0].json
        assert sent["think" if kind == "ollama" else "reasoning_effort"] == "high"


@pytest.mark.parametrize("field", ["reasoning", "both"])
async def test_reasoning_under_the_configured_name(field: str, tmp_path: Path) -> None:
    async with FakeProvider("ollama", [Model("m", ("completion", "thinking"))]) as fake:
        fake.default = Answer(reasoning=["hm"], tokens=["4"])
        async with linx_here(config_for(fake, server={"reasoning_field": field}), tmp_path) as app:
            for stream in (True, False):
                told = await ask_sdk(app.bound[0][1], stream=stream)
                message = told.raw.choices[0].message
                assert message.reasoning == "hm"
                assert getattr(message, "reasoning_content", None) == ("hm" if field == "both" else None)


@every_kind
async def test_an_image(kind: Kind, tmp_path: Path) -> None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}}
    parts = [{"type": "text", "text": "What"}, picture, {"type": "text", "text": "is it?"}]
    async with FakeProvider(kind, [Model("m", ("completion", "vision"))]) as fake:
        async with linx_here(config_for(fake), tmp_path) as app:
            told = await ask_sdk(app.bound[0][1], stream=True, messages=[{"role": "user", "content": parts}])
        assert told.text == "Hello from the fake."
        messages = fake.calls[0].json["messages"]
        if kind == "ollama":  # which makes a message of each part itself (openai/openai.go, FromChatRequest)
            assert [(one.get("content", ""), one.get("images")) for one in messages] == [
                ("What", None),
                ("", [PIXEL]),
                ("is it?", None),
            ]
        else:
            assert messages[0]["content"] == parts


class City(pydantic.BaseModel):
    name: str
    people: int


@both_ways
@every_kind
async def test_structured_output(kind: Kind, stream: bool, tmp_path: Path) -> None:
    async with FakeProvider(kind, ["m"]) as fake:
        fake.default = Answer(tokens=['{"name": "Kö', 'ln", "people', '": 1}'])
        async with linx_here(config_for(fake), tmp_path) as app:

            def work(sdk: openai.OpenAI) -> Any:
                if not stream:
                    return sdk.chat.completions.parse(model="m", messages=HI, response_format=City)
                with sdk.chat.completions.stream(model="m", messages=HI, response_format=City) as events:
                    return events.get_final_completion()

            final = await with_sdk(app.bound[0][1], work)
        assert final.choices[0].message.parsed == City(name="Köln", people=1)
        sent = fake.calls[0].json
        schema = sent["format"] if kind == "ollama" else sent["response_format"]["json_schema"]["schema"]
        assert set(schema["properties"]) == {"name", "people"}


@both_ways
@every_kind
async def test_a_limit_is_told_as_length(kind: Kind, stream: bool, tmp_path: Path) -> None:
    async with FakeProvider(kind, ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        told = await ask_sdk(app.bound[0][1], stream=stream, max_completion_tokens=2, stop=["\n", "END"])
        assert told.said == ("Hello from", "", [], "length")
        sent = fake.calls[0].json
        assert (sent["options"] if kind == "ollama" else sent)["stop"] == ["\n", "END"]


@both_ways
@pytest.mark.parametrize("kind", OPENAI_KINDS)
async def test_several_choices(kind: Kind, stream: bool, tmp_path: Path) -> None:
    async with FakeProvider(kind, ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        told = await ask_sdk(app.bound[0][1], stream=stream, n=3)
    assert [(one.index, one.message.content, one.finish_reason) for one in told.raw.choices] == [
        (index, "Hello from the fake.", "stop") for index in range(3)
    ]


async def test_several_choices_go_past_a_provider_that_has_only_one(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        async with linx_here(config_for(one, two), tmp_path) as app:
            told = await ask_sdk(app.bound[0][1], stream=True, n=2)
        assert len(told.raw.choices) == 2
        assert one.calls == []
        async with linx_here(config_for(one), tmp_path) as app:
            told = await ask_sdk(app.bound[0][1], stream=True, n=2)
        assert told.status == 400
        assert "n > 1" in (told.error or "")


@both_ways
async def test_legacy_functions(stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        fake.default = Answer(tokens=[], calls=[CALLS[0]])
        async with linx_here(config_for(fake), tmp_path) as app:
            told = await ask_sdk(app.bound[0][1], stream=stream, functions=[WEATHER["function"]], function_call="auto")
    choice = told.raw.choices[0]
    assert choice.finish_reason == "function_call"
    assert choice.message.function_call.name == "weather"
    assert "Köln" in choice.message.function_call.arguments
    assert not choice.message.tool_calls


# --- models ---


async def test_the_list_and_each_of_its_entries(tmp_path: Path) -> None:
    names = ["openai/gpt-4o:free", "hf.co/u/m:Q4_K_M", "Ünï \u2028 ☕/x", "100%", "a?b#c", "plain"]
    async with FakeProvider("openrouter", names) as fake:
        async with linx_here(config_for(fake, names=("one",)), tmp_path) as app:

            def work(sdk: openai.OpenAI) -> tuple[list[str], list[str]]:
                listed = [model.id for model in sdk.models.list()]
                return listed, [sdk.models.retrieve(name).id for name in listed]

            listed, shown = await with_sdk(app.bound[0][1], work)
            assert listed == shown == names
            for name in names:
                told = await ask_sdk(app.bound[0][1], stream=True, model=name)
                assert (told.text, told.raw.model) == ("Hello from the fake.", name)
    assert [call.json["model"] for call in fake.calls] == names


async def test_a_model_nobody_has(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["gpt-4o-mini"]) as fake, linx_here(config_for(fake), tmp_path) as app:

        def work(sdk: openai.OpenAI) -> list[openai.NotFoundError]:
            found = []
            for ask in (
                lambda: sdk.models.retrieve("gpt-4o-maxi"),
                lambda: sdk.chat.completions.create(model="gpt-4o-maxi", messages=HI),
            ):
                with pytest.raises(openai.NotFoundError) as caught:
                    ask()
                found.append(caught.value)
            return found

        for error in await with_sdk(app.bound[0][1], work):
            assert error.code == "model_not_found"
            assert "gpt-4o-maxi" in error.message
        assert "Did you mean 'gpt-4o-mini'?" in error.message
    assert fake.calls == []


# --- errors as the SDK's own classes ---


@both_ways
@pytest.mark.parametrize(
    ("reply", "kind_of_error", "code"),
    [
        (scripted.status(400, "bad role"), openai.BadRequestError, None),
        (scripted.status(401, "no"), openai.InternalServerError, "upstream_auth"),
        (scripted.status(404, "The model `m` does not exist"), openai.NotFoundError, "model_not_found"),
        (scripted.status(429, "slow", retry_after="3"), openai.RateLimitError, "rate_limit_exceeded"),
        (scripted.status(500, "oops"), openai.InternalServerError, "upstream_error"),
        (
            scripted.status(400, "This model's maximum context length is 10"),
            openai.BadRequestError,
            "context_length_exceeded",
        ),
        (scripted.html(), openai.InternalServerError, "upstream_bad_response"),
        (scripted.empty_stream(), openai.InternalServerError, "upstream_truncated"),
        (scripted.error_first(), openai.InternalServerError, "upstream_error"),
    ],
)
async def test_errors(
    reply: Any, kind_of_error: type[openai.APIStatusError], code: str | None, stream: bool, tmp_path: Path
) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(reply)

        def work(sdk: openai.OpenAI) -> openai.APIStatusError:
            # The SDK's own two retries stay on: Linx says itself whether they are any use.
            sdk = sdk.with_options(max_retries=0 if code == "rate_limit_exceeded" else 2)
            with pytest.raises(kind_of_error) as caught:
                sdk.chat.completions.create(model="m", messages=HI, stream=stream)
            return caught.value

        error = await with_sdk(app.bound[0][1], work)
        assert error.code == code
        assert error.request_id
        assert "openai1" in error.message
        assert len(fake.calls) == 1


@every_kind
async def test_death_in_mid_answer_raises(kind: Kind, tmp_path: Path) -> None:
    async with FakeProvider(kind, ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        for reply in (scripted.cut_after(3), scripted.cut_after(3, "end"), scripted.error_after(3)):
            fake.next(reply)
            told = await ask_sdk(app.bound[0][1], stream=True)
            assert told.error is not None
            assert told.status is None
            assert told.text
            assert told.finish is None


async def test_a_key(tmp_path: Path) -> None:
    key = "linx-test-key-0123456789"
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config_for(fake, server={"api_key": key}), tmp_path) as app:
            port = app.bound[0][1]

            def refused(sdk: openai.OpenAI) -> None:
                for ask in (sdk.models.list, lambda: sdk.chat.completions.create(model="m", messages=HI)):
                    with pytest.raises(openai.AuthenticationError) as caught:
                        ask()
                    assert caught.value.code == "invalid_api_key"

            def answered(sdk: openai.OpenAI) -> str | None:
                assert [model.id for model in sdk.models.list()] == ["m"]
                return sdk.chat.completions.create(model="m", messages=HI).choices[0].message.content

            await with_sdk(port, refused)
            assert await with_sdk(port, answered, api_key=key) == "Hello from the fake."
            assert await with_sdk(port, answered, path=f"/k/{key}/v1") == "Hello from the fake."


async def test_hanging_up_ends_the_providers_work(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(Answer(tokens=["x"] * 1000, interval_s=0.01))

        def work(sdk: openai.OpenAI) -> None:
            stream = sdk.chat.completions.create(model="m", messages=HI, stream=True)
            for number, _chunk in enumerate(stream):
                if number == 3:
                    break
            stream.close()

        await with_sdk(app.bound[0][1], work)
        with within(0.2):
            await fake.calls[0].hung_up.wait()


async def test_the_async_client_many_at_once(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = Answer(interval_s=0.01)
        base = f"http://127.0.0.1:{app.bound[0][1]}/v1"

        async def one(sdk: openai.AsyncOpenAI) -> str:
            stream = await sdk.chat.completions.create(model="m", messages=HI, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        async def many() -> list[str]:
            async with openai.AsyncOpenAI(base_url=base, api_key="unused", max_retries=0) as sdk:
                return await asyncio.gather(*(one(sdk) for _ in range(20)))

        answers = await trio.to_thread.run_sync(lambda: asyncio.run(many()))
    assert answers == ["Hello from the fake."] * 20
