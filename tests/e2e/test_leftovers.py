"""What a request leaves behind, on a connection that is kept: nothing that waits for the garbage collector.

A request may be 64 MB, and a collector that looks for circles comes by when it likes.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from linx.core import jsontext
from linx.core.chat import ChatRequest
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider

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
