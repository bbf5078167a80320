"""/v1/completions over every kind of provider, with the official SDK and a real llama.cpp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import config_for, linx_here
from tests.e2e.openai_sdk import with_sdk
from tests.fakes import scripted
from tests.fakes.catalogue import Kind, Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer
from tests.waiting import within

if TYPE_CHECKING:
    from pathlib import Path

    import openai

    from tests.e2e.llamacpp import LlamaCpp
    from tests.fakes.exchange import Exchange
    from tests.fakes.scripted import Reply

KINDS: tuple[Kind, ...] = ("ollama", "llamacpp", "openrouter", "openai")
BODY: dict[str, Any] = {"model": "m", "prompt": "def f("}
PATHS = {"ollama": "/api/generate", "llamacpp": "/v1/completions", "openrouter": "/api/v1/completions"}


def fake_of(kind: Kind) -> FakeProvider:
    return FakeProvider(kind, [Model("m", capabilities=("completion", "insert"))])


@pytest.mark.parametrize("kind", KINDS)
async def test_whole_and_streamed_over_every_kind(kind: Kind, tmp_path: Path) -> None:
    async with fake_of(kind) as fake, linx_here(config_for(fake), tmp_path) as app:

        def work(sdk: openai.OpenAI) -> tuple[Any, list[Any]]:
            whole = sdk.completions.create(model="m", prompt="def f(", max_tokens=99, temperature=0)
            stream = sdk.completions.create(
                model="m", prompt="def f(", stream=True, stream_options={"include_usage": True}
            )
            return whole, list(stream)

        whole, chunks = await with_sdk(app.bound[0][1], work)
        assert (whole.object, whole.model) == ("text_completion", "m")
        assert whole.choices[0].text == "Hello from the fake."
        assert whole.choices[0].finish_reason == "stop"
        assert whole.usage.prompt_tokens == 9
        assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == "Hello from the fake."
        finishes = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
        assert finishes[-1] == "stop"
        assert set(finishes[:-1]) == {None}
        assert chunks[-1].usage.prompt_tokens == 9
        assert {call.path for call in fake.calls} == {PATHS.get(kind, "/v1/completions")}
        assert all(call.json["prompt"] == "def f(" for call in fake.calls)


def echoing(call: Exchange) -> Reply:
    return Answer(tokens=[f"<{call.json['prompt']}>"], prompt_tokens=2)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_an_ollama_is_asked_once_for_each_answer(stream: bool, tmp_path: Path) -> None:
    async with fake_of("ollama") as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.rule = echoing

        def work(sdk: openai.OpenAI) -> tuple[dict[int, str], Any]:
            asked: Any = {"model": "m", "prompt": ["a", "b"], "n": 2, "seed": 5, "echo": True}
            if not stream:
                whole = sdk.completions.create(**asked)
                return {choice.index: choice.text for choice in whole.choices}, whole.usage
            texts: dict[int, str] = {}
            usage = None
            for chunk in sdk.completions.create(stream=True, stream_options={"include_usage": True}, **asked):
                usage = chunk.usage or usage
                for choice in chunk.choices:
                    texts[choice.index] = texts.get(choice.index, "") + choice.text
            return texts, usage

        texts, usage = await with_sdk(app.bound[0][1], work)
        assert texts == {0: "a<a>", 1: "a<a>", 2: "b<b>", 3: "b<b>"}
        assert usage.prompt_tokens == 8
        assert [call.json["options"]["seed"] for call in fake.calls] == [5, 6, 5, 6]
        record = next(iter(app.context.telemetry.finished))
        assert [one.outcome for one in record.attempts] == ["ok"]
        provider = app.context.providers[0]
        assert (provider.active, provider.counters.requests) == (0, 1)


@pytest.mark.parametrize("kind", ["llamacpp", "ollama"])
async def test_a_text_between_two(kind: Kind, tmp_path: Path) -> None:
    async with fake_of(kind) as fake, linx_here(config_for(fake), tmp_path) as app:
        answer = await ask(app.bound[0][1], "/v1/completions", {**BODY, "suffix": "return", "max_tokens": 8})
        assert answer.json["choices"][0]["text"] == "Hello from the fake."
        (call,) = fake.calls
        if kind == "llamacpp":
            assert call.path == "/infill"
            assert (call.json["input_prefix"], call.json["input_suffix"]) == ("def f(", "return")
            assert call.json["n_predict"] == 8
        else:
            assert (call.json["prompt"], call.json["suffix"]) == ("def f(", "return")


async def test_the_real_llama_cpp(llamacpp: LlamaCpp, tmp_path: Path) -> None:
    async with linx_here(llamacpp.config(), tmp_path) as app:

        def work(sdk: openai.OpenAI) -> tuple[Any, Any, list[Any]]:
            lists = sdk.completions.create(model="tiny", prompt=["the fox", "a river"], max_tokens=3, logprobs=2)
            echoed = sdk.completions.create(model="tiny", prompt="the fox", max_tokens=2, echo=True, n=2)
            stream = sdk.completions.create(model="tiny", prompt=[1, 20, 30], max_tokens=4, stream=True)
            return lists, echoed, list(stream)

        lists, echoed, chunks = await with_sdk(app.bound[0][1], work)
        assert [choice.index for choice in lists.choices] == [0, 1]
        for choice in lists.choices:
            assert choice.finish_reason == "length"
            assert "".join(choice.logprobs.tokens) == choice.text
            assert len(choice.logprobs.token_logprobs) == 3
            assert [len(top) for top in choice.logprobs.top_logprobs] == [2, 2, 2]
            assert choice.logprobs.text_offset[0] == 0
        assert lists.usage.completion_tokens == 6
        assert len(echoed.choices) == 2
        assert all(choice.text.startswith("the fox ") for choice in echoed.choices)
        assert sum(bool(chunk.choices[0].text) for chunk in chunks) == 4
        # This model has no marks for the middle of a text, and says so.
        answer = await ask(app.bound[0][1], "/v1/completions", {"model": "tiny", "prompt": "a", "suffix": "b"})
        assert (answer.status, answer.json["error"]["code"]) == (400, "unsupported_feature")


async def test_what_one_kind_cannot_do_another_does(tmp_path: Path) -> None:
    fakes = fake_of("ollama"), fake_of("openai")
    async with fakes[0] as first, fakes[1] as second, linx_here(config_for(first, second), tmp_path) as app:
        port = app.bound[0][1]
        for extra in ({"prompt": [1, 2]}, {"echo": True, "logprobs": 1}, {"best_of": 3}):
            answer = await ask(port, "/v1/completions", {**BODY, **extra})
            assert answer.headers["x-linx-provider"] == "openai2"
            assert second.calls[-1].json | extra == second.calls[-1].json
        assert first.calls == []
        assert app.context.providers[0].health.consecutive_failures == 0


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_fallback_and_the_gate(stream: bool, tmp_path: Path) -> None:
    async with fake_of("ollama") as bad, fake_of("openai") as good, linx_here(config_for(bad, good), tmp_path) as app:
        port = app.bound[0][1]
        bad.next(scripted.status(500))
        answer = await ask(port, "/v1/completions", {**BODY, "stream": stream})
        assert answer.headers["x-linx-attempts"] == "ollama1=http_500, openai2=ok"
        # The second of two prompts fails: too late for a stream, not for a whole answer.
        bad.next(Answer(tokens=["one"]), scripted.status(500))
        answer = await ask(port, "/v1/completions", {**BODY, "prompt": ["a", "b"], "stream": stream})
        assert answer.status == 200
        if stream:
            assert "ollama1" in answer.events[-1]["error"]["message"]
            assert b"[DONE]" not in answer.body
        else:
            assert answer.headers["x-linx-attempts"] == "ollama1=http_500, openai2=ok"
        assert app.context.providers[0].active == 0


async def test_a_closed_client_closes_the_second_part_too(tmp_path: Path) -> None:
    async with fake_of("ollama") as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(Answer(tokens=["one"]), Answer(tokens=["x"] * 1000, interval_s=0.02))
        client = Client(app.bound[0][1])
        await client.open()
        await client.send("POST", "/v1/completions", {**BODY, "prompt": ["a", "b"], "stream": True})
        call = await fake.received(2)
        await trio.sleep(0.05)
        await client.close()
        with within(0.1):
            await call.hung_up.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert app.context.providers[0].active == 0
        assert next(iter(app.context.telemetry.finished)).phase == "cancelled"


async def test_errors_are_openai_s(tmp_path: Path) -> None:
    async with fake_of("openai") as fake, linx_here(config_for(fake), tmp_path) as app:
        answer = await ask(app.bound[0][1], "/v1/completions", {"model": "m", "prompt": []})
        assert (answer.status, answer.json["error"]["param"]) == (400, "prompt")
        answer = await ask(app.bound[0][1], "/v1/completions", {**BODY, "model": "nope/x"})
        assert (answer.status, answer.json["error"]["code"]) == (404, "model_not_found")
