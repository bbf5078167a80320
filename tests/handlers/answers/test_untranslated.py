"""Messages and Responses to providers that speak them, beside others that do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.dialects.shared import opaque_reasoning
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer
from tests.handlers.answers.world import HI, world

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from tests.fakes.catalogue import Kind
    from tests.handlers.answers.world import World

MESSAGES: dict[str, Any] = {"model": "m", "max_tokens": 64, "messages": HI}
RESPONSES: dict[str, Any] = {"model": "m", "input": "hi"}
PATHS = {"/v1/messages": MESSAGES, "/v1/responses": RESPONSES}
TEXT = "Hello from the fake."


def native(*fakes: FakeProvider, also: bool = False, **server: Any) -> AbstractAsyncContextManager[World]:
    """A world whose first provider is native, and the second only with ``also``."""
    names = [f"{fake.kind}{number}" for number, fake in enumerate(fakes, 1)]
    return world(*fakes, providers={name: {"native": True} for name in (names if also else names[:1])}, server=server)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("kinds", [("openai", "ollama"), ("ollama", "openai")])
async def test_a_translated_provider_may_stand_on_either_side(kinds: tuple[Kind, Kind], stream: bool) -> None:
    async with FakeProvider(kinds[0], ["m"]) as one, FakeProvider(kinds[1], ["m"]) as two:
        speaks = {"one" if kinds[0] == "openai" else "two": {"native": True}}
        async with world(one, two, names=("one", "two"), providers=speaks) as here:
            for path, body in PATHS.items():
                one.next(scripted.status(500))
                answer = await here.fetch(path, {**body, "stream": stream})
                assert answer.headers["x-linx-attempts"] == "one=http_500, two=ok"
                assert b"Hello" in answer.body


async def test_a_mapped_name_is_replaced_and_comes_back_as_it_was_asked() -> None:
    async with FakeProvider("openai", ["real"]) as fake:
        mapped = {"openai1": {"native": True, "model_mappings": {"alias": "real"}}}
        async with world(fake, providers=mapped) as here:
            for path, body in PATHS.items():
                answer = await here.fetch(path, {**body, "model": "alias"})
                assert answer.json["model"] == "alias"
                assert answer.headers["x-linx-model"] == "real"
                assert fake.calls[-1].json["model"] == "real"


async def test_what_is_sent_is_the_client_s_body_without_our_marks() -> None:
    async with FakeProvider("openai", ["m"]) as fake, native(fake) as here:
        headers = {"anthropic-beta": "b1,b2", "x-api-key": "mine", "cookie": "a=b"}
        thought = {"type": "thinking", "thinking": "t", "signature": "linx"}
        body = {
            **MESSAGES,
            "messages": [*HI, {"role": "assistant", "content": [thought, {"type": "text", "text": "a"}]}, *HI],
            "system": [{"type": "text", "text": "x-anthropic-billing-header: cch=1"}, {"type": "text", "text": "b"}],
            "metadata": {"user_id": "u", "new": 1},
            "service_tier": "auto",
        }
        assert (await here.fetch("/v1/messages?beta=true", body, headers=headers)).status == 200
        (call,) = fake.calls
        assert call.json["messages"][1]["content"] == [{"type": "text", "text": "a"}]
        assert call.json["system"] == [{"type": "text", "text": "b"}]
        assert (call.json["metadata"], call.json["service_tier"]) == ({"new": 1}, "auto")
        assert call.headers["anthropic-version"] == "2023-06-01"
        assert call.headers["anthropic-beta"] == "b1,b2"
        assert not {"x-api-key", "cookie"} & call.headers.keys()
        sealed = {"type": "reasoning", "summary": [], "encrypted_content": opaque_reasoning.pack([{"data": "x"}])}
        await here.fetch("/v1/responses", {**RESPONSES, "input": [sealed, *HI]}, headers=headers)
        assert fake.calls[-1].json["input"] == HI
        assert "anthropic-beta" not in fake.calls[-1].headers


UNREADABLE = {
    "/v1/messages": {**MESSAGES, "tools": [{"type": "web_search_20250305", "name": "web_search"}]},
    "/v1/responses": {**RESPONSES, "previous_response_id": "resp_1"},
}


@pytest.mark.parametrize("path", UNREADABLE)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_what_cannot_be_translated_goes_to_native_providers_alone(path: str, stream: bool) -> None:
    async with FakeProvider("ollama", ["m", "n"]) as plain, FakeProvider("openai", ["m"]) as own:
        async with world(plain, own, providers={"openai2": {"native": True}}) as here:
            body = {**UNREADABLE[path], "stream": stream}
            answer = await here.fetch(path, body)
            assert answer.status == 200
            assert answer.headers["x-linx-attempts"] == "openai2=ok"
            assert plain.calls == []
            own.next(scripted.cut_after(4, "close"))
            broken = await here.fetch(path, body)
            if stream:
                assert broken.events[-1]["type"] in ("error", "response.failed")
            else:
                assert broken.status == 502
            # The same for a model that only a translated provider has: what is wrong is said.
            refused = await here.fetch(path, {**body, "model": "n"})
            assert refused.status == 400
            assert (await here.fetch(path, {**body, "model": 5})).status == 400
            assert (await here.fetch(path, {**body, "stream": 1})).status == 400


async def test_a_provider_without_the_path_lets_another_try() -> None:
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        one.at["/v1/messages"] = scripted.status(404, "Invalid URL (POST /v1/messages)")
        async with native(one, two) as here:
            answer = await here.fetch("/v1/messages", MESSAGES)
            assert answer.headers["x-linx-provider"] == "openai2"
            assert here.context.providers[0].health.consecutive_failures == 0


async def test_chat_is_chat_as_ever() -> None:
    async with FakeProvider("openai", ["m"]) as fake, native(fake) as here:
        answer = await here.fetch("/v1/chat/completions", {"model": "m", "messages": HI})
        assert answer.json["choices"][0]["message"]["content"] == TEXT
        assert fake.calls[0].path == "/v1/chat/completions"


async def test_an_error_inside_the_stream_is_told_once_it_is_too_late() -> None:
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        async with native(one, two, also=True) as here:
            early = (
                b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
            )
            one.next(scripted.Whole(200, early, "text/event-stream"))
            answer = await here.fetch("/v1/messages", {**MESSAGES, "stream": True})
            assert answer.headers["x-linx-attempts"] == "openai1=error_event, openai2=ok"
            one.next(scripted.cut_after(4, "close"))
            answer = await here.fetch("/v1/messages", {**MESSAGES, "stream": True})
            assert answer.events[-1]["type"] == "error"
            one.next(scripted.cut_after(4, "close"))
            answer = await here.fetch("/v1/messages", MESSAGES)
            assert answer.headers["x-linx-provider"] == "openai2"


async def test_a_heartbeat_before_a_native_answer() -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        async with native(fake, heartbeat_s=0.1) as here:
            for path, body in PATHS.items():
                fake.next(Answer(head_s=0.35))
                answer = await here.fetch(path, {**body, "stream": True})
                kinds = [event["type"] for event in answer.events]
                assert kinds[0] in ("message_start", "response.created")
                assert kinds.count(kinds[0]) == 1
                assert kinds[-1] in ("message_stop", "response.completed")


async def test_counting_asks_a_native_provider() -> None:
    async with FakeProvider("openrouter", ["m"]) as fake, native(fake) as here:
        headers = {"anthropic-beta": "token-counting"}
        answer = await here.fetch("/v1/messages/count_tokens", {"model": "m", "messages": HI}, headers=headers)
        assert answer.json == {"input_tokens": 9}
        assert fake.requests[-1].headers["anthropic-beta"] == "token-counting"
        assert fake.requests[-1].headers["anthropic-version"] == "2023-06-01"
