"""One connection: cycles, framing of answers, hang-ups, deadlines, backpressure, the guard."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import struct
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.lowlevel
import trio.testing

from linx.errors import BadRequest, HangUp, LinxError
from linx.server.connection import Connection, second_opinion
from linx.server.gate import Gate
from linx.server.limits import Limits, Shared
from linx.server.wire import READ_AHEAD
from linx.transport import StreamTransport
from tests.server.client import GET, Client, connected, echo, post, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linx.server.request import Handler, Reply, Request

CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


@asynccontextmanager
async def in_memory(handler: Handler, shared: Shared | None = None) -> AsyncIterator[Client]:
    """A connection over a pair of memory streams, for tests of time."""
    ours, theirs = trio.testing.memory_stream_pair()
    connection = Connection(StreamTransport(theirs), handler, shared or Shared())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.guard)
        yield Client(ours)
        nursery.cancel_scope.cancel()


async def stream(request: Request, reply: Reply) -> None:
    reply.start(200, b"text/event-stream", [(b"x-a", b"b")])
    await reply.send(b"one")
    await reply.send(b"")
    await reply.send(b"two")
    await reply.end(b"three")


def failing(problem: Exception) -> Handler:
    async def handler(_request: Request, _reply: Reply) -> None:
        raise problem

    return handler


# --- answers ---------------------------------------------------------------------------


async def test_keep_alive_and_pipelining() -> None:
    async with in_memory(echo) as client:
        await client.send(post(b"12345") + GET + post(b"1"))
        answers = await client.answers(3)
        assert [answer.body for answer in answers] == [b"POST / 5", b"GET / 0", b"POST / 1"]
        assert b"connection" not in answers[0].fields
        await client.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + GET)
        (answer,) = await client.answers(2)
        assert answer.fields[b"connection"] == b"close"


async def test_a_streamed_answer() -> None:
    async with in_memory(stream) as client:
        await client.send(GET)
        answer = await client.answer()
        assert (answer.status, answer.body, answer.is_whole) == (200, b"onetwothree", True)
        assert answer.fields == {
            b"content-type": b"text/event-stream",
            b"x-content-type-options": b"nosniff",
            b"x-a": b"b",
            b"transfer-encoding": b"chunked",
        }


async def test_the_head_leaves_with_the_first_frame_and_the_end_with_the_last() -> None:
    sent: list[bytes] = []

    class Recorder(StreamTransport):
        def try_send(self, data: bytes) -> int:
            sent.append(data)
            return len(data)

    ours, theirs = trio.testing.memory_stream_pair()
    done = trio.Event()

    async def handler(request: Request, reply: Reply) -> None:
        await stream(request, reply)
        done.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(Connection(Recorder(theirs), handler, Shared()).guard)
        await ours.send_all(GET)
        await done.wait()
        nursery.cancel_scope.cancel()
    assert sent[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert sent[0].endswith(b"\r\n\r\n3\r\none\r\n")
    assert sent[1:] == [b"3\r\ntwo\r\n", b"5\r\nthree\r\n0\r\n\r\n"]


@pytest.mark.parametrize("handler", [echo, stream])
async def test_head_gets_no_body(handler: Handler) -> None:
    async with in_memory(handler) as client:
        await client.send(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = await client.answer(is_head=True)
        assert answer.status == 200
        assert b"content-length" in answer.fields or b"transfer-encoding" in answer.fields
        await client.send(b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        data = await client.until_eof()
        assert data.endswith(b"\r\n\r\n")
        assert data.count(b"\r\n\r\n") == 1


async def test_http10_is_ended_by_closing() -> None:
    async with in_memory(stream) as client:
        await client.send(b"GET / HTTP/1.0\r\n\r\n" + GET)
        answer = await client.answer()
        assert answer.body == b"onetwothree"
        assert answer.fields[b"connection"] == b"close"
        assert b"transfer-encoding" not in answer.fields


async def test_no_content_has_no_body_and_no_length() -> None:
    async def handler(_request: Request, reply: Reply) -> None:
        await reply.whole(204, b"", headers=[(b"allow", b"GET")])

    async with in_memory(handler) as client:
        await client.send(GET + GET)
        for answer in await client.answers(2):
            assert answer.fields == {b"x-content-type-options": b"nosniff", b"allow": b"GET"}


async def test_a_value_from_outside_cannot_end_a_field() -> None:
    async def handler(_request: Request, reply: Reply) -> None:
        reply.common = [(b"vary", b"Origin")]
        await reply.whole(200, b"{}", b"a/b\r\nX: y", [(b"x-linx-model", "m\r\nX: y\0é".encode())])

    async with in_memory(handler) as client:
        await client.send(GET)
        fields = (await client.answer()).fields
        assert fields[b"x-linx-model"] == b"m??X: y???"
        assert fields[b"content-type"] == b"a/b??X: y"
        assert fields[b"vary"] == b"Origin"


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"content-length", b"transfer-encoding", b"connection"])
async def test_fields_that_a_handler_may_not_set(name: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def handler(_request: Request, reply: Reply) -> None:
        await reply.whole(200, b"{}", headers=[(name, b"1")])

    async with in_memory(handler) as client:
        await client.send(GET)
        assert (await client.answer()).status == 500
    assert "not a field" in caplog.text


# --- what goes wrong -------------------------------------------------------------------


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


# --- time ------------------------------------------------------------------------------


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


async def test_a_client_that_takes_nothing_is_dropped(autojump_clock: trio.testing.MockClock) -> None:
    ended: list[tuple[float, type[BaseException]]] = []

    async def handler(request: Request, reply: Reply) -> None:
        reply.start(200, b"text/plain")
        try:
            while True:
                await reply.send(b"x" * 1000)
        except HangUp as error:
            ended.append((trio.current_time(), type(error)))
            raise

    ours, theirs = trio.testing.lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        start = trio.current_time()
        nursery.start_soon(Connection(StreamTransport(theirs), handler, Shared()).guard)
        await ours.send_all(GET)
        await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(290)
        await ours.receive_some(10)
        assert not ended
        await trio.sleep(301)
        assert ended
        assert ended[0][0] - start == pytest.approx(300, abs=11)


async def test_nothing_follows_a_torn_send(autojump_clock: trio.testing.MockClock) -> None:
    """A frame was cut off by a stop: an error frame behind it would be read as its rest."""

    async def handler(request: Request, reply: Reply) -> None:
        reply.start(200, b"text/plain")
        with request.scope:
            await reply.send(b"x" * 1000)
        with pytest.raises(HangUp):
            await reply.end(b"error")

    ours, theirs = trio.testing.lockstep_stream_pair()
    connection = Connection(StreamTransport(theirs), handler, Shared())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.guard)
        await ours.send_all(GET)
        await trio.testing.wait_all_tasks_blocked()
        assert connection.request is not None
        connection.request.stop(LinxError("stopped"))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


# --- hang-ups --------------------------------------------------------------------------


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


# --- bodies ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 3])
async def test_bodies_in_any_cut(size: int) -> None:
    async with in_memory(echo) as client:
        await client.send(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n" + post(b"1234567"), size)
        assert [answer.body for answer in await client.answers(2)] == [b"POST / 5", b"POST / 7"]


async def test_a_body_can_be_asked_for_twice() -> None:
    async def handler(request: Request, reply: Reply) -> None:
        assert request.has_body
        await reply.whole(200, await request.body() + await request.body())

    async with in_memory(handler) as client:
        await client.send(post(b"ab"))
        assert (await client.answer()).body == b"abab"


async def test_a_malformed_body_closes() -> None:
    async with in_memory(echo) as client:
        await client.send(CHUNKED + b"5\r\nhelloX\r\n" + GET)
        (answer,) = await client.answers(2)
        assert (answer.status, answer.fields[b"connection"]) == (400, b"close")


async def test_a_body_read_as_a_stream() -> None:
    async def handler(request: Request, reply: Reply) -> None:
        pieces = [piece async for piece in request.stream_body()]
        await reply.whole(200, b"%d" % sum(map(len, pieces)))

    async with in_memory(handler, Shared(Limits(max_body=1, max_bodies=1))) as client:
        await client.send(post(b"x" * 200_000) + CHUNKED + b"3\r\nabc\r\n0\r\n\r\n")
        assert [answer.body for answer in await client.answers(2)] == [b"200000", b"3"]


@pytest.mark.parametrize(
    ("wire", "answers"),
    [
        (post(b"x" * 1000) + GET, 2),
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n" + GET, 1),
        (post(b"x" * 70_000) + GET, 1),
        (post(b"x", b"Expect: 100-continue") + GET, 1),
    ],
)
async def test_what_the_handler_did_not_read(wire: bytes, answers: int) -> None:
    async def handler(_request: Request, reply: Reply) -> None:
        await reply.whole(200, b"{}")

    async with serving(handler) as (_server, port), connected(port) as client:
        await client.send(wire)
        got = await client.answers(2) if answers == 1 else await client.answers(answers)
        assert len(got) == answers
        assert (got[0].fields.get(b"connection") == b"close") == (answers == 1)


async def test_a_refused_upload_can_read_its_answer() -> None:
    """A close with bytes unread would be a reset, and the client would never see the 413."""
    async with serving(echo, Limits(max_body=1000)) as (_server, port), connected(port) as client:
        await client.send(post(b"x" * 5_000_000))
        answer = await client.answer()
        assert (answer.status, answer.fields[b"connection"]) == (413, b"close")


async def test_continue_is_said_when_the_body_is_asked_for() -> None:
    async with in_memory(echo) as client:
        await client.send(post(b"12345", b"Expect: 100-Continue")[:-5])
        await client.read()
        assert client.data == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"12345")
        assert (await client.answer()).body == b"POST / 5"


async def test_no_continue_for_what_is_refused() -> None:
    async with in_memory(echo, Shared(Limits(max_body=3))) as client:
        await client.send(post(b"12345", b"Expect: 100-continue")[:-5])
        data = await client.until_eof()
        assert data.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("expect", [b"foo", b"100-continue, foo"])
async def test_other_expectations(expect: bytes) -> None:
    async with in_memory(echo) as client:
        await client.send(post(b"12345", b"Expect: " + expect))
        assert (await client.answer()).status == 417


async def test_http10_cannot_expect() -> None:
    async with in_memory(echo) as client:
        await client.send(b"POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        await trio.testing.wait_all_tasks_blocked()
        await client.send(b"12345")
        assert (await client.until_eof()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("coding", [b"gzip", b"GZIP", b"x-gzip"])
async def test_gzip(coding: bytes) -> None:
    plain = b"hello " * 300_000
    async with in_memory(echo) as client:
        await client.send(post(gzip.compress(plain), b"Content-Encoding: " + coding))
        assert (await client.answer()).body == b"POST / %d" % len(plain)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"not gzip", 400),
        (gzip.compress(b"hello")[:-3], 400),
        (gzip.compress(b"hello") + b"x", 400),
        (gzip.compress(b"hello") * 2, 400),
        (gzip.compress(bytes(2_000_001)), 413),
        (gzip.compress(bytes(2_000_000)), 200),
    ],
)
async def test_gzip_that_is_not_good(body: bytes, status: int) -> None:
    async with in_memory(echo, Shared(Limits(max_body=2_000_000))) as client:
        await client.send(post(body, b"Content-Encoding: gzip"))
        assert (await client.answer()).status == status


@pytest.mark.parametrize(("coding", "status"), [(b"br", 415), (b"gzip, gzip", 415), (b"zstd", 415), (b"identity", 200)])
async def test_other_codings(coding: bytes, status: int) -> None:
    async with in_memory(echo) as client:
        await client.send(post(b"12345", b"Content-Encoding: " + coding))
        assert (await client.answer()).status == status


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_all_bodies_together_are_bounded(is_chunked: bool) -> None:
    shared = Shared(Limits(max_bodies=150))
    held, go = trio.Event(), trio.Event()

    async def hold(request: Request, reply: Reply) -> None:
        await request.body()
        held.set()
        await go.wait()
        await reply.whole(200, b"{}")

    wire = CHUNKED + b"64\r\n" + b"x" * 100 + b"\r\n0\r\n\r\n" if is_chunked else post(b"x" * 100)
    async with in_memory(hold, shared) as first, in_memory(echo, shared) as second:
        await first.send(wire)
        await held.wait()
        await second.send(wire)
        answer = await second.answer()
        assert answer.status == 503
        assert answer.fields[b"retry-after"]
        go.set()
        assert (await first.answer()).status == 200
        assert shared.bodies == 0
    async with in_memory(echo, shared) as third:
        await third.send(wire)
        assert (await third.answer()).status == 200


async def test_a_large_body_costs_linear_time() -> None:
    body = b"x" * 2**24
    async with serving(echo) as (_server, port), connected(port) as client:
        for wire in (post(body), CHUNKED + b"1000000\r\n" + body + b"\r\n0\r\n\r\n"):
            started = time.monotonic()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.send, wire)
                assert (await client.answer()).body == b"POST / 16777216"
            assert time.monotonic() - started < 3.0  # about 0.05 s


# --- backpressure ----------------------------------------------------------------------


async def test_a_stalled_reader_holds_the_writer() -> None:
    sent = 0

    async def handler(request: Request, reply: Reply) -> None:
        nonlocal sent
        reply.start(200, b"text/plain")
        while True:
            await reply.send(b"x" * 65536)
            sent += 65536

    async with serving(handler) as (_server, port), connected(port) as client:
        await client.send(GET)
        before = -1
        while before != sent:  # until the kernel's buffers are full
            before = sent
            await trio.testing.wait_all_tasks_blocked(0.05)
        assert 0 < sent < 20_000_000
        await client.read()


async def test_a_pipelining_flood_is_left_in_the_clients_buffer() -> None:
    go = trio.Event()

    async def handler(request: Request, reply: Reply) -> None:
        await go.wait()
        await reply.whole(200, b"{}")

    ours, theirs = trio.testing.memory_stream_pair()
    connection = Connection(StreamTransport(theirs), handler, Shared())
    count = 5_000
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.guard)
        await ours.send_all(GET * count)
        await trio.testing.wait_all_tasks_blocked()
        assert 0 < len(connection._wire.buffer) <= READ_AHEAD
        go.set()
        seen = 0
        while seen < count:
            seen += (await ours.receive_some(1 << 24)).count(b"HTTP/1.1 200 OK\r\n")
        nursery.cancel_scope.cancel()


async def test_bytes_ahead_do_not_hide_a_hang_up() -> None:
    async with waiting() as (port, started, cancelled, _requests):
        async with connected(port) as client:
            await client.send(post(b"12345") + GET * 100)
            await started.wait()
        with trio.fail_after(2):
            await cancelled.wait()
