"""What Linx remembers of its requests: counters, first-token times, the last records.

Everything here is memory only and bounded. Recording is synchronous and never waits for
anybody who looks.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from linx.chat import Usage

KEPT_REQUESTS = 500


class Histogram:
    """A small decaying histogram of durations in seconds.

    Buckets grow by a quarter each, from a millisecond to about an hour, so a percentile
    is exact to an eighth. Older samples fade: each new one weighs ``1 + DECAY`` times
    the one before it, which forgets a changed provider after a few hundred requests.
    """

    FIRST_S = 0.001
    GROWTH = 1.25
    BUCKETS = 68
    DECAY = 0.01
    __slots__ = ("_weight", "_weights", "samples")

    def __init__(self) -> None:
        self.samples = 0
        self._weight = 1.0
        self._weights = [0.0] * self.BUCKETS

    def add(self, seconds: float) -> None:
        self.samples += 1
        self._weights[self._bucket(seconds)] += self._weight
        self._weight *= 1 + self.DECAY
        if self._weight > 1e100:
            self._weights = [weight / self._weight for weight in self._weights]
            self._weight = 1.0

    def percentile(self, share: float) -> float | None:
        """Seconds below which ``share`` (0 to 1) of the samples lie; None without samples."""
        total = sum(self._weights)
        if not total:
            return None
        wanted = share * total
        seen = 0.0
        for bucket, weight in enumerate(self._weights):
            seen += weight
            if weight and seen >= wanted:
                inside = 1 - (seen - wanted) / weight
                lower = 0.0 if bucket == 0 else self.FIRST_S * self.GROWTH ** (bucket - 1)
                upper = self.FIRST_S * self.GROWTH**bucket
                return lower + (upper - lower) * inside
        return self.FIRST_S * self.GROWTH ** (self.BUCKETS - 1)

    def _bucket(self, seconds: float) -> int:
        if seconds <= self.FIRST_S:
            return 0
        return min(self.BUCKETS - 1, math.ceil(math.log(seconds / self.FIRST_S, self.GROWTH)))


@dataclass(slots=True)
class Counters:
    """What one provider (or one model at one) has done since Linx started."""

    requests: int = 0
    failures: int = 0
    hedges: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    first_token: Histogram = field(default_factory=Histogram)

    def used(self, usage: Usage, cost_usd: float | None) -> None:
        self.prompt_tokens += usage.prompt
        self.completion_tokens += usage.completion
        self.cost_usd += cost_usd or 0.0


@dataclass(slots=True)
class AttemptRecord:
    """One attempt as the records show it. Times are trio's clock, in seconds."""

    provider: str
    model: str
    started: float
    ended: float | None = None
    outcome: str = ""
    """"" while it runs; then one of the words of ``x-linx-attempts``."""
    is_hedge: bool = False


@dataclass(slots=True)
class RequestRecord:
    """One request of a client, while it runs and after. Times are trio's clock."""

    id: str
    started_at: float
    """Seconds since 1970."""
    started: float
    method: str
    path: str
    model: str = ""
    served_model: str | None = None
    provider: str | None = None
    phase: str = "connecting"
    """queued, connecting, waiting, streaming; then done, failed or cancelled."""
    attempts: list[AttemptRecord] = field(default_factory=list)
    status: int | None = None
    first_token: float | None = None
    ended: float | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    upstream_s: float = 0.0
    """Time spent waiting for providers before the first meaningful event."""
    stop: Callable[[], None] | None = None
    """Cancels the request while it runs."""

    def attempts_header(self) -> bytes:
        """The value of ``x-linx-attempts``: ``ollama=connect_failed, openrouter=ok``."""
        return ", ".join(f"{one.provider}={one.outcome or 'ok'}" for one in self.attempts).encode("ascii", "replace")

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "started_at": self.started_at,
            "phase": self.phase,
            "method": self.method,
            "path": self.path,
            "model": self.model,
            "served_model": self.served_model,
            "provider": self.provider,
            "attempts": [
                {
                    "provider": one.provider,
                    "model": one.model,
                    "started_ms": _ms(one.started - self.started),
                    "ended_ms": None if one.ended is None else _ms(one.ended - self.started),
                    "outcome": one.outcome or None,
                }
                for one in self.attempts
            ],
            "status": self.status,
            "first_token_ms": None if self.first_token is None else _ms(self.first_token - self.started),
            "duration_ms": None if self.ended is None else _ms(self.ended - self.started),
            "tokens": None
            if self.usage is None
            else {"prompt": self.usage.prompt, "completion": self.usage.completion},
            "cost_usd": self.cost_usd,
        }


class Telemetry:
    """The running requests and the last finished ones, and counters by provider."""

    def __init__(self) -> None:
        self.running: dict[str, RequestRecord] = {}
        self.finished: deque[RequestRecord] = deque(maxlen=KEPT_REQUESTS)
        self.providers: dict[str, Counters] = {}

    def counters(self, provider: str) -> Counters:
        counters = self.providers.get(provider)
        if counters is None:
            counters = self.providers[provider] = Counters()
        return counters

    def begin(self, record: RequestRecord) -> None:
        self.running[record.id] = record

    def end(self, record: RequestRecord, phase: str, now: float) -> None:
        record.phase = phase
        record.ended = now
        record.stop = None
        self.running.pop(record.id, None)
        self.finished.append(record)

    def newest(self) -> Iterator[RequestRecord]:
        yield from reversed(self.running.values())
        yield from reversed(self.finished)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
