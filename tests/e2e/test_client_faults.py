"""Clients that leave, close by halves, send ahead, wait for leave, or come again and again; over real sockets."""

from __future__ import annotations

import logging
import socket
import struct
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core import jsontext
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer
from tests.test_app import port_of
from tests.waiting import HANG_S, within

if TYPE_CHECKING:
    from pathlib import Path


PATH = "/v1/chat/completions"
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
KEY = "linx-test-key-0123456789abcdef"
both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
by_fin_or_rst = pytest.mark.parametrize("is_reset", [False, True], ids=["fin", "rst"])


def post(body: Any, path: str = PATH, *more: str, version: str = "1.1") -> bytes:
    data = body if isinstance(body, bytes) else jsontext.dumps(body)
    fields = ["Host: localhost", "Content-Type: application/json", f"Content-Length: {len(data)}", *more]
    return "\r\n".join([f"POST {path} HTTP/{version}", *fields, "\r\n"]).encode() + data


async def connected(port: int) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", port)


async def leave(stream: trio.SocketStream, *, is_reset: bool) -> None:
    if is_reset:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


async def all_of(stream: trio.SocketStream) -> bytes:
    got = b""
    with trio.fail_after(HANG_S):
        while data := await stream.receive_some(65536):
            got += data
    return got


# --- a client that leaves ---

WHOLE = post({**CHAT, "stream": True})
LEAVES = {
    "before its head is whole": WHOLE[:40],
    "in the middle of its body": WHOLE[:-5],
    "before the first word": WHOLE,
    "in mid stream": WHOLE,
    "after the end": WHOLE,
}


@by_fin_or_rst
@pytest.mark.parametrize("when", LEAVES)
async def test_a_client_that_leaves(
    when: str, is_reset: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = Answer() if when == "after the end" else Answer(["x"] * 1000, interval_s=0.01)
        if when == "before the first word":
            fake.default = Answer(first_s=60)
        stream = await connected(port_of(app))
        await stream.send_all(LEAVES[when])
        if LEAVES[when] is WHOLE:
            call = await fake.received()
        if when in ("in mid stream", "after the end"):
            got = b""
            while (b"[DONE]" if when == "after the end" else b'"x"') not in got:
                got += await stream.receive_some(65536)
        await leave(stream, is_reset=is_reset)
        with within(0.05):
            while app.server.connections:
                await trio.sleep(0.001)
            if when in ("before the first word", "in mid stream"):
                await call.hung_up.wait()
        assert len(fake.calls) == (LEAVES[when] is WHOLE)
        phases = [record.phase for record in app.context.telemetry.finished]
        assert phases == {"after the end": ["done"]}.get(when, ["cancelled"] if LEAVES[when] is WHOLE else phases)
        assert app.context.providers[0].active == 0
        assert app.context.telemetry.running == {}
    assert [entry.getMessage() for entry in caplog.records if entry.name.startswith("linx.server")] == []


@by_fin_or_rst
@both_ways
async def test_a_client_that_has_sent_ahead_leaves(stream: bool, is_reset: bool, tmp_path: Path) -> None:
    """Behind what it sent ahead its FIN cannot be read; the kernel tells of it all the same."""
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = Answer(first_s=60)
        client = await connected(port_of(app))
        await client.send_all(post({**CHAT, "stream": stream}) + b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 5000)
        call = await fake.received()
        await trio.sleep(0.05)
        await leave(client, is_reset=is_reset)
        with within(0.1):
            await call.hung_up.wait()


@by_fin_or_rst
async def test_a_client_that_uploads_to_a_provider_that_does_not_read_leaves(is_reset: bool, tmp_path: Path) -> None:
    async def stuck(stream: trio.SocketStream) -> None:
        await stream.receive_some(4)
        asked.set()
        await trio.sleep_forever()

    asked = trio.Event()
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        nursery.start_soon(trio.serve_listeners, stuck, [listener])
        section = {"kind": "ollama", "endpoint": url, "models": ["m"]}
        config = config_for(providers={"o": section})
        async with linx_here(config, tmp_path, wait_for_models=False) as app:
            client = await connected(port_of(app))
            with trio.move_on_after(0.5):
                head = (
                    b"POST /api/blobs/sha256:%064d HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000000\r\n\r\n" % 0
                )
                await client.send_all(head + b"x" * 90_000_000)
            assert app.server.requests_running == 1
            await leave(client, is_reset=is_reset)
            with within(0.5):
                while app.server.requests_running:
                    await trio.sleep(0.001)
        nursery.cancel_scope.cancel()
