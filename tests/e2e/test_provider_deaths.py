"""A provider's process that is killed, stopped or started again, while Linx has a request or a connection there."""

from __future__ import annotations

import contextlib
import signal
import time
from typing import TYPE_CHECKING, Any

import h11
import pytest
import trio

from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.mortal import COUNTED, MODELS, mortal
from tests.fakes.provider import FakeProvider
from tests.test_app import port_of
from tests.waiting import HANG_S, within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from subprocess import Popen

    from linx.app import App
    from tests.e2e.http_client import Answer

PATH = "/v1/chat/completions"
SAID = [{"role": "user", "content": "hi"}]
both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


def chat(model: str, *, stream: bool) -> dict[str, Any]:
    return {"model": model, "messages": SAID, "stream": stream}


def said(answer: Answer) -> str:
    return str(answer.json["choices"][0]["message"]["content"]) if answer.body[:1] == b"{" else answer.text


@contextlib.asynccontextmanager
async def with_a_mortal(folder: Path, *others: FakeProvider) -> AsyncIterator[tuple[App, Popen[bytes], int]]:
    with mortal() as (process, port):
        config = config_for(*others, routing={"hedge": {"after": None}, "cost_optimization": False})
        config["providers"]["mortal"] = {"kind": "openai", "endpoint": f"http://127.0.0.1:{port}/v1"}
        config["routing"]["provider_priority"] = ["mortal"]
        async with linx_here(config, folder) as app:
            yield app, process, port


async def until_text(client: Client, text: bytes) -> None:
    seen = b""
    while text not in seen:
        event = await client.event()
        seen += bytes(event.data) if isinstance(event, h11.Data) else b""


async def until_silent(app: App) -> None:
    """Until the provider has the running request, and has sent what it sends at once."""
    with trio.fail_after(HANG_S):
        while not any(one.phase in ("waiting", "streaming") for one in app.context.telemetry.running.values()):
            await trio.sleep(0.005)
    await trio.sleep(0.05)


async def test_killed_in_mid_stream(tmp_path: Path) -> None:
    async with FakeProvider("openai", MODELS) as good, with_a_mortal(tmp_path, good) as (app, process, _port):
        async with Client(port_of(app)) as client:
            await client.send("POST", PATH, chat("hangs", stream=True))
            await until_text(client, b'"2 "')
            process.kill()
            with within(0.1):
                rest = b""
                while not isinstance(event := await client.event(), h11.EndOfMessage):
                    rest += bytes(event.data)
        assert rest.count(b'"error"') == 1
        assert b"[DONE]" not in rest
        assert b'"content"' not in rest
        assert good.calls == []


async def test_killed_in_the_middle_of_an_answer_that_is_wanted_whole(tmp_path: Path) -> None:
    async with FakeProvider("openai", MODELS) as good, with_a_mortal(tmp_path, good) as (app, process, _port):
        await _killed_while(app, process, chat("hangs", stream=False))
        assert len(good.calls) == 1


@both_ways
async def test_killed_before_the_first_content(stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("openai", MODELS) as good, with_a_mortal(tmp_path, good) as (app, process, _port):
        await _killed_while(app, process, chat("silent", stream=stream))


async def _killed_while(app: App, process: Popen[bytes], body: dict[str, Any]) -> None:
    async with Client(port_of(app)) as client:
        await client.send("POST", PATH, body)
        await until_silent(app)
        process.kill()
        answer = await client.answer()
    assert answer.headers["x-linx-attempts"] == "mortal=reset, openai1=ok"
    assert said(answer) == "Hello from the fake."


@both_ways
async def test_killed_while_its_connection_is_kept(stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("openai", MODELS) as good, with_a_mortal(tmp_path, good) as (app, process, _port):
        assert said(await ask(port_of(app), PATH, chat("quick", stream=stream))) == "0 "
        assert app.pool.census()["idle"]
        process.kill()
        process.wait()
        answer = await ask(port_of(app), PATH, chat("quick", stream=stream))
        assert answer.headers["x-linx-attempts"] == "mortal=connect_failed, openai1=ok"


@both_ways
async def test_started_again_it_answers_the_next_request(stream: bool, tmp_path: Path) -> None:
    """Its cool-down refuses nothing, and a connection that its death has left behind is not used."""
    async with with_a_mortal(tmp_path) as (app, process, port):
        assert said(await ask(port_of(app), PATH, chat("quick", stream=stream))) == "0 "
        process.kill()
        process.wait()
        for _ in range(4):
            assert (await ask(port_of(app), PATH, chat("quick", stream=stream))).status == 502
        health = app.context.providers[0].health
        assert health.state(trio.current_time()) == "cooling"
        with mortal(port):
            assert said(await ask(port_of(app), PATH, chat("quick", stream=stream))) == "0 "
            assert health.state(trio.current_time()) == "up"


@both_ways
async def test_stopped_for_a_while_nothing_is_lost(stream: bool, tmp_path: Path) -> None:
    """To Linx a process that is stopped looks like a network that drops every packet."""
    async with FakeProvider("openai", MODELS) as good, with_a_mortal(tmp_path, good) as (app, process, _port):
        async with Client(port_of(app)) as client:
            await client.send("POST", PATH, chat("counts", stream=stream))
            await until_silent(app)
            process.send_signal(signal.SIGSTOP)
            stopped = time.monotonic()
            await trio.sleep(0.4)
            process.send_signal(signal.SIGCONT)
            with trio.fail_after(HANG_S):
                answer = await client.answer()
        assert time.monotonic() - stopped >= 0.4
        assert answer.is_whole
        assert said(answer) == "".join(f"{number} " for number in range(COUNTED))
        assert app.context.telemetry.finished[-1].phase == "done"
        assert app.context.providers[-1].health.consecutive_failures == 0
        assert good.calls == []
