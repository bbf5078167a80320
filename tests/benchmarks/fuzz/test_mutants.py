"""The comparison of mutants: that it holds for a few hundred, that all kinds are tried, and that it can fail."""

from __future__ import annotations

import random

import pytest

from benchmarks.fuzz import mutants
from benchmarks.fuzz.mutants import Reading
from linx.server.gate import Gate

SEED = 1


@pytest.mark.needs("node")
def test_linx_refuses_where_parsers_differ() -> None:
    counts = mutants.run(600, SEED)
    assert set(mutants.MUTATIONS) <= set(counts)
    assert len(mutants.MUTATIONS) == 13
    # A comparison in which nothing is accepted, or nothing differs, would hold for nothing.
    assert counts["Linx: requests"] > 100
    for other in ("h11", "llhttp"):
        assert counts[f"{other}: reads on where Linx refuses or closes"] > 20


@pytest.mark.parametrize("kind", mutants.MUTATIONS)
def test_each_kind_changes_something(kind: str) -> None:
    chance = random.Random(SEED)
    raws = mutants.seeds()
    before = [raws[0], raws[1]]
    assert any(mutants.MUTATIONS[kind](chance, before) != before for _ in range(50))


def test_every_seed_is_read_alike_whole_and_in_bytes() -> None:
    for raw in mutants.seeds():
        assert mutants.read_by_linx([raw]) == mutants.read_by_linx([raw[at : at + 1] for at in range(len(raw))])


@pytest.mark.parametrize(
    ("ours", "theirs", "is_well"),
    [
        (Reading([], "refused"), Reading([(b"GET", b"/", b"")], "open"), True),
        (Reading([(b"GET", b"/", b"")], "open"), Reading([], "refused"), True),
        (Reading([(b"GET", b"/", b"")], "closed"), Reading([(b"GET", b"/", b""), (b"GET", b"/", b"")], "open"), True),
        (Reading([(b"GET", b"/", b"")], "open"), Reading([], "open"), False),
        (Reading([], "open"), Reading([(b"GET", b"/", b"")], "open"), False),
        (Reading([(b"GET", b"/", b"a")], "open"), Reading([(b"GET", b"/", b"b")], "open"), False),
    ],
)
def test_what_is_a_difference(ours: Reading, theirs: Reading, is_well: bool) -> None:
    assert (mutants.compare(ours, theirs) is None) == is_well


def test_a_lax_gate_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Linx that reads a body by Content-Length where Transfer-Encoding is there as well, and does not ask h11."""

    def framed(_gate: Gate, once: dict[bytes, bytes]) -> tuple[bool, int | None]:
        length = once.get(b"content-length", b"")
        return False, int(length) if length.isdigit() else None

    monkeypatch.setattr(Gate, "_framing", framed)
    monkeypatch.setattr(mutants, "cross_check", lambda _head: None)
    monkeypatch.setattr(mutants, "read_by_llhttp", lambda _streams: [])
    with pytest.raises(mutants.Broken):
        mutants.run(2000, SEED)
