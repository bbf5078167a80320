"""One request while it is answered: what was asked, where the answer goes, and its record.

Everything that is recorded or counted for a request is recorded here: which attempt won, what
the race cost, the usage of the answer, and the headers of the answer that say so.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from linx.core.attempt_errors import BudgetReached, RouteExhausted
from linx.core.chat import Stamp
from linx.core.errors import NotAsked
from linx.core.telemetry import AttemptRecord, kept
from linx.handlers.records import begin_record
from linx.handlers.request_facts import next_hop
from linx.routing.budgets import BUDGET
from linx.routing.stakes import AttemptStake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.chat import Adapted, ChatRequest, Usage
    from linx.core.errors import LinxError
    from linx.core.telemetry import Stake
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.routing.candidate import Candidate
    from linx.routing.demand import Demand
    from linx.routing.roles import Try
    from linx.server.reply import Reply
    from linx.server.request import Request

JUST_UNDER = 0.999
"""A loser's silence is multiplied by this before it is recorded, so that it falls into the bucket of the hedge's delay
and not into the next bucket of the histogram."""

Headers = list[tuple[bytes, bytes]]


class Job:
    """One request while it is answered. ``router`` is the router at the request's start, whatever a reload changes."""

    __slots__ = (
        "_request",
        "chat",
        "clock",
        "context",
        "demand",
        "face",
        "has_stakes",
        "hop",
        "record",
        "reply",
        "router",
        "stake",
    )

    def __init__(
        self, context: Context, face: Face, request: Request, reply: Reply, chat: ChatRequest, demand: Demand
    ) -> None:
        self._request = request
        self.context = context
        self.router = context.router
        self.face = face
        self.reply = reply
        self.chat = chat
        self.demand = demand
        self.clock = context.pool.clock
        now = self.clock()
        self.record = begin_record(context, request, now, chat.model)
        self.record.stop, self.record.answer = request.stop, reply
        bodies = context.kept_bodies
        if bodies.is_on:
            body = request.whole_body or b""
            bodies.keep(self.record, reply, request.path, request.query, request.headers_to_keep(), body)
        self.hop = next_hop(context, request)
        self.stake: Stake | None = None
        """What the attempt that answers holds in the budgets, where there are any."""
        self.has_stakes = False
        """Does, or did, an attempt hold a part of a budget?"""

    def stamp(self) -> Stamp:
        """The id and the clock of the answer, for the encoder."""
        record, context = self.record, self.context
        first_at = None if record.first_token is None else context.at(record.first_token)
        return Stamp(record.id, context.at(record.started), context.now, first_at)

    # --- attempts ---

    def new_attempt(self, candidate: Candidate, *, is_hedge: bool) -> AttemptRecord:
        """The record for a new attempt, which starts now. Raises BudgetReached."""
        provider, stake = candidate.provider, None
        budgets = self.context.budgets
        if budgets.is_wanted:
            try:
                stake = AttemptStake(budgets, candidate, self.chat, self.record.key, self.record.started_at)
            except BudgetReached as error:
                error.provider = provider.name
                self.record.not_asked += (NotAsked(provider.name, BUDGET),)
                raise
            self.has_stakes = True
        counters = provider.counters
        record = AttemptRecord(
            provider.name,
            kept(candidate.model),
            self.clock(),
            is_hedge=is_hedge,
            is_local=provider.is_local(candidate.model),
            request=self.record,
            counters=counters,
            stake=stake,
        )
        self.record.attempts.append(record)
        counters.requests += 1
        if is_hedge:
            counters.hedges += 1
        return record

    def won(self, attempt: Try[object]) -> None:
        """``attempt`` has opened the gate, so its provider's answer goes to the client."""
        now = self.clock()
        self._request.on_gone = attempt.close
        record, candidate = self.record, attempt.candidate
        provider = candidate.provider
        record.phase = "streaming"
        attempt.record.first = now
        record.provider, record.served_model = provider.name, attempt.record.model
        record.is_local = attempt.record.is_local
        record.adapted = attempt.record.adapted
        record.first_token = now
        self.stake = attempt.record.stake
        # The wait for a place in the provider's queue says nothing about the model, so it does not count.
        seconds = now - (attempt.asked_at or attempt.record.started)
        provider.counters.first_chunk_seen(seconds)
        provider.observe_first_token(candidate.model, seconds)
        if len(record.attempts) > 1:
            self._settle_hedge(attempt)
        provider.answered(candidate.model)
        self.router.served(self.demand.conversation, candidate.model, provider)

    def record_usage(self, attempt: Try[object], usage: Usage | None) -> None:
        """Record the usage that the provider reported for the complete answer, and its cost."""
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
        if self.stake is not None:
            self.stake.settle(attempt.record, usage, cost)
        candidate.provider.counters.count_answer(usage, cost, attempt.record.model, self.record.key)

    def settle(self) -> None:
        """The request has ended: what no provider has reported is estimated."""
        for attempt in self.record.attempts:
            if attempt.stake is not None:
                attempt.stake.settle(attempt, None, None)

    def _settle_hedge(self, winner: Try[object]) -> None:
        """Count the cost of a race with a hedge, and record how long the loser was silent.

        Of a loser only one thing is known: it was silent at least until the hedge started.
        This time is recorded as its time to the first token. Otherwise only the fast answers
        of a provider that often stalls would count, and it would seem faster and faster.
        """
        hedge = next((attempt for attempt in self.record.attempts if attempt.is_hedge), None)
        if hedge is None:
            return
        if winner.record is hedge:
            winner.candidate.provider.counters.hedges_won += 1
        providers = {provider.name: provider for provider in self.router.providers}
        for loser in self.record.attempts:
            if loser is winner.record or loser.outcome != "lost":
                continue
            if loser.counters is not None:
                loser.counters.wasted += 1
            if not loser.is_hedge and loser.asked is not None and loser.provider in providers:
                silence_s = hedge.started - loser.asked
                providers[loser.provider].observe_first_token(loser.model, silence_s * JUST_UNDER)

    # --- headers of the answer ---

    def headers(self, own_s: float | None = None) -> Headers:
        """Which provider answered, which were tried, and the time that Linx itself took (``own_s``, if known)."""
        record = self.record
        return self._headers(record.provider, record.served_model, record.adapted, own_s)

    def error_headers(self, error: LinxError) -> Headers:
        """The same headers for an error. The provider is that of the attempt whose failure the error reports."""
        told = self._told_by(error)
        if told is None:
            return self._headers(None, None, (), None)
        return self._headers(told.provider, told.model, told.adapted, None)

    def _told_by(self, error: LinxError) -> AttemptRecord | None:
        """The attempt whose failure the error reports; None if there was no attempt."""
        attempts = self.record.attempts
        if isinstance(error, RouteExhausted):
            return next(attempt for attempt in reversed(attempts) if attempt.provider == error.telling.provider)
        return attempts[-1] if attempts else None

    def _headers(
        self, provider: str | None, model: str | None, adapted: Sequence[Adapted], own_s: float | None
    ) -> Headers:
        attempts = self.record.attempts_header()
        headers = [(b"x-linx-attempts", attempts)] if attempts else []
        if provider is not None:
            headers.append((b"x-linx-provider", provider.encode()))
            headers.append((b"x-linx-model", _visible(model or "")))
        if self.record.queue is not None:
            headers.append((b"x-linx-queue", b"%d" % self.record.queue))
        if adapted:
            headers.append((b"x-linx-adapted", ", ".join(_visible(str(one)).decode() for one in adapted).encode()))
        own_s = self.record.own_s(self.clock()) if own_s is None else own_s
        headers.append((b"server-timing", b"linx;dur=%.3f" % (own_s * 1000)))
        return headers


@functools.lru_cache(maxsize=256)
def _visible(text: str) -> bytes:
    """A name as a header value; every character that is not visible ASCII becomes a question mark."""
    return "".join(char if "!" <= char <= "~" else "?" for char in text).encode("ascii")
