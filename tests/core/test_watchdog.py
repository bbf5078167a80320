"""The watchdog of the event loop: what it sees, what it remembers, what it says."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from linx.core.watchdog import LOGGED_S, SPAN_S, Watchdog

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_a_step_that_blocks_is_seen() -> None:
    dog = Watchdog()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dog.run, lambda: True, lambda: None)
        await trio.sleep(0.01)
        time.sleep(0.3)
        await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert dog.longest_s(trio.current_time()) >= 0.15


async def test_it_rests_while_no_request_runs_and_a_request_ends_the_rest(autojump_clock: MockClock) -> None:
    dog, wakings = Watchdog(), list[float]()
    is_busy = False

    async def wakings_in(seconds: float) -> int:
        wakings.clear()
        await trio.sleep(seconds)
        return len(wakings)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(dog.run, lambda: is_busy, lambda: wakings.append(trio.current_time()))
        await trio.sleep(2)
        assert 9 <= await wakings_in(10) <= 11
        dog.stir()
        assert 5 <= await wakings_in(1.01) <= 8
        assert 9 <= await wakings_in(10) <= 11
        is_busy = True
        dog.stir()
        assert 95 <= await wakings_in(10) <= 101
        nursery.cancel_scope.cancel()


async def test_the_step_that_ends_the_rest_is_watched_too(
    mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linx.core.watchdog.QUIET_TICKS", 0)
    dog = Watchdog()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dog.run, lambda: False, lambda: None)
        await trio.testing.wait_all_tasks_blocked()
        dog.stir()
        mock_clock.jump(0.7)
        await trio.testing.wait_all_tasks_blocked()
        assert dog.longest_s(trio.current_time()) == pytest.approx(0.7)
        nursery.cancel_scope.cancel()


def test_the_longest_of_the_last_minutes_is_told() -> None:
    dog = Watchdog()
    assert dog.longest_s(0) == 0
    for at, late_s in ((1, 0.2), (2, 0.9), (3, 0.1), (200, 0.5)):
        dog.woken(at, late_s)
    assert dog.longest_s(200) == 0.9
    assert dog.longest_s(2 + SPAN_S + 1) == 0.5
    assert dog.longest_s(200 + SPAN_S + 1) == 0


def test_it_keeps_few_numbers() -> None:
    dog = Watchdog()
    for number in range(10_000):
        dog.woken(number / 10, 0.001 if number % 3 else 0.002)
        dog.longest_s(number / 10)
    assert len(dog._stalls) < 2000


def test_a_long_stall_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    dog = Watchdog()
    dog.woken(1, LOGGED_S)
    assert not caplog.records
    dog.woken(9, 1.23)
    assert [record.getMessage() for record in caplog.records] == [
        "the event loop stood still for 1.2 s: nobody was served meanwhile"
    ]
