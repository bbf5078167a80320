"""What was spent: both tables, and when days and months begin in places with odd clocks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from linx.ledger.spending import NOTHING, Spending, Spent, Where, day_of, today

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Where(20260131, "paid", "alice")


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    yield monkeypatch
    monkeypatch.undo()
    time.tzset()


def set_zone(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TZ", name)
    time.tzset()


def at(year: int, month: int, day: int, hour: int = 12) -> float:
    return time.mktime((year, month, day, hour, 0, 0, 0, 0, -1))


def test_own_and_others_are_added_up() -> None:
    spending = Spending()
    spending.add(HERE, Spent(1.0, 10))
    spending.add(HERE, Spent(0.5, 5))
    spending.learn([(HERE, Spent(2.0, 20)), (HERE._replace(day=20260130), Spent(7.0, 70))])
    assert spending.total(lambda where: where.day >= 20260131) == Spent(3.5, 35)
    assert spending.total(lambda _where: True) == Spent(10.5, 105)
    assert spending.total(lambda where: where.provider == "other") == NOTHING


def test_a_ledger_that_was_lost_takes_nothing_back() -> None:
    spending = Spending()
    spending.learn([(HERE, Spent(2.0, 20))])
    spending.learn([])
    spending.learn([(HERE, Spent(1.0, 30))])
    assert spending.total(lambda _where: True) == Spent(2.0, 30)


def test_days_that_are_over_are_dropped() -> None:
    spending = Spending()
    spending.add(HERE, Spent(1.0))
    spending.learn([(HERE._replace(day=20260201), Spent(2.0))])
    spending.forget(20260201)
    assert spending.total(lambda _where: True) == Spent(2.0)


@pytest.mark.parametrize(
    ("zone_name", "moment", "day_h", "month_d"),
    [
        ("UTC", (2026, 1, 31), 24, 31),
        ("UTC", (2026, 12, 31), 24, 31),
        ("UTC", (2028, 2, 29), 24, 29),
        ("Europe/Berlin", (2026, 3, 29), 23, 31 - 1 / 24),
        ("Europe/Berlin", (2026, 10, 25), 25, 31 + 1 / 24),
        ("Africa/Cairo", (2026, 4, 24), 23, 30 - 1 / 24),
        ("America/Havana", (2026, 3, 8), 23, 31 - 1 / 24),
        ("America/Havana", (2026, 11, 1), 25, 30 + 1 / 24),
        ("Asia/Beirut", (2026, 3, 29), 23, 31 - 1 / 24),
    ],
    ids=str,
)
def test_a_day_lasts_from_midnight_to_midnight(
    zone: pytest.MonkeyPatch, zone_name: str, moment: tuple[int, int, int], day_h: int, month_d: float
) -> None:
    """Cairo, Havana and Beirut put their clocks forward at midnight, so that the day begins at one o'clock."""
    set_zone(zone, zone_name)
    noon = at(*moment)
    now = today(noon)
    assert now.day == day_of(noon) == int("{}{:02}{:02}".format(*moment))
    assert (day_of(now.day_ends_at - 1), day_of(now.day_ends_at)) == (now.day, today(now.day_ends_at).day)
    assert today(now.day_ends_at).day > now.day
    begins = next(start for start in (noon - 3600 * hours for hours in range(10, 16)) if day_of(start - 1) < now.day)
    assert (now.day_ends_at - begins) / 3600 == day_h
    first = today(at(*moment[:2], 1))
    assert first.first_of_month == now.first_of_month == now.day // 100 * 100 + 1
    assert first.month_ends_at == now.month_ends_at
    first_begins = at(*moment[:2], 1, 0)
    if moment[2] != 1:
        assert (now.month_ends_at - first_begins) / 86_400 == pytest.approx(month_d)
    assert day_of(now.month_ends_at) % 100 == 1
    assert day_of(now.month_ends_at - 1) // 100 == now.day // 100
