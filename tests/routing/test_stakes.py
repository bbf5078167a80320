"""Stakes: what an attempt may cost, and what it has cost when nobody reports it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from linx.config.shape import BudgetShape
from linx.core.attempt_errors import BudgetReached
from linx.core.chat import ChatBody, ChatRequest, Dialect, EmbeddingInput, Opaque, TextCompletion, Usage
from linx.core.telemetry import AttemptRecord, Counted, RequestRecord
from linx.ledger.spending import day_of
from linx.routing.budgets import Budgets
from linx.routing.candidate import Candidate
from linx.routing.limits import ALL, Scope
from linx.routing.stakes import MOST_TOKENS, AttemptStake
from tests.routing.test_metered import FRAME
from tests.routing.world import has, provider

USD = 0.001  # of each token
PAID = Candidate(has(provider("paid", local=False, usd=1000.0), "m"), "m")
NOW = time.time()
TODAY = day_of(NOW)
TEXT = "x" * 368
"""Of 100 tokens, with what is added to a message."""


def budgets(**budget: Any) -> Budgets:
    made = Budgets(lambda: NOW)
    made.apply({Scope(ALL): BudgetShape(**(budget or {"daily_usd": 100}))})
    return made


def chat(**more: Any) -> ChatRequest:
    return ChatRequest("m", ChatBody({"messages": [{"role": "user", "content": TEXT}], **more}))


def record() -> AttemptRecord:
    request = RequestRecord("id", NOW, 0.0, "POST", "/x")
    return AttemptRecord("paid", "m", 0.0, request=request)


def stake(made: Budgets, asked: ChatRequest, one: Candidate = PAID) -> AttemptStake:
    return AttemptStake(made, one, asked, "-", NOW)


def row(made: Budgets) -> Any:
    [found] = made.status()
    return found["spent"], found["reserved"]


@pytest.mark.parametrize(
    ("asked", "reserved"),
    [
        (chat(), 100 + 1024),
        (chat(max_tokens=50), 150),
        (chat(max_tokens=50, n=3), 250),
        (ChatRequest("m", TextCompletion(prompts=["x" * 400, [1] * 20], count=2, fields={"max_tokens": 10})), 120 + 20),
        (ChatRequest("m", EmbeddingInput(input=["x" * 400, "x" * 40])), 110),
        (ChatRequest("m", Opaque(), client_body={"max_output_tokens": 7}), 7),
        (ChatRequest("m", Opaque(), dialect=Dialect.OPAQUE), 0),
        (chat(n=3), 100 + 3 * 1024),
        (chat(max_tokens=10**300, n=10**300), 100 + MOST_TOKENS),
    ],
    ids=[
        "chat",
        "limited",
        "choices",
        "completions",
        "embeddings",
        "untranslated",
        "relayed",
        "choices without a limit",
        "huge",
    ],
)
def test_what_is_reserved(asked: ChatRequest, reserved: int) -> None:
    made = budgets(daily_tokens=10_000)
    held = stake(made, asked)
    assert row(made) == (0, reserved)
    held.settle(record(), Usage(3, 4), None)
    assert row(made) == (7, 0)


def test_it_costs_what_is_reported() -> None:
    made, attempt = budgets(), record()
    held = attempt.stake = stake(made, chat())
    attempt.end("ok", 1.0)
    assert row(made) == (0, pytest.approx(1.124))
    held.settle(attempt, Usage(10, 20), 0.5)
    assert attempt.stake is None
    assert attempt.counted == Counted(TODAY, 0.5, 30, True)
    held.settle(attempt, None, None)
    assert row(made) == (0.5, 0)


@pytest.mark.parametrize(
    ("outcome", "is_sent", "has_spoken", "frames", "tokens"),
    [
        ("connect_failed", False, False, 0, 0),
        ("http_429", True, False, 0, 0),
        ("error_event", True, False, 1, 0),
        ("error_event", True, True, 5, 105),
        ("lost", False, False, 0, 0),
        ("lost", True, False, 0, 100),
        ("lost", True, True, 30, 130),
        ("timeout", True, False, 0, 100),
        ("reset", True, True, 30, 130),
        ("lost", True, True, 90, 150),
    ],
)
def test_what_nobody_reports_is_estimated(
    outcome: str, is_sent: bool, has_spoken: bool, frames: int, tokens: int
) -> None:
    made, attempt = budgets(), record()
    held = attempt.stake = stake(made, chat(max_tokens=50))
    held.is_sent = is_sent
    assert held.meter is not None
    for _ in range(frames):
        held.meter.count(FRAME % b"abcd")
    assert attempt.request is not None
    attempt.request.first_token = 0.5 if has_spoken else None
    attempt.end(outcome, 1.0)
    assert row(made) == (pytest.approx(tokens * USD), 0)
    counted = attempt.counted and attempt.counted._replace(usd=round(attempt.counted.usd, 6))
    assert counted == (Counted(TODAY, round(tokens * USD, 6), tokens, False) if tokens else None)
    assert attempt.stake is None


@pytest.mark.parametrize("usage", [Usage(0, 0), Usage(100, 0)], ids=["nothing", "no answer"])
def test_a_report_of_nothing_is_none(usage: Usage) -> None:
    """Some servers end each stream with a usage of zeros; what they have streamed was not for nothing."""
    made, attempt = budgets(), record()
    held = attempt.stake = stake(made, chat())
    held.is_sent = True
    assert held.meter is not None
    held.meter.count((FRAME % b"abcd") * 9)
    attempt.end("ok", 1.0)
    held.settle(attempt, usage, 0.0)
    assert row(made) == (pytest.approx(109 * USD), 0)
    assert attempt.counted is not None
    assert not attempt.counted.is_reported


def test_what_was_reported_before_it_was_cut_short_counts_before_an_estimate() -> None:
    made, attempt = budgets(), record()
    held = attempt.stake = stake(made, chat())
    held.is_sent, held.reported = True, Usage(40, 1)
    assert held.meter is not None
    held.meter.count((FRAME % b"abcd") * 9)
    attempt.end("lost", 1.0)
    assert row(made) == (pytest.approx(49 * USD), 0)


def test_a_cost_that_was_reported_is_the_cost() -> None:
    made, attempt = budgets(), record()
    held = attempt.stake = stake(made, chat())
    held.is_sent, held.reported = True, Usage(40, 10, cost_usd=0.3)
    attempt.end("reset", 1.0)
    assert row(made) == (0.3, 0)


def test_an_unknown_price_costs_nothing_but_tokens() -> None:
    unknown = Candidate(has(provider("paid", local=False), "m"), "m")
    made, attempt = budgets(daily_usd=1, daily_tokens=10_000), record()
    stake(made, chat(), unknown).settle(attempt, Usage(10, 20), None)
    assert [one["spent"] for one in made.status()] == [0, 30]
    assert attempt.counted == Counted(TODAY, 0.0, 30, True)


def test_at_a_limit_there_is_none() -> None:
    with pytest.raises(BudgetReached):
        stake(budgets(daily_usd=0), chat())
    with pytest.raises(BudgetReached):
        stake(budgets(daily_usd=0), ChatRequest("m", Opaque(), dialect=Dialect.OPAQUE))
