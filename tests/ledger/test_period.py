"""What --since may say, in days of the user's own time zone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from linx.core.errors import ConfigError
from linx.ledger.period import EVERYTHING, Period, parse, shown

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=["UTC", "Asia/Kathmandu", "America/New_York"])
def noon(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[float]:
    """Noon of 2026-03-09, the day after New York's clocks were set forward."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield time.mktime((2026, 3, 9, 12, 0, 0, 0, 0, -1))
    time.tzset()


@pytest.mark.parametrize(
    ("text", "day"),
    [("1d", 20260309), ("7d", 20260303), ("0d", 20260309), ("1w", 20260303), ("4w", 20260210), ("400d", 20250203)],
)
def test_days_are_whole(text: str, day: int, noon: float) -> None:
    assert parse(text, noon) == Period(day, 0.0, shown(day))


def test_hours_are_counted_back_from_now(noon: float) -> None:
    assert parse("24h", noon)[:2] == (20260308, noon - 86400)
    assert parse("1h", noon) == Period(20260309, noon - 3600, "2026-03-09 11:00")


def test_a_day_and_everything(noon: float) -> None:
    assert parse("2025-12-24", noon) == Period(20251224, 0.0, "2025-12-24")
    assert parse("all", noon) == EVERYTHING


@pytest.mark.parametrize("text", ["", "7", "d", "-7d", "7m", "2026-02-30", "yesterday", "9999999d", "7 d"])
def test_anything_else_is_an_error_that_says_what_may_stand(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--since: must be a time such as 24h, 7d or 4w, a day .* or all"):
        parse(text, 1_770_000_000.0)
