"""The rules of an endurance run, and the table that says which of them hold."""

from __future__ import annotations

import os
import re
import statistics
from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.workloads import percentile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.endurance.run import Seen
    from benchmarks.endurance.watch import Sample

MOST_STALL_MS = 250.0
QUIET_MS = 30.0
MOST_GROWTH = 1.1
GROWTH_MB = 2.0
MOST_SLOPE_MB = 0.5
"""For 10,000 requests in the second half of a run: a request that leaves as little as 52 bytes behind is found."""
ENOUGH = 20_000  # requests in the second half of a run, for a slope that is more than noise
MOST_HEDGES = 0.1
FEW = 200  # times, of which a 99th percentile says little
CLOSE_P99_MS, CLOSE_MOST_MS = 50.0, 200.0
_FAILED_REQUEST = re.compile(r"\S+ \S+ warning linx\.endpoints (?:POST|GET) \S+: ")
"""The one line that an endurance run may write to the log: a request that no provider could answer."""


class Row(NamedTuple):
    name: str
    value: object
    is_well: bool = True
    is_time: bool = False
    """Is it a time, which says as much of the machine as of Linx?"""


def rows(seen: Seen) -> list[Row]:
    return [*_work(seen), *_fidelity(seen), *_leaks(seen), *_times(seen)]


def _work(seen: Seen) -> Iterable[Row]:
    crowd = seen.crowd
    yield Row("requests", f"{crowd.count} in {seen.seconds:.0f} s, {crowd.count / seen.seconds:.0f} a second")
    yield Row("Linx's CPU time", f"{seen.cpu_s:.1f} s, {seen.cpu_s / crowd.count * 1e6:.0f} µs a request")
    yield Row("load of the machine at the end", f"{os.getloadavg()[0]:.1f}")
    yield Row("reloads of the config", seen.reloads)
    for end, count in sorted(crowd.ends.items()):
        yield Row(end, count, not end.endswith(": odd"))
    after = seen.counters[1]
    hedges, requests = after["linx_hedges_total"], after["linx_requests_total"]
    yield Row("hedges", f"{hedges:.0f}, {hedges / requests:.1%} of all requests", hedges <= MOST_HEDGES * requests + 3)


def _fidelity(seen: Seen) -> Iterable[Row]:
    yield Row("answers that were not as they must be", len(seen.crowd.odd), not seen.crowd.odd)
    yield from (Row(f"at all times: {rule}", excess, excess <= 0) for rule, excess in seen.watched.worst.items())
    unexpected = unexpected_lines(seen.log)
    yield Row("unexpected lines in the log", len(unexpected), not unexpected)


def unexpected_lines(log: str) -> list[str]:
    return [line for line in log.splitlines() if not _FAILED_REQUEST.match(line)]


def _leaks(seen: Seen) -> Iterable[Row]:
    before, after = asdict(seen.before), asdict(seen.after)
    for name, value in before.items():
        yield Row(f"at rest: {name.replace('_', ' ')}", f"{value} → {after[name]}", value == after[name])
    memory = [sample.memory_mb for sample in seen.watched.samples]
    steps = [memory[len(memory) * part // 8 - 1] for part in range(1, 9)] if len(memory) >= 8 else memory
    yield Row("memory in MiB, eighths of the run", " → ".join(f"{step:.1f}" for step in steps))
    first, last = seen.memory_mb
    is_flat = last <= first * MOST_GROWTH + GROWTH_MB
    yield Row("memory in MiB at rest", f"{first:.1f} → {last:.1f}", is_flat)
    slope_mb, requests = growth(seen.watched.samples)
    yield Row(
        "growth in MiB for 10,000 requests, last half",
        f"{slope_mb:.2f}{'' if requests >= ENOUGH else '; not judged, since it had too few requests'}",
        requests < ENOUGH or slope_mb <= MOST_SLOPE_MB,
    )


def growth(samples: Sequence[Sample]) -> tuple[float, int]:
    """The slope of memory over requests in the second half of a run, in MiB for 10,000 requests; and its requests."""
    samples = samples[len(samples) // 2 :]
    if len({sample.requests for sample in samples}) < 2:
        return 0.0, 0
    slope = statistics.linear_regression([one.requests for one in samples], [one.memory_mb for one in samples]).slope
    return slope * 10_000, samples[-1].requests - samples[0].requests


def _times(seen: Seen) -> Iterable[Row]:
    """Times are judged only if the machine let this program's own loop have its turn."""
    own_ms = seen.watched.own_stall_s * 1000
    is_judged = own_ms <= QUIET_MS
    busy = "" if is_judged else "; not judged, since the machine was too busy"
    yield Row("longest stall of this program's own loop in ms", f"{own_ms:.0f}{busy}")
    stall_ms = seen.stall_s * 1000
    yield Row(
        "longest stall of Linx's loop in ms",
        f"{stall_ms:.0f}",
        not is_judged or stall_ms <= MOST_STALL_MS,
        is_time=True,
    )
    for name, times in (
        ("from a client's leaving to the provider's closed connection", closing_ms(seen)),
        ("from the first content to the loser's closed connection", losing_ms(seen)),
    ):
        p50, p99, most = (percentile(times, share) for share in (0.5, 0.99, 1.0))
        is_soon = not times or ((p99 <= CLOSE_P99_MS or len(times) < FEW) and most <= CLOSE_MOST_MS)
        value = f"{p50:.1f} {p99:.1f} {most:.1f}"
        yield Row(f"{name}, {len(times)} times: p50 p99 max in ms", value, not is_judged or is_soon, is_time=True)


def closing_ms(seen: Seen) -> list[float]:
    """For each attempt that ran when its client left: the time until its provider saw that Linx had left too."""
    closed = seen.crowd.closed_ns
    return [
        (entry.hung_up - closed[entry.id]) / 1e6
        for entry in seen.journal
        if entry.hung_up and entry.id in closed and entry.hung_up > closed[entry.id]
    ]


def losing_ms(seen: Seen) -> list[float]:
    """For each attempt that lost a race: the time from the winner's first content at the client to its own end."""
    first, closed = seen.crowd.first_ns, seen.crowd.closed_ns
    return [
        max(0.0, (entry.hung_up - first[entry.id]) / 1e6)
        for entry in seen.journal
        if entry.hung_up and not entry.frames and entry.id in first and entry.id not in closed
    ]


def table(found: list[Row]) -> str:
    lines = ["| | | |", "| --- | --- | --- |"]
    lines += [f"| {row.name} | {row.value} | {'' if row.is_well else '**wrong**'} |" for row in found]
    return "\n".join(lines)
