"""One request while it is answered: what was asked, where the answer goes, and what the records say of it.

The accounts of a request are kept here and nowhere else: who won, what a race cost, what
an answer used, and what its head tells of that.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from linx.core.chat import Stamp
from linx.core.errors import RouteExhausted
from linx.core.telemetry import AttemptRecord, RequestRecord
from linx.handlers.request_facts import next_hop

if TYPE_CHECKING:
    from linx.core.chat import ChatRequest, Usage
    from linx.core.errors import LinxError
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.routing.attempt import Try
    from linx.routing.candidate import Candidate
    from linx.routing.router import Demand
    from linx.server.request import Reply, Request

JUST_UNDER = 0.999
"""A loser's silence is recorded as this share of it, so that it falls into the histogram's bucket of the time
after which it was hedged, and not into the next one."""

Headers = list[tuple[bytes, bytes]]


class Job:
    """``router`` and ``context.config`` are those of the request's start: a reload changes nothing here."""

    __slots__ = ("chat", "clock", "context", "demand", "face", "hop", "record", "reply", "router")

    def __init__(
        self, context: Context, face: Face, request: Request, reply: Reply, chat: ChatRequest, demand: Demand
    ) -> None:
        self.context = context
        self.router = context.router
        self.face = face
        self.reply = reply
        self.chat = chat
        self.demand = demand
        self.clock = context.pool.clock
        now = self.clock()
        self.record = RequestRecord(request.id, context.at(now), now, request.method, request.path, model=chat.model)
        self.hop = next_hop(context, request)

    def stamp(self) -> Stamp:
        """Identity and time of the answer."""
        return Stamp(self.record.id, self.context.at(self.record.started), self.context.now)

    # --- attempts ---

    def new_attempt(self, candidate: Candidate, *, is_hedge: bool) -> AttemptRecord:
        """A record for one more attempt, which starts now."""
        provider = candidate.provider
        counters = provider.counters
        record = AttemptRecord(
            provider.name,
            candidate.model,
            self.clock(),
            is_hedge=is_hedge,
            request=self.record,
            counters=counters,
        )
        self.record.attempts.append(record)
        counters.requests += 1
        if is_hedge:
            counters.hedges += 1
        return record

    def won(self, attempt: Try[object]) -> None:
        """``attempt`` has opened the gate: its provider answers."""
        now = self.clock()
        record, candidate = self.record, attempt.candidate
        provider = candidate.provider
        record.phase = "streaming"
        record.provider, record.served_model = provider.name, candidate.model
        record.first_token = now
        # The wait for a place is the queue's, not the model's.
        seconds = now - (attempt.asked_at or attempt.record.started)
        provider.counters.first_chunk_seen(seconds)
        provider.observe_first_token(candidate.model, seconds)
        if len(record.attempts) > 1:
            self._settle_hedge(attempt)
        self.router.served(self.demand.conversation, candidate.model, provider)

    def used(self, attempt: Try[object], usage: Usage | None) -> None:
        """The answer is complete, and this is what its provider says that it took."""
        if usage is None:
            return
        cost = usage.cost_usd
        candidate = attempt.candidate
        if cost is None:
            price = candidate.provider.price(candidate.model)
            if price is not None:
                cost = price.estimate(usage.prompt, usage.completion, usage.cached or 0, usage.cache_write or 0)
        self.record.usage = usage
        self.record.cost_usd = cost
        candidate.provider.counters.count_answer(usage, cost, candidate.model)

    def _settle_hedge(self, winner: Try[object]) -> None:
        """Count what the race cost, and what it taught of the loser.

        A loser was silent for at least the time after which the hedge came. That is all
        that is known, and without it a provider that stalls would seem ever faster.
        """
        hedge = next((attempt for attempt in self.record.attempts if attempt.is_hedge), None)
        if hedge is None:
            return
        if winner.record is hedge:
            winner.candidate.provider.counters.hedges_won += 1
        providers = {one.name: one for one in self.router.providers}
        for loser in self.record.attempts:
            if loser is winner.record or loser.outcome != "lost":
                continue
            if loser.counters is not None:
                loser.counters.wasted += 1
            if not loser.is_hedge and loser.asked is not None and loser.provider in providers:
                silence_s = hedge.started - loser.asked
                providers[loser.provider].observe_first_token(loser.model, silence_s * JUST_UNDER)

    # --- what the head of the answer says ---

    def headers(self, own_s: float | None = None) -> Headers:
        """Who answered, what was tried, and Linx's own share of the time (``own_s``, where it is known already)."""
        return self._headers(self.record.provider, self.record.served_model, own_s)

    def error_headers(self, error: LinxError) -> Headers:
        """The same for an error, which is not always the last attempt's: it names the attempt that it tells of."""
        told = self._told_by(error)
        return self._headers(None, None, None) if told is None else self._headers(told.provider, told.model, None)

    def _told_by(self, error: LinxError) -> AttemptRecord | None:
        """The attempt whose failure is told; None where nothing was tried."""
        attempts = self.record.attempts
        if isinstance(error, RouteExhausted):
            return next(one for one in reversed(attempts) if one.provider == error.telling.provider)
        return attempts[-1] if attempts else None

    def _headers(self, provider: str | None, model: str | None, own_s: float | None) -> Headers:
        attempts = self.record.attempts_header()
        headers = [(b"x-linx-attempts", attempts)] if attempts else []
        if provider is not None:
            headers.append((b"x-linx-provider", provider.encode()))
            headers.append((b"x-linx-model", _visible(model or "")))
        own_s = self.record.own_s(self.clock()) if own_s is None else own_s
        headers.append((b"server-timing", b"linx;dur=%.3f" % (own_s * 1000)))
        return headers


@functools.lru_cache(maxsize=256)
def _visible(text: str) -> bytes:
    """A name as a header value: anything but visible ASCII becomes a question mark."""
    return "".join(char if "!" <= char <= "~" else "?" for char in text).encode("ascii")
