"""Counters, the decaying histogram, and the records of requests."""

from __future__ import annotations

from linx.core.chat import Usage
from linx.core.errors import NotAsked
from linx.core.telemetry import (
    KEPT_REQUESTS,
    AttemptRecord,
    Counters,
    RequestRecord,
    Telemetry,
    kept,
)


def test_counters_add_up() -> None:
    counters = Counters()
    counters.count_answer(Usage(10, 5), 0.25)
    counters.count_answer(Usage(1, 2), None)
    assert (counters.prompt_tokens, counters.completion_tokens, counters.cost_usd) == (11, 7, 0.25)


def record(name: str = "r") -> RequestRecord:
    return RequestRecord(name, 1_700_000_000.0, 100.0, "POST", "/v1/chat/completions", model="m")


def test_the_attempts_header_is_in_the_order_of_their_start() -> None:
    one = record()
    one.attempts = [
        AttemptRecord("ollama", "m", 100.0, 100.5, "connect_failed"),
        AttemptRecord("openrouter", "x/m", 100.5),
    ]
    assert one.attempts_header() == b"ollama=connect_failed"  # what still runs is no winner yet
    one.provider = "openrouter"
    assert one.attempts_header() == b"ollama=connect_failed, openrouter=ok"


def test_who_is_left_out_stands_before_the_attempts_until_it_is_asked_after_all() -> None:
    one = record()
    one.not_asked = (NotAsked("paid", "budget"), NotAsked("openrouter", "secret in message 7"))
    assert one.attempts_header() == b"paid=not_asked(budget), openrouter=not_asked(secret in message 7)"
    assert list(one.left_out()) == list(one.not_asked)
    one.attempts = [AttemptRecord("ollama", "m", 100.0, 100.5, "connect_failed")]
    one.attempts.append(AttemptRecord("openrouter", "x/m", 100.5))
    one.provider = "openrouter"
    assert one.attempts_header() == b"paid=not_asked(budget), ollama=connect_failed, openrouter=ok"
    assert list(one.left_out()) == [NotAsked("paid", "budget")]


def test_one_attempt_hides_nobody_who_was_left_out() -> None:
    one = record()
    one.not_asked = (NotAsked("paid", "budget"),)
    one.attempts, one.provider = [AttemptRecord("ollama", "m", 100.0)], "ollama"
    assert one.attempts_header() == b"paid=not_asked(budget), ollama=ok"


def test_the_place_in_a_queue_is_that_of_now_while_it_waits_and_else_that_of_its_arrival() -> None:
    record = RequestRecord("1", 0.0, 0.0, "POST", "/")
    assert (record.queue, record.place_now()) == (None, None)
    places = [3]
    record.queued(lambda: places[0])
    places[0] = 2
    assert (record.queue, record.place_now()) == (3, 2)
    record.place = None
    assert (record.queue, record.place_now()) == (3, None)


def test_only_the_last_records_are_kept_and_the_newest_comes_first() -> None:
    telemetry = Telemetry()
    for number in range(KEPT_REQUESTS + 10):
        one = record(str(number))
        telemetry.begin(one)
        telemetry.end(one, "done", 101.0)
    running = record("running")
    telemetry.begin(running)
    newest = list(telemetry.newest())
    assert len(newest) == KEPT_REQUESTS + 1
    assert [one.id for one in newest[:2]] == ["running", str(KEPT_REQUESTS + 9)]
    assert newest[1].ended == 101.0
    assert telemetry.find("running") is running
    assert telemetry.find(str(KEPT_REQUESTS + 9)) is newest[1]
    assert telemetry.find("0") is None
    assert telemetry.counters("a") is telemetry.counters("a")


def test_linx_s_own_share_is_what_no_attempt_was_waiting_for() -> None:
    one = record()
    assert one.own_s(101.0) == 1.0
    one.wait_begins(101.0)
    one.wait_begins(102.0)  # a hedge
    assert one.own_s(103.0) == 1.0
    one.wait_ends(104.0)
    assert one.own_s(105.0) == 1.0
    one.wait_ends(106.0)
    assert (one.upstream_s, one.own_s(106.5)) == (5.0, 1.5)


def test_an_attempt_is_counted_once_by_its_first_outcome() -> None:
    counters = Counters()
    attempt = AttemptRecord("a", "m", 100.0, counters=counters)
    attempt.for_part(100.5).end("ok", 101.0)
    attempt.end("reset", 102.0)
    attempt.end("lost", 103.0)
    assert (attempt.outcome, attempt.ended, counters.outcomes) == ("reset", 102.0, {"reset": 1})


def test_the_phase_follows_the_attempts_until_the_answer_comes() -> None:
    one = record()
    attempt = AttemptRecord("a", "m", 100.0, request=one)
    attempt.entered("queued")
    assert one.phase == "queued"
    one.phase = "streaming"
    attempt.entered("waiting")
    assert one.phase == "streaming"


def test_names_from_outside_are_kept_in_part() -> None:
    record = RequestRecord("id", 0.0, 0.0, "M" * 1000, "/" * 8000, model="m" * 5000)
    record.bound()
    assert (len(record.method), len(record.path), len(record.model)) == (32, 400, 400)
    assert kept("m" * 400) == "m" * 400
    assert kept("m" * 401) == "m" * 399 + "…"


def test_whoever_watches_is_told_of_every_end() -> None:
    telemetry = Telemetry()
    told: list[RequestRecord] = []
    telemetry.watchers.append(told.append)
    for name, phase, outcome in (("a", "done", ""), ("b", "failed", "model_not_found"), ("c", "cancelled", "")):
        running = record(name)
        running.outcome = outcome
        telemetry.begin(running)
        telemetry.end(running, phase, 101.0)
    telemetry.note(record("d"), "failed", 102.0)
    assert [(one.id, one.phase, one.outcome, one.ended) for one in told] == [
        ("a", "done", "ok", 101.0),
        ("b", "failed", "model_not_found", 101.0),
        ("c", "cancelled", "cancelled", 101.0),
        ("d", "failed", "failed", 102.0),
    ]
    assert [one.id for one in telemetry.finished] == ["a", "b", "c"], "a refused request is not kept"
