"""The watchdog of the event loop: what it sees, what it remembers, what it says."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import trio

from linx.core.watchdog import LOGGED_S, SPAN_S, Watchdog

if TYPE_CHECKING:
    import pytest


async def test_a_step_that_blocks_is_seen() -> None:
    dog = Watchdog()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dog.run)
        await trio.sleep(0.01)
        time.sleep(0.3)
        await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert dog.longest_s(trio.current_time()) >= 0.15


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
