"""What a connection takes, measured as in ``benchmarks.endurance.memory``, with a quarter more room than promised."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if sys.platform != "linux":
    pytest.skip("reads /proc", allow_module_level=True)

from benchmarks.endurance.memory import SORTS, measure
from benchmarks.endurance.readers import KINDS, stalled

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 150
ROOM = 1.25
"""For so few connections and requests before them: what Linx asks the system for at a time, and its first records."""


@pytest.mark.parametrize("name", ["idle", "plain", "tls"])
async def test_a_connection_takes_little(name: str, tmp_path: Path) -> None:
    sort = SORTS[name]
    measured = await measure(sort, COUNT, 0.0, tmp_path, warm_up=50)
    assert 2 < measured.kib < sort.most_kib * ROOM


@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_that_stalls_takes_little_of_an_endless_answer(kind: str, tmp_path: Path) -> None:
    outcome = await stalled(kind, 40, tmp_path, hold_s=1.0)
    assert outcome.is_well, outcome.value
