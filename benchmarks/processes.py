"""Starts and stops the processes of a measurement, and reads their CPU time and memory.

Only processes that were started here are stopped, by their ids. Each runs in a session of its
own, so that its children can be stopped with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAGE = os.sysconf("SC_PAGE_SIZE")


class Running:
    """A started process with all its descendants. Its output goes to ``log``."""

    def __init__(
        self, command: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        self.log = log
        self.started = time.monotonic()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def output(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def stop(self) -> None:
        """Stop the process, then kill the processes that are left in its session."""
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)

    def pids(self) -> list[int]:
        found, rest = [], [self.pid]
        while rest:
            pid = rest.pop()
            found.append(pid)
            with contextlib.suppress(OSError):
                for task in os.listdir(f"/proc/{pid}/task"):
                    rest += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
        return found

    def cpu_ns(self) -> int:
        """The CPU time of all its processes, in nanoseconds."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                total += cpu_ns(pid)
        return total

    def rss(self) -> int:
        """The resident memory of all its processes in bytes."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
        return total


def cpu_ns(pid: int) -> int:
    """The CPU time of one process, in nanoseconds, with that of its threads that have ended.

    That is what clock_getcpuclockid(3) is for; the number of a process's clock is made of its id, as in the kernel's
    include/linux/posix-timers.h (CPUCLOCK_SCHED is 2).
    """
    return time.clock_gettime_ns((~pid << 3) | 2)


def machine_cpu() -> tuple[int, int]:
    """The busy time and the total time of all processors, in ticks. What other machines took (steal) is busy too."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return sum(fields) - idle, sum(fields)
