"""Bodies: framing, expectations, codings, bounds."""

from __future__ import annotations

import gzip
import sys
import time
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest
import trio
import trio.lowlevel
import trio.testing

from linx.server.body import MAX_KEPT_UNPACKED
from linx.server.limits import Limits, Shared
from tests.server.client import CHUNKED, GET, connected, echo, in_memory, post, serving

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.server.reply import Reply
    from linx.server.request import Request

    Pack = Callable[[bytes], bytes]


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


PACKED: dict[bytes, Pack] = {b"gzip": gzip.compress, b"deflate": zlib.compress, b"zstd": zstd.compress}


@pytest.mark.parametrize("spelling", [b"%b", b"identity, %b", b"%b ,"])
@pytest.mark.parametrize("coding", PACKED)
async def test_packed(coding: bytes, spelling: bytes) -> None:
    plain = b"hello " * 300_000
    async with in_memory(echo) as client:
        await client.send(post(PACKED[coding](plain), b"Content-Encoding: " + spelling % coding.upper()))
        assert (await client.answer()).body == b"POST / %d" % len(plain)


@pytest.mark.parametrize("coding", PACKED)
@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda _pack: b"hello, this is plain", 400),
        (lambda _pack: b"", 400),
        (lambda pack: pack(b"hello")[:-3], 400),
        (lambda pack: pack(b"hello") + b"x", 400),
        (lambda pack: pack(bytes(2_000_001)), 413),
        (lambda pack: pack(bytes(2_000_000)), 200),
    ],
    ids=["plain", "empty", "cut", "longer", "too large", "just fits"],
)
async def test_packed_that_is_not_good(coding: bytes, change: Callable[[Pack], bytes], status: int) -> None:
    async with in_memory(echo, Shared(Limits(max_body=2_000_000))) as client:
        await client.send(post(change(PACKED[coding]), b"Content-Encoding: " + coding))
        assert (await client.answer()).status == status


@pytest.mark.parametrize(
    ("field", "status"),
    [
        (b"Content-Encoding: br", 415),
        (b"Content-Encoding: gzip, gzip", 415),
        (b"Content-Encoding: gzip\r\nContent-Encoding: zstd", 400),
        (b"Content-Encoding: compress", 415),
        (b"Content-Encoding: identity", 200),
        (b"Content-Encoding: ", 200),
    ],
)
async def test_other_codings(field: bytes, status: int) -> None:
    async with in_memory(echo) as client:
        await client.send(post(b"12345", field))
        assert (await client.answer()).status == status


@pytest.mark.parametrize("coding", PACKED)
async def test_a_bomb_takes_little_memory_and_no_long_turn(coding: bytes) -> None:
    """48 MiB of zeros, which take 50 KB or less, with 32 MiB allowed: what is kept until the 413 is a quarter."""
    bomb = PACKED[coding](bytes(48 * 2**20))
    shared = Shared(Limits(max_body=32 * 2**20))
    async with in_memory(echo, shared) as client:
        tracemalloc.start()
        try:
            await client.send(post(bomb, b"Content-Encoding: " + coding))
            assert (await client.answer()).status == 413
            _now, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < MAX_KEPT_UNPACKED + 6 * 2**20
    assert shared.bodies == 0


async def test_a_body_that_only_looks_like_a_bomb() -> None:
    plain = bytes(20 * 2**20)
    async with in_memory(echo) as client:
        await client.send(post(zstd.compress(plain), b"Content-Encoding: zstd"))
        assert (await client.answer()).body == b"POST / %d" % len(plain)


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
            started = time.process_time()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.send, wire)
                assert (await client.answer()).body == b"POST / 16777216"
            assert time.process_time() - started < 3.0  # about 0.05 s
