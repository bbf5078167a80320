"""The head of a response: what it says, how its body is framed, and when it is the last one again.

What is refused, and when, is told in ``test_connection.py``, over a connection.
"""

from __future__ import annotations

import pytest

from linx.core.attempt_errors import Garbled
from linx.http1.repeated_head import LONGEST
from linx.upstream.response_head import LastResponseHead, ResponseHead, check_head, check_start, read_head


def read(wire: bytes, *, is_head: bool = False) -> ResponseHead:
    """What the head at the start of ``wire`` says."""
    end = wire.index(b"\r\n\r\n") + 4
    check_head(wire[:end], "h:1")
    return read_head(wire[:end], wire[end:], "h:1", is_head=is_head)


def test_a_head() -> None:
    head = read(b"HTTP/1.1 429 Slow Down\r\nRetry-After:  5 \r\nX-A: \xe9\r\nContent-Length: 3\r\n\r\nabcde")
    assert (head.status, head.length, head.is_chunked, head.keeps_alive) == (429, 3, False, True)
    assert head.headers == [(b"retry-after", b"5"), (b"x-a", b"\xe9"), (b"content-length", b"3")]
    assert head.ahead == b"abcde"


def test_control_characters_cost_a_field_its_place() -> None:
    head = read(b"HTTP/1.1 200 OK\r\nX-Request-Id: a\x01\x1b[2J\r\nX-Del: \x7f\r\nX-Good: 1\r\n\r\n")
    assert head.headers == [(b"x-good", b"1")]
    with pytest.raises(Garbled, match="control characters in its connection header"):
        read(b"HTTP/1.1 200 OK\r\nConnection: \x01close\r\n\r\n")


@pytest.mark.parametrize(
    ("head", "method"),
    [
        (b"HTTP/1.1 204 No Content\r\n", b"POST"),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n", b"GET"),
        (b"HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n", b"GET"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n", b"HEAD"),
    ],
)
def test_no_body(head: bytes, method: bytes) -> None:
    got = read(head + b"\r\n", is_head=method == b"HEAD")
    assert (got.length, got.is_chunked, got.coding) == (0, False, b"")


@pytest.mark.parametrize(
    ("head", "keeps"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: Close\r\n", False),
        (b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nConnection: x, close\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", False),
        (b"HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Secret\r\n", True),
    ],
)
def test_keep_alive(head: bytes, keeps: bool) -> None:
    assert (read(head + b"\r\n")).keeps_alive is keeps


def test_the_status_comes_from_the_gate() -> None:
    assert check_head(b"HTTP/1.0 503 Busy\r\nX: y\r\n\r\n", "h:1") == 503
    assert check_head(b"HTTP/1.1 100 Continue\r\n\r\n", "h:1") == 100


@pytest.mark.parametrize("start", [b"", b"H", b"HTTP/1.", b"HTTP/1.1 200 OK\r\nX: y\r"])
def test_what_may_still_become_a_head(start: bytes) -> None:
    check_start(bytearray(start), 0, "h:1")


@pytest.mark.parametrize("start", [b"x", b"HTTP/2", b"HTTP/1.1 200 OK\n", b"HTTP/1.1 200 OK\r\n folded"])
def test_what_can_never_become_a_head(start: bytes) -> None:
    with pytest.raises(Garbled, match=r"^h:1 "):
        check_start(bytearray(start), 0, "h:1")


# --- the last head of a connection, again ---

DATED = b"HTTP/1.1 200 OK\r\nDate: %s\r\nX: y\r\nContent-Length: 2\r\n\r\n"
SUNDAY, MONDAY = b"Sun, 06 Nov 1994 08:49:37 GMT", b"Mon, 07 Nov 1994 18:09:07 GMT"


def kept(wire: bytes) -> LastResponseHead:
    last = LastResponseHead()
    last.keep(wire, read(wire))
    return last


def test_a_head_that_comes_again_says_what_its_own_bytes_say() -> None:
    again = DATED % MONDAY + b"{}"
    assert kept(DATED % SUNDAY).find(again) == read(again)
    assert kept(DATED % SUNDAY).find(again.replace(b"X: y", b"X: z")) is None
    assert LastResponseHead().find(again) is None


def test_what_was_read_beyond_a_head_is_not_kept_with_it() -> None:
    last, wire = LastResponseHead(), DATED % SUNDAY
    last.keep(wire, read(wire + b"{}"))
    again = last.find(wire)
    assert again is not None
    assert again.ahead == b""


def test_a_head_longer_than_the_bound_is_not_kept() -> None:
    spare = LONGEST - len(DATED % SUNDAY)
    for size, is_kept in ((spare, True), (spare + 1, False)):
        wire = (DATED % SUNDAY).replace(b"X: y", b"X: y" + b"y" * size)
        last = kept(DATED % SUNDAY)
        last.keep(wire, read(wire))
        assert (last.find(wire) is not None) is is_kept
        assert last.find(DATED % SUNDAY) is None, "only the last head is kept"
