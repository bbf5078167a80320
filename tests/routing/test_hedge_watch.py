"""The watch under the mock clock: exactly in time, no task and no wake for what is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from linx.routing.hedge_watch import QUICK_S, HedgeWatch

if TYPE_CHECKING:
    from trio.testing import MockClock


def expect(watch: HedgeWatch, silent: Silent, at: float) -> None:
    watch.expect(silent, trio.current_time(), at)


class Silent:
    """Notes when it was due; may expect something else then."""

    def __init__(self, then: tuple[HedgeWatch, Silent, float] | None = None) -> None:
        self.due_at: list[float] = []
        self._then = then

    def due(self) -> None:
        self.due_at.append(trio.current_time())
        if self._then is not None:
            watch, other, at = self._then
            expect(watch, other, at)


async def test_each_is_due_exactly_in_time_and_once(autojump_clock: MockClock) -> None:
    watch = HedgeWatch()
    times = [5.0, 2.0, 2.0, 3.5, 9.0, 2.5]
    silent = [Silent() for _ in times]
    for one, at in zip(silent, times, strict=True):
        expect(watch, one, at)
    await trio.sleep(20)
    assert [one.due_at for one in silent] == [[at] for at in times]


async def test_what_is_forgotten_is_never_due(autojump_clock: MockClock) -> None:
    watch = HedgeWatch()
    forgotten, kept = Silent(), Silent()
    expect(watch, forgotten, 1.0)
    expect(watch, kept, 2.0)
    watch.forget(forgotten)
    watch.forget(Silent())
    await trio.sleep(5)
    assert (forgotten.due_at, kept.due_at) == ([], [2.0])


async def test_a_time_that_has_passed_is_due_at_once(autojump_clock: MockClock) -> None:
    watch = HedgeWatch()
    await trio.sleep(10)
    late = Silent()
    expect(watch, late, 3.0)
    await trio.sleep(1)
    assert late.due_at == [10.0]


async def test_what_is_due_may_expect_more(autojump_clock: MockClock) -> None:
    watch = HedgeWatch()
    other = Silent()
    expect(watch, Silent(then=(watch, other, 1.5)), 1.0)
    await trio.sleep(5)
    assert other.due_at == [1.5]


async def test_one_task_serves_all(mock_clock: MockClock) -> None:
    before = trio.lowlevel.current_statistics().tasks_living
    watch = HedgeWatch()
    silent = [Silent() for _ in range(1000)]
    for number, one in enumerate(silent):
        expect(watch, one, 1000.0 - number)
    await trio.testing.wait_all_tasks_blocked()
    statistics = trio.lowlevel.current_statistics()
    assert statistics.tasks_living == before + 1
    assert statistics.seconds_to_next_deadline == 1.0
    assert watch.watched == 1000


@pytest.mark.parametrize(("pause_s", "is_quick"), [(2 * QUICK_S, False), (QUICK_S / 2, True)], ids=["lone", "quick"])
async def test_nothing_wakes_an_idle_process(autojump_clock: MockClock, pause_s: float, is_quick: bool) -> None:
    """Requests one after the other, each answered long before its hedge is due."""

    def next_wake_s() -> float:
        return trio.lowlevel.current_statistics().seconds_to_next_deadline

    watch, one = HedgeWatch(), Silent()
    for number in range(20):
        expect(watch, one, trio.current_time() + 0.1)
        await trio.sleep(pause_s / 2)
        assert next_wake_s() <= 0.1
        watch.forget(one)
        assert (next_wake_s() <= 0.1) is (is_quick and number > 0)
        await trio.sleep(pause_s / 2)
    await trio.sleep(0.2)
    assert next_wake_s() > 1e6
    assert not one.due_at
