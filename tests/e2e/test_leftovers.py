"""What a request leaves behind, on a connection that is kept: nothing that waits for the garbage collector.

A request may be 64 MB, and a collector that looks for circles comes by when it likes.
"""

from __future__ import annotations

import gc
import logging
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from linx.core import jsontext
from linx.core.chat import ChatRequest
from tests.e2e.http_client import Client
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Reply, cut_after, status

if TYPE_CHECKING:
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
            await trio.testing.wait_all_tasks_blocked(0.02)
            assert alive() == before
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
                            await client.answer()
                        await trio.testing.wait_all_tasks_blocked(0.02)
                        assert alive() == before, path
                    finally:
                        gc.enable()
