"""Clients that leave in the very moment in which their provider sends more: it stops, and nothing else happens."""

from __future__ import annotations

import contextlib
import logging
import os
from typing import TYPE_CHECKING

import pytest
import trio

from linx.core import jsontext
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.exchange import set_reset
from tests.fakes.provider import FakeProvider
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from linx.app import App

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
ROUNDS = 12  # which of the two is noticed first is a matter of chance
MANY = 40


def frame(text: str) -> bytes:
    delta = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    data = b"data: %b\n\n" % jsontext.dumps(delta)
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _until(app: App, phase: str, count: int = 1) -> None:
    with trio.fail_after(HANG_S):
        while [record.phase for record in app.context.telemetry.running.values()].count(phase) < count:
            await trio.sleep(0.001)


async def _asked(client: trio.SocketStream, *, is_stream: bool) -> None:
    body = jsontext.dumps({"model": "m", "stream": is_stream, "messages": [{"role": "user", "content": "hi"}]})
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
    await client.send_all(head + body)


class Silent:
    """A provider whose every chat connection is handed out, when its request has come; it sends nothing by itself."""

    def __init__(self) -> None:
        self.sending, self.asked = trio.open_memory_channel[trio.SocketStream](1000)
        self.endpoint = ""

    async def _serve(self, stream: trio.SocketStream) -> None:
        data = await stream.receive_some(65536)
        if data.startswith(b"GET"):
            listed = b'{"object":"list","data":[{"id":"m","object":"model"}]}'
            await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(listed), listed))
            await stream.aclose()
            return
        self.sending.send_nowait(stream)
        await trio.sleep_forever()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Silent]:
        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            self.endpoint = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/v1"
            nursery.start_soon(trio.serve_listeners, self._serve, listeners)
            yield self
            nursery.cancel_scope.cancel()


async def _left(stream: trio.SocketStream) -> None:
    """Wait until Linx has closed its connection."""
    with trio.fail_after(HANG_S), contextlib.suppress(trio.BrokenResourceError):
        while await stream.receive_some(65536):
            pass


@pytest.mark.parametrize("is_reset", [False, True], ids=["FIN", "reset"])
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "streamed"])
async def test_leaving_while_the_provider_sends(
    is_stream: bool, is_reset: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with Silent().running() as first, FakeProvider("openai", ["m"]) as second:
        given = {"one": {"kind": "openai", "endpoint": first.endpoint, "api_key": "k" * 20}}
        routing = {"provider_priority": ["one", "two"], "hedge": {"after": None}}
        config = config_for(second, names=("two",), providers=given, routing=routing)
        async with linx_here(config, tmp_path) as app:
            for _ in range(ROUNDS):
                client = await trio.open_tcp_stream("127.0.0.1", app.bound[0][1])
                await _asked(client, is_stream=is_stream)
                provider = await first.asked.receive()
                await provider.send_all(HEAD + frame("one "))
                await _until(app, "streaming")
                # Without a wait in between, so that Linx finds both in the same turn of its loop.
                os.write(provider.socket.fileno(), frame("two ") * MANY)
                if is_reset:
                    set_reset(client.socket)  # type: ignore[arg-type]  # trio's socket takes the option too
                client.socket.close()
                await _left(provider)
                await provider.aclose()
            with trio.fail_after(HANG_S):
                while app.context.telemetry.running:
                    await trio.sleep(0.001)
            records = app.context.telemetry.finished
            assert [record.phase for record in records] == ["cancelled"] * ROUNDS
            assert {attempt.outcome for record in records for attempt in record.attempts} == {"lost"}
            assert app.pool.census()["active"] == 0
            one = next(each for each in app.context.providers if each.name == "one")
            assert (one.counters.failures, one.health.consecutive_failures) == (0, 0)
        assert not second.calls
    assert [entry.getMessage() for entry in caplog.records] == []


async def test_when_many_leave_each_provider_is_stopped_before_the_rest_is_done(tmp_path: Path) -> None:
    """Where many clients leave in one instant, no provider waits for what Linx does after other hang-ups."""
    async with Silent().running() as first:
        config = config_for(providers={"one": {"kind": "openai", "endpoint": first.endpoint, "api_key": "k" * 20}})
        async with linx_here(config, tmp_path) as app:
            clients = []
            for _ in range(MANY):
                clients.append(await trio.open_tcp_stream("127.0.0.1", app.bound[0][1]))
                await _asked(clients[-1], is_stream=True)
                await (await first.asked.receive()).send_all(HEAD + frame("one "))
            await _until(app, "streaming", MANY)
            watch = _Watch(app)
            trio.lowlevel.add_instrument(watch)
            for client in clients:
                client.socket.close()
            with trio.fail_after(HANG_S):
                while app.context.telemetry.running:
                    await trio.sleep(0.001)
            trio.lowlevel.remove_instrument(watch)
            assert watch.running_at_last_close > MANY / 2


class _Watch(trio.abc.Instrument):
    """Notes how many requests were still to be unwound when the last connection to a provider had been closed."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.running_at_last_close = -1

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if self.running_at_last_close < 0 and not self._app.pool.census()["active"]:
            self.running_at_last_close = len(self._app.context.telemetry.running)
