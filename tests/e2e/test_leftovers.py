"""What a request leaves behind, on a connection that is kept: nothing that waits for the garbage collector.

A request may be 64 MB, and a collector that looks for circles comes by when it likes.
"""

from __future__ import annotations

import gc
import logging
from typing import TYPE_CHECKING

import pytest
import trio

from linx.core import jsontext
from linx.core.chat import ChatRequest
from tests.e2e.http_client import Client
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Close, Raw, Reply, Reset, Send, Sleep, cut_after, status
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from linx.core.chat import JsonObject

MESSAGES = [{"role": "user", "content": "hello"}]
BODIES: dict[str, JsonObject] = {
    "/v1/chat/completions": {"messages": MESSAGES},
    "/api/chat": {"messages": MESSAGES},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 9},
    "/v1/responses": {"input": "hello"},
    "/v1/completions": {"prompt": "hello"},
}


def alive() -> int:
    return sum(type(one) is ChatRequest for one in gc.get_objects())


async def are_gone(before: int) -> bool:
    """Are there no more requests than before? A slow machine may still be ending an attempt; a cycle stays."""
    with trio.move_on_after(2):
        while alive() > before:
            await trio.sleep(0.02)
    return alive() <= before


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("names", [["m"], ["n"]])
async def test_no_request_is_kept(path: str, is_stream: bool, names: list[str], tmp_path: Path) -> None:
    body = jsontext.dumps({"model": "m", "stream": is_stream, **BODIES[path]})
    request = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (path.encode(), len(body), body)
    async with FakeProvider("openai", names) as fake, linx_here(config_for(fake), tmp_path) as app:
        client = await trio.open_tcp_stream("127.0.0.1", app.bound[0][1])
        gc.collect()
        before = alive()
        gc.disable()
        try:
            for number in range(4):
                await client.send_all(request)
                received = b""
                while b"\r\n\r\n" not in received or (is_stream and names == ["m"] and b"0\r\n\r\n" not in received):
                    received += await client.receive_some()
                assert received.startswith(b"HTTP/1.1 200" if names == ["m"] else b"HTTP/1.1 404"), number
            assert await are_gone(before)
        finally:
            gc.enable()
            await client.aclose()


