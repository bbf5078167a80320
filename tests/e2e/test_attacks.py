"""What a hostile client or a broken provider tries, and what must come of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core import jsontext
from linx.dialects.ollama import encoder as ollama_encoder
from linx.dialects.shared import block_encoder as blocks
from linx.handlers.answers import whole
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Call
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from pathlib import Path

    from linx.app import App

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
PATIENCE_S = 3.0
"""Of CPU time. What is tried here takes a tenth of it, and took many times as much when it was quadratic."""


def port_of(app: App) -> int:
    return app.bound[0][1]


async def was_dropped(endless: FakeProvider) -> None:
    """Its connection was closed. One that is read to its end instead is kept open for the next request.

    The provider itself need not notice anything: a kernel takes up to 32 MiB for a reader that was quick so far.
    """
    with trio.fail_after(HANG_S):
        await endless.calls[0].connection.closed.wait()


async def test_a_name_of_megabytes_is_no_work(tmp_path: Path) -> None:
    async with FakeProvider("openai", [f"model-{number}" for number in range(200)]) as fake:
        async with linx_here(config_for(fake), tmp_path) as app:
            began = time.process_time()
            answer = await ask(port_of(app), "/v1/chat/completions", {**CHAT, "model": "model" + "x" * 8_000_000})
            assert time.process_time() - began < PATIENCE_S
    assert (answer.status, answer.json["error"]["param"]) == (400, "model")
    assert len(answer.body) < 1024


@pytest.mark.parametrize("hop", [b"\xff\xfe", b"a b", b"x" * 20_000, b",,, ,"])
async def test_a_strange_hop_header_does_not_spoil_the_request_to_a_provider(hop: bytes, tmp_path: Path) -> None:
    async with FakeProvider("openai") as fake:
        async with linx_here(config_for(fake), tmp_path) as app:
            headers: dict[str, Any] = {"x-linx-hop": hop}
            answer = await ask(port_of(app), "/v1/chat/completions", CHAT, headers=headers)
            assert answer.status == 200, answer.body
            assert fake.calls[0].headers["x-linx-hop"] == app.context.instance.decode()


async def test_a_whole_answer_that_the_dialect_cannot_carry_falls_over(tmp_path: Path) -> None:
    """Ollama's clients want a tool's arguments as an object, and were sent nothing yet."""
    async with FakeProvider("openai", ["m"]) as torn, FakeProvider("openai", ["m"]) as good:
        torn.default = Answer(tokens=[], calls=[Call("f", '{"a":')])
        good.default = Answer(tokens=["good"])
        config = config_for(torn, good, names=("torn", "good"), routing={"cost_optimization": False})
        async with linx_here(config, tmp_path) as app:
            for number in range(1, 6):
                answer = await ask(port_of(app), "/api/chat", {**CHAT, "stream": False})
                assert answer.status == 200, answer.body
                assert answer.json["message"]["content"] == "good"
                assert answer.headers["x-linx-attempts"] == "torn=bad_response, good=ok"
                assert len(torn.calls) == number  # the model's fault puts no server on a cool-down
            alone = await ask(port_of(app), "/api/chat", {**CHAT, "model": "torn/m", "stream": False})
    assert alone.status == 502
    assert alone.json["error"].startswith("torn")


async def test_an_endless_answer_is_not_collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "MAX_WHOLE", 2**20)
    async with FakeProvider("openai", ["m"]) as endless, FakeProvider("openai", ["m"]) as good:
        endless.default = Answer(tokens=["x" * 8000] * 20_000)
        good.default = Answer(tokens=["good"])
        config = config_for(endless, good, names=("endless", "good"), routing={"cost_optimization": False})
        async with linx_here(config, tmp_path) as app:
            answer = await ask(port_of(app), "/v1/chat/completions", CHAT)
            assert answer.json["choices"][0]["message"]["content"] == "good"
            assert answer.headers["x-linx-attempts"] == "endless=bad_response, good=ok"
            await was_dropped(endless)


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("/v1/chat/completions", {"error"}),
        ("/api/chat", {"error"}),
        ("/k/some-key/api/chat?x=1", {"error"}),
        ("http://localhost/api/tags", {"error"}),
        ("/v1/messages", {"type", "error", "request_id"}),
    ],
)
@pytest.mark.parametrize("line", ["Content-Length: 1_0", "Transfer-Encoding: gzip", "X: a\rb", "X: y\r\n" * 101])
async def test_a_refusal_before_the_request_is_read_has_the_shape_of_its_path(
    path: str, keys: set[str], line: str, tmp_path: Path
) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        stream = await trio.open_tcp_stream("127.0.0.1", port_of(app))
        async with stream:
            await stream.send_all(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n".encode())
            data = b"".join([piece async for piece in stream])
    head, _blank, body = data.partition(b"\r\n\r\n")
    error = jsontext.loads(body)
    assert set(error) == keys
    assert isinstance(error["error"], str) == ("/api/" in path)
    assert b"\r\nx-request-id: " in head
    assert (b"\r\nrequest-id: " in head) == ("messages" in path)


@pytest.mark.parametrize(
    ("path", "body", "what", "mark"),
    [
        ("/api/chat", CHAT, "calls", b'\n{"error":"endless: sent tool call arguments of more than'),
        ("/v1/messages", {**CHAT, "max_tokens": 9, "stream": True}, "calls", b"event: error\n"),
        ("/v1/responses", {"model": "m", "input": "hi", "stream": True}, "text", b"event: response.failed\n"),
    ],
)
async def test_what_a_stream_must_keep_is_bounded(
    path: str, body: dict[str, Any], what: str, mark: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ollama's clients get a call whole, and a Responses stream ends with all of its text once more."""
    for module in (blocks, ollama_encoder):
        monkeypatch.setattr(module, "MAX_FRAME", 2**18)
    piece, count = "x" * 4096, 4000
    async with FakeProvider("openai", ["m"]) as endless:
        endless.default = (
            Answer(tokens=[piece] * count)
            if what == "text"
            else Answer(tokens=["Hi"], calls=[Call("f", '{"a":"' + piece * count)])
        )
        async with linx_here(config_for(endless, names=("endless",)), tmp_path) as app:
            answer = await ask(port_of(app), path, body)
            await was_dropped(endless)
    assert answer.status == 200
    assert answer.is_whole is (
        path != "/api/chat"
    )  # some clients of Ollama overlook an error behind which a body ends well
    assert mark in b"\n" + answer.body
    assert len(answer.body) < 2**20
