"""Measures the time to the first token with and without hedges, when one of two equal providers sometimes stalls.

    python -m benchmarks.hedging                     four runs, under three minutes
    python -m benchmarks.hedging --stall 2 --requests 500

Both providers usually take about a tenth of a second to the first token; for 5 % of its
requests, provider ``a`` takes ten seconds. Requests come at a steady rate, each as a
conversation of its own. All random numbers come from a seed, so that the runs differ in their
settings only. ``extra`` is the share of requests that the providers got beyond the clients'.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h11
import trio

from tests.e2e.http_client import Client
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.fakes.exchange import Exchange

SHARED: Sequence[Any] = [["a", "b"]]
FIRST: Sequence[Any] = ["a", "b"]
FIELDS = {"model": "m", "stream": True}


@dataclass(frozen=True)
class Setting:
    requests: int = 1500
    per_second: float = 50.0
    usual_s: float = 0.1
    stall_s: float = 10.0
    share: float = 0.05
    seed: int = 1


@dataclass(frozen=True)
class Result:
    first_s: Sequence[float]
    """The time to the first token of each request, in ascending order."""
    extra: float
    stalls: int

    def percentile(self, share: float) -> float:
        return self.first_s[min(len(self.first_s) - 1, int(share * len(self.first_s)))]


async def run(setting: Setting, after: float | str | None, priority: Sequence[Any]) -> Result:
    """One run of all the requests."""
    draw = random.Random(setting.seed)
    stalls = 0

    def behaviour(share: float) -> Callable[[Exchange], Reply]:
        def reply(_call: Exchange) -> Reply:
            nonlocal stalls
            is_stall = draw.random() < share
            stalls += is_stall
            return Answer(first_s=setting.stall_s if is_stall else setting.usual_s * draw.lognormvariate(0, 0.2))

        return reply

    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
            one.rule, two.rule = behaviour(setting.share), behaviour(0)
            routing = {"provider_priority": list(priority), "hedge": {"after": after}}
            config = config_for(one, two, names=("a", "b"), routing=routing)
            async with linx_here(config, Path(folder)) as app, trio.open_nursery() as nursery:
                port = app.bound[0][1]
                start = trio.current_time()
                for number in range(setting.requests):
                    await trio.sleep_until(start + number / setting.per_second)
                    nursery.start_soon(_ask, port, number, times)
            calls = len(one.calls) + len(two.calls)
    return Result(sorted(times), calls / setting.requests - 1, stalls)


async def _ask(port: int, number: int, times: list[float]) -> None:
    async with Client(port) as client:
        start = time.perf_counter()
        body = {**FIELDS, "messages": [{"role": "user", "content": f"question {number}"}]}
        await client.send("POST", "/v1/chat/completions", body)
        response = await client.event()
        assert response.status_code == 200, response
        # Linx sends the head together with the first token.
        times.append(time.perf_counter() - start)
        while not isinstance(await client.event(), h11.EndOfMessage):
            pass


async def main(setting: Setting) -> None:
    print(
        f"{setting.requests} requests, {setting.per_second:g} a second; usually {setting.usual_s:g} s "
        f"to the first token, but {setting.stall_s:g} s for {setting.share:.0%} of those at a.\n"
    )
    print("| a and b | hedge.after | p50 | p95 | p99 | slowest | stalls | extra requests |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for title, priority in (("share the load", SHARED), ("a always first", FIRST)):
        before = 0.0
        for after in (None, "auto"):
            result = await run(setting, after, priority)
            p50, p95, p99 = (result.percentile(share) for share in (0.5, 0.95, 0.99))
            gain = f" ({before / p99:.0f}x)" if before else ""
            before = p99
            print(
                f"| {title} | {after or 'null'} | {p50:.3f} s | {p95:.3f} s | {p99:.3f} s{gain} "
                f"| {result.first_s[-1]:.3f} s | {result.stalls} | {result.extra:.1%} |",
                flush=True,
            )


def _setting() -> Setting:
    usual = Setting()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hedging", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--requests", type=int, default=usual.requests)
    parser.add_argument("--per-second", type=float, default=usual.per_second)
    parser.add_argument("--stall", type=float, default=usual.stall_s, help="seconds")
    parser.add_argument("--share", type=float, default=usual.share)
    parser.add_argument("--seed", type=int, default=usual.seed)
    options = parser.parse_args()
    return Setting(options.requests, options.per_second, stall_s=options.stall, share=options.share, seed=options.seed)


if __name__ == "__main__":
    trio.run(main, _setting())
