"""Requests that refer to earlier answers: what the provider gets, who may refer to what, and what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Call
from tests.handlers.answers.world import world

if TYPE_CHECKING:
    from tests.fakes.catalogue import Kind
    from tests.handlers.answers.world import Answer as Got
    from tests.handlers.answers.world import World

PATH = "/v1/responses"
KINDS: tuple[Kind, ...] = ("ollama", "llamacpp", "openai", "anthropic")
TOOLS = [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}]
HOW = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


async def create(here: World, *, key: str | None = None, path: str = PATH, **more: Any) -> dict[str, Any]:
    """A finished response, streamed or whole."""
    answer = await post(here, key=key, path=path, **more)
    assert answer.status == 200, answer.json
    made = answer.events[-1]["response"] if more.get("stream") else answer.json
    assert isinstance(made, dict)
    return made


async def post(here: World, *, key: str | None = None, path: str = PATH, **more: Any) -> Got:
    headers = {"authorization": f"Bearer {key}"} if key is not None else {}
    return await here.fetch(path, {"model": "m", "input": "hi", **more}, headers=headers)


def said(fake: FakeProvider) -> list[tuple[str, Any]]:
    """The conversation as the provider got it last."""
    return [(turn["role"], turn["content"]) for turn in fake.calls[-1].json["messages"]]


@HOW
@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_is_continued(kind: Kind, stream: bool) -> None:
    async with FakeProvider(kind, ["m"]) as fake, world(fake) as here:
        fake.next(Answer(tokens=["one"]), Answer(tokens=["two"]), Answer(tokens=["three"]))
        first = await create(here, stream=stream, instructions="be brief")
        second = await create(here, stream=stream, input="and?", previous_response_id=first["id"])
        third = await create(
            here,
            stream=stream,
            input=[{"role": "user", "content": "more"}],
            previous_response_id=second["id"],
        )
        sent = jsontext.dumps(fake.calls[-1].json["messages"])
    assert first["store"] is second["store"] is True
    assert (first["previous_response_id"], second["previous_response_id"]) == (None, first["id"])
    assert third["previous_response_id"] == second["id"]
    words = [b'"hi"', b"one", b"and?", b"two", b"more"]
    places = [sent.index(word.strip(b'"')) for word in words]
    assert places == sorted(places)
    assert b"be brief" not in sent, "instructions are not carried over"
    assert b"resp_" not in sent


@HOW
@pytest.mark.parametrize("kind", KINDS)
async def test_the_second_step_of_a_loop_refers_to_items(kind: Kind, stream: bool) -> None:
    """As the AI SDK's OpenAI provider does: convertToOpenAIResponsesInput writes item_reference for what has an id."""
    async with FakeProvider(kind, ["m"]) as fake, world(fake) as here:
        fake.next(Answer(tokens=["I look."], reasoning=["hm"], calls=[Call("f", {"a": 1})]), Answer(tokens=["done"]))
        first = await create(here, stream=stream, tools=TOOLS)
        references = [{"type": "item_reference", "id": item["id"]} for item in first["output"]]
        call_id = first["output"][-1]["call_id"]
        result = {"type": "function_call_output", "call_id": call_id, "output": "42"}
        given = [{"role": "user", "content": "hi"}, *references, result]
        second = await create(here, stream=stream, tools=TOOLS, input=given)
        assert second["output"][-1]["content"][0]["text"] == "done"
        sent = jsontext.dumps(fake.calls[-1].json["messages"])
    assert sent.index(b"hi") < sent.index(b"I look.") < sent.index(b"42")
    assert b"item_reference" not in sent
    assert b'"f"' in sent


@HOW
async def test_a_thought_keeps_its_signature(stream: bool) -> None:
    """Anthropic wants the thoughts of a tool loop back, signed, and thinks no further without them."""
    asked: dict[str, Any] = {"stream": stream, "tools": TOOLS, "reasoning": {"effort": "high"}}
    async with FakeProvider("anthropic", ["m"]) as fake, world(fake) as here:
        fake.next(Answer(tokens=["I look."], reasoning=["hm"], calls=[Call("f", {"a": 1})]))
        first = await create(here, **asked)
        reasoning, _message, call = first["output"]
        result = {"type": "function_call_output", "call_id": call["call_id"], "output": "42"}
        for more in (
            {"previous_response_id": first["id"], "input": [result]},
            {"input": [{"role": "user", "content": "hi"}, {"id": reasoning["id"]}, {"id": call["id"]}, result]},
        ):
            await create(here, **asked, **more)
            thought = fake.calls[-1].json["messages"][1]["content"][0]
            assert (thought["type"], thought["thinking"]) == ("thinking", "hm")
            assert thought["signature"]


async def test_an_item_of_the_input_may_be_referred_to_and_a_reference_may_lead_to_another() -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        first = await create(here, input="the first")
        listed = await here.fetch(f"{PATH}/{first['id']}/input_items")
        item_id = listed.json["data"][0]["id"]
        second = await create(here, input=[{"id": item_id}, {"role": "user", "content": "b"}])
        assert said(fake) == [("user", "the first"), ("user", "b")]
        await create(here, input="c", previous_response_id=second["id"])
        assert said(fake)[:2] == [("user", "the first"), ("user", "b")]


