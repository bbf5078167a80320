"""Measure Linx beside other proxies, in interleaved rounds, and write down the results.

python -m benchmarks                  everything: about half an hour
python -m benchmarks --quick          the main figures in two minutes
python -m benchmarks paced small      these workloads only; ``--list`` names them
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import charts, report
from benchmarks.contenders import CONTENDERS, ROOT, Contender, Started, Unavailable, other_checkout
from benchmarks.load import Load, LoadError, Target, once
from benchmarks.processes import Running, machine_cpu
from benchmarks.workloads import GROUPS, WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.workloads import Workload

UPSTREAM_START_S = 10.0


def main(argv: Sequence[str] | None = None) -> int:
    options = _options(argv)
    if options.list:
        for workload in WORKLOADS.values():
            print(f"{workload.name:14} {workload.title}")
        print(f"groups: {', '.join(GROUPS)}; contenders: {', '.join(CONTENDERS)}")
        return 0
    names = [name for given in options.workloads for name in GROUPS.get(given, (given,))]
    unknown = [name for name in names if name not in WORKLOADS]
    if unknown:
        print(f"no such workload: {', '.join(unknown)}; --list names them", file=sys.stderr)
        return 2
    _raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="linx-benchmarks-") as folder, contextlib.ExitStack() as stack:
        runner = Runner(Path(folder), stack, options.rounds, options.seconds)
        result = runner.run([WORKLOADS[name] for name in dict.fromkeys(names)], _chosen(options))
    print(report.table(result))
    if options.write:
        path = report.write(result)
        for written in (path, *charts.draw(result)):
            print(f"written: {written.relative_to(ROOT)}")
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("workloads", nargs="*", help="workloads or groups; default: all")
    parser.add_argument("--quick", action="store_true", help="the group quick, with short windows")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.0, help="for each measurement; default: the workload's own")
    parser.add_argument("--contenders", default="all", help="comma-separated names")
    parser.add_argument("--other", type=Path, help="also measure the Linx of this checkout, to compare two versions")
    parser.add_argument("--list", action="store_true", help="list workloads and contenders")
    parser.add_argument("--no-write", dest="write", action="store_false", help="print the results, write no files")
    options = parser.parse_args(argv)
    if options.quick:
        options.workloads = options.workloads or ["quick"]
        options.seconds = options.seconds or 0.8
    options.workloads = options.workloads or ["main", "scale"]
    return options


def _chosen(options: argparse.Namespace) -> list[Contender]:
    wanted = list(CONTENDERS) if options.contenders == "all" else options.contenders.split(",")
    chosen = [CONTENDERS[name] for name in wanted]
    if options.other is not None:
        chosen += [other_checkout(one, options.other.resolve()) for one in chosen if one.name.startswith("linx")]
    return chosen


def _raise_file_limit() -> None:
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Runner:
    """Runs the measurements, with two upstreams and the contenders that it starts; all end when ``stack`` closes."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack, rounds: int, seconds: float) -> None:
        self.folder = folder
        self.rounds = rounds
        self.seconds = seconds
        self._stack = stack
        self._started: dict[str, Started] = {}
        self._missing: dict[str, str] = {}
        self._number = 0
        self._upstreams = (self._upstream(), self._upstream())
        stack.callback(self._stop_all)

    def _upstream(self) -> int:
        """Start one upstream; returns its port."""
        self._number += 1
        process = Running(
            [sys.executable, "-m", "benchmarks.upstream"], self.folder / f"upstream{self._number}.txt", cwd=ROOT
        )
        self._stack.callback(process.stop)
        deadline = time.monotonic() + UPSTREAM_START_S
        while "listening on" not in process.output():
            if time.monotonic() > deadline or not process.is_alive:
                raise RuntimeError(f"the upstream did not start: {process.output()}")
            time.sleep(0.01)
        return int(process.output().split()[-1])

    def run(self, workloads: Sequence[Workload], contenders: Sequence[Contender]) -> report.Result:
        result = report.Result(rounds=self.rounds)
        contenders = [one for one in contenders if self._is_usable(one, result)]
        for workload in workloads:
            chosen = [one for one in contenders if workload.wants(one)]
            for number in range(self.rounds):
                # The order changes each round, so that no contender is always measured after the same other one.
                for contender in chosen[number % len(chosen) :] + chosen[: number % len(chosen)]:
                    self._measure(workload, contender, result)
            print(report.table(result, [workload.name]), flush=True)
        result.missing = self._missing
        return result

    def _is_usable(self, contender: Contender, result: report.Result) -> bool:
        try:
            result.versions[contender.name] = contender.version()
        except Unavailable as error:
            self._leave_out(contender, str(error))
            return False
        return True

    def _leave_out(self, contender: Contender, why: str) -> None:
        self._missing[contender.name] = why
        print(f"{contender.name} is left out: {why}", flush=True)

    def _measure(self, workload: Workload, contender: Contender, result: report.Result) -> None:
        if contender.name in self._missing:
            return
        seconds = self.seconds or workload.seconds
        try:
            with self._at_hand(workload, contender) as started:
                gc.collect()
                gc.disable()
                before = machine_cpu()
                figures = workload.measure(started, seconds)
                after = machine_cpu()
        except Unavailable as error:
            self._leave_out(contender, str(error))
            return
        except (LoadError, OSError) as error:
            result.failed(workload.name, contender.name, str(error)[:300])
            # The contender may be in any state, so the next measurement starts a new one.
            if contender.name in self._started:
                self._started.pop(contender.name).stop()
            return
        finally:
            gc.enable()
            self._calm_down()
        busy, total = (now - then for then, now in zip(before, after, strict=True))
        result.add(workload.name, contender.name, figures, busy / max(1, total), os.getloadavg()[0])

    @contextlib.contextmanager
    def _at_hand(self, workload: Workload, contender: Contender) -> Iterator[Started]:
        if workload.is_fresh:
            started = self._start(contender)
            try:
                yield started
            finally:
                started.stop()
            return
        if contender.name not in self._started:
            started = self._started[contender.name] = self._start(contender)
            with Load(started.target, 4) as load:
                load.closed_loop(started.target.request(2, stream=True), 0.5, least=40)
        yield self._started[contender.name]

    def _start(self, contender: Contender) -> Started:
        self._number += 1
        return Started(contender, self._upstreams, self.folder / f"{contender.name}-{self._number}")

    def _calm_down(self) -> None:
        for port in self._upstreams:
            with contextlib.suppress(OSError, LoadError):
                once(Target(port), b"GET /reset HTTP/1.1\r\nHost: x\r\n\r\n")

    def _stop_all(self) -> None:
        for started in self._started.values():
            started.stop()


if __name__ == "__main__":
    sys.exit(main())
