from __future__ import annotations

import pytest

from linx.dialects.failures.retry_after import parse_retry_after

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
