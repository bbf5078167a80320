"""What is read from a running Linx: its files, memory and CPU time in /proc, and its own counters from /metrics."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from benchmarks.storm import figures
from linx.core import jsontext
from tests.e2e.http_client import ask
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from benchmarks.endurance.clients import Crowd

TICK_S = 0.1
PROVIDERS_AT_MOST = 2  # attempts of one request at one time: one, and a hedge


@dataclass(frozen=True)
class Rest:
    """What a Linx holds when nothing runs. Two rests of one Linx must be equal."""

    files: int
    """Open files without the connections that wait for a next request."""
    tasks: int
    running: int
    at_providers: int
    """Attempts that run or wait for a place."""
    connections: int
    """Connections to providers that are in use."""
    unknown: int
    """Connections open at the providers of which Linx's pool does not know."""


@dataclass(frozen=True)
class Sample:
    at_s: float
    requests: int
    memory_mb: float
    files: int


@dataclass
class Watched:
    """What was seen during a run."""

    samples: list[Sample] = field(default_factory=list)
    worst: dict[str, int] = field(default_factory=dict)
    """The largest excess over each limit that holds at all times; none may be above 0."""
    own_stall_s: float = 0.0
    """The longest stall of this process' own loop: what the machine alone does to a loop."""

    def note(self, rule: str, excess: float) -> None:
        self.worst[rule] = max(self.worst.get(rule, 0), int(excess))


def memory_mb(pid: int) -> float:
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def watch(pid: int, crowd: Crowd, watched: Watched, probes: int, every_s: float) -> None:
    """Take a sample again and again, and compare Linx's counters with what may be; ``probes``: its providers."""
    start = trio.current_time()
    while True:
        now = await figures(crowd.port)
        attempts = now["linx_provider_active"]
        watched.note("attempts beyond two a request", attempts - PROVIDERS_AT_MOST * now["linx_requests_running"])
        watched.note("connections beyond attempts", now["linx_upstream_connections active"] - attempts - probes)
        watched.samples.append(
            Sample(trio.current_time() - start, crowd.count, memory_mb(pid), open_files(pid)),
        )
        await trio.sleep(every_s)


async def stand_by(watched: Watched) -> None:
    """Measure for how long this process itself does not get its turn."""
    while True:
        due = trio.current_time() + TICK_S
        await trio.sleep_until(due)
        watched.own_stall_s = max(watched.own_stall_s, trio.current_time() - due)


async def at_rest(port: int, providers: Conversation, wanted: Rest | None) -> Rest:
    """What Linx holds, as soon as nothing runs and it is as ``wanted``; after HANG_S / 8 as it is then."""
    found = await _rest(port, providers)
    with trio.move_on_after(HANG_S / 8):
        while found.running or found.at_providers or found.connections or found.unknown or found != (wanted or found):
            await trio.sleep(0.2)
            found = await _rest(port, providers)
    return found


async def _rest(port: int, providers: Conversation) -> Rest:
    now = await figures(port)
    census = await providers.say("census")
    idle = now["linx_upstream_connections idle"]
    return Rest(
        files=int(now["process_open_fds"] - idle),
        tasks=int(now["linx_tasks"]),
        running=int(now["linx_requests_running"]),
        at_providers=int(now["linx_provider_active"] + now["linx_provider_queued"]),
        connections=int(now["linx_upstream_connections active"] + now["linx_upstream_connections draining"]),
        unknown=int(census["open"] - idle),
    )


async def longest_stall_s(port: int) -> float:
    status = (await ask(port, "/v1/providers/status")).json
    return float(status["longest_stall_ms"]) / 1000


class Conversation:
    """Says a line to the process of the providers, and hears a line of JSON."""

    def __init__(self, process: trio.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout
        self._heard = bytearray()

    async def hear(self) -> Any:
        while b"\n" not in self._heard:
            data = await self._stdout.receive_some()
            if not data:
                raise RuntimeError("the process of the providers has ended")
            self._heard += data
        line, _, rest = bytes(self._heard).partition(b"\n")
        self._heard[:] = rest
        return jsontext.loads(line)

    async def say(self, command: str) -> Any:
        await self._stdin.send_all(command.encode() + b"\n")
        return await self.hear()
