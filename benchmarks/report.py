"""The results of all rounds: printed as medians with ratios, and written as JSON."""

from __future__ import annotations

import datetime
import math
import os
import platform
import statistics
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.workloads import WORKLOADS
from linx.core import jsontext

RESULTS = Path(__file__).resolve().parent / "results"
BASE = "nginx"
Rounds = list[dict[str, float]]


@dataclass
class Result:
    """``figures[workload][contender]`` is a list with the figures of each round."""

    rounds: int
    figures: dict[str, dict[str, Rounds]] = field(default_factory=dict)
    failures: dict[str, dict[str, str]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    busy: list[float] = field(default_factory=list)
    """The share of the machine's CPU time that was used during each measurement, by any process."""
    load: list[float] = field(default_factory=list)

    def add(self, workload: str, contender: str, figures: dict[str, float], busy: float, load: float) -> None:
        if figures:
            self.figures.setdefault(workload, {}).setdefault(contender, []).append(figures)
        self.busy.append(round(busy, 3))
        self.load.append(round(load, 2))

    def failed(self, workload: str, contender: str, why: str) -> None:
        self.failures.setdefault(workload, {})[contender] = why

    def median(self, workload: str, contender: str, figure: str) -> float | None:
        rounds = self.figures.get(workload, {}).get(contender)
        values = [one[figure] for one in rounds or () if figure in one]
        return statistics.median(values) if values else None

    def ratio(self, workload: str, contender: str, figure: str, base: str = BASE) -> float | None:
        """The median of the ratios of each round, which a slow minute of the machine hardly changes."""
        rounds, theirs = (self.figures.get(workload, {}).get(name, []) for name in (contender, base))
        ratios = [one[figure] / other[figure] for one, other in zip(rounds, theirs, strict=False) if other.get(figure)]
        return statistics.median(ratios) if ratios else None


def table(result: Result, names: list[str] | None = None) -> str:
    lines: list[str] = []
    for name in names or list(result.figures):
        workload = WORKLOADS[name]
        rows = result.figures.get(name, {})
        lines.append(f"\n{name}: {workload.title}  (median of {result.rounds} rounds, spread of the first figure)")
        columns = list(next(iter(rows.values()))[0]) if rows else []
        columns.sort(key=lambda column: column != workload.primary)
        header = f"  {'':14}" + "".join(f"{column:>24}" for column in columns)
        lines.append(f"{header}{'x nginx':>10}")
        for contender, rounds in rows.items():
            cells = []
            for column in columns:
                values = [one[column] for one in rounds]
                text = _number(statistics.median(values))
                if column == workload.primary and len(values) > 1:
                    text += f" ({_number(min(values))}-{_number(max(values))})"
                cells.append(f"{text:>24}")
            ratio = result.ratio(name, contender, workload.primary)
            shown = "" if ratio is None or not math.isfinite(ratio) else f"{ratio:.2f}"
            lines.append(f"  {contender:14}" + "".join(cells) + f"{shown:>10}")
        lines += [f"  {contender:14} failed: {why}" for contender, why in result.failures.get(name, {}).items()]
    return "\n".join(lines)


def write(result: Result) -> Path:
    RESULTS.mkdir(exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    path = RESULTS / f"{now:%Y-%m-%d-%H%M%S}.json"
    machine = {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": _spread(result.load),
        "busy_share": _spread(result.busy),
    }
    body = {"at": now.isoformat(timespec="seconds"), "commit": _commit(), "machine": machine, **asdict(result)}
    body.pop("load")
    body.pop("busy")
    path.write_bytes(jsontext.dumps_pretty(body))
    return path


def _spread(values: list[float]) -> dict[str, float]:
    return {"least": min(values), "median": statistics.median(values), "most": max(values)} if values else {}


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _commit() -> str:
    try:
        done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
