"""The answers that Linx keeps, as the official SDK and a whole Linx see them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import openai
import pytest

from linx.core import jsontext
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.e2e.openai_sdk import with_sdk
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer

if TYPE_CHECKING:
    from pathlib import Path


PATH = "/v1/responses"
BODY: dict[str, Any] = {"model": "m", "input": "hi"}


async def test_the_sdk_continues_shows_and_forgets(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:

        def work(sdk: openai.OpenAI) -> None:
            first = sdk.responses.create(model="m", input="hi")
            with sdk.responses.stream(model="m", input="and?", previous_response_id=first.id) as stream:
                second = stream.get_final_response()
            assert second.previous_response_id == first.id
            shown = sdk.responses.retrieve(second.id)
            assert (shown.id, shown.output_text, shown.usage) == (second.id, second.output_text, second.usage)
            assert [item.type for item in sdk.responses.input_items.list(first.id)] == ["message"]
            assert sdk.responses.input_tokens.count(model="m", input="hi").input_tokens > 0
            with pytest.raises(openai.BadRequestError, match="Cannot cancel a synchronous response"):
                sdk.responses.cancel(second.id)
            sdk.responses.delete(first.id)
            with pytest.raises(openai.NotFoundError, match=f"Response with id '{first.id}' not found"):
                sdk.responses.retrieve(first.id)
            with pytest.raises(openai.BadRequestError) as raised:
                sdk.responses.create(model="m", input="hi", previous_response_id=second.id)
            assert (raised.value.code, raised.value.param) == ("previous_response_not_found", "previous_response_id")

        await with_sdk(app.bound[0][1], work)
        assert [turn["role"] for turn in fake.calls[1].json["messages"]] == ["user", "assistant", "user"]


async def test_what_is_kept_is_told_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the log, nor the status, nor a list of requests has the prompt or the answer."""
    secret, said = "a prompt that nobody else reads", "an answer that nobody else reads"
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        with caplog.at_level(0):
            fake.next(Answer(tokens=[said]))
            made = (await ask(port, PATH, {**BODY, "input": secret})).json
            await ask(port, PATH, {**BODY, "previous_response_id": made["id"]})
            await ask(port, f"{PATH}/{made['id']}")
            await ask(port, f"{PATH}/{made['id']}", method="DELETE")
        for path in ("/v1/providers/status", "/linx/requests", "/metrics"):
            body = (await ask(port, path)).body.decode()
            assert secret not in body
            assert said not in body
        assert secret not in caplog.text
        assert said not in caplog.text
        assert len(app.context.responses) == 1


async def test_too_many_long_conversations_at_a_time_are_refused(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        first = (await ask(port, PATH, {**BODY, "input": "a" * (jsontext.LARGE + 1)})).json
        app.server.limits = dataclasses.replace(app.server.limits, max_bodies=jsontext.LARGE)
        answer = await ask(port, PATH, {**BODY, "previous_response_id": first["id"]})
        assert (answer.status, answer.json["error"]["code"]) == (503, "overloaded")
        assert (await ask(port, PATH, BODY)).status == 200, "the refused one is no longer counted"
