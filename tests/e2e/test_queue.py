"""The queue at one Ollama over real sockets: whose turn it is, how often models are swapped, what a client is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.waiting import within

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from linx.app import App
    from linx.providers.provider import Provider
    from tests.e2e.http_client import Answer as Got

PATH = "/v1/chat/completions"
KEYS = {"ann": "key-of-ann-0123456789", "bob": "key-of-bob-0123456789", "cid": "key-of-cid-0123456789"}
ONE_AT_A_TIME = {"a": {"max_concurrent": 1}}


def body(model: str, said: str = "hi", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": said}], **more}


def port_of(app: App) -> int:
    return app.bound[0][1]


async def until(is_so: Callable[[], bool]) -> None:
    with within(5):
        while not is_so():
            await trio.sleep(0.001)


class Crowd:
    """Clients whose requests come one after the other, while the first, who leaves in the end, holds the only place."""

    def __init__(self, app: App, nursery: trio.Nursery) -> None:
        self._app = app
        self._nursery = nursery
        self.provider: Provider = app.context.providers[0]
        self.answers: dict[str, Got] = {}
        self.first = trio.CancelScope()

    async def come(self, who: str, model: str, said: str) -> None:
        before = self.provider.slots.waiting + self.provider.active
        headers = {"authorization": f"Bearer {KEYS[who]}"}

        async def run() -> None:
            with trio.CancelScope() if before else self.first:
                self.answers[said] = await ask(port_of(self._app), PATH, body(model, said), headers=headers)

        self._nursery.start_soon(run)
        await until(lambda: self.provider.slots.waiting + self.provider.active > before)


def said(fake: FakeProvider) -> list[str]:
    return [call.json["messages"][0]["content"] for call in fake.calls]


async def test_keys_take_turns_and_models_are_swapped_seldom(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["x", "y"]) as fake:
        fake.ollama.unload_all()
        fake.ollama.most_loaded = 1
        fake.next(scripted.hang())
        config = config_for(fake, names=("a",), providers=ONE_AT_A_TIME, server={"api_key": list(KEYS.values())})
        async with linx_here(config, tmp_path) as app:
            async with trio.open_nursery() as nursery:
                crowd = Crowd(app, nursery)
                for who, model, name in (
                    *[("ann", "x", f"ann {n}") for n in range(4)],
                    *[("bob", "y", f"bob {n}") for n in range(2)],
                    *[("cid", "x", f"cid {n}") for n in range(2)],
                ):
                    await crowd.come(who, model, name)
                shown = (
                    await ask(port_of(app), "/linx/requests", headers={"authorization": f"Bearer {KEYS['ann']}"})
                ).json["data"]
                queued = {one["queue"] for one in shown if one["phase"] == "queued"}
                assert len(queued) == crowd.provider.slots.waiting
                await fake.received()
                crowd.first.cancel()
        # x is loaded: cid has had no turn yet, ann has. Then y for bob, who has two. In order of arrival: three swaps.
        assert said(fake) == ["ann 0", "cid 0", "ann 1", "cid 1", "ann 2", "ann 3", "bob 0", "bob 1"]
        assert [name for name, _runner in fake.ollama.loads] == ["x", "y"]
        places = {name: answer.headers.get("x-linx-queue") for name, answer in crowd.answers.items()}
        assert places == {
            "ann 1": "1", "ann 2": "2", "ann 3": "3",
            "bob 0": "4", "bob 1": "5", "cid 0": "1", "cid 1": "3",
        }  # fmt: skip


async def test_a_request_for_another_model_is_passed_over_eight_times(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["x", "y"]) as fake:
        fake.ollama.unload_all()
        fake.ollama.most_loaded = 1
        fake.next(scripted.hang())
        config = config_for(fake, names=("a",), providers=ONE_AT_A_TIME, server={"api_key": list(KEYS.values())})
        async with linx_here(config, tmp_path) as app:
            async with trio.open_nursery() as nursery:
                crowd = Crowd(app, nursery)
                await crowd.come("ann", "x", "first")
                await crowd.come("ann", "y", "other")
                for number in range(12):
                    await crowd.come("ann", "x", f"{number}")
                await fake.received()
                crowd.first.cancel()
        assert said(fake).index("other") == 9
        assert [name for name, _runner in fake.ollama.loads] == ["x", "y", "x"]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_a_client_that_leaves_gives_up_its_place_in_the_queue(stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["x"]) as fake:
        async with linx_here(config_for(fake, names=("a",), providers=ONE_AT_A_TIME), tmp_path) as app:
            slots = app.context.providers[0].slots
            slots.active = 1
            async with trio.open_nursery() as nursery:
                async with Client(port_of(app)) as client:
                    await client.send("POST", PATH, body("x", "leaves", stream=stream))
                    await until(lambda: slots.waiting == 1)
                    nursery.start_soon(ask, port_of(app), PATH, body("x", "stays"))
                    await until(lambda: slots.waiting == 2)
                await until(lambda: slots.waiting == 1)
                slots.give_back()
            assert said(fake) == ["stays"]
            assert (slots.active, slots.waiting) == (0, 0)


async def test_while_it_waits_a_stream_is_told_its_place(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["x"]) as fake:
        config = config_for(fake, names=("a",), providers=ONE_AT_A_TIME, server={"heartbeat_s": 0.1})
        async with linx_here(config, tmp_path) as app, Client(port_of(app)) as client:
            slots = app.context.providers[0].slots
            slots.active = 1
            await client.send("POST", PATH, body("x", stream=True))
            data = b""
            with within(5):
                while b": queued, place 1\n\n" not in data:
                    data += await client.stream.receive_some()
            assert b"x-linx-queue: 1\r\n" in data.lower()
            slots.give_back()
            with within(5):
                while b"[DONE]" not in data:
                    data += await client.stream.receive_some()


async def test_those_who_wait_for_a_provider_that_dies_are_answered_by_another(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["x"]) as one, FakeProvider("ollama", ["x"]) as two:
        one.default = scripted.hang()
        config = config_for(one, two, names=("a", "b"), providers=ONE_AT_A_TIME, routing={"hedge": {"after": None}})
        answers: list[Got] = []
        async with linx_here(config, tmp_path) as app, trio.open_nursery() as nursery:

            async def run() -> None:
                answers.append(await ask(port_of(app), PATH, body("x")))

            for _ in range(5):
                nursery.start_soon(run)
            a = app.context.providers[0]
            await until(lambda: a.slots.waiting == 4)
            one.down()
            await until(lambda: len(answers) == 5)
            assert {answer.headers["x-linx-provider"] for answer in answers} == {"b"}
            assert sum("x-linx-queue" in answer.headers for answer in answers) == 4
            assert (a.active, a.slots.waiting) == (0, 0)


async def test_of_two_equal_ollamas_the_one_that_has_the_model_is_asked(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["x", "y"]) as one, FakeProvider("ollama", ["x", "y"]) as two:
        for fake in (one, two):
            fake.ollama.unload_all()
            fake.ollama.most_loaded = 1
        two.ollama.load(two.models[0])
        config = config_for(one, two, names=("a", "b"), routing={"provider_priority": [["a", "b"]]})
        async with linx_here(config, tmp_path) as app:
            served = [
                (await ask(port_of(app), PATH, body(model, f"question {number}"))).headers["x-linx-provider"]
                for number, model in enumerate("xyxyxy")
            ]
        assert served == ["b", "a", "b", "a", "b", "a"]
        assert (len(one.ollama.loads), len(two.ollama.loads)) == (1, 1), "each loaded its model once"
