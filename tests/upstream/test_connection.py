"""One connection: sending a request, reading the head of its response, and h11 as the judge of what is accepted."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import h11
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from linx.core.attempt_errors import AttemptError, Garbled, Reset, Stalled
from linx.http1.h11_heads import read_response
from linx.http1.repeated_head import LONGEST
from linx.http1.transport import READ_SIZE, SocketTransport, Transport
from linx.upstream import response_head
from linx.upstream.connection import SHORT_READ, SMALL, UpstreamConnection
from linx.upstream.dial import Dialer
from linx.upstream.permit import Reach
from linx.upstream.request_head import request_head
from linx.upstream.response import Response
from linx.upstream.response_head import MAX_HEAD, ResponseHead
from tests.upstream.permits import connected
from tests.upstream.scripted import LAST_CHUNK, OK, STREAM_HEAD, Pieces, Script, chunk, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linx.http1.h11_heads import ParsedResponse


async def answer(*pieces: bytes, method: bytes = b"POST") -> ResponseHead:
    connection = UpstreamConnection(Pieces(pieces), "h:1", Reach.LOCAL)
    head = request_head(method, b"/", "h", (), 0)
    return await connection.ask(head, b"", None, 0, is_head=method == b"HEAD")


# --- the head of the answer ----------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x15\x03\x01\x00\x02\x02(", "https:// instead of http://"),
        (b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", "HTTP/2"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "HTTP/2"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1: SSH-"),
        (b"HTTP/1.2 200 OK\r\n\r\n", "HTTP/1.1"),
        (b"HTTP/1.1 200OK\r\n\r\n", "HTTP/1.1"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1"),
        (b"HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1"),
        (b"HTTP/1.1 600 X\r\n\r\n", "HTTP/1.1"),
        (b"http/1.1 200 OK\r\n\r\n", "HTTP/1.1"),
        (b"HTTP/1.1 200 OK\nX: y\n\n", "bare line end"),
        (b"HTTP/1.1 200 OK\r\nX: y\rZ: w\r\n\r\n", "bare line end"),
        (b"HTTP/1.1 200 OK\r\nX: y\nContent-Length: 5\r\n\r\n", "bare line end"),
        (b"HTTP/1.1 200 OK\r\nX: y\x00\r\n\r\n", "NUL"),
        (b"HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\n", "folded"),
        (b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n", "not valid HTTP"),
        (b"HTTP/1.1 200 OK\r\n: x\r\n\r\n", "not valid HTTP"),
        (b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", "not valid HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n", "not valid HTTP|plain number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 05\r\n\r\n", "plain number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n", "not valid HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 12345678901234567\r\n\r\n", "plain number"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP|other than"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "not valid HTTP|other than"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", "contradict"),
        (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "contradict"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "switched"),
        (b"HTTP/1.1 102 Processing\r\n\r\n" * 9, "interim"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 201 + b"\r\n", "200 fields"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * MAX_HEAD + b"\r\n\r\n", "more than 65536 bytes"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * MAX_HEAD, "more than 65536 bytes"),
    ],
)
async def test_what_is_no_http_is_refused_at_once(data: bytes, says: str) -> None:
    """At once: the server sends nothing more and does not close, and still nobody waits."""
    for pieces in ([data], [data[i : i + 1000] for i in range(0, len(data), 1000)], [data[:9], data[9:]]):
        connection = UpstreamConnection(Pieces(pieces, then="stall"), "h:1", Reach.LOCAL)
        with trio.fail_after(5), pytest.raises(Garbled, match=says) as caught:
            await connection.ask(b"", b"", None, 0, is_head=False)
        assert str(caught.value).startswith("h:1 ")


async def test_a_head_of_just_the_limit_is_fine() -> None:
    fields = b"".join(b"X-%03d: y\r\n" % i for i in range(199))
    status = b"HTTP/1.1 200 OK\r\n"
    padding = b"P: " + b"p" * (MAX_HEAD - len(status) - len(fields) - len(b"P: \r\n\r\n")) + b"\r\n"
    whole = status + fields + padding + b"\r\n"
    assert len(whole) == MAX_HEAD
    assert len((await answer(whole)).headers) == 200
    assert len((await answer(whole[:40000], whole[40000:])).headers) == 200
    with pytest.raises(Garbled):
        await answer(whole[:-4] + b"p\r\n\r\n")


async def test_interim_answers_are_skipped() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" + b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" * 7
    assert (await answer(interim + OK)).status == 200
    assert (await answer(interim, OK)).ahead == b"{}"


@pytest.mark.parametrize(
    ("pieces", "says"), [([], "closed the connection before it answered"), ([b"HTTP/1.1 2"], "in the middle")]
)
async def test_an_end_before_the_head_is_whole(pieces: list[bytes], says: str) -> None:
    with pytest.raises(Reset, match=says):
        await answer(*pieces)


class Drip(Pieces):
    """Single bytes, without a list of them."""

    def __init__(self, data: bytes) -> None:
        super().__init__([])
        self.data = iter(data)

    async def recv(self, limit: int = 0) -> bytes:
        return bytes((next(self.data),))


def test_a_dripping_head_costs_linear_time() -> None:
    """64 KiB in single bytes: a quadratic reader would take seconds."""

    async def main() -> float:
        started = time.process_time()
        drip = Drip(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 60000 + b"\r\n\r\n")
        await UpstreamConnection(drip, "h:1", Reach.LOCAL).ask(b"", b"", None, 0, is_head=False)
        return time.process_time() - started

    assert trio.run(main) < 1.5


class Asked(Pieces):
    """Notes how much each read asked for, and gives no more."""

    def __init__(self, data: bytes) -> None:
        super().__init__([])
        self.data = data
        self.limits: list[int] = []

    async def recv(self, limit: int = 65536) -> bytes:
        self.limits.append(limit)
        data, self.data = self.data[:limit], self.data[limit:]
        return data


async def test_the_head_is_read_with_little_of_what_follows() -> None:
    """What comes with the head is decoded in one step, while all other clients wait."""
    asked = Asked(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)
    connection = UpstreamConnection(asked, "h:1", Reach.LOCAL)
    head = await connection.ask(b"", b"", None, 0, is_head=False)
    assert 0 < len(head.ahead) < SHORT_READ
    response = Response(connection, head)
    await response.read()
    assert len(await response.read(100)) == 100
    assert len(await response.read()) == READ_SIZE
    assert asked.limits == [SHORT_READ, 100, READ_SIZE]


# --- long requests, and answers that come before their end ----------------------------


BIG = b"x" * 8_000_000
EARLY = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"


async def ask_server(
    script: Script, body: bytes = b"", stream: AsyncIterator[bytes] | None = None, length: int | None = None
) -> tuple[bytes, Response, list[bytes]]:
    async with serving(script) as server:
        transport = await connected(Dialer({}), server.origin)
        try:
            connection = UpstreamConnection(transport, server.origin.address, Reach.LOCAL)
            size = len(body) if stream is None else length
            head = request_head(b"POST", b"/", "h", (), size)
            response = Response(connection, await connection.ask(head, body, stream, size, is_head=False))
            return await response.read_all(100), response, server.requests
        finally:
            transport.close()


@pytest.mark.parametrize("ending", [["close"], ["reset"], ["stall"]])
async def test_an_answer_before_the_request_is_sent_whole(ending: Script) -> None:
    got, response, _ = await ask_server(["head", EARLY, *ending], BIG)
    assert (got, response.status, response.may_reuse) == (b"big", 413, False)


async def test_an_early_answer_to_a_small_request() -> None:
    """The server answers and closes without reading: the kernel turns that into a reset."""
    got, response, _ = await ask_server([EARLY, "close"], b"y" * 1000)
    assert (got, response.status) == (b"big", 413)


async def test_a_reset_in_the_middle_of_a_request() -> None:
    for ending in ("reset", "close"):
        with pytest.raises(ExceptionGroup) as caught:
            await ask_server(["head", ending], BIG)
        assert caught.group_contains(Reset)


async def test_a_long_request_arrives_whole() -> None:
    got, response, requests = await ask_server(["read", OK], BIG)
    assert got == b"{}"
    assert response.may_reuse
    assert requests[0].endswith(b"\r\n\r\n" + BIG)


async def test_an_early_good_answer_waits_for_the_rest_of_the_request() -> None:
    got, response, _ = await ask_server(["head", OK, "stall"], b"z" * 100_000)
    assert (got, response.may_reuse) == (b"{}", True)


async def parts(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        await trio.lowlevel.checkpoint()
        yield piece


async def test_a_stream_in_chunks() -> None:
    got, _, requests = await ask_server(["read", OK], stream=parts(b"ab", b"", b"c" * 17))
    assert got == b"{}"
    assert requests[0].endswith(b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n11\r\n" + b"c" * 17 + b"\r\n0\r\n\r\n")


async def test_a_stream_of_known_length() -> None:
    _, _, requests = await ask_server(["read", OK], stream=parts(b"ab", b"c"), length=3)
    assert requests[0].endswith(b"Content-Length: 3\r\n\r\nabc")


@pytest.mark.parametrize("pieces", [(b"ab",), (b"ab", b"cd")])
async def test_a_stream_of_another_length_than_announced(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await ask_server(["head", "stall"], stream=parts(*pieces), length=3)
    assert caught.group_contains(Reset, match="announced")


async def test_what_a_stream_raises_comes_out_bare() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"a"
        raise KeyError("mine")

    connection = UpstreamConnection(Pieces([], then="stall"), "h:1", Reach.LOCAL)
    with pytest.raises(KeyError, match="mine"):
        await connection.ask(b"", b"", broken(), None, is_head=False)
    assert connection.has_streamed


async def test_a_server_that_stops_reading_is_given_up(autojump_clock: trio.testing.MockClock) -> None:
    class Full(Pieces):
        async def send(self, data: bytes) -> None:
            if len(self.sent) > 100_000:
                await trio.sleep_forever()
            await super().send(data)

    transport: Transport = Full([], then="stall")
    started = trio.current_time()
    with pytest.raises(Stalled, match="60 seconds"):
        await UpstreamConnection(transport, "h:1", Reach.LOCAL).ask(b"", BIG, None, len(BIG), is_head=False)
    assert trio.current_time() - started == pytest.approx(60)


async def test_no_limit_on_how_long_an_answer_takes(autojump_clock: trio.testing.MockClock) -> None:
    class Slow(Pieces):
        async def recv(self, limit: int = 0) -> bytes:
            await trio.sleep(86400)
            return await super().recv(limit)

    for body in (b"", b"x" * (SMALL + 1)):
        slow = Slow([STREAM_HEAD, chunk(b"a"), LAST_CHUNK])
        head = await UpstreamConnection(slow, "h:1", Reach.LOCAL).ask(b"", body, None, len(body), is_head=False)
        assert await Response(UpstreamConnection(slow, "h:1", Reach.LOCAL), head).read_all(9) == b"a"


async def test_a_plain_socket_is_what_it_runs_on() -> None:
    async with serving(["read", OK]) as server:
        transport = await connected(Dialer({}), server.origin)
        assert isinstance(transport, SocketTransport)
        UpstreamConnection(transport, "h", Reach.LOCAL).close()
        assert transport.sock.fileno() == -1


# --- h11 as the judge -----------------------------------------------------------------


LINES = st.sampled_from(
    [
        b"Content-Length: 5",
        b"Content-Length: 0",
        b"content-length: 3",
        b"Content-Length: 5, 5",
        b"Content-Length:05",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: Chunked",
        b"Transfer-Encoding: identity",
        b"Transfer_Encoding: chunked",
        b"Connection: close",
        b"Content-Encoding: identity",
        b"X: y",
        b" folded",
        b"X : y",
        b"",
    ]
)
STATUS = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 404", b"HTTP/1.1 204 X", b"HTTP/1.1 304 X", b"HTTP/1.1 100 C"]
)
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n"])
BODIES = st.sampled_from(
    [
        b"",
        b"abc",
        b"abcde",
        b"abcdefg",
        chunk(b"ab") + LAST_CHUNK,
        b"2;x=y\r\nab\r\n0\r\nT: u\r\n\r\n",
        b"2\r\nab\r\n0\r\n",
    ]
)
MUTATIONS = st.lists(st.tuples(st.integers(0, 300), st.binary(max_size=2)), max_size=2)


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    data = draw(STATUS) + draw(ENDS)
    for line in draw(st.lists(LINES, max_size=4)):
        data += line + draw(ENDS)
    data += draw(ENDS) + draw(BODIES)
    for position, inserted in draw(MUTATIONS):
        at = position % (len(data) + 1)
        data = data[:at] + inserted + data[at + 1 :]
    return data


def judged_by_h11(data: bytes) -> bytes:
    reader = h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Content-Length", "0")]))
    reader.send(h11.EndOfMessage())
    reader.receive_data(data)
    reader.receive_data(b"")
    body = b""
    while not isinstance(event := reader.next_event(), h11.EndOfMessage):
        assert event is not h11.NEED_DATA
        if isinstance(event, h11.Data):
            body += event.data
    return body


async def read_whole(data: bytes, cut: int) -> bytes:
    connection = UpstreamConnection(Pieces([data[:cut], data[cut:]]), "h:1", Reach.LOCAL)
    head = await connection.ask(b"", b"", None, 0, is_head=False)
    return await Response(connection, head).read_all(1000)


async def outcomes(data: bytes, cuts: tuple[int, ...]) -> list[bytes | type[AttemptError]]:
    found: list[bytes | type[AttemptError]] = []
    for cut in cuts:
        try:
            found.append(await read_whole(data, cut))
        except AttemptError as error:
            found.append(type(error))
    return found


@settings(max_examples=600, deadline=None)
@given(responses(), st.integers(0, 100))
def test_what_linx_accepts_h11_accepts_with_the_same_body(data: bytes, cut: int) -> None:
    whole, *torn = trio.run(outcomes, data, (0, cut, cut // 2))
    assert torn == [whole, whole]
    if isinstance(whole, bytes):
        assert judged_by_h11(data) == whole


# --- heads that come again ---------------------------------------------------------------

SUNDAY, MONDAY = b"Sun, 06 Nov 1994 08:49:37 GMT", b"Mon, 07 Nov 1994 18:09:07 GMT"
DATED = b"HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"


async def answers(*each: bytes | tuple[bytes, ...], methods: str = "") -> list[ResponseHead]:
    """The heads of answers to one request after the other, on one connection; ``methods``: H for HEAD."""
    transport = Pieces([])
    connection = UpstreamConnection(transport, "h:1", Reach.LOCAL)
    heads = []
    for number, pieces in enumerate(each):
        transport.pieces = [pieces] if isinstance(pieces, bytes) else list(pieces)
        heads.append(await connection.ask(b"", b"", None, 0, is_head=methods[number : number + 1] == "H"))
    return heads


async def alone(wire: bytes) -> ResponseHead:
    (head,) = await answers(wire)
    return head


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The heads that h11 was asked about."""
    asked: list[bytes] = []

    def asking(head: bytes) -> ParsedResponse:
        asked.append(head)
        return read_response(head)

    monkeypatch.setattr(response_head, "read_response", asking)
    return asked


