"""One connection: cycles, deadlines, hang-ups, the guard."""

from __future__ import annotations

import json
import logging
import socket
import struct
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
import trio.lowlevel
import trio.testing

from linx.core.errors import BadRequest, LinxError
from linx.http1.h11_heads import read_request
from linx.http1.repeated_head import LONGEST
from linx.server import cross_check, wire
from linx.server.connection import Connection
from linx.server.limits import Shared
from linx.server.listener import Listener
from tests.fakes.stream_transport import StreamTransport
from tests.server.client import CHUNKED, GET, connected, echo, in_memory, post, serving
from tests.waiting import HANG_S, within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from linx.http1.h11_heads import ParsedRequest
    from linx.server.reply import Reply
    from linx.server.request import Handler, Request


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


@pytest.mark.parametrize("problem", [MemoryError(), ExceptionGroup("", [MemoryError()])], ids=["alone", "in a group"])
async def test_memory_that_runs_out_costs_one_answer(problem: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: Request, reply: Reply) -> None:
        raise problem

    async with serving(handler) as (_server, port), connected(port) as client:
        await client.send(GET)
        answer = await client.answer()
        assert (answer.status, b"out of memory" in answer.body) == (503, True)
    assert "found no memory" in caplog.text


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


async def test_nothing_follows_an_abort_before_the_first_byte() -> None:
    """Otherwise a head would leave whose body never ends, and the connection be kept."""

    async def handler(_request: Request, reply: Reply) -> None:
        reply.start(200, b"text/plain")
        reply.abort()
        with pytest.raises(RuntimeError):
            await reply.end(b"more")

    async with in_memory(handler) as client:
        await client.send(GET)
        assert await client.answers() == []
        assert client.is_eof


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


class Broken(StreamTransport):
    """A transport with a bug, in reading or in ending."""

    def __init__(self, stream: trio.abc.Stream, broken: str) -> None:
        super().__init__(stream)
        self.broken = broken

    async def recv(self, limit: int = 65536) -> bytes:
        if self.broken == "recv":
            raise ZeroDivisionError
        return await super().recv(limit)

    def end_writing(self) -> None:
        if self.broken == "end_writing":
            raise ZeroDivisionError
        super().end_writing()


@pytest.mark.parametrize("is_pump_first", [False, True])
@pytest.mark.parametrize("broken", ["recv", "end_writing"])
async def test_no_exception_leaves_a_task_of_a_connection(
    broken: str, is_pump_first: bool, caplog: pytest.LogCaptureFixture
) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    ended: list[str] = []
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            connection = Connection(Broken(theirs, broken), Listener("local", echo), Shared(), peer="somebody")
            serve = partial(connection.serve, lambda: ended.append("once"))
            tasks: list[Callable[[], Awaitable[None]]] = [connection.pump, serve]
            for task in tasks if is_pump_first else reversed(tasks):
                nursery.start_soon(task)
                await trio.testing.wait_all_tasks_blocked()
            with suppress(trio.BrokenResourceError):
                await ours.send_all(b"bad\r\n\r\n")
    assert ended == ["once"]
    assert "somebody" in caplog.text
    assert caplog.records[0].name == "linx.server"
    assert caplog.records[0].levelno == logging.ERROR


async def test_stop_tells_the_client_why() -> None:
    async def handler(request: Request, _reply: Reply) -> None:
        request.stop(LinxError("stopped"))
        await trio.sleep_forever()

    async with in_memory(handler) as client:
        await client.send(GET)
        answer = await client.answer()
        assert json.loads(answer.body)["error"]["message"] == "stopped"


async def test_a_stop_in_the_last_instant_leaves_no_body_behind() -> None:
    """The answer is out, the body is not read: what is missing of it must never be taken for a request."""
    paths: list[str] = []

    async def handler(request: Request, reply: Reply) -> None:
        paths.append(request.path)
        request.stop(LinxError("stopped"))
        await reply.whole(200, b"done")

    rest = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with serving(handler) as (_server, port), connected(port) as client:
        await client.send(post(b"x" * 50 + rest)[: -len(rest)])
        assert (await client.answer()).status == 200
        with suppress(trio.BrokenResourceError), trio.fail_after(5):
            await client.send(rest)
            assert await client.until_eof() == b""
    assert paths == ["/"]


