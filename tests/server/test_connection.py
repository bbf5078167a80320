"""One connection: cycles, deadlines, hang-ups, the guard."""

from __future__ import annotations

import json
import logging
import socket
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.lowlevel
import trio.testing

from linx.errors import BadRequest, HangUp, LinxError
from linx.server.connection import Connection, second_opinion
from linx.server.gate import Gate
from linx.server.limits import Shared
from linx.transport import StreamTransport
from tests.server.client import GET, connected, echo, in_memory, post, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linx.server.request import Handler, Reply, Request


def failing(problem: Exception) -> Handler:
    async def handler(_request: Request, _reply: Reply) -> None:
        raise problem

    return handler


async def test_an_error_of_ours_that_nobody_answered() -> None:
    problem = BadRequest("no", param="p", code="c", headers=[(b"x-b", b"c")])
    problem.retry_after_s, problem.may_retry = 1.2, False
    async with in_memory(failing(problem)) as client:
        await client.send(GET + GET)
        answer, _second = await client.answers(2)
        assert answer.status == 400
        assert json.loads(answer.body) == {
            "error": {"message": "no", "type": "invalid_request_error", "param": "p", "code": "c"}
        }
        assert (answer.fields[b"x-b"], answer.fields[b"retry-after"]) == (b"c", b"2")
        assert answer.fields[b"x-should-retry"] == b"false"


async def test_a_bug_costs_one_answer_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with in_memory(failing(ZeroDivisionError("secret"))) as client:
        await client.send(GET)
        answer = await client.answer()
        assert answer.status == 500
        assert b"secret" not in answer.body
        assert "ZeroDivisionError" in caplog.text
        await client.send(GET)
        assert (await client.answer()).status == 500


