"""The workloads. Each measures a contender once, and returns a few figures.

A figure's name ends with its unit. ``cpu_us_…`` is the CPU time of the contender's processes
for a unit of work; ``delay_…`` and ``ttft_…`` are wall times, which include those of the
provider and of the load itself.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.load import Load, Seen, once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.contenders import Contender, Started

Figures = dict[str, float]
LARGE = 400 * 1024
SLOWER = 10
SETTLE_S = 0.5  # pause before a measurement: a thousand clients of the one before may just have hung up
PROMPTS = range(0, 121, 11)  # bytes that are added to a request, since real clients do not repeat their requests
ENDLESS_S = 90.0  # length of a paced stream, which is longer than any measurement


@dataclass(frozen=True)
class Workload:
    """``measure(started, seconds)`` returns the figures; ratios between contenders are made of ``primary``."""

    name: str
    title: str
    primary: str
    measure: Callable[[Started, float], Figures]
    is_fresh: bool = False
    """Starts a new contender for each measurement."""
    only: tuple[str, ...] = ()
    """The contenders to measure; empty: all."""
    seconds: float = 2.0
    is_heavy: bool = False
    """Not for a contender that takes milliseconds for a frame, since frames would only queue up."""

    def wants(self, contender: Contender) -> bool:
        return (not self.only or contender.base in self.only) and not (self.is_heavy and contender.is_slow)


def percentile(values: list[int] | list[float], share: float) -> float:
    ordered = sorted(values)
    return float(ordered[min(len(ordered) - 1, int(share * len(ordered)))]) if ordered else float("nan")


class _Cpu:
    """The CPU time of a contender between ``start`` and ``stop``."""

    def __init__(self, started: Started) -> None:
        self._process = started.process
        self._before = self.ns = 0

    def start(self) -> None:
        self._before = self._process.cpu_ns() if self._process else 0

    def stop(self) -> None:
        self.ns = self._process.cpu_ns() - self._before if self._process else 0


def _paced(streams: int, interval_ms: float) -> Callable[[Started, float], Figures]:
    def measure(started: Started, seconds: float) -> Figures:
        # A contender that takes milliseconds for a frame gets a tenth of the frames, which would only queue otherwise.
        interval = interval_ms * (SLOWER if started.contender.is_slow else 1)
        interval_us = int(interval * 1000)
        frames = int(ENDLESS_S * 1e6 / interval_us)
        request = started.target.request(frames, stream=True, interval_us=interval_us)
        cpu = _Cpu(started)
        # The streams start spread over one interval, so that their frames do not all come at the same time.
        gap_s = min(interval / streams, 2.0) / 1000
        with Load(started.target, streams) as load:
            seen = load.streams(
                request, settle_s=0.3, window_s=seconds, gap_s=gap_s, on_start=cpu.start, on_end=cpu.stop
            )
        wanted = streams * seen.window_ns / 1e9 / (interval / 1000)
        return {
            "cpu_us_per_frame": cpu.ns / 1000 / max(1, seen.frames),
            "delay_p50_us": percentile(seen.delays, 0.5) / 1000,
            "delay_p99_us": percentile(seen.delays, 0.99) / 1000,
            "frames_per_s": seen.frames / seen.window_ns * 1e9,
            "delivered_share": seen.frames / wanted,
        }

    return measure


def _asking(connections: int, *, stream: bool, body_bytes: int = 0) -> Callable[[Started, float], Figures]:
    def measure(started: Started, seconds: float) -> Figures:
        make = started.target.request
        requests = [make(2, stream=stream, body_bytes=body_bytes, burst=2, more=more) for more in PROMPTS]
        cpu = _Cpu(started)
        with Load(started.target, connections) as load:
            load.closed_loop(requests, 0.0, least=connections)  # opens the connections on both sides of the proxy
            cpu.start()
            seen = load.closed_loop(requests, seconds, least=3 * connections)
            cpu.stop()
        return {
            "cpu_us_per_request": cpu.ns / 1000 / seen.requests,
            "ttft_p50_us": percentile(seen.firsts, 0.5) / 1000,
            "whole_p50_us": percentile(seen.wholes, 0.5) / 1000,
            "whole_p99_us": percentile(seen.wholes, 0.99) / 1000,
            "requests_per_s": seen.requests / seen.window_ns * 1e9,
        }

    return measure


def _flat_out(streams: int, burst: int) -> Callable[[Started, float], Figures]:
    def measure(started: Started, seconds: float) -> Figures:
        request = started.target.request(100_000_000, stream=True, burst=burst)
        cpu = _Cpu(started)
        with Load(started.target, streams) as load:
            seen = load.streams(
                request, settle_s=0.2, window_s=seconds, count_only=True, on_start=cpu.start, on_end=cpu.stop
            )
        return {
            "frames_per_s": seen.frames / seen.window_ns * 1e9,
            "cpu_us_per_frame": cpu.ns / 1000 / max(1, seen.frames),
        }

    return measure


def _memory(idle: int, streams: int) -> Callable[[Started, float], Figures]:
    def measure(started: Started, seconds: float) -> Figures:
        process, target = started.process, started.target
        if process is None:
            return {}
        small = target.request(2, stream=True)
        with Load(target, 4) as load:
            load.closed_loop(small, 0.3, least=40)
        time.sleep(0.2)
        base = process.rss()
        with Load(target, idle) as load:
            for connection in load.connections:
                load.ask(connection, small)
                while not load.turn(1.0, None):
                    pass
            with_idle = process.rss()
        time.sleep(0.5)
        before = process.rss()
        request = target.request(int(ENDLESS_S * 2), stream=True, interval_us=500_000)
        with Load(target, streams) as load:
            load.streams(request, settle_s=0.5, window_s=seconds, gap_s=0.001, count_only=True)
            with_streams = process.rss()
        return {
            "idle_mb": base / 1e6,
            "kb_per_idle_connection": (with_idle - base) / 1024 / idle,
            "kb_per_stream": (with_streams - before) / 1024 / streams,
            "kb_per_stream_from_idle": (with_streams - base) / 1024 / streams,
        }

    return measure


def _start_up(started: Started, _seconds: float) -> Figures:
    return {"ready_ms": started.ready_s * 1000, "first_answer_ms": started.first_answer_s * 1000}


def _frame_size(size: int) -> Callable[[Started, float], Figures]:
    """Frames of one size. The cost of a megabyte must not depend on the size."""

    def measure(started: Started, _seconds: float) -> Figures:
        frames = max(2, min(2000, (32 << 20) // size))
        request = started.target.request(frames, stream=True, size=size)
        return _per_megabyte(started, request, frames * size)

    return measure


def _body_size(size: int) -> Callable[[Started, float], Figures]:
    def measure(started: Started, _seconds: float) -> Figures:
        request = started.target.request(2, stream=False, body_bytes=size)
        return _per_megabyte(started, request, len(request), times=max(1, min(20, (32 << 20) // size)))

    return measure


def _per_megabyte(started: Started, request: bytes, size: int, times: int = 1) -> Figures:
    once(started.target, started.target.request(2, stream=True))
    cpu = _Cpu(started)
    with Load(started.target, 1) as load:
        cpu.start()
        begun = time.monotonic()
        seen: Seen = load.closed_loop(request, 0.0, least=times, warm_up=1)
        wall = time.monotonic() - begun
        cpu.stop()
    megabytes = size * seen.requests / 2**20
    return {"cpu_ms_per_mb": cpu.ns / 1e6 / megabytes, "wall_ms_per_mb": wall * 1000 / megabytes}


def _length(frames: int) -> Callable[[Started, float], Figures]:
    """One answer of ``frames`` frames at full speed. The last frame must cost no more than the first."""

    def measure(started: Started, _seconds: float) -> Figures:
        request = started.target.request(frames, stream=True, burst=50)
        time.sleep(SETTLE_S)
        cpu = _Cpu(started)
        with Load(started.target, 1) as load:
            cpu.start()
            seen = load.closed_loop(request, 0.0, warm_up=1)
            cpu.stop()
        return {"cpu_us_per_frame": cpu.ns / 1000 / seen.frames}

    return measure


_OURS = ("nginx", "linx", "linx-ollama")
_PER_FRAME, _PER_REQUEST = "cpu_us_per_frame", "cpu_us_per_request"
_LIST = (
    Workload("paced", "48 streams, a frame each 10 ms", _PER_FRAME, _paced(48, 10)),
    Workload("small", "small request, whole answer, 8 clients", _PER_REQUEST, _asking(8, stream=False)),
    Workload("small-stream", "small request, streamed, 8 clients", _PER_REQUEST, _asking(8, stream=True)),
    Workload("first-token", "small request, streamed, 1 client", "ttft_p50_us", _asking(1, stream=True)),
    Workload("flat-out", "8 streams as fast as they go, a write a frame", "frames_per_s", _flat_out(8, 1)),
    Workload(
        "bulk", "8 streams as fast as they go, 64 frames a write", "frames_per_s", _flat_out(8, 64), is_heavy=True
    ),
    Workload("crowd", "1,000 streams, a frame each 200 ms", "delay_p99_us", _paced(1000, 200), seconds=4.0),
    Workload("large", "400 KB body, whole answer, 2 clients", _PER_REQUEST, _asking(2, stream=False, body_bytes=LARGE)),
    Workload(
        "large-stream", "400 KB body, streamed, 2 clients", _PER_REQUEST, _asking(2, stream=True, body_bytes=LARGE)
    ),
    Workload("start", "from start to ready", "ready_ms", _start_up, is_fresh=True),
    Workload("memory", "1,000 idle connections, then 1,000 streams", "idle_mb", _memory(1000, 1000), is_fresh=True),
    *(
        Workload(
            f"streams-{count}", f"{count} streams, a frame each 100 ms", _PER_FRAME, _paced(count, 100), only=_OURS
        )
        for count in (1, 10, 100, 1000)
    ),
    *(
        Workload(f"length-{frames}", f"one answer of {frames} frames", _PER_FRAME, _length(frames), only=_OURS)
        for frames in (1_000, 10_000, 100_000)
    ),
    *(
        Workload(f"frame-{size >> 10}k", f"frames of {size >> 10} KB", "cpu_ms_per_mb", _frame_size(size), only=_OURS)
        for size in (1 << 14, 1 << 17, 1 << 20, 15 << 20)
    ),
    *(
        Workload(f"body-{size >> 10}k", f"a body of {size >> 10} KB", "cpu_ms_per_mb", _body_size(size), only=_OURS)
        for size in (1 << 16, 1 << 20, 1 << 23, 60 << 20)
    ),
)
WORKLOADS: Mapping[str, Workload] = {workload.name: workload for workload in _LIST}
GROUPS: Mapping[str, tuple[str, ...]] = {
    "quick": ("paced", "small", "first-token", "flat-out", "start"),
    "main": tuple(one.name for one in _LIST if not one.only),
    "scale": tuple(one.name for one in _LIST if one.only),
}
