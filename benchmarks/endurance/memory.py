"""How much memory Linx takes for an idle connection, for a stream, and for a stream from a provider behind TLS.

    python -m benchmarks.endurance.memory                1,000 connections of each sort, each in a Linx of its own
    python -m benchmarks.endurance.memory --count 3000

A stream has a frame each two seconds, and each of its frames must arrive. Memory is what the system counts for the
process of Linx, before the connections are opened and while they are all there.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from benchmarks.endurance import watch
from benchmarks.endurance.plan import Plan
from benchmarks.endurance.run import Setting, config_of, environment, started_providers, write_config
from linx.core import jsontext
from tests.e2e.http_client import ask
from tests.e2e.linx_process import LinxProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

EVERY_S = 2.0
AT_ONCE = 6  # connections that are being opened at one time
WARM_UP = 520  # requests: as many as Linx keeps records of, since those take memory only once
PATH = "/v1/chat/completions"


@dataclass(frozen=True)
class Sort:
    """``request`` is sent on each connection; ``is_stream``: its answer goes on as long as the connection."""

    title: str
    most_kib: float
    model: str
    is_stream: bool


SORTS: Mapping[str, Sort] = {
    "idle": Sort("idle connection, after a whole answer", 12, "two/m", is_stream=False),
    "plain": Sort("stream, OpenAI", 32, "two/m", is_stream=True),
    "translated": Sort("stream, Ollama to OpenAI", 32, "one/m", is_stream=True),
    "tls": Sort("stream, OpenAI behind TLS", 96, "secure/m", is_stream=True),
}


@dataclass
class Measured:
    sort: Sort
    count: int
    kib: float
    """Of each connection."""
    frames: int
    """The least number of frames that a stream has had."""
    wanted: int

    @property
    def is_well(self) -> bool:
        return self.kib <= self.sort.most_kib and self.frames >= self.wanted


def _request(sort: Sort, number: int, words: int) -> bytes:
    plan = Plan(f"m{number:x}", words, every_ms=int(EVERY_S * 1000))
    body = {"model": sort.model, "stream": sort.is_stream, "messages": [{"role": "user", "content": plan.prompt}]}
    data = jsontext.dumps(body)
    return b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (PATH.encode(), len(data), data)


async def measure(sort: Sort, count: int, hold_s: float, folder: Path, warm_up: int = WARM_UP) -> Measured:
    setting = Setting(faults=0.0, hedge_after_s=None, first_token_timeout_s=None)
    async with started_providers(setting, folder) as (_conversation, configs):
        config = {**config_of(configs, setting), "server": {"port": 0, "heartbeat_s": 600}}
        write_config(config, folder / "config.json")
        arguments = ("--config", str(folder / "config.json"), "--log-level", "warning")
        async with LinxProcess(None, folder, *arguments, env=environment(folder, setting)) as linx:
            await _warm_up(linx.port, sort, warm_up)
            await trio.sleep(0.5)
            before = watch.memory_mb(linx.process.pid)
            frames = [0] * count
            async with trio.open_nursery() as nursery:
                gate = trio.CapacityLimiter(AT_ONCE)
                async with trio.open_nursery() as opening:
                    for number in range(count):
                        opening.start_soon(_open, linx.port, sort, number, frames, gate, nursery)
                at_start = list(frames)
                await trio.sleep(hold_s)
                after = watch.memory_mb(linx.process.pid)
                least = min(now - then for now, then in zip(frames, at_start, strict=True))
                nursery.cancel_scope.cancel()
    wanted = int(hold_s / EVERY_S) - 1 if sort.is_stream else 0
    return Measured(sort, count, (after - before) * 1024 / count, least, wanted)


async def _warm_up(port: int, sort: Sort, requests: int) -> None:
    numbers = iter(range(requests))

    async def work() -> None:
        for number in numbers:
            body = _request(sort, number, 1).partition(b"\r\n\r\n")[2]
            assert (await ask(port, PATH, body)).status == 200

    async with trio.open_nursery() as nursery:
        for _ in range(AT_ONCE):
            nursery.start_soon(work)


async def _open(
    port: int, sort: Sort, number: int, frames: list[int], gate: trio.CapacityLimiter, nursery: trio.Nursery
) -> None:
    """Returns when the connection is as it is to stay: its answer is over, or its stream has begun."""
    async with gate:
        await nursery.start(_keep, port, sort, number, frames)


async def _keep(port: int, sort: Sort, number: int, frames: list[int], task_status: trio.TaskStatus[None]) -> None:
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(_request(sort, number, 1000 if sort.is_stream else 1))
        seen = await stream.receive_some(65536)
        assert seen.startswith(b"HTTP/1.1 200"), seen
        while sort.is_stream and b'"content":"m' not in seen:
            seen += await stream.receive_some(65536)
        task_status.started()
        while data := await stream.receive_some(65536):
            frames[number] += data.count(b'"content":"m')


def table(found: list[Measured]) -> str:
    lines = [
        "| | connections | KiB each | at most | frames of each stream | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for one in found:
        verdict = "" if one.is_well else "**wrong**"
        lines.append(
            f"| {one.sort.title} | {one.count} | {one.kib:.1f} | {one.sort.most_kib:g} | {one.frames} | {verdict} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance.memory")
    parser.add_argument("sorts", nargs="*", default=list(SORTS))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--hold", type=float, default=10.0, help="seconds for which the connections are kept")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    found = []
    for name in options.sorts:
        with tempfile.TemporaryDirectory(prefix="linx-memory-") as folder:
            found.append(trio.run(measure, SORTS[name], options.count, options.hold, Path(folder)))
            print(table(found[-1:]).splitlines()[-1], flush=True)
    print(table(found))
    return 0 if all(one.is_well for one in found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
