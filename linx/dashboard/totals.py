"""Today in numbers: what the ledger has of today when Linx starts, and what has ended since."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from linx.core.telemetry import CANCELLED, OK
from linx.ledger.spending import today

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from linx.core.chat import JsonObject, Usage
    from linx.core.telemetry import RequestRecord
    from linx.ledger.today import DaySoFar

    EstimateFor = Callable[[str], Callable[[Usage], float] | None]

MOST_PRICES = 256  # of names that were asked for
_FINE = frozenset((OK, CANCELLED))
_UNKNOWN = object()  # in place of a price that has not been looked up
PRICES_S = 60.0
"""How long a price is remembered, since looking one up takes longer than counting."""


class Totals:
    """``note`` each request that has ended; ``add`` what the ledger knows."""

    __slots__ = (
        "_clock", "_cost_usd", "_day", "_estimate_for", "_failed", "_local", "_prices", "_prices_until", "_remote",
        "_requests", "_saved_usd", "_since", "_until",
    )  # fmt: skip

    def __init__(self, estimate_for: EstimateFor, clock: Callable[[], float] = time.time) -> None:
        """``clock`` is in seconds since 1970."""
        self._estimate_for = estimate_for
        self._clock = clock
        self._prices: dict[str, Callable[[Usage], float] | None] = {}
        self._prices_until = 0.0
        self._day = 0
        self._since = self._until = 0.0
        self._requests = self._failed = self._local = self._remote = 0
        self._cost_usd = self._saved_usd = 0.0
        self._begin_day(clock())

    def note(self, ended: Iterable[RequestRecord]) -> None:
        """Requests of those who may ask have ended. One belongs to the day on which it came in, as in the ledger."""
        prices, until = self._fresh_prices(), self._until
        requests = local = remote = 0
        for record in ended:
            came, usage = record.started_at, record.usage
            if came >= until:
                requests = local = remote = 0
                self._begin_day(came)
                until = self._until
            elif came < self._since:
                continue
            requests += 1
            if record.outcome not in _FINE:
                self._failed += 1
            if usage is None:
                continue
            if record.cost_usd:
                self._cost_usd += record.cost_usd
            if not record.is_local:
                remote += usage.prompt + usage.completion
                continue
            local += usage.prompt + usage.completion
            if prices.get(record.model, _UNKNOWN) is not None:
                self._saved_usd += self.saved(record) or 0.0
        self._requests += requests
        self._local += local
        self._remote += remote

    def saved(self, record: RequestRecord) -> float | None:
        """What a local answer would have cost elsewhere, less what it did cost; None where that is not known."""
        usage, asked = record.usage, record.model
        if usage is None or not record.is_local:
            return None
        prices = self._fresh_prices()
        if asked not in prices:
            prices[asked] = self._estimate_for(asked)
        estimate = prices[asked]
        return None if estimate is None else estimate(usage) - (record.cost_usd or 0.0)

    def add(self, day: DaySoFar) -> None:
        """What the ledger has of the day; nothing if another day has begun meanwhile."""
        if day.day != self._day:
            return
        self._requests += day.requests
        self._failed += day.failed
        self._local += day.local_tokens
        self._remote += day.remote_tokens
        self._cost_usd += day.cost_usd
        self._saved_usd += day.saved_usd

    def as_json(self) -> JsonObject:
        now = self._clock()
        if now >= self._until:
            self._begin_day(now)
        day = str(self._day)
        return {
            "day": f"{day[:4]}-{day[4:6]}-{day[6:]}",
            "local_tokens": self._local,
            "remote_tokens": self._remote,
            "cost_usd": round(self._cost_usd, 9),
            "saved_usd": round(self._saved_usd, 9),
            "requests": self._requests,
            "failed": self._failed,
        }

    def _begin_day(self, now: float) -> None:
        of_now = today(now)
        self._day, self._since, self._until = of_now.day, of_now.day_begins_at, of_now.day_ends_at
        self._requests = self._failed = self._local = self._remote = 0
        self._cost_usd = self._saved_usd = 0.0

    def _fresh_prices(self) -> dict[str, Callable[[Usage], float] | None]:
        now = self._clock()
        if now >= self._prices_until or len(self._prices) >= MOST_PRICES:
            self._prices.clear()
            self._prices_until = now + PRICES_S
        return self._prices
