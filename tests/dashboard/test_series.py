"""The charts' numbers: tokens as they come, times to the first token, how requests ended."""

from __future__ import annotations

from linx.core.chat import Usage
from linx.dashboard.series import MOST_TIMES, STEP_S, STEPS, Point, Series
from tests.dashboard.records import Sending, record


def test_an_empty_hour() -> None:
    shown = Series(3600.0).as_json()
    assert (shown["step_s"], shown["from"]) == (5, 0.0)
    assert {name: len(shown[name]) for name in Point._fields} == dict.fromkeys(Point._fields, STEPS)
    assert set(shown["first_token_p95"]) == {None}


def test_tokens_are_counted_as_they_come_and_put_right_at_the_end() -> None:
    series = Series(0.0)
    one = record(first_token=100.1, is_local=True, answer=Sending(50, 0))
    series.progress([one])
    assert series.step().tokens_local == 10
    one.answer = Sending(100, 0)
    series.progress([one])
    series.progress([one])
    assert series.step().tokens_local == 10
    one.answer, one.usage, one.outcome = None, Usage(1, 200), "ok"
    series.note([one])
    assert series.step() == Point(20.0, 0.0, 100.0, 100.0, 1, 0)
    assert series.at == 3 * STEP_S


def test_an_estimate_that_was_too_high_never_makes_a_step_negative() -> None:
    series = Series(0.0)
    one = record(first_token=100.1, is_local=False, answer=Sending(100, 0))
    series.progress([one])
    assert series.step().tokens_remote == 20
    one.answer, one.usage, one.outcome = None, Usage(1, 60), "ok"
    series.note([one])
    other = record(first_token=100.1, is_local=False, outcome="ok", usage=Usage(1, 50))
    assert series.step().tokens_remote == 0
    series.note([other])
    assert series.step().tokens_remote == 2  # 50, less the 40 that were too many


def test_how_requests_ended_and_when_they_began() -> None:
    series = Series(0.0)
    for number in range(100):
        series.note([record(first_token=100.0 + (number + 1) / 100, outcome="ok")])
    for outcome in ("reset", "rate_limited", "cancelled"):
        series.note([record(outcome=outcome)])
    point = series.step()
    assert (point.ok, point.failed) == (100, 2)
    assert (point.first_token_p50, point.first_token_p95) == (510.0, 960.0)
    assert series.step() == Point()
    shown = series.as_json()
    assert (shown["ok"][-2:], shown["failed"][-2:], shown["first_token_p50"][-2:]) == ([100, 0], [2, 0], [510.0, None])


def test_memory_is_bounded() -> None:
    series = Series(0.0)
    for _ in range(2 * MOST_TIMES):
        series.note([record(first_token=100.1, outcome="ok")])
    assert len(series._times) == MOST_TIMES
    for _ in range(2 * STEPS):
        series.step()
    assert len(series.as_json()["ok"]) == STEPS
    assert set(series.as_json()["ok"]) == {0}
