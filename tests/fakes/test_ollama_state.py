"""The fake Ollama's runners, models and account change as a real one's do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.http_client import Answer, ask
from tests.fakes.catalogue import Model
from tests.fakes.ollama_state import Runner
from tests.fakes.provider import FakeProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HI = [{"role": "user", "content": "hi"}]


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider("ollama", [Model("m", default_num_ctx=2048)]) as provider:
        yield provider


async def chat(fake: FakeProvider, **fields: Any) -> Answer:
    return await ask(fake.port, "/api/chat", {"model": "m", "messages": HI, "stream": False, **fields})


async def loaded(fake: FakeProvider) -> dict[str, int]:
    listed = (await ask(fake.port, "/api/ps")).json["models"]
    return {entry["name"]: entry["context_length"] for entry in listed}


async def test_another_context_or_shift_starts_the_runner_anew(fake: FakeProvider) -> None:
    await chat(fake)
    await chat(fake, options={"num_ctx": 2048})
    assert fake.ollama.loads == []
    await chat(fake, options={"num_ctx": 4096.5})
    await chat(fake, options={"num_ctx": 4096})
    assert await loaded(fake) == {"m:latest": 4096}
    await chat(fake, shift=False)
    assert fake.ollama.loads == [("m", Runner(4096)), ("m", Runner(2048, may_shift=False))]
    await chat(fake, options={"num_ctx": 999_999})
    assert await loaded(fake) == {"m:latest": 8192}  # no more than the model was made for


async def test_a_runner_is_unloaded_and_loaded(fake: FakeProvider) -> None:
    assert await loaded(fake) == {"m:latest": 2048}
    assert (await chat(fake, messages=[], keep_alive=0)).json["done_reason"] == "unload"
    assert await loaded(fake) == {}
    assert (await chat(fake, messages=[])).json["done_reason"] == "load"
    assert await loaded(fake) == {"m:latest": 2048}
    assert fake.ollama.loads == [("m", Runner(2048))]


async def test_older_messages_make_room_for_the_last(fake: FakeProvider) -> None:
    long = {"role": "user", "content": "word " * 3000}
    kept = await chat(fake, messages=[long, *HI], shift=False)
    assert kept.status == 200
    assert (await chat(fake, messages=[*HI, long], shift=False)).status == 400


async def test_models_come_and_go(fake: FakeProvider) -> None:
    async def names() -> list[str]:
        return [entry["name"] for entry in (await ask(fake.port, "/api/tags")).json["models"]]

    await ask(fake.port, "/api/pull", {"model": "new:1b", "stream": False})
    made = {"model": "made", "from": "m", "stream": False, "parameters": {"num_ctx": 512}, "system": "Be brief."}
    await ask(fake.port, "/api/create", made)
    assert await names() == ["m:latest", "new:1b", "made:latest"]
    shown = (await ask(fake.port, "/api/show", {"model": "made"})).json
    assert shown["system"] == "Be brief."
    assert "num_ctx                        512" in shown["parameters"]
    await ask(fake.port, "/api/delete", {"model": "new:1b"}, method="DELETE")
    assert await names() == ["m:latest", "made:latest"]
    await ask(fake.port, "/api/pull", {"model": "new:1b", "stream": False})
    assert (await loaded(fake)).get("made:latest") == 512


async def test_the_cloud_needs_an_account(fake: FakeProvider) -> None:
    asked = {"model": "gpt-oss:120b-cloud", "messages": HI, "stream": False}
    statuses = []
    for account in ("offline", "signed out", "signed in"):
        fake.ollama.account = account
        statuses.append((await ask(fake.port, "/api/chat", asked)).status)
    assert statuses == [502, 401, 200]
    answer = (await ask(fake.port, "/api/chat", asked)).json
    assert (answer["remote_model"], answer["remote_host"]) == ("gpt-oss:120b", "https://ollama.com:443")
    assert (await ask(fake.port, "/api/me", {})).json["name"] == "fake"
    assert (await ask(fake.port, "/api/signout", {})).status == 200
    assert (await ask(fake.port, "/api/me", {})).status == 401


async def test_a_stub_runs_elsewhere() -> None:
    stub = Model("stub", (), remote=("gpt-oss:120b", "https://ollama.com:443"))
    async with FakeProvider("ollama", [stub]) as fake:
        assert await loaded(fake) == {}
        fake.ollama.account = "signed in"
        answer = await ask(fake.port, "/api/chat", {"model": "stub", "messages": HI, "stream": False})
        assert list(answer.json)[:3] == ["model", "remote_model", "remote_host"]
        assert (await ask(fake.port, "/api/chat", {"model": "stub:local", "messages": HI})).status == 404


async def test_a_family_that_cannot_shift_refuses_what_is_too_long() -> None:
    long = [{"role": "user", "content": "word " * 3000}]
    async with FakeProvider("ollama", [Model("m", default_num_ctx=2048, can_shift=False)]) as fake:
        answer = await chat(fake, messages=long)
        assert (answer.status, "longer than the context length" in answer.json["error"]) == (400, True)
        assert (await chat(fake)).status == 200
        assert fake.ollama.loads == []


async def test_a_template_of_its_own_needs_schemas_with_a_type() -> None:
    bare = [{"type": "function", "function": {"name": "f"}}]
    typed = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
    async with FakeProvider("ollama", [Model("m", has_own_template=True), "other"]) as fake:
        answer = await chat(fake, tools=bare)
        assert answer.status == 400
        assert 'Unrecognized schema: {\\"type\\":\\"\\",\\"properties\\":null}' in answer.json["error"]
        assert (await chat(fake, tools=typed)).status == 200
        assert (await chat(fake, model="other", tools=bare)).status == 200
