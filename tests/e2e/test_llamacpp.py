"""A real llama.cpp behind Linx: whatever is asked, the answer is the one it gives directly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.children.demo import child as demo_child
from linx.core import jsontext
from linx.providers import pace
from linx.upstream import response
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import linx_here
from tests.e2e.llamacpp import KEY
from tests.e2e.openai_sdk import HI, Told, ask_sdk, told_by, with_sdk
from tests.fakes.catalogue import Model
from tests.fakes.gguf_model import CONTEXT_LENGTH, WORDS
from tests.fakes.provider import FakeProvider
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.llamacpp import LlamaCpp

STEADY: dict[str, Any] = {"temperature": 0, "seed": 1, "max_tokens": 12}
ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
    },
}
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "schema": {
            "type": "object",
            "properties": {"is_it": {"type": "boolean"}},
            "required": ["is_it"],
            "additionalProperties": False,
        },
    },
}


async def both(llamacpp: LlamaCpp, folder: Path, *, stream: bool, **fields: Any) -> tuple[Told, Told]:
    """What llama.cpp answers directly, and what through Linx."""
    settings = {"model": "tiny", **STEADY, **fields}
    direct = await with_sdk(llamacpp.port, lambda sdk: told_by(sdk, stream=stream, **settings), api_key=KEY)
    async with linx_here(llamacpp.config(), folder) as app:
        through = await ask_sdk(app.bound[0][1], stream=stream, **settings)
    return direct, through


both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


@both_ways
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Ünï \N{GRINNING FACE}"},
            ]
        },
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]},
        {"messages": [*HI, {"role": "assistant", "content": "the fox"}, {"role": "user", "content": "and?"}]},
        {"stop": ["river", "home"], "max_tokens": 40},
        {"max_tokens": None, "max_completion_tokens": 3},
        {"temperature": 0.8, "top_p": 0.9, "seed": 5, "extra_body": {"top_k": 7, "repeat_penalty": 1.3}},
        {"frequency_penalty": 1.5, "presence_penalty": 1.0, "max_tokens": 30},
        {"response_format": {"type": "json_object"}, "max_tokens": 8},
        {"response_format": SCHEMA, "max_tokens": 40},
        {"tools": [ADD], "tool_choice": "required", "max_tokens": 120},
        {"tools": [ADD], "tool_choice": "none"},
        {"extra_body": {"grammar": 'root ::= "yes" | "no"'}},
    ],
    ids=lambda fields: " ".join(fields) or "plain",
)
async def test_the_same_answer_as_directly(
    llamacpp: LlamaCpp, fields: dict[str, Any], stream: bool, tmp_path: Path
) -> None:
    direct, through = await both(llamacpp, tmp_path, stream=stream, **fields)
    assert direct.error is None, direct.error
    assert through.error is None, through.error
    assert through.said == direct.said
    assert through.usage == direct.usage
    assert through.text or through.calls


@both_ways
async def test_a_tool_is_called(llamacpp: LlamaCpp, stream: bool, tmp_path: Path) -> None:
    """A named choice is more than llama.cpp knows; what it is told comes to the same."""
    named = {"type": "function", "function": {"name": "add"}}
    other = {"type": "function", "function": {"name": "other", "parameters": {"type": "object", "properties": {}}}}
    async with linx_here(llamacpp.config(), tmp_path) as app:
        told = await ask_sdk(
            app.bound[0][1],
            stream=stream,
            model="tiny",
            **{**STEADY, "max_tokens": 200},
            tools=[other, ADD],
            tool_choice=named,
        )
    assert told.error is None
    if told.finish == "tool_calls":
        (_id, name, arguments) = told.calls[0]
        assert name == "add"
        assert isinstance(jsontext.loads(arguments.encode())["a"], int)


@both_ways
async def test_a_schema_is_kept_to(llamacpp: LlamaCpp, stream: bool, tmp_path: Path) -> None:
    async with linx_here(llamacpp.config(), tmp_path) as app:
        told = await ask_sdk(
            app.bound[0][1], stream=stream, model="tiny", **{**STEADY, "max_tokens": 60}, response_format=SCHEMA
        )
    assert told.finish == "stop"
    assert jsontext.loads(told.text.encode()).keys() == {"is_it"}


@both_ways
async def test_logprobs(llamacpp: LlamaCpp, stream: bool, tmp_path: Path) -> None:
    direct, through = await both(llamacpp, tmp_path, stream=stream, logprobs=True, top_logprobs=3, max_tokens=5)
    ours, theirs = (told.raw.choices[0].logprobs.content for told in (through, direct))
    assert [one.token for one in ours] == [one.token for one in theirs]
    assert [one.logprob for one in ours] == pytest.approx([one.logprob for one in theirs], abs=0.01)
    assert [len(one.top_logprobs) for one in ours] == [3] * 5
    assert all(word in "".join(WORDS) + " " for one in ours for word in one.token)


@both_ways
async def test_several_choices(llamacpp: LlamaCpp, stream: bool, tmp_path: Path) -> None:
    async with linx_here(llamacpp.config(), tmp_path) as app:
        told = await ask_sdk(app.bound[0][1], stream=stream, model="tiny", **STEADY, n=2)
    assert told.error is None
    first, second = sorted(told.raw.choices, key=lambda one: one.index)
    assert first.message.content == second.message.content
    assert (first.index, second.index) == (0, 1)


@both_ways
async def test_a_prompt_that_is_too_long(llamacpp: LlamaCpp, stream: bool, tmp_path: Path) -> None:
    long = [{"role": "user", "content": "x" * (CONTEXT_LENGTH + 500)}]
    async with linx_here(llamacpp.config(), tmp_path) as app:
        port = app.bound[0][1]
        told = await ask_sdk(port, stream=stream, model="tiny", **STEADY, messages=long)
        assert told.status == 400
        assert "context size" in (told.error or "")
        answer = await ask(port, "/v1/chat/completions", {"model": "tiny", "messages": long, "stream": stream})
        assert answer.json["error"]["code"] == "context_length_exceeded"
        assert answer.headers["x-linx-attempts"] == "llama=http_400"
        assert app.context.providers[0].health.consecutive_failures == 0


async def test_a_prompt_that_is_too_long_goes_to_a_larger_context_only(llamacpp: LlamaCpp, tmp_path: Path) -> None:
    # A token a byte there, four bytes a token in Linx's estimate: so it is sent at all.
    long = [{"role": "user", "content": "x" * (CONTEXT_LENGTH + 500)}]
    small, large = Model("tiny", context_length=CONTEXT_LENGTH), Model("tiny", context_length=10**6)
    async with FakeProvider("openrouter", [small]) as one, FakeProvider("openrouter", [large]) as two:
        config = llamacpp.config()
        for name, fake in (("small", one), ("large", two)):
            config["providers"][name] = {"kind": "openrouter", "endpoint": fake.endpoint}
        config["routing"] = {"provider_priority": ["llama", "small", "large"]}
        async with linx_here(config, tmp_path) as app:
            answer = await ask(app.bound[0][1], "/v1/chat/completions", {"model": "tiny", "messages": long})
        assert answer.status == 200
        assert answer.headers["x-linx-attempts"] == "llama=http_400, large=ok"
        assert one.calls == []


async def test_a_bad_request_is_llamacpps_to_judge(llamacpp: LlamaCpp, tmp_path: Path) -> None:
    async with linx_here(llamacpp.config(), tmp_path) as app:
        told = await ask_sdk(app.bound[0][1], stream=False, model="tiny", extra_body={"grammar": "root ::= ("})
    assert told.status == 400
    assert "llama: refused the request (HTTP 400)" in (told.error or "")


async def test_a_wrong_key_is_told_without_it(llamacpp: LlamaCpp, tmp_path: Path) -> None:
    config = llamacpp.config(api_key="wrong-key-0123456789", models=["tiny"])
    async with linx_here(config, tmp_path) as app:
        told = await ask_sdk(app.bound[0][1], stream=False, model="tiny")
        shown = (await ask(app.bound[0][1], "/v1/providers/status")).body
    assert told.status == 502
    assert "rejected its API key" in (told.error or "")
    assert "wrong-key-0123456789" not in (told.error or "")
    assert b"wrong-key-0123456789" not in shown


async def test_hanging_up_stops_the_model(llamacpp: LlamaCpp, tmp_path: Path) -> None:
    """Its four slots are free again: as many answers come at once as before."""
    endless = {"model": "tiny", "messages": HI, "stream": True, "max_tokens": 1500, "ignore_eos": True}
    async with linx_here(llamacpp.config(), tmp_path) as app:
        port = app.bound[0][1]
        for stream in (True, False):
            clients = []
            for _ in range(demo_child.N_SLOTS):
                client = Client(port)
                await client.open()
                await client.send("POST", "/v1/chat/completions", {**endless, "stream": stream})
                clients.append(client)
            await trio.sleep(0.1)
            for client in clients:
                await client.close()
            with trio.fail_after(1):
                answer = await ask(port, "/v1/chat/completions", {**endless, "max_tokens": 1})
            assert answer.status == 200
            assert answer.headers["x-linx-attempts"] == "llama=ok"


async def test_what_it_has_is_listed(llamacpp: LlamaCpp, tmp_path: Path) -> None:
    async with linx_here(llamacpp.config(), tmp_path) as app:
        (model,) = (await ask(app.bound[0][1], "/v1/models")).json["data"]
        (status, *_others) = (await ask(app.bound[0][1], "/v1/providers/status")).json["data"]
    assert (model["id"], model["owned_by"], model["context_length"]) == ("tiny", "llama", CONTEXT_LENGTH)
    assert model["pricing"] == {"prompt": "0", "completion": "0"}
    assert (status["name"], status["state"], status["models"]) == ("llama", "up", ["tiny"])


async def test_it_closes_the_connection_behind_an_answer_when_it_is_asked_to(
    llamacpp: LlamaCpp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the end of an answer that is awaited whole is found at once, although Linx does not look for it."""
    monkeypatch.setattr(pace, "MANY_READS", 1)
    monkeypatch.setattr(pace, "SHORT_S", 0.0)
    monkeypatch.setattr(response, "PATIENCE_S", 2 * HANG_S)
    body = {"model": "tiny", "messages": HI, **STEADY, "max_tokens": 60, "ignore_eos": True}
    async with linx_here(llamacpp.config(), tmp_path) as app:
        answers = []
        for _ in range(3):
            with trio.fail_after(HANG_S):
                answers.append((await ask(app.bound[0][1], "/v1/chat/completions", body)).json)
        (provider,) = app.context.providers
        assert provider.pace.wants_close, "it was read patiently, and did not linger"
    assert {answer["choices"][0]["message"]["content"] for answer in answers} == {
        answers[0]["choices"][0]["message"]["content"]
    }
    assert {answer["usage"]["completion_tokens"] for answer in answers} == {60}
