"""Bodies: their three framings, their ends, and what is no end."""

from __future__ import annotations

import gzip
import math

import pytest
import trio

from linx.core.attempt_errors import AttemptError, Garbled, StreamBroken
from linx.upstream.connection import UpstreamConnection
from linx.upstream.permit import Reach
from linx.upstream.response import Response
from tests.upstream.cancelling import cancelled_at_each_step
from tests.upstream.scripted import LAST_CHUNK, OK, STREAM_HEAD, Pieces, chunk

PACKED = gzip.compress(b"hello " * 100)
PACKED_HEAD = b"HTTP/1.1 200 OK\r\nContent-Encoding: GZip\r\nContent-Length: %d\r\n\r\n" % len(PACKED)


async def response(*pieces: bytes, then: str = "close") -> Response:
    connection = UpstreamConnection(Pieces(pieces, then=then), "h:1", Reach.LOCAL)  # type: ignore[arg-type]
    return Response(connection, await connection.ask(b"", b"", None, 0, is_head=False))


async def test_one_read_gives_what_one_receive_gave() -> None:
    frames = [b"data: %d\n\n" % number for number in range(4)]
    got = await response(
        STREAM_HEAD, chunk(frames[0]), chunk(frames[1]) + chunk(frames[2]), chunk(frames[3]) + LAST_CHUNK
    )
    reads = []
    while data := await got.read():
        reads.append(data)
    assert reads == [frames[0], frames[1] + frames[2], frames[3]]
    assert (got.is_whole, got.may_reuse, got.remaining) == (True, True, 0)
    assert await got.read() == b""


async def test_a_read_never_gives_nothing_before_the_end() -> None:
    got = await response(STREAM_HEAD, b"5", b"\r\n", b"abcde", b"\r\n", b"0\r\n", b"\r\n")
    assert await got.read() == b"abcde"
    assert not got.is_whole
    assert await got.read() == b""
    assert got.is_whole


