"""What becomes of the errors of a provider of kind ``anthropic``: alone, and with another provider behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest

from tests.e2e.anthropic_sdk import with_anthropic
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.e2e.openai_sdk import HI, ask_sdk, with_sdk
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Whole

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.catalogue import Kind

MODEL = "claude-haiku-4-5"
BODY: dict[str, Any] = {"model": MODEL, "max_tokens": 64, "messages": HI}
PATHS = ("/v1/chat/completions", "/v1/messages", "/v1/responses", "/api/chat")
streamed_or_whole = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])

# what it answers, the client's status, does another provider get the request, is this one blamed
REFUSALS: list[tuple[Whole, int, bool, bool]] = [
    (scripted.anthropic_status(400, "temperature: Input should be a valid number"), 400, False, False),
    (scripted.anthropic_status(400, "prompt is too long: 250000 tokens > 200000 maximum"), 400, False, False),
    (scripted.anthropic_status(400, "`temperature` is deprecated for this model."), 400, True, False),
    (scripted.anthropic_status(400, "Your credit balance is too low to access the Anthropic API."), 502, True, True),
    (scripted.anthropic_status(401, "invalid x-api-key"), 502, True, True),
    (scripted.anthropic_status(403, "Your API key does not have permission"), 502, True, True),
    (scripted.anthropic_status(404, f"model: {MODEL}"), 404, True, False),
    (scripted.anthropic_status(413, "Request exceeds the maximum size"), 413, True, False),
    (scripted.anthropic_status(429, "This request would exceed your rate limit", retry_after="7"), 429, True, False),
    (scripted.anthropic_status(500, "Internal server error"), 502, True, True),
    (scripted.anthropic_status(529, "Overloaded"), 503, True, True),
]
NAMES = [f"{reply.status}-{number}" for number, (reply, *_rest) in enumerate(REFUSALS)]


def asked_by(path: str, *, stream: bool) -> dict[str, Any]:
    if path == "/v1/responses":
        return {"model": MODEL, "input": "hi", "stream": stream}
    return {**BODY, "stream": stream}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("reply", "status", "may_fall_over", "is_blamed"), REFUSALS, ids=NAMES)
async def test_refusals(
    reply: Whole, status: int, may_fall_over: bool, is_blamed: bool, path: str, tmp_path: Path
) -> None:
    async with FakeProvider("anthropic", [MODEL]) as fake, FakeProvider("openai", [MODEL]) as other:
        async with linx_here(config_for(fake), tmp_path) as app:
            fake.next(reply)
            answer = await ask(app.bound[0][1], path, asked_by(path, stream=False))
            # Anthropic's clients know a status of their own for overload.
            assert answer.status == (529 if (status, path) == (503, "/v1/messages") else status), answer.body
            assert answer.headers["x-linx-attempts"] == f"anthropic1=http_{reply.status}"
            assert (app.context.providers[0].health.consecutive_failures > 0) is is_blamed
            assert answer.headers.get("retry-after") == {429: "7", 503: "5"}.get(status)
        async with linx_here(config_for(fake, other), tmp_path) as app:
            fake.next(reply)
            answer = await ask(app.bound[0][1], path, asked_by(path, stream=True))
            # Codex hears of a conversation that is too long in the stream alone.
            is_told_there = b"event: response.failed" in answer.body and b"context_length_exceeded" in answer.body
            assert (answer.status == 200) is (may_fall_over or is_told_there)
            assert is_told_there is (path == "/v1/responses" and b"prompt is too long" in reply.body)
            assert len(other.calls) == may_fall_over


async def test_the_sdk_s_raise_what_they_would_have_raised(tmp_path: Path) -> None:
    async with FakeProvider("anthropic", [MODEL]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        fake.next(scripted.anthropic_status(429, "slow down", retry_after="7"))
        with pytest.raises(anthropic.RateLimitError) as limited:
            await with_anthropic(port, lambda sdk: sdk.messages.create(**BODY))
        assert limited.value.response.headers["retry-after"] == "7"
        body: Any = limited.value.body
        assert body["error"]["type"] == "rate_limit_error"
    async with FakeProvider("anthropic", [MODEL]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        with pytest.raises(openai.NotFoundError):
            await with_sdk(port, lambda sdk: sdk.chat.completions.create(model="claude-none", messages=HI))
        with pytest.raises(anthropic.BadRequestError, match="at least one message"):
            await with_anthropic(port, lambda sdk: sdk.messages.create(**{**BODY, "messages": []}))
        assert app.context.providers[0].health.state(0.0) == "up"


# --- in the middle of an answer -------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
async def test_an_error_first_falls_over_and_a_later_one_is_told(path: str, tmp_path: Path) -> None:
    async with FakeProvider("anthropic", [MODEL]) as fake, FakeProvider("openai", [MODEL]) as other:
        async with linx_here(config_for(fake, other), tmp_path) as app:
            port = app.bound[0][1]
            fake.next(scripted.error_first("Overloaded", "overloaded_error"))
            answer = await ask(port, path, asked_by(path, stream=True))
            assert answer.headers["x-linx-attempts"] == "anthropic1=error_event, openai2=ok"
            fake.next(scripted.error_after(4, message="the model crashed"))
            answer = await ask(port, path, asked_by(path, stream=True))
            assert (answer.status, answer.headers["x-linx-provider"]) == (200, "anthropic1")
            assert b"the model crashed" in answer.body
            assert b"message_stop" not in answer.body
            assert b"[DONE]" not in answer.body


@pytest.mark.parametrize("after", ["close", "end", "reset", "garble"])
@streamed_or_whole
async def test_a_torn_answer(after: scripted.After, stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("anthropic", [MODEL]) as fake, FakeProvider("openai", [MODEL]) as other:
        async with linx_here(config_for(fake, other), tmp_path) as app:
            port = app.bound[0][1]
            for path in PATHS:
                fake.next(scripted.cut_after(5, after))
                answer = await ask(port, path, asked_by(path, stream=stream))
                assert answer.status == 200
                assert answer.headers["x-linx-provider"] == ("anthropic1" if stream else "openai2")
                assert b"Hello" in answer.body
                assert b"error" in answer.body or not stream
                app.context.providers[0].health.succeeded()


async def test_an_answer_that_ends_before_it_says_anything(tmp_path: Path) -> None:
    async with FakeProvider("anthropic", [MODEL]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(scripted.empty_stream())
        told = await ask_sdk(app.bound[0][1], stream=True, model=MODEL)
        assert (told.status, told.text) == (502, "")


async def test_an_answer_as_one_json_object_is_told_for_what_it_is(tmp_path: Path) -> None:
    async with FakeProvider("anthropic", [MODEL]) as fake, linx_here(config_for(fake), tmp_path) as app:
        for reply in (scripted.html(), Whole(200, b'{"type":"message","content":[]}')):
            fake.next(reply)
            told = await ask_sdk(app.bound[0][1], stream=True, model=MODEL)
            assert told.status == 502
            app.context.providers[0].health.succeeded()


# --- beside other kinds ---------------------------------------------------------------


@streamed_or_whole
@pytest.mark.parametrize("kinds", [("anthropic", "ollama"), ("ollama", "anthropic"), ("anthropic", "anthropic")])
async def test_it_may_stand_on_either_side(kinds: tuple[Kind, Kind], stream: bool, tmp_path: Path) -> None:
    async with FakeProvider(kinds[0], [MODEL]) as one, FakeProvider(kinds[1], [MODEL]) as two:
        async with linx_here(config_for(one, two, names=("one", "two")), tmp_path) as app:
            for path in PATHS:
                one.next(scripted.status(500))
                answer = await ask(app.bound[0][1], path, asked_by(path, stream=stream))
                assert answer.headers["x-linx-attempts"] == "one=http_500, two=ok"
                assert b"Hello" in answer.body
                app.context.providers[0].health.succeeded()


@streamed_or_whole
async def test_what_only_it_can_read_goes_to_it_alone(stream: bool, tmp_path: Path) -> None:
    body = {**BODY, "tools": [{"type": "web_search_20250305", "name": "web_search"}], "stream": stream}
    async with FakeProvider("openai", [MODEL, "other"]) as plain, FakeProvider("anthropic", [MODEL]) as own:
        async with linx_here(config_for(plain, own), tmp_path) as app:
            port = app.bound[0][1]
            answer = await ask(port, "/v1/messages", body)
            assert (answer.status, answer.headers["x-linx-attempts"]) == (200, "anthropic2=ok")
            assert own.calls[0].json["tools"] == body["tools"]
            assert plain.calls == []
            assert (await ask(port, "/v1/messages", {**body, "model": "other"})).status == 400


async def test_what_a_model_takes_for_a_beginning_of_its_answer(tmp_path: Path) -> None:
    """Old models go on from it, new ones refuse it; another provider may take it then."""
    turns = [*HI, {"role": "assistant", "content": "Well, "}]
    async with FakeProvider("anthropic", [MODEL, "claude-sonnet-5"]) as fake:
        async with FakeProvider("openai", ["claude-sonnet-5"]) as other:
            async with linx_here(config_for(fake, other), tmp_path) as app:
                port = app.bound[0][1]
                told = await ask_sdk(port, stream=False, model=MODEL, messages=turns)
                assert told.error is None
                assert fake.calls[0].json["messages"][-1]["content"][0]["text"] == "Well,"
                fake.default = Answer()
                told = await ask_sdk(port, stream=False, model="claude-sonnet-5", messages=turns)
                assert (told.error, len(other.calls)) == (None, 1)