async def test_each_answer_has_its_own_date_and_body(judged: list[bytes]) -> None:
    wires = [DATED % SUNDAY + b"{}", DATED % MONDAY + b"[]", DATED % MONDAY, DATED % SUNDAY + b"12"]
    expected = [await alone(wire) for wire in wires]
    judged.clear()
    heads = await answers(*wires)
    assert heads == expected
    assert [(dict(head.headers)[b"date"], head.ahead) for head in heads] == [
        (SUNDAY, b"{}"),
        (MONDAY, b"[]"),
        (MONDAY, b""),
        (SUNDAY, b"12"),
    ]
    assert judged == [DATED % SUNDAY]


async def test_an_answer_without_a_date_comes_again(judged: list[bytes]) -> None:
    heads = await answers(OK, OK[:-2], OK)
    assert [(head.status, head.length, head.ahead) for head in heads] == [
        (200, 2, b"{}"),
        (200, 2, b""),
        (200, 2, b"{}"),
    ]
    assert len(judged) == 1


async def test_another_connection_has_not_seen_it(judged: list[bytes]) -> None:
    assert await alone(OK) == await alone(OK)
    assert len(judged) == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"200 OK", b"500 OK"),
        (b"200 OK", b"200 Ok"),
        (b"200 OK", b"204 OK"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"Content-Length: 2", b"Content-Length: 3"),
        (b"Content-Length: 2", b"Content-Length: 22"),
        (b"Content-Length: 2", b"Transfer-Encoding: chunked"),
        (b"Content-Length: 2\r\n", b""),
        (b"Content-Length: 2", b"Content-Length: 2\r\nConnection: close"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nContent-Encoding: gzip"),
        (b"application/json", b"text/event-stream"),
        (b"Date: %s", b"date: %s"),
        (b"Date: %s", b"Date: %s\r\nDate: %s"),
        (b"Date: %s", b"Date: now\r\nX-Date: %s"),
        (b"Date: %s", b"Date:%s"),
        (b"Date: %s", b"Date: %s "),
        (b"Date: %s\r\n", b""),
    ],
)
async def test_another_head_is_read_anew(old: bytes, new: bytes, judged: list[bytes]) -> None:
    first, other = DATED.replace(b"%s", SUNDAY) + b"{}", DATED.replace(old, new).replace(b"%s", MONDAY) + b"{}"
    expected = [await alone(each) for each in (first, other, other, first)]
    assert expected[0] != expected[1]
    judged.clear()
    assert await answers(first, other, other, first) == expected
    assert len(judged) == 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Content-Length: 2", b"Content-Length: 2\r\nContent-Length: 3"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nTransfer-Encoding: chunked"),
        (b"Content-Length: 2", b"Content-Length: 02"),
        (b"Content-Length: 2", b"Content-Length : 2"),
        (b"Content-Length: 2", b"Content-Length: 2\r\n 2"),
        (b"Date: %s", b"Date: %s\r\n folded"),
        (b"Date: %s", b"Date: %s\n"),
        (b"Date: %s", b"Date: %s\r"),
        (b"Date: %s", b"Date: %s\x00"),
        (b"Date: %s", b"Date : %s"),
        (b"HTTP/1.1", b"HTTP/2"),
        (b"200", b"2000"),
    ],
)
async def test_a_garbled_head_behind_a_good_one(old: bytes, new: bytes) -> None:
    good, bad = DATED.replace(b"%s", SUNDAY) + b"{}", DATED.replace(old, new).replace(b"%s", MONDAY) + b"{}"
    with pytest.raises(Garbled) as fresh:
        await alone(bad)
    for others in ([good], [good, good]):
        with pytest.raises(Garbled) as behind:
            await answers(*others, bad)
        assert str(behind.value) == str(fresh.value)