@HOW
async def test_what_is_not_to_be_kept_is_not(stream: bool) -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        made = await create(here, stream=stream, store=False)
        assert made["store"] is False
        answer = await post(here, previous_response_id=made["id"])
        assert (answer.status, answer.json["error"]["code"]) == (400, "previous_response_not_found")
        answer = await post(here, input=[{"type": "item_reference", "id": made["output"][0]["id"]}])
        assert (answer.status, answer.json["error"]["param"]) == (404, "input")
        assert len(here.context.responses) == 0


@pytest.mark.parametrize("after", ["close", "error"])
@HOW
async def test_a_failure_is_not_kept(stream: bool, after: scripted.After) -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        fake.next(scripted.cut_after(3, after))
        await post(here, stream=stream)
        assert len(here.context.responses) == 0


async def test_an_incomplete_answer_is_kept() -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        fake.next(Answer(finish="length"))
        made = await create(here)
        assert made["status"] == "incomplete"
        await create(here, previous_response_id=made["id"])


async def test_the_key_decides_whose_an_answer_is() -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake, server={"api_key": ["k1", "k2"]}) as here:
        made = await create(here, key="k1")
        item = {"type": "item_reference", "id": made["output"][0]["id"]}
        for path, key in ((PATH, "k2"), (f"/k/k2{PATH}", None)):
            assert (await post(here, key=key, path=path, previous_response_id=made["id"])).status == 400
            assert (await post(here, key=key, path=path, input=[item])).status == 404
        await create(here, path=f"/k/k1{PATH}", previous_response_id=made["id"])
        await create(here, key="k1", path=f"/cursor{PATH}", input=[item])


async def test_an_item_is_referred_to_once() -> None:
    """Else a body of some bytes could stand for any number of them."""
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        made = await create(here)
        item_id = made["output"][0]["id"]
        answer = await post(here, input=[{"type": "item_reference", "id": item_id}] * 2)
        assert answer.status == 400
        assert answer.json["error"]["message"].startswith(f"Duplicate item found with id {item_id}.")


async def test_a_long_conversation_is_read_in_a_thread_and_counted() -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        text = "a" * (jsontext.LARGE + 1)
        first = await create(here, input=text)
        second = await create(here, input="b", previous_response_id=first["id"])
        assert said(fake)[0] == ("user", text)
        here.context.responses.delete(*_mine(here, first["id"]))
        assert (await post(here, previous_response_id=second["id"])).status == 400


@pytest.mark.parametrize("how", ["header", "config"])
async def test_what_had_to_stay_local_stays_local(how: str) -> None:
    """The client names the text, and Linx would be who sends it elsewhere."""
    routing = {"local_only": ["m"]} if how == "config" else {}
    async with FakeProvider("ollama", ["m"]) as here_fake, FakeProvider("openai", ["m", "far"]) as far:
        async with world(here_fake, far, providers={"openai2": {"local": False}}, routing=routing) as here:
            headers = {"x-linx-local-only": "true"} if how == "header" else {}
            made = (await here.fetch(PATH, {"model": "m", "input": "secret"}, headers=headers)).json
            item = {"type": "item_reference", "id": made["output"][0]["id"]}
            for more in ({"previous_response_id": made["id"]}, {"input": [item]}):
                for path in (PATH, f"{PATH}/input_tokens"):
                    answer = await post(here, path=path, model="far", **more)
                    assert (answer.status, answer.json["error"]["code"]) == (503, "no_local_provider")
            second = await create(here, previous_response_id=made["id"])
            assert (await post(here, model="far", previous_response_id=second["id"])).status == 503
            assert not far.calls
            await create(here, model="far")
            assert far.calls


# --- beside providers that speak Responses themselves ---


async def test_a_provider_s_own_id_goes_to_it_alone() -> None:
    async with FakeProvider("openai", ["m"]) as fake, FakeProvider("ollama", ["m"]) as other:
        async with world(other, fake, providers={"openai2": {"native": True}}) as here:
            made = await create(here, previous_response_id="resp_of_the_provider", stream=True)
            assert fake.calls[-1].json["previous_response_id"] == "resp_of_the_provider"
            assert fake.calls[-1].json["input"] == "hi"
            assert not other.calls
            assert here.context.responses.chain(*_mine(here, made["id"])) is None, "the provider keeps it"
            reference = {"type": "item_reference", "id": "msg_of_the_provider"}
            await create(here, input=[reference])
            assert fake.calls[-1].json["input"] == [reference]


@HOW
async def test_an_id_of_ours_goes_nowhere(stream: bool) -> None:
    async with FakeProvider("openai", ["m"]) as fake, FakeProvider("ollama", ["m"]) as other:
        async with world(fake, other, providers={"openai1": {"native": True}}) as here:
            fake.next(scripted.status(500))
            made = await create(here, stream=stream)
            assert len(here.context.responses) == 1, "the translated answer is kept"
            await create(here, stream=stream, input="and?", previous_response_id=made["id"])
            sent = fake.calls[-1].json
            assert "previous_response_id" not in sent
            assert [item["role"] for item in sent["input"]] == ["user", "assistant", "user"]


def _mine(here: World, response_id: str) -> tuple[bytes, str, float]:
    return here.context.responses.owner(None), response_id, here.context.pool.clock()
