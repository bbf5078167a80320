"""The comparison with h11 on a few thousand cases: that it holds, and that it can fail."""

from __future__ import annotations

import re

import pytest

from benchmarks.fuzz import framing
from benchmarks.fuzz.choices import Broken
from linx.http1 import chunked, repeated_head
from linx.server import head
from linx.server.gate import Gate
from linx.upstream import response_head

SEED = 13
"""Of the first twenty, the one in which all faults below show within 2,000 cases; others take up to 20,000."""
MANY = 60_000


def test_the_same_verdicts() -> None:
    counts = framing.run(6000, SEED)
    known = {what: count for what, count in counts.items() if "again" in what}
    assert sum(counts.values()) - sum(known.values()) == 6000
    # A comparison in which everything is refused, or nothing known again, would hold for nothing.
    assert all(count > 300 for what, count in counts.items() if what not in known)
    assert all(count > 40 for count in known.values())
    assert (len(counts), len(known)) == (10, 2)


def test_a_lax_chunk_size_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunked, "_PLAIN_LINE", re.compile(rb"([0-9A-Fa-f]{1,16})\r?\n"))
    with pytest.raises(Broken):
        framing.run(MANY, SEED)


def test_a_lax_response_head_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_head, "_BAD_BYTES", re.compile(rb"\x00{9}"))
    with pytest.raises(Broken):
        framing.run(MANY, SEED)


def test_a_request_framed_in_another_way_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def framed(_gate: Gate, _once: dict[bytes, bytes]) -> tuple[bool, int | None]:
        return False, None

    monkeypatch.setattr(Gate, "_framing", framed)
    with pytest.raises(Broken):
        framing.run(MANY, SEED)


@pytest.mark.parametrize(
    ("room", "name", "form"), [(head, "CONTENT_LENGTH", b"[0-9]+"), (response_head, "DATE", b"[^\r]+")]
)
def test_a_lax_value_of_a_known_head_is_found(
    monkeypatch: pytest.MonkeyPatch, room: object, name: str, form: bytes
) -> None:
    field = name.lower().replace("_", "-").encode()
    line = re.compile(rb"(?<=\r\n)(%s): (%s)(?=\r\n)" % (field, form), re.IGNORECASE)
    monkeypatch.setattr(room, name, line)
    with pytest.raises(Broken, match="behind another head"):
        framing.run(MANY, SEED)


def test_a_known_head_whose_end_is_not_compared_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def end_in(known: repeated_head.KnownHead, data: bytes | bytearray) -> int:
        found = known._line.match(data, known._start) if data.startswith(known._before) else None
        if found is None:
            return 0
        known.value = found[2]
        return found.end() + len(known._after)

    monkeypatch.setattr(repeated_head.KnownHead, "end_in", end_in)
    with pytest.raises(Broken, match="behind another head"):
        framing.run(MANY, SEED)


def test_the_fields_of_another_head_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeated_head.KnownHead, "fields", lambda known: known._fields)
    with pytest.raises(Broken, match="behind another head"):
        framing.run(MANY, SEED)
