"""Clients that leave, close by halves, send ahead, wait for leave, or come again and again; over real sockets."""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import struct
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core import jsontext
from linx.paths import PREFIXES, TABLE
from linx.server.wire import READ_AHEAD
from tests.e2e.http_client import Answer as Got
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer
from tests.test_app import port_of
from tests.waiting import HANG_S, within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trio.testing import MockClock


PATH = "/v1/chat/completions"
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
KEY = "linx-test-key-0123456789abcdef"
both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
by_fin_or_rst = pytest.mark.parametrize("is_reset", [False, True], ids=["fin", "rst"])


def post(body: Any, path: str = PATH, *more: str, version: str = "1.1") -> bytes:
    data = body if isinstance(body, bytes) else jsontext.dumps(body)
    fields = ["Host: localhost", "Content-Type: application/json", f"Content-Length: {len(data)}", *more]
    return "\r\n".join([f"POST {path} HTTP/{version}", *fields, "\r\n"]).encode() + data


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[trio.SocketStream]:
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    try:
        yield stream
    finally:
        stream.socket.close()


async def leave(stream: trio.SocketStream, *, is_reset: bool) -> None:
    if is_reset:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


async def all_of(stream: trio.SocketStream) -> bytes:
    pieces = []
    with trio.fail_after(HANG_S):
        while data := await stream.receive_some(1 << 20):
            pieces.append(bytes(data))
    return b"".join(pieces)


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
    async with (
        FakeProvider("openai", ["m"]) as fake,
        linx_here(config_for(fake), tmp_path) as app,
        connected(port_of(app)) as stream,
    ):
        fake.default = Answer() if when == "after the end" else Answer(["x"] * 1000, interval_s=0.01)
        if when == "before the first word":
            fake.default = Answer(first_s=60)
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
    async with (
        FakeProvider("openai", ["m"]) as fake,
        linx_here(config_for(fake), tmp_path) as app,
        connected(port_of(app)) as client,
    ):
        fake.default = Answer(first_s=60)
        await client.send_all(post({**CHAT, "stream": stream}) + b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 5000)
        call = await fake.received()
        await trio.sleep(0.05)
        await leave(client, is_reset=is_reset)
        with within(0.1):
            await call.hung_up.wait()


# --- a client that does not read ---


@pytest.mark.parametrize("pause_s", [250, 330])
async def test_a_client_that_takes_nothing_for_a_while(
    pause_s: float, autojump_clock: MockClock, tmp_path: Path
) -> None:
    """stalled_client_s is 300: whoever reads on before that has lost nothing, whoever does not is dropped."""
    words = [f"{number:08}" * 8192 for number in range(300)]
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = Answer(words)
        async with connected(port_of(app)) as stream:
            await stream.send_all(post({**CHAT, "stream": True}, PATH, "Connection: close"))
            call = await fake.received()
            await trio.sleep(pause_s)
            assert call.sent_frames < len(words)  # the provider is held back, nothing is collected
            assert call.hung_up.is_set() == (pause_s > 300)
            got = await all_of(stream)
        # Said in small values: pytest would compare megabytes.
        is_done, is_whole = b"data: [DONE]" in got, got.endswith(b"0\r\n\r\n")
        came = [int(number) for number in re.findall(rb'"content":"([0-9]{8})', got)]
        assert (is_done, is_whole) == (pause_s < 300, pause_s < 300)
        assert (came == list(range(len(words)))) == (pause_s < 300)


# --- a client that closes by halves ---


