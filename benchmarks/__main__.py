"""Measure Linx beside other proxies, in interleaved rounds, and write down the results.

python -m benchmarks                  everything: a quarter of an hour
python -m benchmarks --quick          the main figures in three minutes
python -m benchmarks paced small      these workloads only; ``--list`` names them
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import charts, measure, report
from benchmarks.contenders import CONTENDERS, ROOT
from benchmarks.proxies.ours import other_checkout
from benchmarks.runner import Runner
from benchmarks.workloads import GROUPS, WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.setting import Contender

BUSY = 3


def main(argv: Sequence[str] | None = None) -> int:
    options = _options(argv)
    if options.list:
        for workload in WORKLOADS.values():
            print(f"{workload.name:14} {workload.title}")
        print(f"groups: {', '.join(GROUPS)}; contenders: {', '.join(CONTENDERS)}")
        return 0
    names = [name for given in options.workloads for name in GROUPS.get(given, (given,))]
    wanted = list(CONTENDERS) if options.contenders == "all" else options.contenders.split(",")
    unknown = [*(name for name in names if name not in WORKLOADS), *(name for name in wanted if name not in CONTENDERS)]
    if unknown:
        print(f"no such workload or contender: {', '.join(unknown)}; --list names them", file=sys.stderr)
        return 2
    _raise_file_limit()
    begun = time.monotonic()
    try:
        program = measure.program()
    except measure.NoProgram as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="linx-benchmarks-") as folder, contextlib.ExitStack() as stack:
        limit_s = options.minutes * 60 - (time.monotonic() - begun)
        runner = Runner(
            program, Path(folder), stack, options.rounds, options.seconds, may_be_busy=options.force, limit_s=limit_s
        )  # fmt: skip
        result = runner.run([WORKLOADS[name] for name in dict.fromkeys(names)], _chosen(wanted, options.other))
    result.took_s = round(time.monotonic() - begun, 1)
    return _tell(result, may_write=options.write)


def _tell(result: report.Result, *, may_write: bool) -> int:
    print(f"{report.table(result)}\n\n{report.conditions(result)}")
    if result.stopped:
        print(f"stopped before the end of {result.stopped}", file=sys.stderr)
    if may_write and result.figures:
        for written in (*report.write(result), *(() if result.stopped else charts.draw(result))):
            print(f"written: {written.relative_to(ROOT)}")
    return BUSY if result.stopped else 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("workloads", nargs="*", help="workloads or groups; default: all")
    parser.add_argument("--quick", action="store_true", help="the group quick, with short windows")
    parser.add_argument("--rounds", type=int, default=0, help="default: 3; with --quick 2")
    parser.add_argument("--minutes", type=float, default=14.0, help="after which rounds but the first are left out")
    parser.add_argument("--seconds", type=float, default=0.0, help="for each measurement; default: the workload's own")
    parser.add_argument("--contenders", default="all", help="comma-separated names")
    parser.add_argument("--other", type=Path, help="also measure the Linx of this checkout, to compare two versions")
    parser.add_argument("--list", action="store_true", help="list workloads and contenders")
    parser.add_argument("--force", action="store_true", help="measure on a busy machine too, instead of waiting for it")
    parser.add_argument("--no-write", dest="write", action="store_false", help="print the results, write no files")
    options = parser.parse_args(argv)
    if options.quick:
        options.workloads = options.workloads or ["quick"]
        options.seconds = options.seconds or 0.6
    options.rounds = options.rounds or (2 if options.quick else 3)
    options.workloads = options.workloads or ["all"]
    return options


def _chosen(wanted: Sequence[str], other: Path | None) -> list[Contender]:
    chosen = [CONTENDERS[name] for name in wanted]
    if other is not None:
        chosen += [other_checkout(one, other.resolve()) for one in chosen if one.name.startswith("linx")]
    return chosen


def _raise_file_limit() -> None:
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
