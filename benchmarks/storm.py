"""A storm: thousands of requests from clients that hang up at random, to providers that fail at random.

    python -m benchmarks.storm                    10,000 requests, under a minute
    python -m benchmarks.storm --requests 2000

Linx runs as a process of its own. During the storm its metrics are read a few times a second
and compared with what the providers see: at all times there may be one connection for each
running attempt, and no other. After the storm no connection may be in use, the log may have no
exception, the number of open files must be as before, and memory must have stopped growing.
The end of each answer is checked too: an answer is complete, or it ends with an error, but is
never cut short without a sign.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h11
import trio
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import LinxProcess, config_for
from tests.fakes import scripted
from tests.fakes.exchange import set_reset
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Raw, Reply, Sleep, Stall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.fakes.exchange import Exchange

KINDS = ("ollama", "openai", "llamacpp")
NAMES = ("one", "two", "three")
AT_ONCE = 64
WARM_UP = 1500
HANG_UPS = 0.3
FAULTS = 0.35
PATIENCE_S = 5.0  # how long a client waits for an answer that hangs in the middle; nothing else takes so long
ROUTING: Mapping[str, Any] = {
    "provider_priority": [list(NAMES)],
    "hedge": {"after": 0.15, "budget": 0.1},
    "first_token_timeout_s": 0.5,
}
MESSAGES = [{"role": "user", "content": "hi"}]
ASKED = (
    ("/v1/chat/completions", {"model": "m", "messages": MESSAGES, "stream": True}),
    ("/v1/chat/completions", {"model": "m", "messages": MESSAGES}),
    ("/api/chat", {"model": "m", "messages": MESSAGES}),
    ("/api/generate", {"model": "m", "prompt": "hi"}),
)


def weather(draw: random.Random) -> Callable[[Exchange], Reply]:
    """A function that chooses what a provider does with a request."""

    def answer() -> Answer:
        return Answer(
            tokens=["word "] * draw.randrange(1, 30),
            first_s=draw.choice((0, 0, 0.01, 0.05, 0.3)),
            interval_s=draw.choice((0, 0, 0.001, 0.005)),
        )

    faults: tuple[Callable[[], Reply], ...] = (
        scripted.reset,
        scripted.closed,
        scripted.garbage,
        scripted.html,
        scripted.error_in_200,
        scripted.error_first,
        scripted.role_only,
        scripted.empty_stream,
        lambda: scripted.status(draw.choice((401, 402, 404, 408, 409, 500, 502, 503))),
        lambda: scripted.status(429, retry_after=draw.choice(("0", "0.05", "0.2"))),
        lambda: scripted.torn(draw.randrange(1, 400), draw.choice(("close", "reset"))),
        lambda: scripted.cut_after(
            draw.randrange(1, 8), draw.choice(("close", "end", "reset", "error", "garble", "hang")), answer()
        ),
        lambda: Raw([Sleep(draw.random() / 5), scripted.Reset()]),
        lambda: Raw([Stall()]),
    )
    return lambda _call: draw.choice(faults)() if draw.random() < FAULTS else answer()


@dataclass
class Report:
    """What was observed during the storm."""

    ends: Counter[str] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)
    most_running: int = 0
    most_connections: int = 0
    memory_mb: list[float] = field(default_factory=list)
    worst: Counter[str] = field(default_factory=Counter)
    """The largest excess over each limit; all must be 0."""


async def blow(port: int, requests: int, draw: random.Random, report: Report, pause_s: float = 0.0) -> None:
    """Send ``requests`` requests, AT_ONCE at a time. Before each request its client waits for up to ``pause_s``."""
    left = iter(range(requests))

    async def work() -> None:
        for _ in left:
            path, body = draw.choice(ASKED)
            leaves = draw.random() < HANG_UPS
            if pause_s:
                await trio.sleep(draw.random() * pause_s)
            report.ends[await _one(port, path, body, draw, report, leaves=leaves)] += 1

    async with trio.open_nursery() as nursery:
        for _ in range(AT_ONCE):
            nursery.start_soon(work)


async def _one(port: int, path: str, body: Any, draw: random.Random, report: Report, *, leaves: bool) -> str:
    client = Client(port)
    await client.open()
    try:
        await client.send("POST", path, body)
        if leaves:
            with trio.move_on_after(draw.choice((0, 0.002, 0.02, 0.1, 0.4))):
                await _read(client)
            if draw.random() < 0.5:
                set_reset(client.stream.socket)  # type: ignore[arg-type]  # trio's socket takes the option too
            return "left"
        with trio.move_on_after(PATIENCE_S) as patience:
            status, data, is_whole = await _read(client)
        if patience.cancelled_caught:
            return "left a silent answer"
    finally:
        await client.close()
    if status != 200:
        return f"error {status}"
    has_error = b'{"error"' in data
    ends = b"data: [DONE]" in data if b"data: " in data else b'"done":true' in data or b'"finish_reason":"' in data
    is_torn = has_error and b"data: " not in data  # a failed stream of Ollama's dialect
    if is_whole is is_torn or has_error == ends:
        report.odd.append(f"{path}: whole {is_whole}: {data[-300:]!r}")
        return "odd"
    return "error frame" if has_error else "answered"


async def _read(client: Client) -> tuple[int, bytes, bool]:
    response = await client.event()
    data = b""
    try:
        while not isinstance(event := await client.event(), h11.EndOfMessage):
            data += event.data
    except h11.RemoteProtocolError:
        return response.status_code, data, False
    return response.status_code, data, True


async def figures(port: int) -> dict[str, float]:
    """Linx's metrics, by name and labels."""
    answer = await ask(port, "/metrics")
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        for sample in family.samples:
            found[" ".join((sample.name, *sample.labels.values()))] = sample.value
            if sample.labels:
                found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


