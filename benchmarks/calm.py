"""Is the machine quiet enough to measure? Looked at before each round, while nothing of the benchmark works."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.processes import machine_cpu

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLE_S = 0.25
MOST = 0.15
"""The share of all processors that others may use; what the contenders need while they are idle is part of it."""
PATIENCE_S = 60.0


class TooBusy(Exception):
    """Others have used the machine for too long."""


def busy_share(before: tuple[int, int], after: tuple[int, int]) -> float:
    busy, total = (now - then for then, now in zip(before, after, strict=True))
    return busy / max(1, total)


def sample() -> float:
    """The share of all processors that is used now."""
    before = machine_cpu()
    time.sleep(SAMPLE_S)
    return busy_share(before, machine_cpu())


def wait(
    look: Callable[[], float] = sample, most: float = MOST, patience_s: float = PATIENCE_S,
    clock: Callable[[], float] = time.monotonic,
) -> float:  # fmt: skip
    """Wait until the machine is quiet; returns the share that others use. Raises TooBusy after a minute."""
    deadline = clock() + patience_s
    while (share := look()) > most:
        if clock() > deadline:
            raise TooBusy(
                f"others use {share:.0%} of this machine, and after {patience_s:.0f} s still more than {most:.0%}; "
                "--force measures all the same"
            )
    return share
