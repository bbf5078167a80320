"""What Linx remembers of its requests: counters, first-token times, the last records.

Everything here is memory only and bounded. Recording is synchronous and never waits for a
reader.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from linx.core.chat import Adapted, Usage

KEPT_REQUESTS = 500
KEPT_MODELS = 256  # of one provider, with counters of their own; a llama.cpp answers to any name
OTHER_MODELS = "(others)"
FIRST_TOKEN_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
ADDED_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5)


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
        self._weights[bisect_left(_BUCKET_ENDS, seconds)] += self._weight
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


_BUCKET_ENDS = [Histogram.FIRST_S * Histogram.GROWTH**bucket for bucket in range(Histogram.BUCKETS - 1)]
"""Seconds with which each bucket but the last one ends."""


class Buckets:
    """Durations counted between fixed bounds since Linx started, in the form that a scraper of metrics wants."""

    __slots__ = ("bounds", "counts", "total_s")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total_s += seconds


@dataclass(slots=True)
class Used:
    """The answers of a provider, or of one of its models, and what they used by the provider's own account."""

    answers: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0

    def add(self, usage: Usage, cost_usd: float | None) -> None:
        self.answers += 1
        self.prompt_tokens += usage.prompt
        self.completion_tokens += usage.completion
        self.cost_usd += cost_usd or 0.0


@dataclass(slots=True)
class Counters(Used):
    """What one provider has done since Linx started."""

    requests: int = 0
    failures: int = 0
    hedges: int = 0
    hedges_won: int = 0
    wasted: int = 0
    """Attempts at this provider that lost a race: what they cost is not known, since they were cut short."""
    outcomes: dict[str, int] = field(default_factory=dict)
    """How many attempts have ended how, in the words of ``x-linx-attempts``."""
    first_token: Histogram = field(default_factory=Histogram)
    first_token_buckets: Buckets = field(default_factory=lambda: Buckets(FIRST_TOKEN_BOUNDS))
    models: dict[str, Used] = field(default_factory=dict)

    def first_chunk_seen(self, seconds: float) -> None:
        """The first chunk of an attempt came after so long."""
        self.first_token.add(seconds)
        self.first_token_buckets.add(seconds)

    def used(self, usage: Usage, cost_usd: float | None, model: str = "") -> None:
        self.add(usage, cost_usd)
        if model not in self.models and len(self.models) >= KEPT_MODELS:
            model = OTHER_MODELS
        self.models.setdefault(model, Used()).add(usage, cost_usd)


class AttemptRecord(msgspec.Struct):
    """One attempt as the records show it. Times are trio's clock, in seconds."""

    provider: str
    model: str
    started: float
    ended: float | None = None
    outcome: str = ""
    """"" while it runs; then one of the words of ``x-linx-attempts``."""
    is_hedge: bool = False
    asked: float | None = None
    """When the attempt got its place at the provider; None while it waits for one."""
    adapted: tuple[Adapted, ...] = ()
    """What was changed in the body so that the provider takes it."""
    request: RequestRecord | None = None
    """The request it is an attempt for, whose phase and waiting times follow it."""
    counters: Counters | None = None
    """Where its outcome is counted."""

    def part(self, now: float) -> AttemptRecord:
        """A record for one of several requests that this attempt sends; it is not counted by itself."""
        return AttemptRecord(self.provider, self.model, now, request=self.request)

    def entered(self, phase: str) -> None:
        if self.request is not None and self.request.phase != "streaming":
            self.request.phase = phase

    def end(self, outcome: str, now: float) -> None:
        """Note how the attempt ended; only the first outcome counts."""
        if self.outcome:
            return
        self.outcome = outcome
        self.ended = now
        if self.counters is not None:
            self.counters.outcomes[outcome] = self.counters.outcomes.get(outcome, 0) + 1


class RequestRecord(msgspec.Struct):
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
    attempts: list[AttemptRecord] = []
    status: int | None = None
    first_token: float | None = None
    ended: float | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    adapted: tuple[Adapted, ...] = ()
    """Those of the attempt that answers."""
    upstream_s: float = 0.0
    """Seconds in which at least one attempt was waiting for its provider, or for a place there."""
    waits: int = 0
    """Attempts that are waiting now."""
    waiting_since: float = 0.0
    stop: Callable[[], None] | None = None
    """Cancels the request while it runs."""

    def wait_begins(self, now: float) -> None:
        if not self.waits:
            self.waiting_since = now
        self.waits += 1

    def wait_ends(self, now: float) -> None:
        self.waits -= 1
        if not self.waits:
            self.upstream_s += now - self.waiting_since

    def own_s(self, now: float) -> float:
        """Linx's own share of the time since the request came."""
        waited = self.upstream_s + (now - self.waiting_since if self.waits else 0.0)
        return max(0.0, now - self.started - waited)

    def attempts_header(self) -> bytes:
        """The value of ``x-linx-attempts``: ``ollama=connect_failed, openrouter=ok``.

        An attempt that still runs is the winner; before there is a winner it is left out.
        """
        if len(self.attempts) == 1 and self.provider is not None and self.provider.isascii():
            return f"{self.provider}={self.attempts[0].outcome or 'ok'}".encode()  # as nearly always
        usual = "" if self.provider is None else "ok"
        told = [(one.provider, one.outcome or usual) for one in self.attempts]
        return ", ".join(f"{name}={outcome}" for name, outcome in told if outcome).encode("ascii", "replace")

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
        self.ended: dict[tuple[str, int], int] = {}
        """Requests that are over, by how they ended and the status that was sent (0: none)."""
        self.added = Buckets(ADDED_BOUNDS)
        """What Linx itself added to the time before an answer began."""

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
        for attempt in record.attempts:
            attempt.request = None  # the request refers to its attempts: 500 circles of references would be kept
        how = (phase, record.status or 0)
        self.ended[how] = self.ended.get(how, 0) + 1
        self.finished.append(record)

    def newest(self) -> Iterator[RequestRecord]:
        yield from reversed(self.running.values())
        yield from reversed(self.finished)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