async def test_a_stop_in_the_last_instant_keeps_the_connection() -> None:
    async def handler(request: Request, reply: Reply) -> None:
        await request.body()
        request.stop(LinxError("stopped"))
        await reply.whole(200, b"done")
        request.stop(LinxError("stopped"))

    async with serving(handler) as (_server, port), connected(port) as client:
        await client.send(post(b"12345") + GET)
        assert [answer.body for answer in await client.answers(2)] == [b"done", b"done"]


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
        if read_body:
            await request.body()
        started.set()
        try:
            await trio.sleep_forever()
        finally:
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
        client.socket.close()
        with within(0.1):
            await cancelled.wait()
        assert requests[0].is_client_gone
        assert requests[0].stopped is None


async def test_a_hang_up_while_the_body_is_not_read() -> None:
    async with waiting(read_body=False) as (port, started, cancelled, requests):
        async with connected(port) as client:
            await client.send(post(b"x" * 100)[:-50])
            await started.wait()
            assert not requests[0].is_client_gone
        with within(2):
            await cancelled.wait()


async def test_half_a_close_behind_a_get_is_no_hang_up() -> None:
    go = trio.Event()

    async def handler(request: Request, reply: Reply) -> None:
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
        finally:
            heard.set()

    heard = trio.Event()
    async with serving(handler) as (server, port):
        async with connected(port) as client:
            await client.send(GET)
            await client.read()
        with within(2):
            await heard.wait()
            while server.connections:
                await trio.lowlevel.checkpoint()


async def test_bytes_ahead_do_not_hide_a_hang_up() -> None:
    async with waiting() as (port, started, cancelled, _requests):
        async with connected(port) as client:
            await client.send(post(b"12345") + GET * 100)
            await started.wait()
        with within(2):
            await cancelled.wait()


