"""How soon a provider is stopped when its client hangs up, in a storm of hang-ups and where many leave in one instant.

    python -m benchmarks.endurance.hangups                     needs Go
    python -m benchmarks.endurance.hangups bursts --count 5    five bursts of each size

Clients and provider are one program (``hangups.go``), so that one clock stamps both ends, and so that neither is slower
than Linx: each connection of the provider does nothing but wait for its end. Times are judged only if the machine had a
processor to spare at the beginning, and that program itself had its turn every 30 ms. How soon it is where the clients
ask as fast as they can says how much Linx can do, and so do a thousand hang-ups at once; neither is judged.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import trio

from benchmarks.endurance.verdict import CLOSE_P99_MS, QUIET_MS
from benchmarks.endurance.watch import Conversation
from benchmarks.workloads import percentile
from tests.e2e.linx_process import LinxProcess, config_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SOURCE = Path(__file__).with_name("hangups.go")


_FIFTY = ("-clients", "50")
_SILENT = ("-frames", "0")
_PAUSE = ("-pause", "200ms")


@dataclass(frozen=True)
class Storm:
    title: str
    arguments: tuple[str, ...]
    count: int
    is_judged: bool = True
    """Must 99 of 100 hang-ups be over within the time that is promised?"""

    @property
    def is_burst(self) -> bool:
        return "-burst" in self.arguments


def _burst(clients: int, *, is_judged: bool) -> Storm:
    # With a frame every two seconds the streams cost nothing meanwhile.
    arguments = ("-burst", "-clients", str(clients), "-frames", "1", "-every", "2s")
    return Storm(f"{clients} at once, streaming", arguments, 3, is_judged)


STORMS: Mapping[str, Sequence[Storm]] = {
    "steady": (
        Storm("50 clients, in silence", (*_FIFTY, *_SILENT, *_PAUSE), 2000),
        Storm("50 clients, after three frames", (*_FIFTY, *_PAUSE), 2000),
        Storm("50 as fast as they can, in silence", (*_FIFTY, *_SILENT), 3000, is_judged=False),
        Storm("50 as fast as they can, after three frames", _FIFTY, 3000, is_judged=False),
    ),
    "bursts": (
        _burst(100, is_judged=True),
        _burst(300, is_judged=True),
        _burst(1000, is_judged=False),
    ),
}


async def blow(program: Path, storm: Storm, count: int, folder: Path) -> dict[str, Any]:
    """Run one storm against a Linx of its own. Returns what the program has measured."""
    command = [str(program), *storm.arguments, "-count", str(count)]
    process = await trio.lowlevel.open_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        conversation = Conversation(process)
        endpoint = f"http://{await conversation.hear()}/v1"
        providers = {"one": {"kind": "openai", "endpoint": endpoint, "api_key": "k" * 20}}
        async with LinxProcess(config_for(providers=providers), folder, "--log-level", "warning") as linx:
            await trio.sleep(1)  # until it has read the list of models, and has done what a start leaves for later
            found: dict[str, Any] = await conversation.say(f"127.0.0.1:{linx.port} {linx.process.pid}")
            return found
    finally:
        process.kill()
        await process.wait()


def row(storm: Storm, found: Mapping[str, Any], *, is_quiet: bool) -> tuple[str, bool]:
    """A line of the table, and whether it is as promised."""
    times = [time / 1000 for time in found["times_us"]]
    p50, p99, most = (percentile(times, share) for share in (0.5, 0.99, 1.0))
    stall_ms = found["stall_us"] / 1000
    is_judged = storm.is_judged and is_quiet and stall_ms <= QUIET_MS
    is_well = not found["failed"] and (not is_judged or p99 <= CLOSE_P99_MS)
    each = f"{found['cpu_us'] / len(times):.0f} a request" if times else "-"
    if storm.is_burst and times:
        rounds = len(found["whole_us"])
        at_once = len(times) / rounds
        stopped, whole = median(found["stopped_us"]) / at_once, median(found["whole_us"]) / at_once
        each = f"{stopped:.0f} until stopped, {whole:.0f} in all"
    cells = (
        storm.title,
        len(times),
        f"{len(times) / found['seconds']:.0f}",
        f"{p50:.1f}",
        f"{p99:.1f}",
        f"{most:.1f}",
        each,
        f"{stall_ms:.0f}",
        f"{os.getloadavg()[0]:.1f}",
        "" if is_well else "**wrong**",
    )
    return "| " + " | ".join(map(str, cells)) + " |", is_well


HEAD = """| clients | hang-ups | a second | p50 ms | p99 ms | max ms | Linx's CPU µs | own stall ms | load | |
| --- | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: | --- |"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance.hangups")
    parser.add_argument("sorts", nargs="*", default=list(STORMS))
    parser.add_argument("--count", type=int, help="hang-ups of a steady storm, or bursts")
    options = parser.parse_args()
    go = shutil.which("go")
    if go is None:
        parser.error("Go is needed, and not installed")
    is_well = True
    is_quiet = os.getloadavg()[0] < (os.cpu_count() or 1) - 1
    with tempfile.TemporaryDirectory(prefix="linx-hangups-") as folder:
        program = Path(folder, "hangups")
        subprocess.run([go, "build", "-o", str(program), str(SOURCE)], check=True)
        print(HEAD)
        for sort in options.sorts:
            for storm in STORMS[sort]:
                found = trio.run(blow, program, storm, options.count or storm.count, Path(folder))
                line, is_as_promised = row(storm, found, is_quiet=is_quiet)
                print(line, flush=True)
                is_well = is_well and is_as_promised
    return 0 if is_well else 1


if __name__ == "__main__":
    raise SystemExit(main())
