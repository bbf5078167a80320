"""The road of one answer, whatever the dialect: parse, route, race, relay.

Nothing of a provider reaches the client before the gate: the first meaningful chunk.
From there on no other provider is tried for a streaming client; one that asked for a
whole answer has seen nothing before the end, so for it a failure anywhere falls over.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.core.chat import Answer, ChatRequest, JsonObject, Stamp
from linx.core.errors import AttemptError, Garbled, LinxError, RouteExhausted, quote
from linx.core.jsontext import LARGE
from linx.core.telemetry import AttemptRecord, RequestRecord
from linx.dialects.shared.tokens import prompt_tokens_estimate
from linx.handlers.context import Context, new_id
from linx.handlers.heartbeat import JUST_NOW
from linx.handlers.request_facts import check_charset, conversation_of, is_local_only, next_hop, read_large, read_object
from linx.providers.provider import DEFAULT_ANSWER_TOKENS
from linx.routing.attempt import Attempt
from linx.routing.hedging import Rules
from linx.routing.race import Race
from linx.routing.router import Demand, Route

if TYPE_CHECKING:
    from linx.core.chat import Chunk, Usage
    from linx.dialects.base import Encoder, Face
    from linx.routing.candidate import Candidate
    from linx.server.request import Reply, Request

STREAM_HEADERS = ((b"cache-control", b"no-cache, no-transform"), (b"x-accel-buffering", b"no"))
MAX_WHOLE = 64 * 2**20
"""Bytes of a provider's answer that are collected for a client that asked for no stream."""
CENSORED = 0.999
"""Keeps what is known of a loser in the histogram's bucket that it was hedged at."""

_ANY, _LOCAL_ONLY = Demand(), Demand(local_only=True)

log = logging.getLogger("linx.requests")


