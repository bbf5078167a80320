"""The head of a request: written as given, or refused with the field's name and never its value."""

from __future__ import annotations

import pytest

from linx.core.attempt_errors import ConnectFailed
from linx.upstream.request_head import _kept_start, request_head


def test_a_request_is_written_as_given() -> None:
    headers = ((b"Content-Type", b"application/json"), (b"Authorization", b"Bearer sk-1 2"), (b"X-Empty", b""))
    assert request_head(b"POST", b"/v1/x?y=1", "[::1]:80", headers, 7) == (
        b"POST /v1/x?y=1 HTTP/1.1\r\nHost: [::1]:80\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer sk-1 2\r\nX-Empty: \r\nContent-Length: 7\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("method", "length", "line"),
    [
        (b"GET", 0, b""),
        (b"HEAD", 0, b""),
        (b"DELETE", 0, b""),
        (b"DELETE", 3, b"Content-Length: 3\r\n"),
        (b"POST", 0, b"Content-Length: 0\r\n"),
        (b"POST", None, b"Transfer-Encoding: chunked\r\n"),
    ],
)
def test_how_a_request_is_framed(method: bytes, length: int | None, line: bytes) -> None:
    assert request_head(method, b"/", "h", (), length) == b"%s / HTTP/1.1\r\nHost: h\r\n%s\r\n" % (method, line)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"X", b"a\r\nY: b"),
        (b"X", b"a\nb"),
        (b"X", b"a\x00b"),
        (b"X", b"a\x1b[2J"),
        (b"X", "é".encode()),
        (b"X", b" a"),
        (b"X", b"a "),
        (b"X", b"a\n"),
        (b"X y", b"a"),
        (b"X\r\nY", b"a"),
        (b"", b"a"),
        (b"X:", b"a"),
        (b"Host", b"evil"),
        (b"content-length", b"0"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Connection", b"close"),
    ],
)
def test_what_may_not_be_sent_is_refused_and_not_repeated(name: bytes, value: bytes) -> None:
    with pytest.raises(ConnectFailed, match="was not sent") as caught:
        request_head(b"POST", b"/", "h", ((name, value + b"secret" if b"\r" in value else value),), 0)
    assert "secret" not in str(caught.value)
    assert "\r" not in str(caught.value)


@pytest.mark.parametrize("target", [b"", b"x", b"/a b", b"/\r\n", b"/a\r\nX: y", "/é".encode(), b"http://h/"])
def test_a_bad_target_is_refused(target: bytes) -> None:
    with pytest.raises(ConnectFailed, match="was not sent"):
        request_head(b"POST", target, "h", (), 0)
    with pytest.raises(ConnectFailed, match="was not sent"):
        request_head(b"PO ST", b"/", "h", (), 0)


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_head_with_a_clients_own_key_is_not_kept(is_kept: bool) -> None:
    headers = ((b"authorization", b"Bearer of-a-client"), (b"x-kept", b"%d" % is_kept))
    heads = [request_head(b"POST", b"/", "h", headers, 1, is_kept=is_kept) for _ in range(2)]
    assert heads[0] == heads[1]
    before = _kept_start.cache_info()
    request_head(b"POST", b"/", "h", headers, 1, is_kept=is_kept)
    after = _kept_start.cache_info()
    assert (after.hits - before.hits, after.currsize) == (int(is_kept), before.currsize)