async def outcome(*each: bytes) -> ResponseHead | str:
    """The last head, or what is wrong with it."""
    try:
        return (await answers(*each))[-1]
    except AttemptError as error:
        return repr(error)


@pytest.mark.parametrize("byte", [b"\x00", b" ", b"x", b"0", b"9", b":", b"\n", b"\xff"])
async def test_an_answer_with_another_byte_is_what_it_is_alone(byte: bytes) -> None:
    good, second = DATED % SUNDAY + b"{}", DATED % MONDAY + b"[]"
    for place in range(len(second)):
        other = second[:place] + byte + second[place + 1 :]
        assert await outcome(good, other) == await outcome(other)


async def test_a_repeated_head_torn_at_every_byte() -> None:
    first, second = DATED % SUNDAY + b"{}", DATED % MONDAY + b"[]"
    for cut in range(1, len(second)):
        heads = await answers(first, (second[:cut], second[cut:]), first)
        assert [dict(head.headers)[b"date"] for head in heads] == [SUNDAY, MONDAY, SUNDAY]
        assert [(head.status, head.length, head.is_chunked) for head in heads] == [(200, 2, False)] * 3
        is_in_body = cut >= len(DATED % MONDAY)
        assert heads[1].ahead == (second[len(DATED % MONDAY) : cut] if is_in_body else b"[]")
        with pytest.raises(Reset) if not is_in_body else nullcontext():
            await answers(first, second[:cut])