@pytest.mark.parametrize("hangs_up", [True, False], ids=["gone", "still there"])
async def test_a_flood_behind_a_request_is_a_hang_up(hangs_up: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A FIN behind more than is read ahead is never seen, so the model would work on for nobody."""
    monkeypatch.setattr(wire, "FLOOD_S", 0.05)
    async with waiting() as (port, started, cancelled, requests):
        async with connected(port) as client, trio.open_nursery() as nursery:
            await client.send(post(b"12345"))
            await started.wait()
            with trio.move_on_after(0.03 if hangs_up else HANG_S):
                nursery.start_soon(client.send, GET * 1_000_000)
                await cancelled.wait()
            nursery.cancel_scope.cancel()
        with within(2):
            await cancelled.wait()
        assert requests[0].is_client_gone


async def test_a_large_body_that_is_read_slowly_is_no_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FLOOD_S", 0.01)

    async def handler(request: Request, reply: Reply) -> None:
        await trio.sleep(0.1)
        await echo(request, reply)

    async with serving(handler) as (_server, port), connected(port) as client:
        await client.send(post(b"x" * 1_000_000))
        assert (await client.answer()).body == b"POST / 1000000"


async def test_a_long_pipeline_that_is_answered_is_no_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FLOOD_S", 0.3)

    async def handler(request: Request, reply: Reply) -> None:
        await trio.sleep(0.001)
        await echo(request, reply)

    async with serving(handler) as (_server, port), connected(port) as client, trio.open_nursery() as nursery:
        nursery.start_soon(client.send, GET * 4000)
        assert len(await client.answers(500)) >= 500
        nursery.cancel_scope.cancel()


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


async def test_a_long_pipeline_leaves_turns_to_others() -> None:
    """Its requests are in the buffer already, and a small answer is sent without waiting."""
    answered = 0
    most_between_turns = 0

    async def handler(request: Request, reply: Reply) -> None:
        nonlocal answered
        await reply.whole(200, b"{}")
        answered += 1

    async def other() -> None:
        nonlocal most_between_turns
        before = 0
        while True:
            most_between_turns, before = max(most_between_turns, answered - before), answered
            await trio.lowlevel.checkpoint()

    async with serving(handler) as (_server, port), connected(port) as client, trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await client.send(GET * 500)
        with trio.fail_after(HANG_S):
            assert len(await client.answers(500)) == 500
        nursery.cancel_scope.cancel()
    assert most_between_turns <= 2


# --- heads that come again ---------------------------------------------------------------


async def tell(request: Request, reply: Reply) -> None:
    """Answers with all that it was told."""
    seen = (
        request.method, request.target, request.path, request.query, request.host, request.headers,
        request.content_length, request.has_body, await request.body(),
    )  # fmt: skip
    await reply.whole(200, repr(seen).encode(), b"text/plain")


async def said_to(*pieces: bytes, count: int) -> list[tuple[int, bytes]]:
    """Status and body of the first answers, on one connection; without ids."""
    async with in_memory(tell) as client:
        for piece in pieces:
            await client.send(piece)
            await trio.testing.wait_all_tasks_blocked()
        with trio.fail_after(5):
            answers = await client.answers(count)
    return [(each.status, each.body.replace(each.fields.get(b"x-request-id", b"?"), b"")) for each in answers]


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The heads that h11 was asked about."""
    asked: list[bytes] = []

    def asking(head: bytes) -> ParsedRequest:
        asked.append(head)
        return read_request(head)

    monkeypatch.setattr(cross_check, "read_request", asking)
    return asked


def head_of(wire: bytes) -> bytes:
    return wire[: wire.find(b"\r\n\r\n") + 4]


async def test_each_request_is_told_what_its_own_head_says(judged: list[bytes]) -> None:
    wires = [post(body, b"X-A: b", path=b"/x?y") for body in (b"12345", b"1" * 4000, b"7", b"67890")]
    alone = [(await said_to(wire, count=1))[0] for wire in wires]
    assert len(set(alone)) == 4
    judged.clear()
    assert await said_to(*wires, count=4) == alone
    assert await said_to(b"".join(wires), count=4) == alone
    assert judged == [head_of(wires[0])] * 2


async def test_h11_is_asked_about_every_head_that_is_another(judged: list[bytes]) -> None:
    a, b, c = post(b"12345", path=b"/a"), post(b"12345", path=b"/b"), post(b"")
    wires = [a, a, b, b, a, c, c, post(b"1"), post(b"2"), GET, GET, GET + a]
    answers = await said_to(*wires, count=13)
    assert [status for status, _body in answers] == [200] * 13
    assert judged == [head_of(each) for each in (a, b, a, c, post(b"1"), GET, a)]


async def test_another_connection_has_not_seen_it(judged: list[bytes]) -> None:
    for _ in range(2):
        await said_to(post(b"1"), post(b"12"), count=2)
    assert len(judged) == 2


@pytest.mark.parametrize("size", [1, 7, 100])
async def test_a_repeated_head_in_pieces(size: int, judged: list[bytes]) -> None:
    wires = post(b"12345") + post(b"123456789012") + post(b"1")
    whole = await said_to(wires, count=3)
    assert [status for status, _body in whole] == [200] * 3
    judged.clear()
    assert await said_to(*(wires[at : at + size] for at in range(0, len(wires), size)), count=3) == whole
    assert len(judged) == 1


async def test_a_repeated_head_torn_at_every_byte(judged: list[bytes]) -> None:
    first, second = post(b"12345", b"X-A: b"), post(b"123456789012", b"X-A: b")
    whole = await said_to(first, second, count=2)
    for cut in range(1, len(second)):
        assert await said_to(first, second[:cut], second[cut:], count=2) == whole
    for cut in range(1, len(second)):
        assert await said_to(first + second[:cut], second[cut:] + first, count=3) == [*whole, whole[0]]
    assert len(judged) == 1 + 2 * (len(second) - 1)


async def test_a_head_that_is_bad_in_one_byte() -> None:
    first, second = post(b"12345", b"X-A: b"), post(b"678901234567", b"X-A: b")
    good = await said_to(first, count=1)
    for place in range(len(head_of(second))):
        bad = second[:place] + b"\x00" + second[place + 1 :]
        alone = await said_to(bad, count=1)
        assert alone[0][0] == 400
        assert await said_to(first, bad, count=2) == good + alone
        assert await said_to(first + bad, count=2) == good + alone
    for place in range(len(head_of(second)) - 4):
        for byte in (b" ", b"x", b":", b"0"):
            other = second[:place] + byte + second[place + 1 :] + GET
            assert await said_to(first, other, count=2) == good + await said_to(other, count=1)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Content-Length: 5\r\n", b"Content-Length: 5\r\nContent-Length: 5\r\n"),
        (b"Content-Length: 5\r\n", b"Content-Length: 5\r\nContent-Length: 6\r\n"),
        (b"Content-Length: 5\r\n", b"Content-Length: 5\r\ncontent-length: 0\r\n"),
        (b"Host:", b"Content-Length: 5\r\nHost:"),
        (b"X-A: b\r\n", b"X-A: b\r\nContent-Length: 5\r\n"),
        (b"X-A: b\r\n", b"X-A: b\r\nTransfer-Encoding: chunked\r\n"),
        (b"Host:", b"Transfer-Encoding: chunked\r\nHost:"),
        (b"Content-Length: 5\r\n", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        (b"Content-Length: 5", b"Content-Length: 5\r\n 0"),
        (b"Content-Length: 5", b"Content-Length:\r\n 5"),
        (b"Content-Length: 5", b"Content-Length: 5\r\n\t"),
        (b"X-A: b", b"X-A: b\r\n c"),
        (b"Host: localhost", b"Host: localhost\r\n :80"),
        (b"HTTP/1.1\r\n", b"HTTP/1.1\r\n X: y\r\n"),
        (b"Content-Length: 5", b"Content-Length: 5, 5"),
        (b"Content-Length: 5", b"Content-Length: 05"),
        (b"Content-Length: 5", b"Content-Length: +5"),
        (b"Content-Length: 5", b"Content-Length: -5"),
        (b"Content-Length: 5", b"Content-Length: 0x5"),
        (b"Content-Length: 5", b"Content-Length: 5_0"),
        (b"Content-Length: 5", b"Content-Length: 5;"),
        (b"Content-Length: 5", b"Content-Length: "),
        (b"Content-Length: 5", b"Content-Length: " + b"1" * 17),
        (b"Content-Length: 5", b"Content-Length: \xb2"),
        (b"Content-Length: 5", b"Content-Length: 5\x0b"),
        (b"Content-Length: 5\r\n", b"Content-Length: 5\n"),
        (b"Content-Length: 5\r\n", b"Content-Length: 5\r"),
        (b"Content-Length: 5\r\n", b"Content-Length: 5\r\r\n"),
        (b"Content-Length: 5", b"Content-Length : 5"),
        (b"Content-Length: 5", b"Content_Length: 5"),
        (b"Content-Length: 5", b"\x00Content-Length: 5"),
        (b"Content-Length: 5\r\n", b"Content-Length: 5\r\nHost: evil\r\n"),
        (b"Host: localhost\r\n", b""),
        (b"HTTP/1.1", b"HTTP/1.2"),
        (b"POST / ", b"POST http://evil/ "),
    ],
)
async def test_smuggling_behind_a_good_head(old: bytes, new: bytes) -> None:
    first = post(b"12345", b"X-A: b")
    bad = first.replace(old, new, 1) + GET
    assert bad != first + GET
    good, alone = await said_to(first, count=1), await said_to(bad, count=2)
    assert len(alone) == 1, "a refusal is the last word"
    assert alone[0][0] in (400, 505)
    for pieces in ([first, bad], [first + bad], [first[:-5], first[-5:] + bad[:70], bad[70:]]):
        assert await said_to(*pieces, count=9) == good + alone
    assert await said_to(first + first, bad, count=9) == good * 2 + alone


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Content-Length: 5", b"Content-Length:5"),
        (b"Content-Length: 5", b"Content-Length: \t5 "),
        (b"Content-Length: 5", b"content-length: 5"),
        (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        (b"Content-Length: 5", b"Content-Length: 0"),
        (b"Content-Length: 5\r\n", b""),
        (b"X-A: b", b"X-A: c"),
        (b"POST / ", b"POST /x "),
        (b"POST", b"DELETE"),
        (b"Host: localhost", b"Host: localhost:80"),
        (b"X-A: b", b"Connection: close"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"X-A: b", b"X-A: Content-Length: 5"),
    ],
)
async def test_another_good_head_is_read_anew(old: bytes, new: bytes, judged: list[bytes]) -> None:
    first = post(b"12345", b"X-A: b")
    body = b"5\r\n12345\r\n0\r\n\r\n" if b"chunked" in new else b"" if new == b"" or b": 0" in new else b"12345"
    second = head_of(first).replace(old, new, 1) + body
    alone = await said_to(second, count=1)
    assert alone[0][0] == 200
    judged.clear()
    answers = await said_to(first, second, first, second, count=4)
    assert answers[:2] == await said_to(first, count=1) + alone
    is_last = new in (b"Connection: close", b"HTTP/1.0")
    assert answers[2:] == ([] if is_last else answers[:2])
    assert judged[:2] == [head_of(first), head_of(second)]


