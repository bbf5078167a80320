"""Draws the README's charts from a result: bars in SVG that are readable on light and dark pages.

python -m benchmarks.charts [RESULT.json]      draw again; default: the newest result
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from benchmarks.contenders import CONTENDERS, ROOT
from benchmarks.report import RESULTS, Result
from linx.core import jsontext

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = ROOT / "docs" / "img"
WIDTH, LABELS, VALUES, BAR, GAP, TOP = 720, 250, 90, 20, 10, 44
OURS, THEIRS, GREY = "#2f81f7", "#8b949e", "#6e7781"
FONT = "font-family=\"-apple-system,'Segoe UI',Helvetica,Arial,sans-serif\""


@dataclass(frozen=True)
class Chart:
    """One figure of one workload, a bar for each contender; shorter is better."""

    file: str
    title: str
    workload: str
    figure: str
    unit: str
    scale: float = 1.0
    minus_direct: bool = False
    """Subtract the figure without a proxy, to show what a contender adds."""


CHARTS = (
    Chart("cpu-per-frame", "CPU time per streamed frame", "paced", "cpu_us_per_frame", "µs"),
    Chart("cpu-per-request", "CPU time per small request", "small", "cpu_us_per_request", "µs"),
    Chart(
        "cpu-per-whole-answer", "CPU time per whole answer of 200 tokens", "whole", "cpu_us_per_request", "ms", 0.001
    ),
    Chart(
        "cpu-per-agent-request", "CPU time per request of an agent (125 KB)", "agent", "cpu_us_per_request", "ms", 0.001
    ),
    Chart("first-token", "Time added before the first token", "first-token", "ttft_p50_us", "ms", 0.001, True),
    Chart("memory", "Memory when idle", "memory", "idle_mb", "MB"),
    Chart("start", "From start to ready", "start", "ready_ms", "s", 0.001),
)


def draw(result: Result, folder: Path = FOLDER) -> list[Path]:
    """Draw every chart for which the result has figures; returns the files written."""
    written = []
    for chart in CHARTS:
        rows = _rows(chart, result)
        if len(rows) > 1:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{chart.file}.svg"
            path.write_text(bars(f"{chart.title} ({chart.unit}, less is better)", rows), "utf-8")
            written.append(path)
    return written


def _rows(chart: Chart, result: Result) -> list[tuple[str, float, bool]]:
    direct = result.median(chart.workload, "direct", chart.figure) or 0.0
    rows = []
    for name, contender in CONTENDERS.items():
        value = result.median(chart.workload, name, chart.figure)
        if value is None or name == "direct":
            continue
        value = max(0.0, value - direct) if chart.minus_direct else value
        rows.append((contender.title, value * chart.scale, name.startswith("linx")))
    return sorted(rows, key=lambda row: row[1])


def bars(title: str, rows: Sequence[tuple[str, float, bool]]) -> str:
    """An SVG of rows (label, value, whether it is Linx), with a linear scale from zero."""
    height = TOP + len(rows) * (BAR + GAP) + GAP
    longest = max(value for _label, value, _ours in rows) or 1.0
    room = WIDTH - LABELS - VALUES
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'role="img" aria-label="{escape(title, {chr(34): "&quot;"})}" {FONT} font-size="13">',
        f'<text x="8" y="26" font-size="15" font-weight="600" fill="{GREY}">{escape(title)}</text>',
    ]
    for number, (label, value, is_ours) in enumerate(rows):
        y = TOP + number * (BAR + GAP)
        width = max(2.0, room * value / longest)
        weight = ' font-weight="600"' if is_ours else ""
        base = y + BAR - 6
        lines += [
            f'<text x="{LABELS - 8}" y="{base}" text-anchor="end" fill="{GREY}"{weight}>{escape(label)}</text>',
            f'<rect x="{LABELS}" y="{y}" width="{width:.1f}" height="{BAR}" rx="3" '
            f'fill="{OURS if is_ours else THEIRS}"/>',
            f'<text x="{LABELS + width + 6:.1f}" y="{base}" fill="{GREY}"{weight}>{shown(value)}</text>',
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def shown(value: float) -> str:
    """The value with at least two significant digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def load(path: Path) -> Result:
    """A result that ``report.write`` has written."""
    body = jsontext.loads(path.read_bytes())
    return Result(rounds=body["rounds"], figures=body["figures"], versions=body["versions"])


def main(argv: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if argv is None else argv)
    files = [Path(given[0])] if given else sorted(RESULTS.glob("*.json"))
    if not files:
        print("no result yet: run python -m benchmarks", file=sys.stderr)
        return 2
    for path in draw(load(files[-1])):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