async def test_an_answer_to_head_is_neither_kept_nor_known(judged: list[bytes]) -> None:
    bare = DATED % MONDAY
    heads = await answers(bare, bare, bare, bare, methods="HGHG")
    assert [head.length for head in heads] == [0, 2, 0, 2]
    assert judged == [bare] * 3, "only the last is known, from the second"
    chunked = await answers(STREAM_HEAD, STREAM_HEAD, STREAM_HEAD, methods="GHG")
    assert [(head.is_chunked, head.length) for head in chunked] == [(True, None), (False, 0), (True, None)]


async def test_answers_without_a_body_come_again(judged: list[bytes]) -> None:
    wire = b"HTTP/1.1 204 No Content\r\nDate: %s\r\n\r\n"
    heads = await answers(wire % SUNDAY, wire % MONDAY, b"HTTP/1.1 200 OK\r\nDate: %s\r\n\r\n" % MONDAY)
    assert [(head.status, head.length) for head in heads] == [(204, 0), (204, 0), (200, None)]
    assert len(judged) == 2


async def test_a_length_that_stands_twice_comes_again(judged: list[bytes]) -> None:
    wire = (DATED % SUNDAY).replace(b"Content-Length: 2", b"Content-Length: 2\r\nContent-Length: 2")
    other = wire.replace(SUNDAY, MONDAY)
    expected = [await alone(wire), await alone(other)]
    assert [head.length for head in expected] == [2, 2]
    judged.clear()
    assert await answers(wire, other) == expected
    assert len(judged) == 1
    with pytest.raises(Garbled):
        await answers(wire, other.replace(b"Length: 2", b"Length: 3", 1))


