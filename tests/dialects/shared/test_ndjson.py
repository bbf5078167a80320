"""NDJSON lines, whole and torn anywhere."""

from __future__ import annotations

import time

import pytest

from linx.core.attempt_errors import Garbled
from linx.dialects.shared import ndjson
from linx.dialects.shared.ndjson import NDJSONDecoder

WIRE = '{"a":"é\u2028\u0085😀"}\r\n\n  \r\n{"b":1}\n{"c":2}'.encode()
LINES = ['{"a":"é\u2028\u0085😀"}'.encode(), b'{"b":1}', b'{"c":2}']


def lines_of(*reads: bytes) -> list[bytes]:
    decoder = NDJSONDecoder()
    return [line for read in reads for line in decoder.feed(read)] + decoder.end()


@pytest.mark.parametrize("cut", range(len(WIRE) + 1))
def test_a_read_may_tear_a_line_anywhere(cut: int) -> None:
    assert lines_of(WIRE[:cut], WIRE[cut:]) == LINES


def test_byte_by_byte() -> None:
    assert lines_of(*(WIRE[at : at + 1] for at in range(len(WIRE)))) == LINES


def test_one_whole_line_a_read() -> None:
    decoder = NDJSONDecoder()
    assert decoder.feed(b"{}\n") == [b"{}"]
    assert decoder.feed(b"{}\r\n") == [b"{}"]
    assert decoder.feed(b" \r\n") == []
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b"") == []
    assert decoder.end() == []


def test_the_last_line_is_offered_once() -> None:
    decoder = NDJSONDecoder()
    assert decoder.feed(b'{"a":1}') == []
    assert decoder.end() == [b'{"a":1}']
    assert decoder.end() == []


def test_16_mib_in_small_reads_take_linear_time() -> None:
    decoder = NDJSONDecoder()
    piece = b"x" * 1000
    started = time.process_time()
    for _ in range(16_000):
        assert decoder.feed(piece) == []
    assert len(decoder.feed(b"\n")[0]) == 16_000_000
    # Copying the tail at each read would move 128 GB.
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("reads", "lines"),
    [
        ([b"12345678"], []),
        ([b"1234", b"5678"], []),
        ([b"1234", b"5678\n"], []),
        ([b"12345678\n"], []),
        ([b"1\n2\n12345678\n3\n"], [b"1", b"2"]),
        ([b"1\n12345678"], [b"1"]),
        ([b"1234567\n1234567\n123"], [b"1234567", b"1234567", b"123"]),
        ([b"12", b"34567\n1234567"], [b"1234567", b"1234567"]),
        ([b"12", b"345678\n1"], []),
    ],
)
def test_a_line_beyond_the_bound_is_garbled(
    reads: list[bytes], lines: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ndjson, "MAX_FRAME", 7)
    decoder = NDJSONDecoder()
    got = [line for read in reads for line in decoder.feed(read)]
    is_good = b"1234567" in lines
    assert got + decoder.end() == lines
    assert isinstance(decoder.problem, Garbled) is not is_good
    if not is_good:
        assert decoder.feed(b"4\n") == []
