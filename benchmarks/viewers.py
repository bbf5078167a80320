"""What open pages of the dashboard cost: CPU time a frame without pages, and with three, of which one is stuck.

    python -m benchmarks.viewers                     5,000 frames a second, about a minute
    python -m benchmarks.viewers --streams 10 --rounds 1 --seconds 1

Linx and a provider run as processes of their own. Rounds without and with pages take turns, so that both see the same
machine; the CPU time of Linx for each frame that its clients received is compared, in the median. The stuck page opens
its WebSocket and then reads nothing. The command fails if pages cost more than ``--most`` per cent, or if memory grows
by more than the answers that are kept. On a busy machine the figures say little.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import trio
import trio_websocket

from benchmarks.processes import Running
from linx.core import jsontext
from tests.e2e.linx_process import LinxProcess, config_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

INTERVAL_S = 0.01
READING, STUCK = 2, 1
MOST_GROWTH = 16 * 2**20  # bytes of memory, between the first round with pages and the last
SETTLE_S = 0.5
START_S = 60.0


@dataclass
class Options:
    """The options of the command."""

    streams: int = 50
    seconds: float = 2.0
    rounds: int = 12
    most: float = 10.0
    """Per cent."""


@dataclass
class Seen:
    """What clients and pages have received."""

    frames: int = 0
    messages: int = 0
    cpu_us: dict[bool, list[float]] = field(default_factory=lambda: {False: [], True: []})
    """Microseconds a frame of each round, without and with pages."""
    rates: list[float] = field(default_factory=list)
    rss: list[int] = field(default_factory=list)
    click_s: list[float] = field(default_factory=list)


async def main(options: Options) -> int:
    """Measure, print, and return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        upstream = Running([sys.executable, "-m", "benchmarks.upstream", "0"], Path(folder) / "upstream.log")
        try:
            port = await _port_of(upstream)
            provider = {"bench": {"kind": "openai", "endpoint": f"http://127.0.0.1:{port}", "api_key": "none-needed"}}
            config = config_for(providers=provider, ledger={"enabled": False})
            async with LinxProcess(config, Path(folder), "--log-level", "warning") as linx:
                seen = await _measure(linx, options)
        finally:
            upstream.stop()
    return _tell(seen, options)


async def _port_of(upstream: Running) -> int:
    with trio.fail_after(START_S):
        while "listening on " not in upstream.output():  # noqa: ASYNC110 - another process writes it
            await trio.sleep(0.05)
    return int(upstream.output().split()[-1])


async def _measure(linx: LinxProcess, options: Options) -> Seen:
    seen = Seen()
    watched = _Watched(linx.process.pid)
    async with trio.open_nursery() as nursery:
        for number in range(options.streams):
            nursery.start_soon(_stream, linx.port, seen, number)
        with trio.fail_after(START_S):
            while seen.frames < options.streams:  # noqa: ASYNC110 - once, at the start
                await trio.sleep(0.05)
        for _ in range(options.rounds):
            await _round(watched, seen, options, has_pages=False)
            async with _pages(linx.port, seen):
                await _round(watched, seen, options, has_pages=True)
                seen.rss.append(watched.rss())
                await _click(linx.port, seen)
        nursery.cancel_scope.cancel()
    return seen


class _Watched:
    """CPU time and memory of a process that another object has started."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def cpu_ns(self) -> int:
        tasks = Path(f"/proc/{self._pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir())

    def rss(self) -> int:
        return int(Path(f"/proc/{self._pid}/statm").read_text().split()[1]) * 4096


async def _round(watched: _Watched, seen: Seen, options: Options, *, has_pages: bool) -> None:
    await trio.sleep(SETTLE_S)
    frames, cpu, begun = seen.frames, watched.cpu_ns(), trio.current_time()
    await trio.sleep(options.seconds)
    count = seen.frames - frames
    seen.cpu_us[has_pages].append((watched.cpu_ns() - cpu) / 1000 / max(1, count))
    seen.rates.append(count / (trio.current_time() - begun))


async def _stream(port: int, seen: Seen, number: int) -> None:
    """One client with a streamed answer that lasts longer than the measurement."""
    await trio.sleep(INTERVAL_S * number / 50)
    plan = f"frames=1000000 interval={int(INTERVAL_S * 1e6)} size=0 burst=1"
    body = jsontext.dumps({"model": "bench-model", "stream": True, "messages": [{"role": "user", "content": plan}]})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(head.encode() + body)
        async for data in stream:
            seen.frames += data.count(b"\n\n")


@contextlib.asynccontextmanager
async def _pages(port: int, seen: Seen) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        for _ in range(READING):
            nursery.start_soon(_read, port, seen)
        for _ in range(STUCK):
            nursery.start_soon(_stick, port)
        yield
        nursery.cancel_scope.cancel()


async def _read(port: int, seen: Seen) -> None:
    async with trio_websocket.open_websocket(
        "127.0.0.1", port, "/linx/events", use_ssl=False, max_message_size=1 << 26, message_queue_size=64
    ) as page:
        while True:
            await page.get_message()
            seen.messages += 1


async def _stick(port: int) -> None:
    key = base64.b64encode(bytes(16)).decode()
    fields = f"upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n\r\n"
    head = f"GET /linx/events HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n{fields}"
    with trio.socket.socket() as sock:
        sock.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4096)
        await sock.connect(("127.0.0.1", port))
        await sock.send(head.encode())
        await trio.sleep_forever()


async def _click(port: int, seen: Seen) -> None:
    """Look at all requests, as the page does, from a process of its own: this one is busy with reading."""
    done = await trio.run_process([sys.executable, "-c", _CLICK, str(port)], capture_stdout=True)
    seen.click_s += map(float, done.stdout.split())


_CLICK = """
import http.client, sys, time
for _ in range(10):
    begun = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
    connection.request("GET", "/linx/requests")
    connection.getresponse().read()
    print(time.monotonic() - begun)
    connection.close()
"""


def _tell(seen: Seen, options: Options) -> int:
    without, with_pages = (statistics.median(seen.cpu_us[has]) for has in (False, True))
    more = 100 * (with_pages / without - 1)
    growth = max(seen.rss) - seen.rss[0]
    print(f"frames a second: {statistics.median(seen.rates):.0f}, messages to pages: {seen.messages}")
    print(f"CPU a frame: {without:.1f} µs without pages, {with_pages:.1f} µs with {READING + STUCK}: {more:+.1f} %")
    print(f"memory: {seen.rss[0] / 2**20:.1f} MB, later at most {growth / 2**20:+.1f} MB")
    print(f"a click is answered in {statistics.median(seen.click_s) * 1000:.1f} ms")
    is_good = more <= options.most and growth <= MOST_GROWTH
    print("good" if is_good else "too much")
    return 0 if is_good else 1


def parse(argv: Sequence[str] | None = None) -> Options:
    usual = Options()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.viewers", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--streams", type=int, default=usual.streams)
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="of each round")
    parser.add_argument("--rounds", type=int, default=usual.rounds)
    parser.add_argument("--most", type=float, default=usual.most, help="per cent that pages may cost")
    return Options(**vars(parser.parse_args(argv)))


if __name__ == "__main__":
    raise SystemExit(trio.run(main, parse()))