async def test_interim_answers_before_a_head_that_comes_again(judged: list[bytes]) -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nDate: %s\r\n\r\n"
    first, second = DATED % SUNDAY + b"{}", DATED % MONDAY + b"[]"
    expected = [await alone(first), await alone(second)]
    judged.clear()
    heads = await answers(
        interim % SUNDAY + first,
        second,
        interim % MONDAY + second,
        (interim % SUNDAY, first),
        interim % SUNDAY * 2 + first,
    )
    assert heads == [expected[0], expected[1], expected[1], expected[0], expected[0]]
    assert judged == [DATED % SUNDAY, DATED % MONDAY, DATED % SUNDAY, DATED % SUNDAY]
    with pytest.raises(Garbled, match="switched"):
        await answers(first, b"HTTP/1.1 101 Switching Protocols\r\n\r\n")


async def test_a_long_head_is_read_each_time(judged: list[bytes]) -> None:
    spare = LONGEST - len((DATED % SUNDAY)[:-2] + b"X: \r\n\r\n")
    for size, asked in ((spare, 1), (spare + 1, 3)):
        judged.clear()
        wires = [(DATED % date)[:-2] + b"X: " + b"a" * size + b"\r\n\r\n{}" for date in (SUNDAY, MONDAY, MONDAY)]
        heads = await answers(*wires)
        assert [dict(head.headers)[b"date"] for head in heads] == [SUNDAY, MONDAY, MONDAY]
        assert len(judged) == asked
    heads = await answers(OK, wires[0], OK)
    assert [len(head.headers) for head in heads] == [2, 4, 2]


