"""Clients that read slowly, or not at all: what each of them takes of Linx's memory, and what the others notice.

    python -m benchmarks.endurance.readers            both experiments
    python -m benchmarks.endurance.readers stalled    clients that stop reading while the provider sends all it can
    python -m benchmarks.endurance.readers slow       200 clients at 1 KiB a second beside 20 that read at once

The provider is ``benchmarks.upstream``, which sends as fast as it can where no interval is given.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from benchmarks.contenders import ROOT
from benchmarks.endurance import watch
from benchmarks.prompts import Plan, chat, http
from benchmarks.setting import CHAT
from benchmarks.workloads import percentile
from tests.e2e.linx_process import LinxProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ENDLESS = 100_000_000
WINDOW = 32 * 1024  # without it a kernel takes megabytes, and Linx is busy with filling them
FRAME = 8 * 1024  # characters: Linx fills the kernel's buffers (2.6 MB of each connection) sooner with long frames
GAP_S = 0.05  # between the starts of two clients
CALM_S = 0.05
MOST_KIB = 128.0
MOST_MB = 32.0
MOST_SLOWER = 1.2
NOISE_MS = 2.0
"""Below this a difference between two 99th percentiles says nothing."""
_STAMP = re.compile(rb"@(\d{19})")
KINDS = ("openai", "ollama")  # of the provider; the clients speak OpenAI's dialect


@dataclass
class Outcome:
    title: str
    value: str
    is_well: bool


@asynccontextmanager
async def _world(kind: str, folder: Path) -> AsyncIterator[LinxProcess]:
    """A Linx whose only provider is the fast upstream."""
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "benchmarks.upstream"], stdout=subprocess.PIPE, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        port = int((await process.stdout.receive_some()).split()[-1])
        endpoint = f"http://127.0.0.1:{port}{'/v1' if kind == 'openai' else ''}"
        config = {
            **{name: {"enabled": False} for name in ("ollama", "llamacpp", "openrouter")},
            "providers": {"fast": {"kind": kind, "endpoint": endpoint, "model_mappings": {"bench": "bench-model"}}},
            "routing": {"provider_priority": ["fast"], "hedge": {"after": None}},
            # What is kept for the dashboard is bounded for all streams together, and here each of them is weighed.
            "server": {"port": 0, "capture": False},
        }
        environment = {**os.environ, "XDG_STATE_HOME": str(folder)}
        async with LinxProcess(config, folder, "--log-level", "warning", env=environment) as linx:
            yield linx
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def _ask(port: int, request: bytes, window: int | None = None) -> trio.SocketStream:
    """Ask, and read the head of the answer. ``window``: bytes that the client's kernel may hold for its program."""
    sock = trio.socket.socket()
    if window is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    await sock.connect(("127.0.0.1", port))
    stream = trio.SocketStream(sock)
    await stream.send_all(request)
    head = await stream.receive_some(1024)
    assert head.startswith(b"HTTP/1.1 200"), head
    return stream


async def stalled(kind: str, count: int, folder: Path, hold_s: float = 3.0) -> Outcome:
    """``count`` clients read the start of an endless answer and then nothing."""
    async with _world(kind, folder) as linx:
        request = http(linx.port, CHAT, chat(Plan(ENDLESS, size=FRAME, burst=8), stream=True))
        for _ in range(5):
            await trio.aclose_forcefully(await _ask(linx.port, request))
        await trio.sleep(0.5)
        before = watch.memory_mb(linx.process.pid)
        streams = [await _ask(linx.port, request, WINDOW) for _ in range(count)]
        await trio.sleep(hold_s)
        after = watch.memory_mb(linx.process.pid)
        for stream in streams:
            await trio.aclose_forcefully(stream)
    each = (after - before) * 1024 / count
    return Outcome(f"KiB for each of {count} stalled clients, {kind}", f"{each:.1f} of {MOST_KIB:g}", each <= MOST_KIB)


async def slow(kind: str, count: int, folder: Path, hold_s: float = 8.0) -> list[Outcome]:
    """``count`` clients take 1 KiB a second of an endless answer, beside 20 clients of 50 tokens a second."""
    async with _world(kind, folder) as linx:
        alone = await _delays(linx.port, hold_s)
        before = watch.memory_mb(linx.process.pid)
        request = http(linx.port, CHAT, chat(Plan(ENDLESS, size=FRAME, burst=8), stream=True))
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(_read_slowly, linx.port, request)
                await trio.sleep(GAP_S)
            await _calm(linx.process.pid)
            beside = await _delays(linx.port, hold_s)
            grown = watch.memory_mb(linx.process.pid) - before
            nursery.cancel_scope.cancel()
    first, second = (percentile(delays, 0.99) for delays in (alone, beside))
    return [
        Outcome(f"MiB more with {count} slow clients, {kind}", f"{grown:.1f} of {MOST_MB:g}", grown <= MOST_MB),
        Outcome(
            f"p99 of a frame's delay in ms without and with {count} slow clients, {kind}",
            f"{first:.2f} → {second:.2f}",
            second <= max(first * MOST_SLOWER, first + NOISE_MS),
        ),
    ]


async def _calm(pid: int) -> None:
    """Wait until the kernel's buffers of all clients are full: until then Linx is busy with filling them."""
    used = float("inf")
    while used > CALM_S:
        before = watch.cpu_s(pid)
        await trio.sleep(1.0)
        used = watch.cpu_s(pid) - before


async def _read_slowly(port: int, request: bytes) -> None:
    async with await _ask(port, request, WINDOW) as stream:
        for turn in itertools.count(trio.current_time()):
            await stream.receive_some(1024)
            await trio.sleep_until(turn)


async def _delays(port: int, seconds: float) -> list[float]:
    """The delays of all frames of 20 streams in ms; see ``benchmarks.upstream`` for their stamps."""
    request = http(port, CHAT, chat(Plan(int(seconds * 50), interval_us=20_000), stream=True))
    delays: list[float] = []

    async def read() -> None:
        async with await _ask(port, request) as stream:
            while data := await stream.receive_some(65536):
                now = time.monotonic_ns()
                delays.extend((now - int(stamp)) / 1e6 for stamp in _STAMP.findall(data))
                if data.endswith(b"0\r\n\r\n"):
                    return

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(read)
    return delays


async def main(names: list[str]) -> int:
    found: list[Outcome] = []
    for kind in KINDS:
        with tempfile.TemporaryDirectory(prefix="linx-readers-") as folder:
            if "stalled" in names:
                found.append(await stalled(kind, 100, Path(folder)))
            if "slow" in names:
                found += await slow(kind, 200, Path(folder))
    print(f"load of the machine: {os.getloadavg()[0]:.1f}\n\n| | | |\n| --- | --- | --- |")
    for one in found:
        print(f"| {one.title} | {one.value} | {'' if one.is_well else '**wrong**'} |")
    return 0 if all(one.is_well for one in found) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance.readers")
    parser.add_argument("names", nargs="*", default=["stalled", "slow"])
    raise SystemExit(trio.run(main, parser.parse_args().names))
