"""Health: cool-downs, pauses, probes, and the one word for the status."""

from __future__ import annotations

import pytest

from linx.core.attempt_errors import AttemptError, ConnectFailed, Garbled, PauseScope, Refused
from linx.providers.health import Health


def steady() -> Health:
    """No jitter: 0.5 is the middle of the random range."""
    return Health(jitter=lambda: 0.5)


def limited(seconds: float | None, status: int = 429) -> Refused:
    return Refused("slow down", status=status, is_pause=True, blames_provider=False, retry_after_s=seconds)


def test_three_failures_in_a_row_cool_it_down_and_each_further_one_doubles() -> None:
    health = steady()
    lengths = []
    for number in range(10):
        health.failed(Garbled("no"), now=100.0)
        lengths.append(health.cooling_until - 100.0 if health.cooling_until else 0)
        assert health.is_ill(100.0) is (number >= 2)
    assert lengths == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]


def test_a_cool_down_ends_with_time_or_with_a_success() -> None:
    health = steady()
    for _ in range(3):
        health.failed(Garbled("no"), now=0.0)
    assert health.state(0.5) == "cooling"
    assert not health.is_ill(1.1)
    health.failed(Garbled("no"), now=2.0)
    assert health.retry_at(2.0) == 4.0
    health.succeeded()
    assert health.state(2.1) == "up"
    assert health.consecutive_failures == 0
    assert health.last_error is None


@pytest.mark.parametrize("draw", [0.0, 0.25, 1.0])
def test_jitter_is_a_fifth_at_most(draw: float) -> None:
    health = Health(jitter=lambda: draw)
    for _ in range(3):
        health.failed(Garbled("no"), now=0.0)
    assert 0.8 <= health.cooling_until <= 1.2


def test_a_success_between_failures_starts_the_count_anew() -> None:
    health = steady()
    for _ in range(5):
        health.failed(Garbled("no"), now=0.0)
        health.failed(Garbled("no"), now=0.0)
        health.succeeded()
    assert not health.is_ill(0.0)


def test_retry_after_is_a_pause_and_no_fault() -> None:
    health = steady()
    for _ in range(5):
        health.failed(limited(30), now=10.0)
    assert health.consecutive_failures == 0
    assert health.pause_of("", 39.9) == (40.0, 429)
    assert health.pause_of("", 40.1) is None


def test_a_pause_is_at_most_five_minutes_and_never_shortened() -> None:
    health = steady()
    health.failed(limited(100_000), now=0.0)
    health.failed(limited(1, status=503), now=0.0)
    assert health.pause_of("", 0.0) == (300.0, 429)


def test_a_limit_without_a_time_is_no_pause() -> None:
    health = steady()
    health.failed(limited(None), now=0.0)
    assert health.pause_of("", 0.0) is None


def test_what_is_not_the_providers_fault_does_not_count() -> None:
    health = steady()
    for _ in range(5):
        health.failed(Refused("bad request", status=400, blames_provider=False), now=0.0)
    assert health.state(0.0) == "unknown"


def test_a_probe_says_up_down_and_loading() -> None:
    health = steady()
    assert health.state(0.0) == "unknown"
    assert health.needs_watching(0.0)
    health.probed(1.0, "connection refused")
    assert (health.state(1.0), health.last_error, health.last_checked) == ("down", "connection refused", 1.0)
    assert health.is_ill(1.0)
    health.probed(2.0, "is loading its model", loading=True)
    assert health.state(2.0) == "loading"
    assert health.is_ill(2.0)
    health.probed(3.0)
    assert (health.state(3.0), health.last_error) == ("up", None)
    assert not health.needs_watching(3.0)


@pytest.mark.parametrize(
    ("error", "state"),
    [(ConnectFailed("refused"), "up"), (Garbled("html"), "cooling")],
)
def test_a_probe_mends_lost_contact_but_not_wrong_answers(error: AttemptError, state: str) -> None:
    health = steady()
    for _ in range(3):
        health.failed(error, now=0.0)
    health.probed(0.5)
    assert health.state(0.5) == state


def test_an_answer_that_breaks_off_again_and_again_cools_it_down() -> None:
    health = steady()
    for _ in range(3):
        health.first_chunk_seen()
        health.failed(Garbled("torn"), now=0.0)
    assert health.state(0.5) == "cooling"
    health.first_chunk_seen()
    assert health.state(0.5) == "up"
    assert health.consecutive_failures == 3
    health.succeeded()
    assert health.consecutive_failures == 0


def test_the_longest_pause_gives_the_status() -> None:
    health = steady()
    health.failed(limited(10), now=0.0)
    health.failed(limited(5, status=503), now=0.0)
    assert health.pause_of("", 0.0) == (10.0, 429)
    health.failed(limited(20, status=503), now=0.0)
    assert health.pause_of("", 0.0) == (20.0, 503)


def test_a_limit_of_one_model_says_nothing_of_the_provider() -> None:
    health = steady()
    health.failed(limited(30), 0.0, "m")
    assert health.pause_of("m", 0.0) == (30.0, 429)
    assert health.pause_of("other", 0.0) is None
    assert (health.state(0.0), health.retry_at(0.0), health.last_error) == ("unknown", None, None)
    error = limited(30)
    error.pause_scope = PauseScope.PROVIDER
    health.failed(error, 1.0, "m")
    assert health.pause_of("other", 1.0) == (31.0, 429)
    assert (health.state(1.0), health.retry_at(1.0)) == ("cooling", 31.0)


def test_loading_is_tried_after_what_is_ill() -> None:
    well, ill, loading = steady(), steady(), steady()
    ill.probed(0.0, "refused")
    loading.probed(0.0, "loads", loading=True)
    assert [one.illness(0.0) for one in (well, ill, loading)] == [0, 1, 2]


def test_a_failure_wakes_the_prober_and_a_bad_request_does_not() -> None:
    health = steady()
    alarm = health.alarm
    health.failed(Refused("bad request", status=400, blames_provider=False), now=0.0)
    health.failed(limited(3), now=0.0)
    assert not alarm.is_set()
    health.failed(ConnectFailed("refused"), now=0.0)
    assert alarm.is_set()
    assert not health.alarm.is_set()