async def watch(port: int, fakes: list[FakeProvider], report: Report, pause_s: float = 0.2) -> None:
    """Compare Linx's metrics with the limits again and again, and note the largest excess."""
    while True:
        now = await figures(port)
        running, attempts = now["linx_requests_running"], now["linx_provider_active"]
        report.most_running = max(report.most_running, int(running))
        report.most_connections = max(report.most_connections, int(now["linx_upstream_connections"]))
        report.memory_mb.append(now["process_resident_memory_bytes"] / 2**20)
        # Each request has at most two attempts: one attempt and one hedge beside it.
        _note(report, "attempts beyond two a request", attempts - 2 * running)
        # Each connection in use belongs to a running attempt, except one connection for the probe of each provider.
        _note(report, "connections beyond attempts", now["linx_upstream_connections active"] - attempts - len(fakes))
        await trio.sleep(pause_s)


def _note(report: Report, rule: str, excess: float) -> None:
    report.worst[rule] = max(report.worst[rule], int(excess))


async def settled(port: int, fakes: list[FakeProvider]) -> dict[str, float]:
    """The metrics when nothing runs any more; after five seconds the metrics at that time."""
    with trio.move_on_after(5):
        while True:
            # The connection of the first reading may be closed only a moment later, so the metrics are read twice.
            await figures(port)
            await trio.sleep(0.2)
            now = await figures(port)
            in_use = now["linx_requests_running"] + now["linx_provider_active"]
            in_use += now["linx_upstream_connections active"] + now["linx_upstream_connections draining"]
            sockets = sum(fake.open_sockets for fake in fakes)
            if not in_use and sockets == now["linx_upstream_connections idle"]:
                return now
    return await figures(port)


async def main(requests: int, seed: int) -> int:
    draw = random.Random(seed)
    report = Report()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="linx-storm-")))
        fakes = []
        for kind in KINDS:
            fake = FakeProvider(kind, ["m"], record=False)  # type: ignore[arg-type]
            fakes.append(await stack.enter_async_context(fake))
            fake.rule = weather(draw)
        linx = await stack.enter_async_context(
            LinxProcess(config_for(*fakes, names=NAMES, routing=ROUTING), folder, "--log-level", "warning")
        )
        port = linx.port
        await blow(port, WARM_UP, draw, Report())  # memory that grows only once grows here
        before = await settled(port, fakes)
        start = time.perf_counter()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, port, fakes, report)
            await blow(port, requests, draw, report)
            nursery.cancel_scope.cancel()
        seconds = time.perf_counter() - start
        after = await settled(port, fakes)
        log = linx.log.read_text()
    return _tell(requests, seconds, report, before, after, fakes, log)


def _tell(
    requests: int,
    seconds: float,
    report: Report,
    before: Mapping[str, float],
    after: Mapping[str, float],
    fakes: list[FakeProvider],
    log: str,
) -> int:
    idle = [int(figures["linx_upstream_connections idle"]) for figures in (before, after)]
    files = [int(figures["process_open_fds"]) for figures in (before, after)]
    memory = [figures["process_resident_memory_bytes"] / 2**20 for figures in (before, after)]
    hedges = after["linx_hedges_total"] - before["linx_hedges_total"]
    steps = [report.memory_mb[len(report.memory_mb) * part // 4 - 1] for part in (1, 2, 3, 4)]
    rows: list[tuple[str, object, bool]] = [
        ("requests", f"{requests} in {seconds:.1f} s, {requests / seconds:.0f} a second", True),
        ("what clients saw", ", ".join(f"{end}: {count}" for end, count in report.ends.most_common()), True),
        ("answers that were silently short", len(report.odd), not report.odd),
        ("most requests, most upstream connections", f"{report.most_running}, {report.most_connections}", True),
        *((f"worst: {rule}", excess, excess <= 0) for rule, excess in report.worst.items()),
        ("hedges", f"{hedges:.0f} ({hedges / requests:.1%})", hedges <= 0.11 * requests),
        ("running at the end", int(after["linx_requests_running"]), not after["linx_requests_running"]),
        ("active at providers at the end", int(after["linx_provider_active"]), not after["linx_provider_active"]),
        ("upstream connections at the end", f"{idle[1]} idle, 0 others", after["linx_upstream_connections"] == idle[1]),
        ("sockets open at the providers", sum(fake.open_sockets for fake in fakes), True),
        (
            "open files without idle ones",
            f"{files[0] - idle[0]} → {files[1] - idle[1]}",
            files[0] - idle[0] == files[1] - idle[1],
        ),
        (
            "memory",
            f"{memory[0]:.1f} → {' → '.join(f'{each:.1f}' for each in steps)} MiB",
            memory[1] < memory[0] * 1.1 + 2,
        ),
        ("exceptions in the log", log.count("Traceback"), "Traceback" not in log),
    ]
    print("| | | |\n| --- | --- | --- |")
    for name, value, is_well in rows:
        print(f"| {name} | {value} | {'' if is_well else '**wrong**'} |")
    for odd in report.odd[:5]:
        print(odd)
    if "Traceback" in log:
        print(log[log.index("Traceback") :][:3000])
    return 0 if all(is_well for _name, _value, is_well in rows) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storm", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    raise SystemExit(trio.run(main, options.requests, options.seed))
