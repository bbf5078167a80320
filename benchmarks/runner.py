"""Runs the measurements: providers, contenders, rounds. Each round measures every contender once, in another order."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import time
from typing import TYPE_CHECKING

from benchmarks import calm, load
from benchmarks.calm import TooBusy, busy_share
from benchmarks.contenders import Started
from benchmarks.load import Job, LoadError
from benchmarks.processes import machine_cpu
from benchmarks.prompts import Plan, chat
from benchmarks.provider import Provider
from benchmarks.report import Result
from benchmarks.setting import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.setting import Contender
    from benchmarks.workloads import Workload

PROVIDERS = 3
SLOW_ROUNDS = 2  # of a contender that takes milliseconds for a request, and is far from the others
Key = tuple[str, bool]


class Runner:
    """Has the providers, and the contenders that it has started; all end when ``stack`` closes."""

    def __init__(
        self,
        program: Path,
        folder: Path,
        stack: contextlib.ExitStack,
        rounds: int,
        seconds: float,
        *,
        may_be_busy: bool,
        limit_s: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._program = program
        self._folder = folder
        self._rounds = rounds
        self._seconds = seconds
        self._may_be_busy = may_be_busy
        self._clock = clock
        self._deadline = clock() + limit_s
        self._started: dict[Key, Started] = {}
        self._given_up: dict[Key, str] = {}
        """Contenders that did not start, which takes long to find out."""
        self._number = 0
        self._providers = tuple(self._provider(stack) for _ in range(PROVIDERS))
        stack.callback(self._stop_all)

    def _provider(self, stack: contextlib.ExitStack) -> Provider:
        self._number += 1
        folder = self._folder / f"provider-{self._number}"
        folder.mkdir()
        provider = Provider(self._program, folder)
        stack.callback(provider.process.stop)
        return provider

    def run(self, workloads: Sequence[Workload], contenders: Sequence[Contender]) -> Result:
        """Measure all; a run that is interrupted, or refused because the machine is busy, has what was measured.

        A round has all workloads, so that a slow minute of the machine falls on one round of a few of them. The first
        round is always whole; of the others comes what the time is enough for.
        """
        result = Result(rounds=self._rounds)
        usable = [one for one in contenders if _is_usable(one, result)]
        took_s: dict[str, float] = {}
        for number in range(self._rounds):
            for workload in workloads:
                begun = self._clock()
                if number >= workload.rounds or (number and begun + took_s[workload.name] > self._deadline):
                    continue
                print(f"round {number + 1}: {workload.name}", flush=True)
                try:
                    result.others.append(round(self._calm(), 3))
                    self._round(workload, [one for one in usable if workload.wants(one)], number, result)
                except (TooBusy, KeyboardInterrupt) as error:
                    result.stopped = f"{workload.name}, round {number + 1}: {str(error) or 'interrupted'}"
                    return result
                took_s[workload.name] = self._clock() - begun
        return result

    def _round(self, workload: Workload, wanted: Sequence[Contender], number: int, result: Result) -> None:
        """The order changes each round, so that no contender is always measured after the same other one."""
        chosen = [one for one in wanted if number < SLOW_ROUNDS or not one.is_slow]
        for contender in [*chosen[number:], *chosen[:number]] if number < len(chosen) else chosen:
            self._measure(workload, contender, result)

    def _calm(self) -> float:
        return calm.sample() if self._may_be_busy else calm.wait()

    def _measure(self, workload: Workload, contender: Contender, result: Result) -> None:
        if contender.name in result.failures.get(workload.name, {}):
            return
        key = (contender.name, workload.is_tls)
        reason = self._given_up.get(key)
        if workload.is_heavy and contender.is_slow:
            reason = "not asked: it takes milliseconds for each, which would only queue up"
        if reason is not None:
            result.failed(workload.name, contender.name, reason)
            return
        try:
            with self._at_hand(workload, contender, key) as started:
                gc.collect()
                before = machine_cpu()
                figures = workload.measure(started, self._seconds or workload.seconds)
                share = busy_share(before, machine_cpu())
        except (Unavailable, LoadError, OSError, ArithmeticError) as error:
            why = " ".join(str(error).split())[-300:]
            result.failed(workload.name, contender.name, why)
            if isinstance(error, Unavailable):
                self._given_up[key] = why
            # The contender may be in any state, so the next measurement starts a new one.
            if key in self._started:
                self._started.pop(key).stop()
        else:
            result.add(workload.name, contender.name, figures, share, os.getloadavg()[0])
        finally:
            for provider in self._providers:
                with contextlib.suppress(OSError):
                    provider.reset()

    @contextlib.contextmanager
    def _at_hand(self, workload: Workload, contender: Contender, key: Key) -> Iterator[Started]:
        if workload.is_fresh:
            started = self._start(contender, is_tls=workload.is_tls)
            try:
                yield started
            finally:
                started.stop()
            return
        if key not in self._started:
            started = self._started[key] = self._start(contender, is_tls=workload.is_tls)
            if contender.base != "linx-kinds":
                request = started.request(chat(Plan(2), stream=True))
                load.run(self._program, Job(started.port, [request], 4, 0.3, least=20))
        yield self._started[key]

    def _start(self, contender: Contender, *, is_tls: bool) -> Started:
        self._number += 1
        folder = self._folder / f"{contender.name}-{self._number}"
        return Started(contender, self._program, self._providers, folder, is_tls=is_tls)

    def _stop_all(self) -> None:
        for started in self._started.values():
            started.stop()


def _is_usable(contender: Contender, result: Result) -> bool:
    try:
        result.versions[contender.name] = contender.version()
    except Unavailable as error:
        result.missing[contender.name] = str(error)
        print(f"{contender.name} is left out: {error}", flush=True)
        return False
    return True
