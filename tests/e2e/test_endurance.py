"""Short runs of ``benchmarks.endurance``: the same processes, faults, clients and rules as in the long run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if sys.platform != "linux":
    pytest.skip("reads /proc", allow_module_level=True)

from benchmarks.endurance import verdict
from benchmarks.endurance.clients import CANCELS, READERS, SILENCES
from benchmarks.endurance.run import Setting, run
from benchmarks.workloads import percentile

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.untraced
RUNS = {
    "everything": Setting(seconds=20, warm_up=400, clients=32, reload_every_s=4, sample_every_s=0.5),
    "leaving": Setting(
        seconds=60, requests=500, warm_up=50, clients=50, faults=0, first_token_timeout_s=None,
        behaviours={**CANCELS, **SILENCES},
    ),
    "races": Setting(
        seconds=60, requests=500, warm_up=200, faults=0.3, hedge_after_s=0.03, pause_s=0.05, behaviours=READERS,
        names=("one", "two", "three"),
    ),
}  # fmt: skip
KINDS = {
    "everything": {"reads", "reads slowly", "leaves", "leaves a silence", "sends rubbish", "looks"},
    "leaving": {"after three", "in a silence"},
    "races": {"reads"},
}


@pytest.mark.parametrize("name", RUNS)
async def test_nothing_is_wrong_and_nothing_is_left(name: str, tmp_path: Path) -> None:
    seen = await run(RUNS[name], tmp_path)
    # Other tests may run on the same machine, so times are judged by their median alone.
    wrong = [row for row in verdict.rows(seen) if not row.is_well and not row.is_time]
    assert wrong == [], [*seen.crowd.odd[:5], *verdict.unexpected_lines(seen.log)[:20]]
    ends = seen.crowd.ends
    assert seen.reloads == int(seen.seconds / seen.setting.reload_every_s)
    assert sum(ends.values()) == seen.crowd.count >= 100
    assert {end.partition(":")[0] for end in ends} == KINDS[name]
    if name == "leaving":
        assert len(verdict.closing_ms(seen)) >= 100
        assert percentile(verdict.closing_ms(seen), 0.5) < verdict.CLOSE_MOST_MS
    if name == "races":
        assert verdict.losing_ms(seen)
