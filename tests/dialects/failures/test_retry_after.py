from __future__ import annotations

import pytest

from linx.dialects.failures.retry_after import parse_retry_after, wait_in_words, wait_until

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("0", 0.0),
        ("12", 12.0),
        (" 12 ", 12.0),
        ("1.5", 1.5),
        ("300", 300.0),
        ("301", 300.0),
        ("99999999999", 300.0),
        ("9" * 5000, 300.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Friday, 15-Jan-27 08:00:30 GMT", 30.0),
        ("Fri Jan 15 08:00:30 2027", 30.0),
        ("Fri, 15 Jan 2027 08:00:30 -0000", 30.0),
        ("Fri, 15 Jan 2027 09:00:30 +0100", 30.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("Wed, 21 Oct 2037 07:28:00 GMT", 300.0),
        (None, None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("-inf", None),
        ("1e999", None),
        ("-1", None),
        ("+1", None),
        ("0x10", None),
        ("1_000", None),
        ("٣", None),
        ("soon", None),
        ("12 s", None),
        ("12, 13", None),
        ("Fri, 99 Foo 2027 08:00:30 GMT", None),
        ("Fri, 15 Jan 99999 08:00:30 GMT", None),
        ("Fri", None),
    ],
)
def test_retry_after(text: str | None, wait: float | None) -> None:
    assert parse_retry_after(text, NOW) == wait


def test_a_date_needs_the_time() -> None:
    assert parse_retry_after("Fri, 15 Jan 2027 08:00:30 GMT") is None
    assert parse_retry_after("12") == 12


@pytest.mark.parametrize(
    ("words", "wait"),
    [
        ("please try again in 9m38.016s. need more", 300.0),
        ("please try again in 1m47.5854s.", 107.5854),
        ("please try again in 644ms.", 0.644),
        ("please try again in 6.780999999s. visit", 6.780999999),
        ("please retry in 45.578569677s.", 45.578569677),
        ("please try again in 1h2m3s", 300.0),
        ("please try again in 2m.", 120.0),
        ("please try again after 1 seconds", 1.0),
        ("please try again in a moment", None),
        ("please try again later", None),
        ("try again in 5 minutes", None),
        ("retry in 99999999999999s", None),
        ("try again in ", None),
        ("", None),
    ],
)
def test_a_wait_in_words(words: str, wait: float | None) -> None:
    assert wait_in_words(words) == (None if wait is None else pytest.approx(wait))


@pytest.mark.parametrize(
    ("moment", "wait"),
    [
        ("1800000090000", 90.0),
        (1_800_000_090_000, 90.0),
        ("1799999990000", 0.0),
        ("1900000000000", 300.0),
        ("60", None),
        ("1800000090", None),
        (True, None),
        (1.5, None),
        (None, None),
    ],
)
def test_a_moment_in_milliseconds(moment: object, wait: float | None) -> None:
    assert wait_until(moment, NOW) == wait
    assert wait_until(moment, None) is None
