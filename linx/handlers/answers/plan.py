"""How one request is to be answered, as a value that ``Generation`` carries out.

``chat_plan`` makes the plan of a chat request. The plans of other kinds of requests differ
from it in one or two fields.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from linx.core.client_key import NO_KEY
from linx.dialects.shared.needs import needs_of
from linx.dialects.shared.secrets import secret_of
from linx.handlers.answers.stream import stream
from linx.handlers.answers.whole import whole
from linx.handlers.context import new_id
from linx.handlers.request_facts import conversation_of, is_local_only
from linx.routing.chat_attempt import chat_attempt
from linx.routing.decision import Runnable
from linx.routing.demand import ANY, LOCAL_ONLY, Demand, SizeOf
from linx.routing.race import Race
from linx.routing.router import Route, Router

if TYPE_CHECKING:
    from linx.core.chat import ChatRequest
    from linx.core.telemetry import AttemptRecord
    from linx.handlers.answers.job import Job
    from linx.routing.attempt import Attempt
    from linx.routing.candidate import Candidate
    from linx.routing.chunk_reader import ChunkReader, ChunkSource
    from linx.routing.roles import Try
    from linx.server.request import Request

A = TypeVar("A", bound=Runnable)

FindRoute = Callable[[Router, str, float, Demand], Route]
"""Finds the candidates for a model's name at a time. Raises the error for the client if there are none."""
StartAttempt = Callable[["Job", "Candidate", "AttemptRecord", bool], A]
"""Makes an attempt at a candidate. The last argument is True if no other candidate is left."""
Deliver = Callable[["Job", Race[A]], Awaitable[None]]
"""Runs the race, and sends the winner's answer to the client."""


class Plan(msgspec.Struct, Generic[A], frozen=True):
    """What a request demands, which candidates may answer it, how they are asked, and how the answer is delivered."""

    demand: Demand
    start: StartAttempt[A]
    deliver: Deliver[A]
    route: FindRoute = Router.route
    may_hedge: bool = True


def chat_plan(router: Router, request: Request, chat: ChatRequest) -> Plan[Try[ChunkSource]]:
    """The plan of a chat request: any provider that has the model; the answer streamed if the client asks for that."""
    return Plan(demand_of(router, request, chat), start_chat, stream if chat.stream else whole)


def start_chat(job: Job, candidate: Candidate, record: AttemptRecord, is_last: bool) -> Attempt[ChunkReader]:
    """An attempt for the whole request."""
    return ask_for(job.chat, job, candidate, record, is_last)


def ask_for(
    chat: ChatRequest, job: Job, candidate: Candidate, record: AttemptRecord, is_last: bool
) -> Attempt[ChunkReader]:
    """An attempt for ``chat``, which is the request or a part of it."""
    context = job.context
    return chat_attempt(
        candidate,
        chat,
        context.pool,
        record,
        new_id=new_id,
        hop=job.hop,
        redactor=context.redactor,
        is_patient=is_last,
    )


def demand_of(router: Router, request: Request, chat: ChatRequest) -> Demand:
    """The request's demand. With a single provider the estimates are left out, since there is nothing to choose."""
    local_only, key = is_local_only(request), request.key
    if len(router.providers) < 2 and not router.seeks_secrets:
        if router.chooses_models:
            return Demand(local_only=local_only, key=key, needs=partial(needs_of, chat))
        return (LOCAL_ONLY if local_only else ANY) if key is NO_KEY else Demand(local_only=local_only, key=key)
    return Demand(
        SizeOf(chat),
        local_only=local_only,
        conversation=conversation_of(request, chat),
        key=key,
        needs=partial(needs_of, chat),
        secret=partial(secret_of, chat),
    )