async def test_a_body_that_is_a_head_is_none() -> None:
    inner = head_of(post(b"12345"))
    wire = post(inner) + post(inner * 2) + post(b"12345")
    answers = await said_to(wire, count=3)
    assert answers[2] == (await said_to(post(b"12345"), count=1))[0]
    assert [repr(inner).encode() in body for _status, body in answers] == [True, False, False]
    assert repr(inner * 2).encode() in answers[1][1]


async def test_a_long_head_is_judged_each_time(judged: list[bytes]) -> None:
    padding = b"X-A: " + b"a" * LONGEST
    wires = [post(body, padding) for body in (b"1", b"23", b"23")]
    answers = await said_to(*wires, count=3)
    assert answers == [(await said_to(wire, count=1))[0] for wire in wires]
    assert judged[:3] == [head_of(wire) for wire in wires]


async def test_a_body_in_chunks_behind_the_same_head(judged: list[bytes]) -> None:
    pieces = (
        b"3\r\nabc\r\n0\r\n\r\n",
        b"2\r\nde\r\n2\r\nfg\r\n0\r\n\r\n",
        b"0\r\n\r\n",
        b"3\r\nxyz\r\n0\r\nX: y\r\n\r\n",
    )
    wires = [CHUNKED + piece for piece in pieces]
    answers = await said_to(*wires, count=4)
    assert len(judged) == 1
    assert [body.rpartition(b"b'")[2] for _status, body in answers] == [b"abc')", b"defg')", b"')", b"xyz')"]
    assert await said_to(b"".join(wires), count=4) == answers