async def test_header_by_any_case() -> None:
    got = await response(b"HTTP/1.1 200 OK\r\nRetry-After: 5\r\nX: \xe9\r\nX: 2\r\nContent-Length: 0\r\n\r\n")
    assert got.header("retry-after") == got.header("Retry-After") == "5"
    assert got.header("x") == "\xe9"
    assert got.header("none") is None


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        ((OK,), b"{}"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",), b""),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), b""),
        ((STREAM_HEAD + LAST_CHUNK,), b""),
        ((STREAM_HEAD + chunk(b"ab"), b"0\r\nX-Trailer: y\r\n\r\n"), b"ab"),
    ],
)
async def test_a_whole_body_may_be_followed(pieces: tuple[bytes, ...], body: bytes) -> None:
    got = await response(*pieces, then="stall")
    assert await got.read_all(10) == body
    assert (got.is_whole, got.may_reuse) == (True, True)


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        ((OK + b"x",), b"{}"),
        ((OK + OK,), b"{}"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nx",), b""),
        ((b"HTTP/1.1 204 No Content\r\n\r\nx",), b""),
        ((STREAM_HEAD + LAST_CHUNK + b"x",), b""),
        ((STREAM_HEAD, chunk(b"ab") + LAST_CHUNK + b"HTTP/1.1 200 OK\r\n"), b"ab"),
        ((b"HTTP/1.1 200 OK\r\n\r\nab",), b"ab"),
        ((b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab",), b"ab"),
    ],
)
async def test_bytes_to_spare_or_no_keep_alive(pieces: tuple[bytes, ...], body: bytes) -> None:
    got = await response(*pieces)
    assert await got.read_all(10) == body
    assert (got.is_whole, got.may_reuse) == (True, False)


TORN = [
    (STREAM_HEAD, b"5\r\nab"),
    (STREAM_HEAD, chunk(b"ab")),
    (STREAM_HEAD, chunk(b"ab"), b"0\r\n"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", b"ab"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",),
]


@pytest.mark.parametrize("pieces", TORN)
@pytest.mark.parametrize("then", ["close", "reset"])
async def test_torn(pieces: tuple[bytes, ...], then: str) -> None:
    got = await response(*pieces, then=then)
    with pytest.raises(StreamBroken, match="in mid-answer"):
        await got.read_all(10)
    with pytest.raises(StreamBroken):  # and again: an error never turns into an end
        await got.read()
    assert (got.is_whole, got.may_reuse) == (False, False)


async def test_a_reset_is_never_the_end_of_a_body_framed_by_eof() -> None:
    got = await response(b"HTTP/1.1 200 OK\r\n\r\nab", then="reset")
    assert got.remaining == math.inf
    with pytest.raises(StreamBroken):
        await got.read_all(10)


@pytest.mark.parametrize("rest", [b"x\r\n", b"2\r\nabc", b"2 \r\nab\r\n", b"0\r\nContent-Length: 5\r\n\r\n"])
async def test_broken_chunks(rest: bytes) -> None:
    got = await response(STREAM_HEAD, chunk(b"ok"), rest, then="stall")
    assert await got.read() == b"ok"
    with pytest.raises(Garbled, match="broke the framing"):
        await got.read()


async def test_what_remains() -> None:
    assert (await response(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")).remaining == 9
    got = await response(STREAM_HEAD, b"9\r\nab", then="stall")
    await got.read()
    assert got.remaining == 7


async def test_read_all_is_bounded_at_once_where_announced() -> None:
    got = await response(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", then="stall")
    with trio.fail_after(5), pytest.raises(Garbled, match="more than 10 bytes"):
        await got.read_all(10)
    got = await response(STREAM_HEAD, chunk(b"x" * 6), chunk(b"x" * 6), then="stall")
    with trio.fail_after(5), pytest.raises(Garbled, match="more than 10 bytes"):
        await got.read_all(10)
    got = await response(STREAM_HEAD, chunk(b"x" * 5), chunk(b"x" * 5), LAST_CHUNK)
    assert await got.read_all(10) == b"x" * 10


async def test_a_packed_body() -> None:
    for pieces in ([PACKED_HEAD + PACKED], [PACKED_HEAD, *(PACKED[i : i + 5] for i in range(0, len(PACKED), 5))]):
        got = await response(*pieces, then="stall")
        assert await got.read_all(1000) == b"hello " * 100
        assert (got.is_whole, got.may_reuse) == (True, True)


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        ((PACKED_HEAD, b"x" * len(PACKED)), Garbled),
        ((PACKED_HEAD, PACKED[:-1]), StreamBroken),
        ((b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n" + PACKED[:9],), StreamBroken),
    ],
)
async def test_a_packed_body_that_is_bad(pieces: tuple[bytes, ...], kind: type[AttemptError]) -> None:
    got = await response(*pieces)
    with pytest.raises(kind):
        await got.read_all(1000)
    with pytest.raises(kind):
        await got.read()
    assert not got.may_reuse


async def test_an_unknown_coding_is_refused() -> None:
    with pytest.raises(Garbled, match="cannot undo"):
        await response(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n")


async def test_nothing_is_lost_when_a_read_is_cancelled() -> None:
    body = [b"a", b"b", b"c"]
    got = await response(STREAM_HEAD, *map(chunk, body), LAST_CHUNK)
    read: list[bytes] = []

    async def one() -> None:
        while data := await got.read():
            read.append(data)

    steps = [step async for step in cancelled_at_each_step(one)]
    assert len(steps) > 1
    assert read == body


async def test_closed_under_a_reader() -> None:
    got = await response(STREAM_HEAD, then="stall")
    got.abandon()
    with pytest.raises(StreamBroken, match="Linx closed the connection"):
        await got.read()


async def test_closed_under_a_reader_that_is_cancelled() -> None:
    """Its client has left: a failure of the provider would have the next provider asked for nobody."""
    got = await response(STREAM_HEAD, then="stall")
    with trio.CancelScope() as scope:
        scope.cancel()
        got.abandon()
        await got.read()
        pytest.fail("the read must not go on")
    assert scope.cancelled_caught
