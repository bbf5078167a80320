"""The shared parts of the grammar: what they take and what not."""

from __future__ import annotations

import re

import pytest

from linx.http1.grammar import PLAIN_LENGTH, STATUS_LINE, TOKEN, TOKEN_BYTES, TOKEN_PATTERN


def test_a_token_is_made_of_its_bytes_alone() -> None:
    for code in range(256):
        byte = bytes((code,))
        assert bool(TOKEN.fullmatch(byte)) is (byte in TOKEN_BYTES), byte
    assert len(set(TOKEN_BYTES)) == len(TOKEN_BYTES) == 77
    assert TOKEN.fullmatch(TOKEN_BYTES)
    assert not TOKEN.fullmatch(b"")


def test_the_pattern_of_a_token_gives_nothing_back() -> None:
    assert re.compile(TOKEN_PATTERN + rb"=").match(b"a-b=c")
    assert not re.compile(TOKEN_PATTERN + rb"b").match(b"aab")


@pytest.mark.parametrize("text", [b"0", b"5", b"10", b"9" * 16])
def test_a_length(text: bytes) -> None:
    assert PLAIN_LENGTH.fullmatch(text)


@pytest.mark.parametrize("text", [b"", b"00", b"05", b"+5", b"-5", b"5 ", b"5_0", b"0x5", b"1" * 17, b"\xb2", b"5,5"])
def test_no_length(text: bytes) -> None:
    assert not PLAIN_LENGTH.fullmatch(text)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"200"),
        (b"HTTP/1.0 404\r\n", b"404"),
        (b"HTTP/1.1 599 \r\n", b"599"),
        (b"HTTP/1.1 200 Gr\xfc\xdfe\r\n", b"200"),
    ],
)
def test_a_status_line(line: bytes, status: bytes) -> None:
    found = STATUS_LINE.match(line)
    assert found is not None
    assert found[1] == status


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/1.1 200 OK\n",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.2 200 OK\r\n",
        b"HTTP/2 200\r\n",
        b"http/1.1 200 OK\r\n",
        b"HTTP/1.1  200 OK\r\n",
        b"HTTP/1.1 099 X\r\n",
        b"HTTP/1.1 600 X\r\n",
        b"HTTP/1.1 2000\r\n",
        b"HTTP/1.1 200OK\r\n",
        b" HTTP/1.1 200 OK\r\n",
    ],
)
def test_no_status_line(line: bytes) -> None:
    assert not STATUS_LINE.match(line)