async def test_a_field_that_was_left_out_stays_out() -> None:
    """Control characters cost a field its place, also where its line is repeated; a date that has them is no date."""
    wire = DATED.replace(b"Content-Type", b"X-Id: a\x01\r\nDate: \x02\r\nContent-Type")
    heads = await answers(wire % SUNDAY, wire % MONDAY)
    assert heads == [await alone(wire % SUNDAY), await alone(wire % MONDAY)]
    names = [name for name, _value in heads[1].headers]
    assert names == [b"date", b"content-type", b"content-length"]


async def test_two_bodies_over_one_socket() -> None:
    stream = STREAM_HEAD.replace(b"\r\n", b"\r\nDate: %s\r\n", 1)
    script: Script = [
        "read", stream % SUNDAY + chunk(b"one") + LAST_CHUNK,
        "read", stream % MONDAY + chunk(b"tw"), chunk(b"o") + LAST_CHUNK,
        "read", DATED % MONDAY + b"{}",
        "read", DATED % SUNDAY, b"[]",
    ]  # fmt: skip
    async with serving(script) as server:
        connection = UpstreamConnection(await connected(Dialer({}), server.origin), "h:1", Reach.LOCAL)
        told = []
        for _ in range(4):
            head = await connection.ask(request_head(b"GET", b"/", "h", (), 0), b"", None, 0, is_head=False)
            response = Response(connection, head)
            told.append((response.header("Date"), await response.read_all(100), response.may_reuse))
        connection.close()
    sunday, monday = SUNDAY.decode(), MONDAY.decode()
    assert told == [(sunday, b"one", True), (monday, b"two", True), (monday, b"{}", True), (sunday, b"[]", True)]
