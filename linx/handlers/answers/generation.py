"""Answers one request of any kind: finds a route, races the attempts along it, delivers the winner's answer.

What differs between kinds of requests is in the ``Plan``. What is the same for all is here:
the records, the rules of the race, and the headers of errors.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from linx.core.attempt_errors import RouteExhausted
from linx.core.errors import Forbidden, HangUp, LinxError, quote, word_of
from linx.handlers.answers.job import Job
from linx.handlers.answers.plan import chat_plan
from linx.handlers.client_credential import client_credential
from linx.handlers.prompt_search import search
from linx.handlers.request_facts import read_chat
from linx.routing import key_models
from linx.routing.decision import Runnable
from linx.routing.hedging import Rules
from linx.routing.race import Race
from linx.routing.unlisted import read_again

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.attempt_errors import AttemptError
    from linx.core.chat import ChatRequest
    from linx.dialects.base import Face
    from linx.handlers.answers.plan import Plan
    from linx.handlers.context import Context
    from linx.routing.candidate import Candidate
    from linx.routing.router import Route
    from linx.server.reply import Reply
    from linx.server.request import Request

A = TypeVar("A", bound=Runnable)

log = logging.getLogger("linx.requests")


async def answer_chat(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """Answer one chat request in ``face``'s dialect."""
    chat = await read_chat(request, face.parse)
    await Generation(context, face, request, reply, chat, chat_plan(context.router, request, chat)).run()


class Generation(Generic[A]):
    """One request for an answer, from its route to its last frame."""

    __slots__ = ("_has_turn", "_key", "_plan", "job")

    def __init__(
        self, context: Context, face: Face, request: Request, reply: Reply, chat: ChatRequest, plan: Plan[A]
    ) -> None:
        demand = plan.demand
        if context.router.passes_client_keys:
            demand = msgspec.structs.replace(demand, credential=client_credential(context, request))
        self.job = Job(context, face, request, reply, chat, demand)
        self._plan = plan
        self._key = request.key
        self._has_turn = False

    async def run(self) -> None:
        """Answer the request; its record is completed however this ends."""
        job, plan = self.job, self._plan
        record, router, model = job.record, job.router, job.chat.model
        telemetry = job.context.telemetry
        telemetry.begin(record)
        phase = "cancelled"
        wait_s: float | None = None
        try:
            if self._key.models:
                key_models.check_fields(self._key, job.chat.client_body or job.chat.asked)
            if router.seeks_secrets:
                await search(router, telemetry, job.chat)
            if router.is_starting():
                record.wait_begins(record.started)
                await router.until_known(model, job.demand)
                record.wait_ends(job.clock())
            elif model and (unlisted_at := router.unlisted_at(model, job.demand)):
                record.wait_begins(job.clock())
                await read_again(unlisted_at, job.context.pool, job.context.redactor)
                record.wait_ends(job.clock())
            now = job.clock()
            route = plan.route(router, model, now, job.demand)
            wait_s, record.not_asked = route.wait_s, route.not_asked
            # The race is not stored as an attribute: it refers to ``self._start``, so there would be a reference
            # cycle, and a request of many megabytes would stay in memory until the next garbage collection.
            is_counted = self._key.max_concurrent is not None and record.method == "POST"
            turn = self._take_turn if is_counted else None
            race = Race(route, self._rules(now, route), self._start, job.context.hedge_watch, turn)
            await plan.deliver(job, race)
            phase = "done"
            if race.failures:
                self._log_fallback(race.failures)
        except LinxError as error:
            phase = "failed"
            self._failed(error, wait_s)
            # The traceback's frames refer to the request, and some of them to the error itself: a reference cycle.
            raise error.with_traceback(None) from None
        except Exception as error:
            if not isinstance(error, HangUp):
                phase, record.status = "failed", 500
            raise
        finally:
            if self._has_turn:
                job.context.key_uses.of(self._key).give_back()
            if job.has_stakes:
                job.settle()
            telemetry.end(record, phase, job.clock())

    def _failed(self, error: LinxError, wait_s: float | None) -> None:
        """Complete the error, and the record of the request, which ends with it."""
        job, record = self.job, self.job.record
        if error.not_asked:
            record.not_asked = error.not_asked
        if isinstance(error, RouteExhausted):
            error.left_out(record.left_out())
            if wait_s is not None:
                # A provider that had asked for a pause was left out, and can be asked again after its pause.
                error.retry_after_s = min(wait_s, error.retry_after_s or wait_s)
                error.may_retry = None
        record.status, record.outcome = job.face.status_of(error), word_of(error)
        record.is_admitted = not isinstance(error, Forbidden)
        error.headers = (*error.headers, *job.error_headers(error))

    async def _take_turn(self) -> None:
        """Wait until fewer requests of the same key run than may run at once; heartbeats go out meanwhile."""
        job = self.job
        use, record = job.context.key_uses.of(self._key), job.record
        if use.has_room:
            await use.take()
            self._has_turn = True
            return
        record.phase, record.queue = "queued", use.waiting + 1
        record.wait_begins(job.clock())
        await use.take()
        self._has_turn = True
        record.wait_ends(job.clock())
        record.phase = "connecting"

    def _rules(self, now: float, route: Route) -> Rules:
        job, routing = self.job, self.job.router.routing
        hedge, budget, may_hedge = routing.hedge, job.context.budget, self._plan.may_hedge
        if may_hedge:
            budget.requested(now)
        return Rules(
            after=hedge.after if may_hedge else None,
            # What a rule of the gate has put last is not asked for its speed, whatever the config allows.
            scope="same" if route.has_last else hedge.scope,
            share=hedge.budget if may_hedge else 0.0,
            budget=budget,
            demand=job.demand,
            first_token_timeout_s=routing.first_token_timeout_s,
        )

    def _start(self, candidate: Candidate, is_hedge: bool, is_last: bool) -> A:
        record = self.job.new_attempt(candidate, is_hedge=is_hedge)
        return self._plan.start(self.job, candidate, record, is_last)

    def _log_fallback(self, failures: Sequence[AttemptError]) -> None:
        """Say more about a fallback than the line of the request, which names each provider that failed, and why."""
        if not log.isEnabledFor(logging.DEBUG):
            return
        record = self.job.record
        tried = "; ".join(quote(failure.for_log, 200) for failure in failures)
        served = f"{record.provider}/{record.served_model}"
        log.debug("%s was answered by %s, since others failed: %s", quote(record.model), quote(served), tried)