async def test_half_a_close_behind_a_get_is_answered(tmp_path: Path) -> None:
    async with (
        FakeProvider("openai", ["m"]) as fake,
        linx_here(config_for(fake), tmp_path) as app,
        connected(port_of(app)) as stream,
    ):
        await stream.send_all(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await stream.send_eof()
        got = await all_of(stream)
    assert got.startswith(b"HTTP/1.1 200 OK")
    assert b'"id":"m"' in got


@both_ways
async def test_half_a_close_behind_a_post_is_a_hang_up(stream: bool, tmp_path: Path) -> None:
    async with (
        FakeProvider("openai", ["m"]) as fake,
        linx_here(config_for(fake), tmp_path) as app,
        connected(port_of(app)) as client,
    ):
        fake.default = Answer(["x"] * 1000, interval_s=0.01)
        await client.send_all(post({**CHAT, "stream": stream}))
        call = await fake.received()
        await trio.sleep(0.05)
        await client.send_eof()
        with within(0.05):
            await call.hung_up.wait()
        assert b"[DONE]" not in await all_of(client)


# --- a client that sends ahead ---


async def test_a_thousand_requests_in_one_breath(tmp_path: Path) -> None:
    async with (
        FakeProvider("openai", ["m"]) as fake,
        linx_here(config_for(fake), tmp_path) as app,
        connected(port_of(app)) as stream,
    ):
        names = [f"m{number}" for number in range(1000)]
        asked = b"".join(b"GET /v1/models/%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % name.encode() for name in names)
        got = b""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, asked)
            with trio.fail_after(HANG_S):
                while got.count(b"HTTP/1.1 404 ") < len(names):
                    got += await stream.receive_some(1 << 20)
        places = [got.index(b"'%b'" % name.encode()) for name in names]
        assert places == sorted(places)


async def test_bytes_that_come_while_a_stream_runs_wait_for_its_end(tmp_path: Path) -> None:
    async with (
        FakeProvider("openai", ["m"]) as fake,
        linx_here(config_for(fake), tmp_path) as app,
        connected(port_of(app)) as stream,
    ):
        fake.default = Answer(interval_s=0.02)
        await stream.send_all(post({**CHAT, "stream": True}))
        await fake.received()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3000)
            got = b""
            with trio.fail_after(HANG_S):
                while got.count(b"HTTP/1.1 200 OK") < 3001:
                    got += await stream.receive_some(1 << 20)
                    assert all(len(one._wire.buffer) <= READ_AHEAD for one in app.server._connections)
        first, _, rest = got.partition(b"data: [DONE]")
        assert first.count(b"HTTP/1.1") == 1
        assert rest.count(b"HTTP/1.1 200 OK") == 3000


# --- a client that waits for leave ---

EXPECTING = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\nExpect: 100-continue\r\n%b\r\n"


