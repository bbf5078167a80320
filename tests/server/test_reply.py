"""How the answer of a handler is framed, counted and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.lowlevel
import trio.testing

from linx.core.errors import HangUp
from linx.core.kept_bodies import MAX_BODY, Kept, KeptBodies
from linx.server.connection import Connection
from linx.server.limits import Shared
from linx.server.listener import Listener
from tests.fakes.stream_transport import StreamTransport
from tests.server.client import GET, connected, echo, in_memory, post, serving, stream

if TYPE_CHECKING:
    from linx.server.reply import Reply
    from linx.server.request import Handler, Request


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
        def send_some(self, data: bytes, /) -> int:
            sent.append(data)
            return len(data)

    ours, theirs = trio.testing.memory_stream_pair()
    done = trio.Event()

    async def handler(request: Request, reply: Reply) -> None:
        await stream(request, reply)
        done.set()

    async with trio.open_nursery() as nursery:
        Connection(Recorder(theirs), Listener("local", handler), Shared()).start(nursery)
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


@pytest.mark.parametrize("method", [b"GET", b"HEAD"], ids=bytes.decode)
@pytest.mark.parametrize("pieces", [(), (b"{}",), (b"[" + b" " * 9000, b" " * 9000, b"]"), (b" " * 50_000,) * 40])
async def test_a_shared_answer_is_like_any_other(method: bytes, pieces: tuple[bytes, ...]) -> None:
    async def handler(request: Request, reply: Reply) -> None:
        await (reply.shared(200, pieces) if request.path == "/" else reply.whole(200, b"".join(pieces)))

    async with in_memory(handler) as client:
        await client.send(GET.replace(b"GET", method) + GET.replace(b"GET /", method + b" /whole"))
        shared, whole = await client.answers(2, is_head=method == b"HEAD")
    assert shared == whole
    assert shared.body == (b"".join(pieces) if method == b"GET" else b"")
    assert int(shared.fields[b"content-length"]) == len(b"".join(pieces))


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
    assert "a handler may not set this header field" in caplog.text


async def test_a_frame_that_may_be_left_out() -> None:
    """It carries the head when it is first, and a torn one is finished before anything else is sent."""
    tried: list[bool] = []

    async def handler(request: Request, reply: Reply) -> None:
        tried.append(reply.try_send(b"too early"))
        reply.start(200, b"text/plain")
        tried.append(reply.try_send(b""))
        tried.append(reply.try_send(b"beat"))
        while reply.try_send(b"x" * 50_000):
            tried.append(True)
        await reply.end(b"end")
        tried.append(reply.try_send(b"too late"))

    async with serving(handler) as (_server, port), connected(port) as client:
        await client.send(GET)
        answer = await client.answer()
        assert answer.is_whole
        sent = len(tried) - 4
        assert sent > 0
        assert tried == [False, False, True, *[True] * sent, False]
        assert answer.body == b"beat" + b"x" * 50_000 * sent + b"end"


async def test_a_frame_waits_only_where_the_client_does_not_take_it() -> None:
    """The first carries the head; nothing is lost or sent out of order when the kernel is full."""
    waited: list[bool] = []

    async def handler(_request: Request, reply: Reply) -> None:
        reply.start(200, b"text/plain")
        for number in range(100):
            waiting = reply.send_soon(b"%02d" % number * 50_000)
            waited.append(waiting is not None)
            if waiting is not None:
                await waiting
        await reply.end()

    async with serving(handler) as (_server, port), connected(port) as client:
        await client.send(GET)
        await trio.testing.wait_all_tasks_blocked()
        answer = await client.answer()
        assert answer.is_whole
        assert answer.body == b"".join(b"%02d" % number * 50_000 for number in range(100))
    assert waited[0]
    assert not all(waited)
    assert any(waited[1:])


@pytest.mark.parametrize("way", ["send", "send_soon", "end"])
async def test_of_a_large_frame_only_the_beginning_is_kept_for_the_dashboard(way: str) -> None:
    """A provider's frame may have 16 MiB, and the answers of 50 requests are kept."""
    kept = Kept(KeptBodies(), "/", "", (), b"", 0)

    async def handler(_request: Request, reply: Reply) -> None:
        reply.start(200, b"text/plain")
        reply.kept = kept
        await reply.send(b"first")
        waiting = getattr(reply, way)(b"x" * 3 * MAX_BODY)
        if waiting is not None:
            await waiting
        if not reply.is_ended:
            await reply.end(b"last")

    async with serving(handler) as (_server, port), connected(port) as client:
        await client.send(GET)
        assert (await client.answer()).is_whole
    assert bytes(kept.answer) == b"first" + b"x" * MAX_BODY


async def test_no_frame_for_a_client_that_is_gone() -> None:
    over = trio.Event()

    async def send_until_it_fails(reply: Reply) -> None:
        while True:
            waiting = reply.send_soon(b"x" * 50_000)
            if waiting is not None:
                await waiting

    async def handler(_request: Request, reply: Reply) -> None:
        reply.start(200, b"text/plain")
        with pytest.raises(HangUp):
            await send_until_it_fails(reply)
        over.set()
        raise HangUp

    async with serving(handler) as (_server, port):
        async with connected(port) as client:
            await client.send(GET)
            await client.read()
        with trio.fail_after(5):
            await over.wait()
