"""The comparison with h11 on a few thousand cases: that it holds, and that it can fail."""

from __future__ import annotations

import re

import pytest

from benchmarks import fuzz_framing
from linx.http1 import chunked as framing
from linx.http1 import repeated_head as repeats
from linx.server import gate
from linx.server.gate import Gate
from linx.upstream import connection


def test_the_same_verdicts() -> None:
    counts = fuzz_framing.run(6000, 3)
    known = {what: count for what, count in counts.items() if "again" in what}
    assert sum(counts.values()) - sum(known.values()) == 6000
    # A comparison in which everything is refused, or nothing known again, would hold for nothing.
    assert all(count > 300 for what, count in counts.items() if what not in known)
    assert all(count > 40 for count in known.values())
    assert (len(counts), len(known)) == (10, 2)


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


@pytest.mark.parametrize(
    ("room", "name", "form"), [(gate, "CONTENT_LENGTH", b"[0-9]+"), (connection, "DATE", b"[^\r]+")]
)
def test_a_lax_value_of_a_known_head_is_found(
    monkeypatch: pytest.MonkeyPatch, room: object, name: str, form: bytes
) -> None:
    field = name.lower().replace("_", "-").encode()
    line = re.compile(rb"(?<=\r\n)(%s): (%s)(?=\r\n)" % (field, form), re.IGNORECASE)
    monkeypatch.setattr(room, name, line)
    with pytest.raises(fuzz_framing.Broken, match="behind another head"):
        fuzz_framing.run(60_000, 3)


def test_a_known_head_whose_end_is_not_compared_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def end_in(repeat: repeats.Repeat, data: bytes | bytearray) -> int:
        found = repeat._line.match(data, repeat._start) if data.startswith(repeat._before) else None
        if found is None:
            return 0
        repeat.value = found[2]
        return found.end() + len(repeat._after)

    monkeypatch.setattr(repeats.Repeat, "end_in", end_in)
    with pytest.raises(fuzz_framing.Broken, match="behind another head"):
        fuzz_framing.run(60_000, 3)


def test_the_fields_of_another_head_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats.Repeat, "fields", lambda repeat: repeat._fields)
    with pytest.raises(fuzz_framing.Broken, match="behind another head"):
        fuzz_framing.run(60_000, 3)