@pytest.mark.parametrize("key", [None, KEY], ids=["open", "key"])
async def test_a_client_that_waits_for_leave_gets_it_at_once(key: str | None, tmp_path: Path) -> None:
    body = jsontext.dumps(CHAT)
    more = b"" if key is None else b"x-api-key: %b\r\n" % key.encode()
    async with FakeProvider("openai", ["m"]) as fake:
        async with (
            linx_here(config_for(fake, server={"api_key": key}), tmp_path) as app,
            connected(port_of(app)) as stream,
        ):
            await stream.send_all(EXPECTING % (PATH.encode(), len(body), more))
            with within(0.05):
                assert await stream.receive_some(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            await stream.send_all(body)
            assert (await stream.receive_some(100)).startswith(b"HTTP/1.1 200 OK")
            await stream.aclose()


@pytest.mark.parametrize(("length", "status"), [(100, b"401"), (1 << 40, b"401")])
async def test_a_client_without_a_key_gets_no_leave(length: int, status: bytes, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config_for(fake, server={"api_key": KEY}), tmp_path) as app:
            got = await refused(port_of(app), EXPECTING % (PATH.encode(), length, b""))
    assert got.startswith(b"HTTP/1.1 %b " % status)


async def test_a_body_that_is_too_large_gets_no_leave(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        got = await refused(port_of(app), EXPECTING % (PATH.encode(), 1 << 40, b""))
    assert got.startswith(b"HTTP/1.1 413 ")


async def refused(port: int, head: bytes) -> bytes:
    async with connected(port) as stream:
        await stream.send_all(head)
        got = await all_of(stream)  # to the end: the connection is closed
    assert b"100 Continue" not in got
    assert b"connection: close" in got
    return got


async def test_a_body_that_never_comes_after_the_leave(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with (
        FakeProvider("openai", ["m"]) as fake,
        linx_here(config_for(fake), tmp_path) as app,
        connected(port_of(app)) as stream,
    ):
        before = trio.current_time()
        await stream.send_all(EXPECTING % (PATH.encode(), 100, b""))
        got = await all_of(stream)
        assert trio.current_time() - before == pytest.approx(30, abs=3)
    assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 408 ")
    assert fake.calls == []


# --- the end of a kept connection ---


async def test_a_kept_connection_ends_with_a_fin_and_no_reset(autojump_clock: MockClock, tmp_path: Path) -> None:
    """A request that crosses Linx's FIN on its way meets a socket that still reads: no reset for its client."""
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        async with Client(port_of(app)) as client:
            await client.send("GET", "/healthz")
            await client.answer()
            before = trio.current_time()
            assert await client.stream.receive_some() == b""
            assert trio.current_time() - before == pytest.approx(75, abs=1)
            await client.stream.send_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await trio.sleep(1)
            assert await client.stream.receive_some() == b""  # and no ConnectionResetError
            await trio.sleep(2)
            assert app.server.connections == 0


async def test_a_request_in_the_last_moment_of_a_kept_connection(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        for early_s in (0.5, 0.1, 0.01):
            async with Client(port_of(app)) as client:
                await client.send("GET", "/healthz")
                await client.answer()
                await trio.sleep(75 - early_s)
                await client.send("POST", PATH, CHAT)
                assert (await client.answer()).status == 200


# --- HTTP/1.0 and HEAD ---


async def test_a_stream_for_http_1_0_ends_with_the_connection(tmp_path: Path) -> None:
    async with (
        FakeProvider("openai", ["m"]) as fake,
        linx_here(config_for(fake), tmp_path) as app,
        connected(port_of(app)) as stream,
    ):
        await stream.send_all(post({**CHAT, "stream": True}, version="1.0"))
        head, _, body = (await all_of(stream)).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"content-length" not in head.lower()
    assert body.startswith(b"data: {")
    assert body.endswith(b"data: [DONE]\n\n")


async def test_head_of_any_path_has_no_body(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        for path in {*TABLE, *(f"{prefix}x" for prefix, _endpoint in PREFIXES), "/nothing"}:
            async with connected(port_of(app)) as stream:
                asked = path if isinstance(path, bytes) else path.encode()
                await stream.send_all(b"HEAD %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % asked)
                head, end, body = (await all_of(stream)).partition(b"\r\n\r\n")
            assert (head.startswith(b"HTTP/1.1 "), end, body) == (True, b"\r\n\r\n", b""), path
    assert fake.calls == []


# --- clients that come again and again ---

FAILURES: dict[str, tuple[scripted.Whole, int, str | None]] = {
    "401": (scripted.status(401, "wrong key"), 502, "false"),
    "404": (scripted.status(404, "no such model"), 404, "false"),
    "500": (scripted.status(500), 502, "false"),
    "429": (scripted.status(429, "slow down", retry_after="7"), 429, None),
    "503": (scripted.status(503, "busy", retry_after="7"), 503, None),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_hundred_clients_that_retry(failure: str, tmp_path: Path) -> None:
    """Each retries as the OpenAI SDK (openai-python, _base_client._should_retry): twice, unless it is told not to."""
    reply, status, should_retry = FAILURES[failure]
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        one.default = two.default = reply
        config = config_for(one, two, routing={"hedge": {"after": 0.01, "budget": 0.1}})
        async with linx_here(config, tmp_path) as app:
            answers: list[Got] = []

            async def client() -> None:
                for _ in range(3):
                    answer = await ask(port_of(app), PATH, {**CHAT, "stream": len(answers) % 2 == 0})
                    answers.append(answer)
                    if answer.headers.get("x-should-retry") == "false" or answer.status not in (
                        408,
                        409,
                        429,
                        502,
                        503,
                    ):
                        return

            async with trio.open_nursery() as nursery:
                for _ in range(100):
                    nursery.start_soon(client)
            assert {answer.status for answer in answers} == {status}
            assert {answer.headers.get("x-should-retry") for answer in answers} == {should_retry}
            calls = len(one.calls) + len(two.calls)
            assert calls <= 200, "each client was tried at each provider once, and none was asked for a second round"
            if should_retry is None:
                assert {int(answer.headers["retry-after"]) for answer in answers} <= set(range(1, 8))
                assert len(answers) == 300
            else:
                assert len(answers) == 100