async def test_a_bug_after_the_answer_began_leaves_it_without_an_end(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(_request: Request, reply: Reply) -> None:
        reply.start(200, b"text/plain")
        await reply.send(b"abc")
        raise ZeroDivisionError

    async with in_memory(handler) as client:
        await client.send(GET + GET)
        (answer,) = await client.answers(2)
        assert (answer.body, answer.is_whole) == (b"abc", False)
    assert "ZeroDivisionError" in caplog.text


async def test_a_bug_before_the_head_left_can_still_be_told(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(_request: Request, reply: Reply) -> None:
        reply.start(200, b"text/plain")
        raise ZeroDivisionError

    async with in_memory(handler) as client:
        await client.send(GET)
        assert (await client.answer()).status == 500


async def test_abort() -> None:
    async def handler(_request: Request, reply: Reply) -> None:
        reply.start(200, b"text/plain")
        await reply.send(b"abc")
        reply.abort()
        with pytest.raises(RuntimeError):
            await reply.send(b"more")

    async with in_memory(handler) as client:
        await client.send(GET)
        assert not (await client.answer()).is_whole


async def test_a_handler_that_forgets_to_answer(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(_request: Request, _reply: Reply) -> None:
        pass

    async with in_memory(handler) as client:
        await client.send(GET)
        assert (await client.answer()).status == 500
    assert "without an answer" in caplog.text


async def test_one_answer_a_request() -> None:
    async def handler(_request: Request, reply: Reply) -> None:
        await reply.whole(200, b"{}")
        with pytest.raises(RuntimeError):
            await reply.whole(200, b"{}")
        with pytest.raises(RuntimeError):
            reply.start(200, b"text/plain")
        with pytest.raises(RuntimeError):
            await reply.send(b"x")

    async with in_memory(handler) as client:
        await client.send(GET)
        assert (await client.answer()).status == 200


async def test_the_guard_lets_nothing_out(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_self: Connection) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Connection, "run", broken)
    _ours, theirs = trio.testing.memory_stream_pair()
    await Connection(StreamTransport(theirs), echo, Shared(), peer="somebody").guard()
    assert "somebody" in caplog.text
    assert caplog.records[0].name == "linx.server"
    assert caplog.records[0].levelno == logging.ERROR


async def test_stop_tells_the_client_why() -> None:
    async def handler(request: Request, _reply: Reply) -> None:
        with request.scope:
            request.stop(LinxError("stopped"))
            await trio.sleep_forever()

    async with in_memory(handler) as client:
        await client.send(GET)
        answer = await client.answer()
        assert json.loads(answer.body)["error"]["message"] == "stopped"


@pytest.mark.parametrize("change", [b"GET", b"HTTP/1.1", b"/", b"localhost"])
def test_the_second_opinion(change: bytes) -> None:
    head = Gate().take(bytearray(GET))
    assert head is not None
    second_opinion(head)
    head.raw = head.raw.replace(change, b"HTTP/1.0" if change == b"HTTP/1.1" else change + b"x", 1)
    with pytest.raises(BadRequest):
        second_opinion(head)


def test_the_second_opinion_on_framing() -> None:
    head = Gate().take(bytearray(post(b"")))
    assert head is not None
    second_opinion(head)
    head.content_length = 5
    with pytest.raises(BadRequest):
        second_opinion(head)


async def test_silence_from_the_start(autojump_clock: trio.testing.MockClock) -> None:
    async with in_memory(echo) as client:
        assert await client.until_eof() == b""
        assert trio.current_time() == pytest.approx(10, abs=3)


async def test_the_head_has_one_deadline(autojump_clock: trio.testing.MockClock) -> None:
    async with in_memory(echo) as client:
        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send, GET[:-2] + b"X-A: b\r\n" * 50, 1, 1.0)
            answer = await client.answer()
            assert answer.status == 408
            assert trio.current_time() - start == pytest.approx(10, abs=0.01)
            nursery.cancel_scope.cancel()


async def test_idle_between_requests(autojump_clock: trio.testing.MockClock) -> None:
    async with in_memory(echo) as client:
        await client.send(GET)
        await client.answer()
        start = trio.current_time()
        await trio.sleep(70)
        await client.send(GET[:5])
        await trio.sleep(9)
        await client.send(GET[5:])
        assert (await client.answer()).status == 200, "the deadline of a head runs from its first byte"
        start = trio.current_time()
        assert await client.until_eof() == b""
        assert 75 <= trio.current_time() - start <= 78


async def test_a_body_that_does_not_come(autojump_clock: trio.testing.MockClock) -> None:
    async with in_memory(echo) as client:
        start = trio.current_time()
        await client.send(post(b"12345")[:-5])
        answer = await client.answer()
        assert (answer.status, answer.fields[b"connection"]) == (408, b"close")
        assert trio.current_time() - start == pytest.approx(30, abs=0.01)


async def test_a_body_that_drips(autojump_clock: trio.testing.MockClock) -> None:
    async with in_memory(echo) as client:
        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            await client.send(post(b"x" * 9000)[:-9000])
            nursery.start_soon(client.send, b"x" * 9000, 1, 0.1)
            assert (await client.answer()).status == 408
            assert trio.current_time() - start == pytest.approx(5, abs=0.3)
            nursery.cancel_scope.cancel()


async def test_a_slow_but_honest_body(autojump_clock: trio.testing.MockClock) -> None:
    body = b"x" * 40_000
    async with in_memory(echo) as client:
        await client.send(post(body)[: -len(body)])
        await client.send(body, 2048, 1.0)
        assert (await client.answer()).status == 200


async def test_a_stream_may_be_silent_for_a_day(autojump_clock: trio.testing.MockClock) -> None:
    async def handler(request: Request, reply: Reply) -> None:
        with request.scope:
            reply.start(200, b"text/plain")
            await trio.sleep(86400)
            await reply.end(b"done")

    async with in_memory(handler) as client:
        await client.send(post(b""))
        assert (await client.answer()).body == b"done"


@asynccontextmanager
async def waiting(read_body: bool = True) -> AsyncIterator[tuple[int, trio.Event, trio.Event, list[Request]]]:
    """A server whose handler waits; events for its start and its cancellation."""
    started, cancelled, requests = trio.Event(), trio.Event(), []

    async def handler(request: Request, reply: Reply) -> None:
        requests.append(request)
        with request.scope:
            if read_body:
                await request.body()
            started.set()
            await trio.sleep_forever()
        cancelled.set()

    async with serving(handler) as (_server, port):
        yield port, started, cancelled, requests


@pytest.mark.parametrize("is_reset", [False, True])
async def test_a_hang_up_cancels_the_handler_at_once(is_reset: bool) -> None:
    async with waiting() as (port, started, cancelled, requests):
        client = await trio.open_tcp_stream("127.0.0.1", port)
        await client.send_all(post(b"12345"))
        await started.wait()
        if is_reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        before = trio.current_time()
        client.socket.close()
        with trio.fail_after(2):
            await cancelled.wait()
        assert trio.current_time() - before < 0.1
        assert requests[0].client_gone
        assert requests[0].stopped is None


async def test_a_hang_up_while_the_body_is_not_read() -> None:
    async with waiting(read_body=False) as (port, started, cancelled, requests):
        async with connected(port) as client:
            await client.send(post(b"x" * 100)[:-50])
            await started.wait()
            assert not requests[0].client_gone
        with trio.fail_after(2):
            await cancelled.wait()


async def test_half_a_close_behind_a_get_is_no_hang_up() -> None:
    go = trio.Event()

    async def handler(request: Request, reply: Reply) -> None:
        with request.scope:
            await go.wait()
            await echo(request, reply)

    async with serving(handler) as (_server, port), connected(port) as client:
        await client.send(GET + GET)
        assert isinstance(client.stream, trio.SocketStream)
        await client.stream.send_eof()
        go.set()
        assert len(await client.answers(2)) == 2


async def test_nobody_hears_the_answer() -> None:
    async def handler(request: Request, reply: Reply) -> None:
        reply.start(200, b"text/plain")
        try:
            while True:
                await reply.send(b"x" * 100_000)
                await trio.lowlevel.checkpoint()
        except HangUp:
            heard.set()
            raise

    heard = trio.Event()
    async with serving(handler) as (server, port):
        async with connected(port) as client:
            await client.send(GET)
            await client.read()
        with trio.fail_after(2):
            await heard.wait()
            while server.connections:
                await trio.lowlevel.checkpoint()


async def test_bytes_ahead_do_not_hide_a_hang_up() -> None:
    async with waiting() as (port, started, cancelled, _requests):
        async with connected(port) as client:
            await client.send(post(b"12345") + GET * 100)
            await started.wait()
        with trio.fail_after(2):
            await cancelled.wait()


async def test_a_whole_post_and_its_fin_at_once_is_a_hang_up() -> None:
    called: list[Request] = []

    async def handler(request: Request, reply: Reply) -> None:
        called.append(request)
        await trio.testing.wait_all_tasks_blocked()
        await reply.whole(200, b"{}")

    async with in_memory(handler) as client:
        await client.send(GET + post(b"12345"))
        client.stream.send_stream.close()  # type: ignore[attr-defined]
        assert len(await client.answers(2)) == 1
        assert [request.method for request in called] == ["GET"]