async def answer_chat(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """Answer one chat request in ``face``'s dialect."""
    check_charset(request)
    body = await request.body()
    chat = face.parse(read_object(body)) if len(body) <= LARGE else await read_large(body, face.parse)
    await Generation(context, face, request, reply, chat).run()


class Generation:
    """One request for an answer, from its route to its last frame."""

    __slots__ = (
        "_encoder", "_hop", "_wait_s", "chat", "clock", "context", "demand", "face", "heard_at", "record",
        "reply", "request", "router",
    )  # fmt: skip

    def __init__(self, context: Context, face: Face, request: Request, reply: Reply, chat: ChatRequest) -> None:
        self.context = context
        self.router = context.router
        self.face = face
        self.request = request
        self.reply = reply
        self.chat = chat
        self.clock = context.pool.clock
        now = self.clock()
        self.record = RequestRecord(
            request.id, context.at(now), now, request.method, request.path, model=chat.model, stop=None
        )
        self._hop = next_hop(context, request)
        self._wait_s: float | None = None
        self.demand = self._demand()

    async def run(self) -> None:
        """Answer, and keep the record straight however this ends."""
        record, telemetry = self.record, self.context.telemetry
        telemetry.begin(record)
        phase = "cancelled"
        try:
            if self.router.is_starting():
                record.wait_begins(record.started)
                await self.router.until_known(self.chat.model)
                record.wait_ends(self.clock())
            # Not kept: it knows how to start an attempt, which is a method of this object, and a circle
            # would keep the request in memory, all megabytes of it, until circles are looked for.
            race = self._race()
            if self.chat.stream:
                await self._stream(race)
            else:
                await self._whole(race)
            phase = "done"
            if race.failures:
                self._log_fallback(race)
        except LinxError as error:
            phase = "failed"
            if isinstance(error, RouteExhausted) and self._wait_s is not None:
                # One that asked for a pause was not tried, but will be back.
                error.retry_after_s = min(self._wait_s, error.retry_after_s or self._wait_s)
                error.may_retry = None
            record.status = self.face.status_of(error)
            error.headers = (*error.headers, *self._headers())
            raise
        finally:
            telemetry.end(record, phase, self.clock())

    def _log_fallback(self, race: Race[Attempt]) -> None:
        """Worth a line: it may cost money, or leave the machine, and somebody is down."""
        record = self.record
        failures = "; ".join(quote(str(failure), 200) for failure in race.failures)
        served = f"{record.provider}/{record.served_model}"
        log.info("%s was answered by %s, since others failed: %s", quote(record.model), quote(served), failures)

    # --- the two ways to answer ---

    async def _stream(self, race: Race[Attempt]) -> None:
        heartbeats = self.context.heartbeats.listeners
        encoder = self._encoder = self.face.encoder(self.chat, self._stamp())
        self.heard_at = self.record.started
        heartbeats.add(self)
        try:
            attempt = await race.winner()
            try:
                self._won(attempt)
                own_s = self.record.own_s(self.clock())
                self.context.telemetry.added.add(own_s)
                self._start_stream(own_s)
                usage = await self._relay(attempt, encoder)
                attempt.finish()
            except BaseException:
                attempt.close()
                raise
        finally:
            heartbeats.discard(self)
        self._used(attempt, usage)

    def beat(self) -> None:
        """A keep-alive, now. It spends the status code and nothing else: fallback goes on."""
        self._start_stream()
        self.reply.try_send(self._encoder.heartbeat())

    def _start_stream(self, own_s: float | None = None) -> None:
        reply = self.reply
        if not reply.is_started:
            self.record.status = 200
            reply.on_error = self._encoder.error
            reply.start(200, self.face.stream_type, (*STREAM_HEADERS, *self._headers(own_s)))

    async def _relay(self, attempt: Attempt, encoder: Encoder) -> Usage | None:
        """One send for each read; the last frames and the end of the body go together."""
        reply = self.reply
        usage: Usage | None = None
        shortcut = attempt.shortcut_to(encoder)
        chunks: list[Chunk] | bytes | None = attempt.first
        while chunks is not None:
            if isinstance(chunks, bytes):
                data = chunks
            else:
                for chunk in chunks:
                    if chunk.usage is not None:
                        usage = chunk.usage
                try:
                    data = encoder.frames(chunks)
                except AttemptError as error:
                    raise attempt.garbled(error) from None
                if shortcut is not None:
                    shortcut.learn(chunks, data)
                if attempt.done:
                    await reply.end(data + encoder.end())
                    return usage
            if data:
                waiting = reply.send_soon(data)
                if waiting is not None:
                    await waiting
                self.heard_at = JUST_NOW
            chunks = await attempt.more(shortcut)
        await reply.end(encoder.end())
        return usage

    async def _whole(self, race: Race[Attempt]) -> None:
        while True:
            attempt = await race.winner()
            answer = Answer()
            try:
                self._won(attempt)
                chunks: list[Chunk] | None = attempt.first
                while chunks is not None:
                    for chunk in chunks:
                        answer.add(chunk)
                    if attempt.received > MAX_WHOLE:
                        raise attempt.garbled(Garbled(f"sent an answer of more than {MAX_WHOLE // 2**20} MiB"))
                    chunks = None if attempt.done else await self._more(attempt)
                body = self._body(attempt, answer)
            except AttemptError as error:
                attempt.close()
                race.lost(error, attempt.candidate)
                continue
            except BaseException:
                attempt.close()
                raise
            attempt.finish()
            break
        self._used(attempt, answer.usage)
        self.record.status = 200
        own_s = self.record.own_s(self.clock())
        self.context.telemetry.added.add(own_s)
        headers = self._headers(own_s)
        if self.record.cost_usd is not None:
            headers.append((b"x-linx-cost-usd", f"{self.record.cost_usd:.9f}".rstrip("0").rstrip(".").encode()))
        await self.reply.whole(200, body, headers=headers)

    async def _more(self, attempt: Attempt) -> list[Chunk] | None:
        """The provider's time, which is not Linx's own."""
        self.record.wait_begins(self.clock())
        try:
            return await attempt.more()
        finally:
            self.record.wait_ends(self.clock())

    def _body(self, attempt: Attempt, answer: Answer) -> bytes:
        """The whole answer as JSON. Where its dialect cannot carry it, that is a failure like any other."""
        try:
            return jsontext.dumps(self._folded(answer))
        except AttemptError as error:
            raise attempt.garbled(error) from None

    def _folded(self, answer: Answer) -> JsonObject:
        return self.face.whole(self.chat, answer, self._stamp())

    # --- the race ---

    def _race(self) -> Race[Attempt]:
        context, demand = self.context, self.demand
        routing = self.router.routing
        now = self.clock()
        route = self._route(now)
        self._wait_s = route.wait_s
        context.budget.requested(now)
        rules = Rules(
            after=routing.hedge.after,
            scope=routing.hedge.scope,
            share=routing.hedge.budget,
            budget=context.budget,
            demand=demand,
            first_token_timeout_s=routing.first_token_timeout_s,
        )
        return Race(route, rules, self._start)

    def _route(self, now: float) -> Route:
        return self.router.route(self.chat.model, now, self.demand)

    def _start(self, candidate: Candidate, is_hedge: bool, is_last: bool) -> Attempt:
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
        return self._attempt(candidate, record, is_last)

    def _attempt(
        self, candidate: Candidate, record: AttemptRecord, is_last: bool, chat: ChatRequest | None = None
    ) -> Attempt:
        return Attempt(
            candidate,
            chat or self.chat,
            self.context.pool,
            record,
            new_id=new_id,
            hop=self._hop,
            redactor=self.context.redactor,
            is_patient=is_last,
        )

    def _won(self, attempt: Attempt) -> None:
        now = self.clock()
        record, candidate = self.record, attempt.candidate
        provider = candidate.provider
        record.phase = "streaming"
        record.provider, record.served_model = provider.name, candidate.model
        record.first_token = now
        # The wait for a place is the queue's, not the model's.
        seconds = now - (attempt.asked_at or attempt.record.started)
        provider.counters.spoke(seconds)
        provider.observe_first_token(candidate.model, seconds)
        if len(record.attempts) > 1:
            self._settle_hedge(attempt)
        self.router.served(self.demand.conversation, candidate.model, provider)

    def _settle_hedge(self, winner: Attempt) -> None:
        """Count what the race cost, and what it taught of the loser.

        A loser was silent for at least the time after which the hedge came. That is all
        that is known, and without it a provider that stalls would seem ever faster.
        """
        hedge = next((one for one in self.record.attempts if one.is_hedge), None)
        if hedge is None:
            return
        if winner.record is hedge:
            winner.candidate.provider.counters.hedges_won += 1
        providers = {one.name: one for one in self.router.providers}
        for one in self.record.attempts:
            if one is winner.record or one.outcome != "lost":
                continue
            if one.counters is not None:
                one.counters.wasted += 1
            if not one.is_hedge and one.asked is not None and one.provider in providers:
                providers[one.provider].observe_first_token(one.model, (hedge.started - one.asked) * CENSORED)

    def _used(self, attempt: Attempt, usage: Usage | None) -> None:
        if usage is None:
            return
        cost = usage.cost_usd
        candidate = attempt.candidate
        if cost is None:
            price = candidate.provider.price(candidate.model)
            cost = (
                None
                if price is None
                else price.estimate(usage.prompt, usage.completion, usage.cached or 0, usage.cache_write or 0)
            )
        self.record.usage = usage
        self.record.cost_usd = cost
        candidate.provider.counters.used(usage, cost, candidate.model)

    # --- what the request says of itself ---

    def _demand(self) -> Demand:
        local_only = is_local_only(self.request)
        if len(self.router.providers) < 2:
            return _LOCAL_ONLY if local_only else _ANY  # nobody to choose between: nothing to estimate
        body = self.chat.body
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        return Demand(
            prompt_tokens=prompt_tokens_estimate(self.chat),
            answer_tokens=limit if isinstance(limit, int) and limit > 0 else DEFAULT_ANSWER_TOKENS,
            local_only=local_only,
            conversation=conversation_of(self.request, self.chat),
        )

    def _headers(self, own_s: float | None = None) -> list[tuple[bytes, bytes]]:
        record = self.record
        attempts = record.attempts_header()
        headers = [(b"x-linx-attempts", attempts)] if attempts else []
        if record.provider is not None:
            headers.append((b"x-linx-provider", record.provider.encode()))
            headers.append((b"x-linx-model", _visible(record.served_model or "")))
        own_s = record.own_s(self.clock()) if own_s is None else own_s
        headers.append((b"server-timing", b"linx;dur=%.3f" % (own_s * 1000)))
        return headers

    def _stamp(self) -> Stamp:
        return Stamp(self.request.id, self.context.at(self.record.started), self.context.now)


@functools.lru_cache(maxsize=256)
def _visible(text: str) -> bytes:
    """A name as a header value: anything but visible ASCII becomes a question mark."""
    return "".join(char if "!" <= char <= "~" else "?" for char in text).encode("ascii")