FAULTS: dict[str, tuple[list[Reply], list[Reply]]] = {
    "fallback": ([status(500)], []),
    "all fail": ([status(500)], [status(500)]),
    "refused": ([status(400)], []),
    "broken off": ([cut_after(3)], [cut_after(3)]),
}
"""What the first and the second provider do with a request."""


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
async def test_nor_one_that_failed(
    fault: str, is_stream: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error knows where it was raised, and so all that was at hand there."""
    monkeypatch.setattr(logging.getLogger("linx.endpoints"), "disabled", True)  # pytest keeps what is logged
    others: dict[str, JsonObject] = {"/v1/embeddings": {"input": "hello"}, "/v1/rerank": {"query": "q"}}
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("ollama", ["m"]) as two:
        async with linx_here(config_for(one, two), tmp_path) as app:
            for path, fields in {**BODIES, **others}.items():
                body = {"model": "m", "stream": is_stream, **fields}
                async with Client(app.bound[0][1]) as client:
                    gc.collect()
                    before = alive()
                    gc.disable()
                    try:
                        for _ in range(3):
                            for provider in app.context.providers:
                                provider.health.succeeded()
                            for fake, replies in zip((one, two), FAULTS[fault], strict=True):
                                fake.forget()
                                fake.next(*replies)
                            await client.send("POST", path, body)
                            if not (await client.answer()).is_whole:  # a failed stream of Ollama's dialect is torn
                                await client.close()
                                await client.open()
                        assert await are_gone(before), path
                    finally:
                        gc.enable()


def broken(*wire: bytes) -> Raw:
    """A stream that begins with ``wire`` and then breaks with a reset."""
    return Raw([Send(HEAD + b"".join(wire)), Sleep(0.01), Reset()])


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
WORD = b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}\n\n'
TEARS: dict[str, Reply] = {
    "reset before the gate": broken(b": hi\n\n"),
    "reset after the gate": broken(WORD, WORD),
    "end before the gate": Raw([Send(HEAD + b": hi\n\n"), Close()]),
    "end after the gate": Raw([Send(HEAD + WORD), Sleep(0.01), Close()]),
    "garbage before the gate": Raw([Send(HEAD + b"data: {]\n\n"), Close()]),
    "garbage after the gate": Raw([Send(HEAD + WORD), Sleep(0.01), Send(b"data: {]\n\n"), Close()]),
    "garbage with the gate": Raw([Send(HEAD + WORD + b"data: {]\n\n"), Close()]),
    "error event after the gate": Raw([Send(HEAD + WORD), Sleep(0.01), Send(b'data: {"error":{"message":"e"}}\n\n')]),
    "no HTTP": Raw([Send(b"hello\r\n\r\n"), Close()]),
    "reset at once": Raw([Reset()]),
    "chunk torn": Raw([Send(HEAD[:-2] + b"Transfer-Encoding: chunked\r\n\r\n5\r\ndat"), Sleep(0.01), Close()]),
    "error that is torn": Raw([Send(b"HTTP/1.1 500 Oh\r\nContent-Length: 99\r\n\r\n{"), Reset()]),
}


@pytest.fixture
def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("linx.endpoints", "linx.server", "linx.requests"):
        monkeypatch.setattr(logging.getLogger(name), "disabled", True)  # pytest keeps what is logged


@pytest.mark.usefixtures("_silent")
@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("hedge", [None, 0.005], ids=["alone", "hedged"])
@pytest.mark.parametrize("tear", TEARS)
async def test_nor_one_whose_answer_was_torn(tear: str, hedge: float | None, is_stream: bool, tmp_path: Path) -> None:
    routing = {"hedge": {"after": hedge, "budget": 1.0}}
    server = {"heartbeat_s": 1.0}
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        async with linx_here(config_for(one, two, routing=routing, server=server), tmp_path) as app:

            async def once(path: str) -> None:
                for provider in app.context.providers:
                    provider.health.succeeded()
                for fake in (one, two):
                    fake.forget()
                    fake.next(TEARS[tear])
                async with Client(app.bound[0][1]) as client:
                    await client.send("POST", path, {"model": "m", "stream": is_stream, **BODIES[path]})
                    await client.answer()

            for path in BODIES:
                await assert_nothing_left(once, path)


GONE: dict[str, Reply] = {
    "while connecting": Raw([Sleep(HANG_S)]),
    "before the gate": Raw([Send(HEAD + b": hi\n\n"), Sleep(HANG_S)]),
    "after the gate": Raw([Send(HEAD + WORD), Sleep(HANG_S)]),
}


@pytest.mark.usefixtures("_silent")
@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("hedge", [None, 0.005], ids=["alone", "hedged"])
@pytest.mark.parametrize("gone", GONE)
async def test_nor_one_whose_client_went_away(gone: str, hedge: float | None, is_stream: bool, tmp_path: Path) -> None:
    """With heartbeats, and without them."""
    routing = {"hedge": {"after": hedge, "budget": 1.0}}
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        async with linx_here(config_for(one, two, routing=routing), tmp_path) as app:
            running = app.server

            async def once(path: str) -> None:
                for fake in (one, two):
                    fake.forget()
                    fake.next(GONE[gone])
                async with Client(app.bound[0][1]) as client:
                    await client.send("POST", path, {"model": "m", "stream": is_stream, **BODIES[path]})
                    await trio.sleep(0.02)
                    for beating in app.context.heartbeats.streams:
                        beating.beat()
                    await trio.sleep(0.01)
                with trio.fail_after(HANG_S):
                    while running.requests_running:
                        await trio.sleep(0.005)

            for path in BODIES:
                await assert_nothing_left(once, path)


async def assert_nothing_left(once: Callable[[str], Awaitable[None]], path: str) -> None:
    """Three requests leave no ChatRequest behind, with the garbage collector off."""
    gc.collect()
    before = alive()
    gc.disable()
    try:
        for _ in range(3):
            await once(path)
        assert await are_gone(before), path
    finally:
        gc.enable()
