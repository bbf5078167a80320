"""The accounts of one request: its record, its attempts, what it cost, and what its head says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.config.model import Config
from linx.core.attempt_errors import Fallback, Refused, RouteExhausted, StreamBroken
from linx.core.chat import ChatBody, ChatRequest, Usage
from linx.core.errors import LoopDetected, UnknownModel
from linx.handlers.answers.job import Job
from linx.providers.prices import Price
from linx.routing.candidate import Candidate
from linx.routing.demand import Demand
from linx.routing.router import Router
from tests.handlers.answers.world import CHAT, Asked, openai_face
from tests.handlers.contexts import context_for
from tests.routing.world import has, provider

if TYPE_CHECKING:
    from trio.testing import MockClock

    from linx.core.telemetry import AttemptRecord
    from linx.handlers.context import Context
    from linx.providers.provider import Provider

ONE_DOLLAR = Price(1e-6, 2e-6)


def context_of(*providers: Provider) -> Context:
    config = Config()
    return context_for(config, Router(providers, config.routing))


def job_of(*providers: Provider, conversation: str | None = None) -> Job:
    demand = Demand(conversation=conversation)
    chat = ChatRequest("asked", ChatBody(CHAT))
    reply: Any = SimpleNamespace(kept=None)  # nothing is answered here
    return Job(context_of(*providers), openai_face(), Asked(), reply, chat, demand)  # type: ignore[arg-type]


class Tried:
    """As much of an attempt as the accounts look at."""

    def __init__(self, candidate: Candidate, record: AttemptRecord) -> None:
        self.candidate = candidate
        self.record = record
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True

    @property
    def asked_at(self) -> float | None:
        return self.record.asked


def try_at(job: Job, one: Provider, *, is_hedge: bool = False) -> Any:
    candidate = Candidate(one, "real")
    record = job.new_attempt(candidate, is_hedge=is_hedge)
    record.asked = job.clock()
    return Tried(candidate, record)


def named(job: Job) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in job.headers()}


async def test_a_record_begins_with_the_request(mock_clock: MockClock) -> None:
    mock_clock.jump(5)
    job = job_of(provider("a"))
    record = job.record
    assert (record.id, record.method, record.path, record.model) == ("0123", "POST", "/v1/chat/completions", "asked")
    assert (record.started, record.attempts, record.phase) == (5, [], "connecting")
    stamp = job.stamp()
    assert (stamp.id, stamp.created) == ("0123", record.started_at)
    mock_clock.jump(1)
    assert stamp.now() == record.started_at + 1


async def test_a_request_that_came_round_is_refused() -> None:
    context = context_of(provider("a"))
    asked: Any = Asked({"x-linx-hop": context.instance.decode()})
    reply: Any = SimpleNamespace(kept=None)
    with pytest.raises(LoopDetected):
        Job(context, openai_face(), asked, reply, ChatRequest("m", ChatBody(CHAT)), Demand())


async def test_an_attempt_is_counted_where_it_goes() -> None:
    one = provider("a")
    job = job_of(one)
    record = job.new_attempt(Candidate(one, "real"), is_hedge=True)
    assert job.record.attempts == [record]
    assert (record.provider, record.model, record.is_hedge, record.request) == ("a", "real", True, job.record)
    assert (one.counters.requests, one.counters.hedges) == (1, 1)
    record.end("ok", 1.0)
    assert one.counters.outcomes == {"ok": 1}


async def test_the_winner_is_named_and_its_first_token_timed(mock_clock: MockClock) -> None:
    one = provider("a")
    job = job_of(one, conversation="c")
    attempt = try_at(job, one)
    mock_clock.jump(1)
    attempt.record.asked = job.clock()  # so long it had waited for a place
    mock_clock.jump(2)
    job.won(attempt)
    record = job.record
    assert (record.provider, record.served_model, record.phase, record.first_token) == ("a", "real", "streaming", 3)
    assert one.first_token["real"].percentile(0.5) == pytest.approx(2, rel=0.125)
    assert one.counters.first_token.samples == 1


async def test_a_hedge_that_won_and_what_it_says_of_the_loser(mock_clock: MockClock) -> None:
    slow, quick = provider("slow"), provider("quick")
    job = job_of(slow, quick)
    loser = try_at(job, slow)
    mock_clock.jump(4)
    winner = try_at(job, quick, is_hedge=True)
    mock_clock.jump(1)
    loser.record.end("lost", job.clock())
    job.won(winner)
    assert (quick.counters.hedges_won, slow.counters.wasted, quick.counters.wasted) == (1, 1, 0)
    silence = slow.first_token["real"].percentile(0.99)
    assert silence is not None
    assert 3 < silence <= 4 * 1.25  # in the bucket of the four seconds after which the hedge came
    assert slow.first_token["real"].samples == 1


async def test_a_hedge_for_nothing_teaches_nothing_of_itself(mock_clock: MockClock) -> None:
    slow, quick = provider("slow"), provider("quick")
    job = job_of(slow, quick)
    winner = try_at(job, slow)
    mock_clock.jump(4)
    hedge = try_at(job, quick, is_hedge=True)
    hedge.record.end("lost", job.clock())
    job.won(winner)
    assert (quick.counters.hedges_won, quick.counters.wasted, slow.counters.wasted) == (0, 1, 0)
    assert "real" not in quick.first_token


async def test_a_fallback_is_no_hedge() -> None:
    bad, good = provider("bad"), provider("good")
    job = job_of(bad, good)
    try_at(job, bad).record.end("http_500", 0.0)
    job.won(try_at(job, good))
    assert (bad.counters.wasted, good.counters.hedges_won) == (0, 0)


@pytest.mark.parametrize(
    ("usage", "price", "cost"),
    [
        (Usage(10, 5, cost_usd=0.5), ONE_DOLLAR, 0.5),
        (Usage(10, 5), ONE_DOLLAR, 20e-6),
        (Usage(10, 5), None, None),
    ],
    ids=["said", "estimated", "unknown"],
)
async def test_what_an_answer_used(usage: Usage, price: Price | None, cost: float | None) -> None:
    one = has(provider("a", local=False), "real", price=price)
    job = job_of(one)
    attempt = try_at(job, one)
    job.record_usage(attempt, usage)
    assert (job.record.usage, job.record.cost_usd) == (usage, pytest.approx(cost) if cost is not None else None)
    assert (one.counters.prompt_tokens, one.counters.completion_tokens) == (10, 5)
    assert one.counters.models["real", "-"].answers == 1


async def test_an_answer_that_tells_no_tokens_counts_none() -> None:
    one = provider("a")
    job = job_of(one)
    job.record_usage(try_at(job, one), None)
    assert (job.record.usage, one.counters.answers) == (None, 0)


async def test_the_head_says_who_answered_and_how_long_linx_took(mock_clock: MockClock) -> None:
    one = has(provider("a"), "real name ☕")
    job = job_of(one)
    mock_clock.jump(0.25)
    assert named(job) == {"server-timing": "linx;dur=250.000"}
    candidate = Candidate(one, "real name ☕")
    job.won(Tried(candidate, job.new_attempt(candidate, is_hedge=False)))  # type: ignore[arg-type]
    assert named(job) == {
        "x-linx-attempts": "a=ok",
        "x-linx-provider": "a",
        "x-linx-model": "real?name??",
        "server-timing": "linx;dur=250.000",
    }
    assert dict(job.headers(0.001))[b"server-timing"] == b"linx;dur=1.000"
    assert trio.current_time() == 0.25


def refused(name: str, status: int, fallback: Fallback = Fallback.YES) -> Refused:
    error = Refused("no", status=status, fallback=fallback, outcome=f"http_{status}")
    error.provider = name
    return error


async def test_an_error_names_the_attempt_that_it_tells_of() -> None:
    one, two = provider("one"), provider("two")
    job = job_of(one, two)
    attempts = [try_at(job, one), try_at(job, two)]
    errors = [refused("one", 429), refused("two", 500)]
    for attempt, error in zip(attempts, errors, strict=True):
        attempt.record.end(error.outcome, job.clock())
    said = dict(job.error_headers(RouteExhausted("asked", errors)))
    assert (said[b"x-linx-provider"], said[b"x-linx-model"]) == (b"one", b"real")  # 429 tells more than a 500
    assert said[b"x-linx-attempts"] == b"one=http_429, two=http_500"
    assert b"server-timing" in said
    said = dict(job.error_headers(errors[1]))
    assert said[b"x-linx-provider"] == b"two"


async def test_it_is_not_the_one_that_broke_off_if_another_tells_more() -> None:
    """A whole answer may fall over after a provider has begun it."""
    one, two = provider("one"), provider("two")
    job = job_of(one, two)
    broken = try_at(job, one)
    job.won(broken)
    broken.record.end("reset", job.clock())
    try_at(job, two).record.end("http_400", job.clock())
    reset = StreamBroken("broke off")
    reset.provider = "one"
    said = dict(job.error_headers(RouteExhausted("asked", [reset, refused("two", 400, Fallback.NO)])))
    assert said[b"x-linx-provider"] == b"two"


async def test_an_error_before_any_attempt_names_nobody() -> None:
    job = job_of(provider("one"))
    assert [name for name, _value in job.error_headers(UnknownModel("no such model"))] == [b"server-timing"]
