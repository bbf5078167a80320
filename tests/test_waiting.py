"""``within`` is sharp on a machine that has time, and patient on one that has none."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import trio
import trio.lowlevel

from tests.waiting import within

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_what_never_comes_is_given_up_in_time(autojump_clock: MockClock) -> None:
    with pytest.raises(trio.TooSlowError), within(0.5):
        await trio.sleep_forever()
    assert trio.current_time() == pytest.approx(0.5)


async def test_what_comes_is_not_disturbed(autojump_clock: MockClock) -> None:
    with within(0.5):
        await trio.sleep(0.4)
    await trio.sleep(10)
    assert trio.current_time() == pytest.approx(10.4)


async def test_a_loop_that_is_held_up_is_not_what_is_measured() -> None:
    """As by a machine that is busy elsewhere: turns are late, and there are no fewer of them."""
    with within(0.1):
        for _turn in range(5):
            time.sleep(0.05)
            await trio.lowlevel.checkpoint()


async def test_an_error_inside_comes_out_as_it_is() -> None:
    with pytest.raises(KeyError), within(1):
        raise KeyError
