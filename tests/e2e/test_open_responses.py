"""Every answer and every event of the Responses face against the Open Responses specification, over every kind.

What a provider of ``native: true`` says itself is its own matter; only the end that Linx writes is held against it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.e2e.openai_sdk import with_sdk
from tests.fakes import scripted
from tests.fakes.catalogue import Kind, Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Call
from tests.open_responses import check_event, check_response

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.scripted import Reply

KINDS: tuple[Kind, ...] = ("ollama", "llamacpp", "openrouter", "openai", "anthropic")
TOOLS = [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}]
FULL: dict[str, Any] = {
    "instructions": "be brief",
    "tools": TOOLS,
    "reasoning": {"effort": "low", "summary": "auto"},
    "metadata": {"a": "b"},
    "max_tool_calls": 3,
    "prompt_cache_key": "p",
    "safety_identifier": "s",
}
CUT = {"anthropic": "max_tokens"}
ANSWERS: dict[str, tuple[Reply, dict[str, Any]]] = {
    "text": (Answer(), {}),
    "reasoning": (Answer(reasoning=["hm", "m"]), FULL),
    "calls": (Answer(tokens=["I look."], calls=[Call("f", {"a": 1}), Call("f", {"a": 2})]), {"tools": TOOLS}),
    "schema": (Answer(tokens=["{}"]), {"text": {"format": {"type": "json_schema", "name": "n", "schema": {}}}}),
}


def fake_of(kind: Kind) -> FakeProvider:
    return FakeProvider(kind, [Model("m", capabilities=("completion", "tools", "thinking"))])


@pytest.mark.parametrize("kind", KINDS)
async def test_what_linx_says_is_what_the_specification_says(kind: Kind, tmp_path: Path) -> None:
    incomplete = Answer(finish=CUT.get(kind, "length"))
    async with fake_of(kind) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        for name, (reply, asked) in {**ANSWERS, "incomplete": (incomplete, {})}.items():
            body = {"model": "m", "input": "hi", **asked}
            fake.next(reply)
            whole = await ask(port, "/v1/responses", body)
            assert whole.status == 200, whole
            check_response(whole.json)
            fake.next(reply)
            streamed = await ask(port, "/v1/responses", {**body, "stream": True})
            for event in streamed.events:
                check_event(event)
            last = streamed.events[-1]["response"]
            assert last["status"] == whole.json["status"] == ("incomplete" if name == "incomplete" else "completed")
            kinds = [item["type"] for item in last["output"]]
            assert kinds == [item["type"] for item in whole.json["output"]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after", ["close", "error", "garble"])
async def test_a_failure_in_the_middle_is_raised(kind: Kind, after: scripted.After, tmp_path: Path) -> None:
    async with fake_of(kind) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        fake.default = scripted.cut_after(4, after)
        answer = await ask(port, "/v1/responses", {"model": "m", "input": "hi", "stream": True})
        for event in answer.events:
            check_event(event)
        assert [event["type"] for event in answer.events[-2:]] == ["error", "response.failed"]
        assert answer.events[-1]["response"]["error"]["message"] == answer.events[-2]["error"]["message"]

        def work(sdk: openai.OpenAI) -> None:
            with pytest.raises(openai.APIError, match=fake.kind):
                list(sdk.responses.create(model="m", input="hi", stream=True))
            with sdk.responses.stream(model="m", input="hi") as stream, pytest.raises(openai.APIError):
                stream.until_done()

        await with_sdk(port, work)
