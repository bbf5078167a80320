"""The byte gate: its rules, the sameness of its verdict in any cut, and h11 behind it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linx.core.errors import RequestError
from linx.server.gate import MAX_FIELDS, MAX_HEAD, MAX_TARGET, Gate

if TYPE_CHECKING:
    from linx.server.head import Head

Verdict = int | tuple[bytes, bytes, list[tuple[bytes, bytes]], str, str, bytes]


def read(wire: bytes, size: int = 0) -> tuple[Head | None, bytes]:
    """The head in ``wire``, written in pieces of ``size`` bytes (0: one), and what is left."""
    gate, buffer = Gate(), bytearray()
    for start in range(0, len(wire), size or len(wire) or 1):
        buffer += wire[start : start + (size or len(wire))]
        if head := gate.take(buffer):
            return head, bytes(buffer) + wire[start + (size or len(wire)) :]
    return None, bytes(buffer)


def parse(wire: bytes) -> Head:
    head, rest = read(wire)
    assert head is not None
    assert rest == b""
    return head


def verdict(wire: bytes, size: int = 0) -> Verdict | None:
    try:
        head, rest = read(wire, size)
    except RequestError as problem:
        return problem.status
    return None if head is None else (head.method, head.target, head.fields, head.path, head.query, rest)


def get(*fields: bytes, line: bytes = b"GET / HTTP/1.1", host: bytes | None = b"localhost") -> bytes:
    named = [] if host is None else [b"Host: " + host]
    return b"\r\n".join([line, *named, *fields, b"", b""])


def test_a_plain_head() -> None:
    head = parse(
        get(b"Content-Length: 5", b"X-A:  b c \t", line=b"POST /v1/models?a=b?c HTTP/1.1", host=b"LocalHost:80")
    )
    assert (head.method, head.target) == (b"POST", b"/v1/models?a=b?c")
    assert (head.path, head.query, head.host) == ("/v1/models", "a=b?c", b"localhost:80")
    assert head.fields == [(b"host", b"LocalHost:80"), (b"content-length", b"5"), (b"x-a", b"b c")]
    assert (head.content_length, head.is_chunked, head.keeps_alive, head.is_http10) == (5, False, True, False)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 4096])
def test_what_follows_stays_in_the_buffer(size: int) -> None:
    head, rest = read(get() + b"GET /next", size)
    assert head is not None
    assert rest == b"GET /next"


@pytest.mark.parametrize(
    ("fields", "keep_alive"),
    [
        ((), True),
        ((b"Connection: close",), False),
        ((b"Connection: keep-alive, Close ,foo",), False),
        ((b"Connection: keep-alive", b"Connection: close"), False),
        ((b"Connection: closed",), True),
    ],
)
def test_close_wins(fields: tuple[bytes, ...], keep_alive: bool) -> None:
    assert parse(get(*fields)).keeps_alive is keep_alive


def test_http10_needs_no_host_and_closes() -> None:
    head = parse(b"GET / HTTP/1.0\r\n\r\n")
    assert (head.host, head.keeps_alive, head.is_http10) == (b"", False, True)


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"http://localhost/v1/models?x", "/v1/models", "x"),
        (b"HTTP://LOCALHOST", "/", ""),
        (b"http://localhost?x=/", "/", "x=/"),
        (b"//evil/x", "//evil/x", ""),
        (b"/%2e%2e/x", "/%2e%2e/x", ""),
    ],
)
def test_targets_that_are_understood(target: bytes, path: str, query: str) -> None:
    head = parse(get(line=b"GET " + target + b" HTTP/1.1"))
    assert (head.path, head.query, head.host) == (path, query, b"localhost")


def test_an_absolute_target_names_the_host_for_http10() -> None:
    assert parse(b"GET http://localhost/ HTTP/1.0\r\n\r\n").host == b"localhost"


def test_an_asterisk_is_for_options() -> None:
    assert parse(get(line=b"OPTIONS * HTTP/1.1")).path == "*"


def test_underscore_names_are_dropped_but_for_that_of_a_session() -> None:
    head = parse(get(b"X_Forwarded_For: 1.2.3.4", b"X-Y: z", b"Session_id: s"))
    assert head.fields == [(b"host", b"localhost"), (b"x-y", b"z"), (b"session_id", b"s")]
    assert (b"x_forwarded_for", b"1.2.3.4") in head.received


@pytest.mark.parametrize("host", [b"localhost", b"[::1]", b"[::1]:8080", b"127.0.0.1:65535", b"a_b.c-d:0"])
def test_hosts_that_are_understood(host: bytes) -> None:
    assert parse(get(host=host)).host == host


REFUSED: list[tuple[int, bytes]] = [
    (400, get(b"Content-Length: 5", b"Transfer-Encoding: chunked")),
    (400, get(b"Content-Length: 5", b"Content-Length: 5")),
    *(
        (400, get(b"Content-Length: " + value))
        for value in [b"", b"+5", b"-0", b"05", b"5, 5", b"0x5", b"5_0", b"1" * 17]
    ),
    (400, get(b"Content-Length: \xb2")),
    (400, get(b"Content-Length : 5")),
    (400, get(b"Content_Length: 5")),
    (400, get(b"transfer_encoding: chunked")),
    (400, get(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked")),
    *(
        (400, get(b"Transfer-Encoding: " + value))
        for value in [b"", b"chunked,", b",chunked", b"chunked;q=1", b"\xffchunked"]
    ),
    *((501, get(b"Transfer-Encoding: " + value)) for value in [b"identity", b"gzip", b"xchunked"]),
    (400, get(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0")),
    (400, get(b"Transfer-Encoding: \r\n chunked")),
    *((400, get(b"X: a" + control + b"b")) for control in [b"\x00", b"\x01", b"\x0b", b"\x1b", b"\x7f", b"\n", b"\r"]),
    *(
        (400, get(line))
        for line in [b"no colon", b": v", b":", b" X: v", b"X Y: v", b"X\t: v", b"X\x85: v", b"\t", b"(: v"]
    ),
    *(
        (400, get(line=line))
        for line in [
            b"",
            b"GET",
            b"GET /",
            b"GET  / HTTP/1.1",
            b"GET / HTTP/1.1 ",
            b" GET / HTTP/1.1",
            b"GET / http/1.1",
            b"GET / HTTP/1",
            b"GET / HTTP/1.1x",
            b"GET /\tHTTP/1.1",
            b"G(T / HTTP/1.1",
            b"GET / HTTP/11",
            b"SSH-2.0-OpenSSH_9.2",
            b"GET /a\x80 HTTP/1.1",
            b"GET ! HTTP/1.1",
            b"GET * HTTP/1.1",
            b"GET /a#b HTTP/1.1",
            b"GET /a\\b HTTP/1.1",
            b"GET https://localhost/ HTTP/1.1",
            b"GET http:///x HTTP/1.1",
            b"GET http://evil/x HTTP/1.1",
            b"GET http://a@localhost/x HTTP/1.1",
            b"GET localhost:80 HTTP/1.1",
            b"G" * 33 + b" / HTTP/1.1",
        ]
    ),
    *((505, get(line=b"GET / HTTP/" + version)) for version in [b"0.9", b"1.2", b"2.0", b"9.9"]),
    (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    (405, get(line=b"CONNECT evil:443 HTTP/1.1")),
    (400, get(host=None)),
    (400, get(b"Host: localhost")),
    *(
        (400, get(host=host))
        for host in [
            b"",
            b"a, b",
            b"a b",
            b"a@b",
            b"a/b",
            b"a?b",
            b"a#b",
            b"[::1",
            b"::1",
            b"a:80:80",
            b"a:80a",
            b"a:",
            b"a:65536",
            b"\xc3\xb3",
            b"[::1%eth0]",
            b"[x]",
        ]
    ),
    *(
        (400, get(name + b": a", name + b": a"))
        for name in [
            b"Authorization",
            b"X-API-Key",
            b"Content-Type",
            b"Origin",
            b"Expect",
            b"Content-Encoding",
        ]
    ),
    (414, get(line=b"GET /" + b"a" * MAX_TARGET + b" HTTP/1.1")),
    (414, b"GET /" + b"a" * 2 * MAX_TARGET),
    (431, get(b"X: " + b"a" * MAX_HEAD)),
    (431, get(*[b"X: a"] * MAX_FIELDS)),
    (400, b"G" * 4096),
    (400, b"\x05\x01\x00"),
    (400, b"\x16\x03\x01\x00"),
    (400, b"\r\n\r\n\x00\r\nQUIT\n"),
    (400, b"\r\n" * 5000),
    (400, b"\r\n" + get()),
    (400, b"\n" + get()),
    (400, get().replace(b"\r\n", b"\n")),
    (400, b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\rXGET /evil: HTTP/1.1\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: localhost\r\r\n\r\n"),
]


@pytest.mark.parametrize(("status", "wire"), REFUSED)
@pytest.mark.parametrize("size", [0, 1, 4096])
def test_refused_however_it_is_written(status: int, wire: bytes, size: int) -> None:
    assert verdict(wire, size) == status


def test_just_within_the_bounds() -> None:
    assert len(parse(get(line=b"GET /" + b"a" * (MAX_TARGET - 1) + b" HTTP/1.1")).target) == MAX_TARGET
    assert len(parse(get(*[b"X: a"] * (MAX_FIELDS - 1))).fields) == MAX_FIELDS
    spare = MAX_HEAD - len(get(b"X: "))
    wire = get(b"X: " + b"a" * spare)
    for size in (0, 1, 4096):
        assert read(wire, size)[0] is not None
        assert verdict(get(b"X: " + b"a" * (spare + 1)), size) == 431


@pytest.mark.parametrize("size", [0, 1, 4096])
def test_what_is_wrong_first_in_the_stream_is_answered(size: int) -> None:
    assert verdict(b"GET /" + b"a" * 9000 + b"\x00", size) == 414
    assert verdict(b"GET /\x00" + b"a" * 9000, size) == 400
    assert verdict(get(line=b"GET / HTTP/3.0") + b"\x00", size) == 505
    assert verdict(get(b"bad", *[b"X: a"] * 200), size) == 400
    assert verdict(get(*[b"X: a"] * 200, b"bad"), size) == 431
    assert verdict(get(b"X: " + b"a" * MAX_HEAD + b"\x00"), size) == 431


def test_hints_for_the_lost() -> None:
    with pytest.raises(RequestError, match="http://"):
        read(b"\x16\x03\x01")


@pytest.mark.parametrize("blanks", [b" ", b"\t"])
def test_long_heads_cost_linear_time(blanks: bytes) -> None:
    started = time.process_time()
    for wire in (get(b"X: a" + blanks * 30_000 + b"b"), get(*[b"X: a"] * 99), b"a" * 32 + b" " + b"/" * 8000):
        for size in (0, 1):
            verdict(wire, size)
    assert time.process_time() - started < 2.0


# --- every cut, and the outside judge --------------------------------------------------

PIECES = st.one_of(
    st.sampled_from(
        [
            b"GET / HTTP/1.1\r\n",
            b"POST /x HTTP/1.0\r\n",
            b"OPTIONS * HTTP/1.1\r\n",
            b"Host: localhost\r\n",
            b"Host: [::1]:1\r\n",
            b"X: y\r\n",
            b"X-Y:\t z \t\r\n",
            b"Content-Length: 5\r\n",
            b"Content-Length: 0\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Transfer-Encoding: Chunked\r\n",
            b"Connection: upgrade\r\nUpgrade: h2c\r\n",
            b"Expect: 100-continue\r\n",
            b"\r\n",
            b"X_Y: 1\r\n",
            b"GET http://localhost/ HTTP/1.1\r\n",
            b"X: " + b"a" * 40000,
        ]
    ),
    st.sampled_from(
        [b"\r", b"\n", b" ", b"\t", b":", b"\x00", b"\x7f", b"\x80", b"a", b"/", b"HTTP/1.1", b"\x0c", b"\xa0"]
    ),
)


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from([b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"POST / HTTP/1.1\r\n", b""]),
    st.lists(PIECES, max_size=6).map(b"".join),
    st.sampled_from([b"\r\n\r\n", b"\r\n", b""]),
    st.data(),
)
def test_any_cut_gives_the_same_verdict_and_h11_agrees(
    start: bytes, middle: bytes, end: bytes, data: st.DataObject
) -> None:
    wire = start + middle + end
    whole = verdict(wire)
    size = data.draw(st.integers(1, max(1, min(len(wire), 64))))
    assert verdict(wire, size) == whole
    if isinstance(whole, tuple):
        head, _rest = read(wire)
        assert head is not None
        judge = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        judge.receive_data(head.raw)
        event = judge.next_event()
        assert isinstance(event, h11.Request)
        assert (event.method, event.target) == (head.method, head.target)
        theirs = [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in head.received]
        assert list(event.headers) == theirs
        assert (judge.next_event() is h11.NEED_DATA) == (head.is_chunked or bool(head.content_length))


def test_the_target_is_known_as_soon_as_its_line_is() -> None:
    gate, buffer = Gate(), bytearray(b"GET /api/tags HT")
    assert gate.take(buffer) is None
    assert gate.target == b""
    buffer += b"TP/1.1\r\nX: \x00\r\n\r\n"
    with pytest.raises(RequestError):
        gate.take(buffer)
    assert gate.target == b"/api/tags"
