"""The workloads of a user's day. Each measures a contender once, and returns a few figures.

A figure's name ends with its unit. ``cpu_us_…`` is the CPU time of the contender's processes for a unit of work;
``delay_…``, ``ttft_…`` and ``whole_…`` are wall times, which include those of the provider and of the load itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import measurements as how
from benchmarks import prompts
from benchmarks.prompts import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.contenders import Started
    from benchmarks.setting import Contender

LARGE = 400 * 1024
TOKENS = 200


@dataclass(frozen=True)
class Workload:
    """``measure(started, seconds)`` returns the figures; ratios between contenders are made of ``primary``."""

    name: str
    title: str
    primary: str
    measure: Callable[[Started, float], how.Figures]
    seconds: float = 0.6
    is_fresh: bool = False
    """Starts a new contender for each measurement."""
    only: tuple[str, ...] = ()
    """The contenders to measure; empty: those that take part in everything."""
    also: tuple[str, ...] = ()
    """Contenders beside those."""
    is_tls: bool = False
    """The provider is behind TLS."""
    rounds: int = 99
    """At most."""
    is_heavy: bool = False
    """Not for a contender that takes milliseconds for a request or a frame: they would only queue up."""

    def wants(self, contender: Contender) -> bool:
        usual = contender.base in self.only if self.only else contender.is_usual
        return usual or contender.base in self.also


def percentile(values: Sequence[int] | Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return float(ordered[min(len(ordered) - 1, int(share * len(ordered)))]) if ordered else float("nan")


_FRAME, _REQUEST = "cpu_us_per_frame", "cpu_us_per_request"
_TWO = Plan(2)
_small = partial(prompts.chat, _TWO, stream=False)
_small_stream = partial(prompts.chat, _TWO, stream=True)
_long = partial(prompts.chat, Plan(TOKENS, interval_us=1_000_000 // TOKENS), stream=False)
_agent = partial(prompts.agent, _TWO)
_large = partial(prompts.long_chat, _TWO, LARGE, stream=False)
_OWN = ("linx-two", "linx-costs")

_LIST = (
    Workload("small", "a small request, whole, 8 clients", _REQUEST, how.asking(8, _small, 2), also=_OWN),
    Workload("small-stream", "a small request, streamed, 8 clients", _REQUEST, how.asking(8, _small_stream, 2)),
    Workload("first-token", "a small request, streamed, 1 client", "ttft_p50_us", how.asking(1, _small_stream, 2)),
    Workload(
        "whole", f"a whole answer of {TOKENS} tokens over a second, 8 clients", _REQUEST,
        how.asking(8, _long, TOKENS, rounds=2),
    ),
    Workload(
        "whole-alone", f"a whole answer of {TOKENS} tokens over a second, 1 client", _REQUEST,
        how.asking(1, _long, TOKENS, rounds=1), rounds=2,
    ),
    Workload(
        "lone", "a lone client each 30 ms", _REQUEST, how.asking(1, _small, 2, every_s=0.03), seconds=1.2, also=_OWN
    ),
    Workload("connect", "a new connection each, 8 clients", _REQUEST, how.asking(8, _small, 2, is_fresh=True)),
    Workload(
        "sdk", "a small request with the SDK's whole head, streamed, 8 clients", _REQUEST,
        how.asking(8, _small_stream, 2, fields=prompts.SDK), rounds=2,
    ),
    Workload("agent", "50 tools, 200 messages, 125 KB, streamed, 4 clients", _REQUEST, how.asking(4, _agent, 2)),
    Workload("large", "a body of 400 KB, whole answer, 2 clients", _REQUEST, how.asking(2, _large, 2), rounds=2),
    Workload("paced-1", "1 stream, a frame each 10 ms", _FRAME, how.paced(1, 10)),
    Workload("paced-8", "8 streams, a frame each 10 ms", _FRAME, how.paced(8, 10), rounds=2),
    Workload("paced", "48 streams, a frame each 10 ms", _FRAME, how.paced(48, 10)),
    Workload(
        "changing", "48 streams, a frame each 10 ms, whose other fields change", _FRAME,
        how.paced(48, 10, is_changing=True),
    ),
    Workload(
        "crowd", "1,000 streams, a frame each 200 ms", _FRAME, how.paced(1000, 200), seconds=2.0, also=("olla-wide",),
        rounds=2,
    ),
    Workload(
        "many", "a small request, whole, 1,000 clients", _REQUEST, how.asking(1000, _small, 2), rounds=2, is_heavy=True
    ),
    Workload("flat-out", "8 streams as fast as they go, a write a frame", _FRAME, how.flat_out(8, 1), is_heavy=True),
    Workload(
        "bulk", "8 streams as fast as they go, 64 frames a write", _FRAME, how.flat_out(8, 64), rounds=2, is_heavy=True
    ),
    Workload(
        "tls", "a small request, whole, 8 clients, the provider behind TLS", _REQUEST, how.asking(8, _small, 2),
        is_tls=True, rounds=2,
    ),
    Workload(
        "watched", "48 streams, a frame each 10 ms, a page of the dashboard open", _FRAME,
        how.watched(how.paced(48, 10)), only=("linx",),
    ),
    Workload(
        "watched-small", "a small request, whole, 8 clients, a page of the dashboard open", _REQUEST,
        how.watched(how.asking(8, _small, 2)), only=("linx",),
    ),
    Workload(
        "pairs", "µs of CPU a frame, 8 streams, a frame each 10 ms: face < kind of provider", "openai < openai",
        how.pairs(8, 10), only=("linx-kinds",), seconds=0.4, rounds=2,
    ),
    Workload(
        "pairs-small", "µs of CPU a small request, whole, 8 clients: face < kind of provider", "openai < openai",
        how.asking_pairs(8), only=("linx-kinds",), seconds=0.4, rounds=2,
    ),
    Workload("start", "from start to ready", "ready_ms", how.start_up, is_fresh=True, rounds=2),
    Workload(
        "memory", "1,000 idle connections, then 1,000 streams", "idle_mb", how.memory(1000, 1000), is_fresh=True,
        also=("olla-wide",), rounds=1,
    ),
)  # fmt: skip
WORKLOADS: Mapping[str, Workload] = {workload.name: workload for workload in _LIST}
GROUPS: Mapping[str, tuple[str, ...]] = {
    "quick": ("small", "whole", "paced", "changing", "agent"),
    "all": tuple(WORKLOADS),
}