async def test_a_client_that_waits_for_leave_is_given_it_each_time(judged: list[bytes]) -> None:
    async with in_memory(tell) as client:
        for body in (b"12345", b"678", b"9"):
            wire = post(body, b"Expect: 100-continue")
            await client.send(head_of(wire))
            with trio.fail_after(5):
                while not client.data.endswith(b"\r\n\r\n"):
                    await client.read()
            assert client.data == b"HTTP/1.1 100 Continue\r\n\r\n"
            await client.send(body)
            answer = await client.answer()
            assert answer.status == 200
            assert repr(body).encode() in answer.body
    assert len(judged) == 1


async def test_what_leaves_http_replays_its_own_head(judged: list[bytes]) -> None:
    async def handler(request: Request, reply: Reply) -> None:
        if request.content_length == 5:
            await tell(request, reply)
            return
        stream = request.upgrade()
        while data := await stream.receive_some():
            await stream.send_all(data)

    fields = (b"Connection: Upgrade", b"Upgrade: parrot")
    async with serving(handler) as (_server, port), connected(port) as client:
        await client.send(post(b"12345", *fields))
        assert (await client.answer()).status == 200
        last = post(b"123456789012", *fields)
        await client.send(last)
        with trio.fail_after(5):
            while len(client.data) < len(last):
                await client.read()
        assert client.data == last
    assert len(judged) == 1


async def test_the_fields_of_requests_that_are_over_stay_as_they_were() -> None:
    seen: list[list[tuple[bytes, bytes]]] = []

    async def handler(request: Request, reply: Reply) -> None:
        seen.append(request.headers)
        await echo(request, reply)

    async with serving(handler) as (_server, port), connected(port) as client:
        await client.send(post(b"1") + post(b"12") + post(b"1"))
        assert [answer.body for answer in await client.answers(3)] == [b"POST / 1", b"POST / 2", b"POST / 1"]
    assert [dict(fields)[b"content-length"] for fields in seen] == [b"1", b"2", b"1"]


async def test_a_length_beyond_the_bound_behind_a_good_one() -> None:
    too_long = head_of(post(b"1")).replace(b"Length: 1", b"Length: 9999999999999999")
    alone = await said_to(too_long, count=1)
    assert alone[0][0] == 413
    assert (await said_to(post(b"1"), too_long, count=2))[1:] == alone
