"""Half a minute of ``benchmarks.endurance``: the same processes, faults, clients and rules as in the long run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if sys.platform != "linux":
    pytest.skip("reads /proc", allow_module_level=True)

from benchmarks.endurance import verdict
from benchmarks.endurance.run import Setting, run

if TYPE_CHECKING:
    from pathlib import Path


async def test_half_a_minute_of_everything(tmp_path: Path) -> None:
    seen = await run(Setting(seconds=20, warm_up=400, clients=32, reload_every_s=4, sample_every_s=0.5), tmp_path)
    wrong = [row for row in verdict.rows(seen) if not row.is_well]
    assert wrong == [], [*seen.crowd.odd[:5], *verdict.unexpected_lines(seen.log)[:20]]
    ends = seen.crowd.ends
    assert seen.reloads >= 3
    assert sum(ends.values()) > 200
    assert {end.partition(":")[0] for end in ends} >= {"reads", "leaves", "sends rubbish", "looks"}
