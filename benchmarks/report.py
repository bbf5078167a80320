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
GRIDS = ("pairs", "pairs-small")
"""Workloads whose figures are of pairs."""
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
    others: list[float] = field(default_factory=list)
    """The share that was used before each round, when nothing was measured."""
    took_s: float = 0.0
    stopped: str = ""
    """Before which round the run was stopped, and why."""

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
    for name in names or _measured(result):
        rows = result.figures.get(name, {})
        lines.append(f"\n{name}: {WORKLOADS[name].title}  (medians, spread of the first figure)")
        if name in GRIDS:
            lines += [f"  {row}" for contender in rows for row in _grid(result, name, contender)]
            lines += _failing(result, name)
            continue
        columns = _columns(name, rows)
        lines.append(f"  {'':17}" + "".join(f"{column:>25}" for column in columns) + f"{'x nginx':>9}")
        for contender, rounds in rows.items():
            *cells, ratio = _cells(result, name, contender, rounds, columns)
            lines.append(f"  {contender:17}" + "".join(f"{cell:>25}" for cell in cells) + f"{ratio:>9}")
        lines += _failing(result, name)
    return "\n".join(lines)


def _failing(result: Result, name: str) -> list[str]:
    return [f"  {contender:17} fails: {why}" for contender, why in result.failures.get(name, {}).items()]


def _grid(result: Result, name: str, contender: str) -> list[str]:
    """Figures that are named ``face < kind``: a row for each face, a column for each kind."""
    pairs = list(result.figures[name][contender][0])
    faces, kinds = (list(dict.fromkeys(pair.split(" < ")[side] for pair in pairs)) for side in (0, 1))
    lines = [f"| {contender} | " + " | ".join(kinds) + " |", "| --- |" + " ---: |" * len(kinds)]
    for face in faces:
        medians = [result.median(name, contender, f"{face} < {kind}") for kind in kinds]
        lines.append(f"| {face} | " + " | ".join("" if one is None else _number(one) for one in medians) + " |")
    return lines


def write(result: Result) -> tuple[Path, Path]:
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
        "busy_share_before_rounds": _spread(result.others),
    }
    body = {"at": now.isoformat(timespec="seconds"), "commit": _commit(), "machine": machine, **asdict(result)}
    for name in ("load", "busy", "others"):
        body.pop(name)
    path.write_bytes(jsontext.dumps_pretty(body))
    text = path.with_suffix(".md")
    text.write_text(markdown(result), "utf-8")
    return path, text


def conditions(result: Result) -> str:
    """The machine, and how busy it was."""
    others, busy, load = (_spread(values) for values in (result.others, result.busy, result.load))
    lines = [f"{os.cpu_count()} cores of {_cpu_name()}, Python {platform.python_version()}, commit {_commit()}"]
    if others and busy:
        lines.append(
            f"used by others before a round: {others['median']:.0%} (at most {others['most']:.0%}) of all cores; "
            f"in use while measuring: {busy['median']:.0%}; load average {load['least']:.1f} to {load['most']:.1f}; "
            f"{result.rounds} rounds, {result.took_s / 60:.1f} minutes"
        )
    return "\n".join(lines)


def markdown(result: Result) -> str:
    """All tables, to be pasted into a document: medians with the least and the most of the first figure."""
    lines = [conditions(result).replace("\n", "  \n"), ""]
    lines += [f"- stopped before the end of {result.stopped}"] if result.stopped else []
    lines += [f"- {name}: {version}" for name, version in result.versions.items()]
    lines += [f"- {name} is missing: {why}" for name, why in result.missing.items()]
    for name in _measured(result):
        rows = result.figures.get(name, {})
        lines += ["", f"### {name}: {WORKLOADS[name].title}", ""]
        if name in GRIDS:
            lines += [row for contender in rows for row in _grid(result, name, contender)]
            continue
        columns = _columns(name, rows)
        lines += ["| | " + " | ".join([*map(_words, columns), f"x {BASE}"]) + " |"]
        lines += ["| --- |" + " ---: |" * (len(columns) + 1)]
        for contender, rounds in rows.items():
            lines.append(f"| {contender} | " + " | ".join(_cells(result, name, contender, rounds, columns)) + " |")
        lines += [f"| {contender} | fails: {why} |" for contender, why in result.failures.get(name, {}).items()]
    return "\n".join(lines) + "\n"


def _measured(result: Result) -> list[str]:
    return [name for name in WORKLOADS if name in result.figures or name in result.failures]


def _words(column: str) -> str:
    return column.replace("_us_per_", " µs a ").replace("_us", " µs").replace("_", " ")


def _columns(name: str, rows: dict[str, Rounds]) -> list[str]:
    columns = list(next(iter(rows.values()))[0]) if rows else []
    return sorted(columns, key=lambda column: column != WORKLOADS[name].primary)


def _cells(result: Result, name: str, contender: str, rounds: Rounds, columns: list[str]) -> list[str]:
    """The medians, with the spread of the first, and the ratio of the first to nginx."""
    cells = []
    for column in columns:
        values = [one[column] for one in rounds]
        text = _number(statistics.median(values))
        if column == WORKLOADS[name].primary and len(values) > 1:
            text += f" ({_number(min(values))}-{_number(max(values))})"
        cells.append(text)
    ratio = result.ratio(name, contender, WORKLOADS[name].primary)
    return [*cells, "" if ratio is None or not math.isfinite(ratio) else f"{ratio:.2f}"]


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
