"""The comparison with h11 on a few thousand cases: that it holds, and that it can fail."""

from __future__ import annotations

import re

import pytest

from benchmarks import fuzz_framing
from linx import framing
from linx.server.gate import Gate
from linx.upstream import connection


def test_the_same_verdicts() -> None:
    counts = fuzz_framing.run(6000, 3)
    assert sum(counts.values()) == 6000
    # A comparison in which everything is refused would hold for nothing.
    assert all(count > 300 for count in counts.values())
    assert len(counts) == 8


def test_a_lax_chunk_size_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "_PLAIN_LINE", re.compile(rb"([0-9A-Fa-f]{1,16})\r?\n"))
    with pytest.raises(fuzz_framing.Broken):
        fuzz_framing.run(60_000, 3)


def test_a_lax_response_head_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_BAD_BYTES", re.compile(rb"\x00{9}"))
    with pytest.raises(fuzz_framing.Broken):
        fuzz_framing.run(60_000, 3)


def test_a_request_framed_in_another_way_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def framed(gate: Gate, _once: dict[bytes, bytes]) -> None:
        gate._head.chunked, gate._head.content_length = False, None

    monkeypatch.setattr(Gate, "_framing", framed)
    with pytest.raises(fuzz_framing.Broken):
        fuzz_framing.run(60_000, 3)
