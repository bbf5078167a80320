"""A short day: the ledger is what the providers have counted, after three kill -9."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.ledger_day import NOTHING, Counted, Trial, in_microcents

if TYPE_CHECKING:
    from pathlib import Path


async def test_the_ledger_is_what_the_providers_have_counted(tmp_path: Path) -> None:
    verdict = await Trial(300, tmp_path).run()
    assert verdict.problems == []
    assert verdict.day.sent == 300
    assert verdict.day.answered > 200
    for name, counted in verdict.counted.items():
        assert counted.minus(verdict.ledger[name]) == verdict.lost[name]
        assert counted.answers > 30
        assert (counted.microcents > 0) == (name != "home")
    assert len(verdict.lines()) >= 2 + len(verdict.counted)


def test_sums_are_exact() -> None:
    assert in_microcents(0.1 + 0.2) == in_microcents(0.3) == 30_000_000
    one = Counted(1, 2, 3, 4)
    assert one.plus(one).minus(one) == one
    assert one.minus(one) == NOTHING
