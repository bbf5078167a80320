"""What the gate and h11 read differently is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from linx.core.errors import BadRequest
from linx.server.cross_check import cross_check
from linx.server.gate import Gate
from tests.server.client import CHUNKED, GET, post

if TYPE_CHECKING:
    from linx.server.head import Head


def head_of(wire: bytes) -> Head:
    head = Gate().take(bytearray(wire))
    assert head is not None
    return head


@pytest.mark.parametrize(
    "wire", [GET, CHUNKED, post(b"12345"), GET.replace(b"1.1", b"1.0"), CHUNKED.replace(b"chunked", b"ChunKed")]
)
def test_what_both_read_alike_passes(wire: bytes) -> None:
    cross_check(head_of(wire))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("method", b"POST"),
        ("target", b"/x"),
        ("is_http10", True),
        ("is_chunked", True),
        ("content_length", 5),
        ("received", []),
        ("received", [(b"host", b"LOCALHOST")]),
        ("received", [(b"host", b"localhost"), (b"x", b"y")]),
    ],
)
def test_a_difference_is_refused(field: str, value: object) -> None:
    with pytest.raises(BadRequest, match="two ways"):
        cross_check(msgspec.structs.replace(head_of(GET), **{field: value}))


@pytest.mark.parametrize(
    "raw", [b"", b"GET / HTTP/1.1\r\n\r\n", GET[:-2], GET + GET, b"G\x00T / HTTP/1.1\r\nHost: a\r\n\r\n"]
)
def test_what_h11_does_not_read_is_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest, match="malformed"):
        cross_check(msgspec.structs.replace(head_of(GET), raw=raw))
