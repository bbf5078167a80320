"""How each sort of workload measures a contender: the job of the load generator, and the figures made of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks import load, prompts
from benchmarks.load import Job, Seen
from benchmarks.prompts import Plan, chat
from benchmarks.setting import MODEL
from benchmarks.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.contenders import Started
    from benchmarks.prompts import Body
    from benchmarks.setting import Fields

Figures = dict[str, float]
SLOWER = 10
SETTLE_S = 0.3
LONGER_S = 90.0  # a paced stream is longer than any measurement
SHORT_PATIENCE_S = 10.0  # for streams that come as fast as they go: one of them can take a whole contender
ENDLESS = 1_000_000_000
PROMPTS = range(0, 121, 11)  # bytes that are added to a request, since real clients do not repeat their requests
KINDS = ("openai", "ollama", "anthropic")


def _us(nanoseconds: int) -> float:
    return nanoseconds / 1000


class _Cpu:
    """The CPU time of a contender between ``start`` and ``stop``."""

    def __init__(self, started: Started) -> None:
        self._process = started.process
        self._before = self.ns = 0

    def start(self) -> None:
        self._before = self._process.cpu_ns() if self._process else 0

    def stop(self) -> None:
        self.ns = self._process.cpu_ns() - self._before if self._process else 0


def _run(started: Started, job: Job) -> tuple[Seen, int]:
    """What was seen, and the CPU time of the contender meanwhile, in nanoseconds."""
    cpu = _Cpu(started)
    seen = load.run(started.program, job, on_start=cpu.start, on_end=cpu.stop)
    return seen, cpu.ns


def asking(
    connections: int,
    body: Callable[..., Body],
    frames: int,
    *,
    fields: Fields = (),
    is_fresh: bool = False,
    every_s: float = 0.0,
    rounds: int = 3,
) -> Callable[[Started, float], Figures]:
    """Clients that ask again as soon as they are answered; each asks ``rounds`` times at least."""

    def measure(started: Started, seconds: float) -> Figures:
        requests = [started.request(body(more=more), fields) for more in PROMPTS]
        job = Job(
            started.port, requests, connections, seconds, frames, rounds * connections, is_fresh=is_fresh,
            every_s=every_s,
        )  # fmt: skip
        seen, cpu_ns = _run(started, job)
        return {
            "cpu_us_per_request": _us(cpu_ns) / seen.requests,
            "ttft_p50_us": _us(seen.firsts.p50),
            "ttft_p99_us": _us(seen.firsts.p99),
            "whole_p50_us": _us(seen.wholes.p50),
            "whole_p99_us": _us(seen.wholes.p99),
            "requests_per_s": seen.requests / seen.window_ns * 1e9,
        }

    return measure


def paced(streams: int, interval_ms: float, *, is_changing: bool = False) -> Callable[[Started, float], Figures]:
    def measure(started: Started, seconds: float) -> Figures:
        # A contender that takes milliseconds for a frame gets a tenth of the frames, which would only queue otherwise.
        interval = interval_ms * (SLOWER if started.contender.is_slow else 1)
        plan = Plan(int(LONGER_S * 1000 / interval), int(interval * 1000), is_changing=is_changing)
        request = started.request(chat(plan, stream=True))
        seen, cpu_ns = _run(started, _streams(started, request, streams, interval, seconds))
        return {
            "cpu_us_per_frame": _us(cpu_ns) / max(1, seen.frames),
            "delay_p50_us": _us(seen.delays.p50),
            "delay_p99_us": _us(seen.delays.p99),
            "ttft_p99_us": _us(seen.firsts.p99),
            "delivered_share": seen.frames / (streams * seen.window_ns / 1e6 / interval),
        }

    return measure


def _streams(started: Started, request: bytes, streams: int, interval_ms: float, seconds: float) -> Job:
    # The streams start one after the other, so that their frames do not all come at the same time.
    gap_s = min(max(interval_ms / streams, 0.5), 2.0) / 1000
    return Job(started.port, [request], streams, seconds, is_endless=True, gap_s=gap_s, settle_s=SETTLE_S)


def flat_out(streams: int, burst: int) -> Callable[[Started, float], Figures]:
    def measure(started: Started, seconds: float) -> Figures:
        request = started.request(chat(Plan(ENDLESS, burst=burst), stream=True))
        job = Job(
            started.port, [request], streams, seconds, is_endless=True, settle_s=SETTLE_S, patience_s=SHORT_PATIENCE_S
        )  # fmt: skip
        seen, cpu_ns = _run(started, job)
        return {
            "cpu_us_per_frame": _us(cpu_ns) / max(1, seen.frames),
            "frames_per_s": seen.frames / seen.window_ns * 1e9,
        }

    return measure


def watched(measure: Callable[[Started, float], Figures]) -> Callable[[Started, float], Figures]:
    """The same with a page of the dashboard open."""

    def beside(started: Started, seconds: float) -> Figures:
        with Viewer(started.port) as viewer:
            figures = measure(started, seconds)
            return {**figures, "kb_to_page": viewer.received / 1024}

    return beside


def _each_pair(started: Started, plan: Plan, *, stream: bool) -> Iterator[tuple[str, bytes]]:
    """Every face with every kind of provider: ``face < kind`` and its request."""
    for face, (path, body) in prompts.FACES.items():
        for kind in KINDS:
            yield f"{face} < {kind}", started.request({"model": f"{MODEL}-{kind}", **body(plan, stream)}, path=path)


def pairs(streams: int, interval_ms: float) -> Callable[[Started, float], Figures]:
    """Paced frames; the figures are the µs of CPU for a frame."""

    def measure(started: Started, seconds: float) -> Figures:
        figures: Figures = {}
        plan = Plan(int(LONGER_S * 1000 / interval_ms), int(interval_ms * 1000))
        for pair, request in _each_pair(started, plan, stream=True):
            seen, cpu_ns = _run(started, _streams(started, request, streams, interval_ms, seconds))
            figures[pair] = _us(cpu_ns) / max(1, seen.frames)
        return figures

    return measure


def asking_pairs(connections: int) -> Callable[[Started, float], Figures]:
    """Small requests, whole; the figures are the µs of CPU for a request."""

    def measure(started: Started, seconds: float) -> Figures:
        figures: Figures = {}
        for pair, request in _each_pair(started, Plan(2), stream=False):
            seen, cpu_ns = _run(started, Job(started.port, [request], connections, seconds, 2))
            figures[pair] = _us(cpu_ns) / seen.requests
        return figures

    return measure


def start_up(started: Started, _seconds: float) -> Figures:
    return {"ready_ms": started.ready_s * 1000, "first_answer_ms": started.first_answer_s * 1000}


def memory(idle: int, streams: int) -> Callable[[Started, float], Figures]:
    def measure(started: Started, seconds: float) -> Figures:
        process = started.process
        if process is None:
            return {}
        small = started.request(chat(Plan(2), stream=True))
        load.run(started.program, Job(started.port, [small], 4, 0.3))
        time.sleep(0.2)
        base = process.rss()
        found: list[int] = []
        # The job of a thousand clients that ask once ends with a thousand idle connections.
        job = Job(started.port, [small], idle, 0.0)
        load.run(started.program, job, on_start=lambda: found.append(process.rss()))
        time.sleep(0.5)
        before = process.rss()
        request = started.request(chat(Plan(int(LONGER_S * 2), 500_000), stream=True))
        endless = Job(started.port, [request], streams, seconds, is_endless=True, gap_s=0.001, settle_s=SETTLE_S)
        load.run(started.program, endless, on_end=lambda: found.append(process.rss()))
        return {
            "idle_mb": base / 1e6,
            "kb_per_idle_connection": (found[0] - base) / 1024 / idle,
            "kb_per_stream": (found[1] - before) / 1024 / streams,
            "kb_per_stream_from_idle": (found[1] - base) / 1024 / streams,
        }

    return measure
