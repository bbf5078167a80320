"""What the connections of a server count together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from linx.core.errors import Overloaded
from linx.server.limits import Limits, Shared, Watch

if TYPE_CHECKING:
    from trio.testing import MockClock


def test_bodies_are_held_up_to_the_bound() -> None:
    shared = Shared(Limits(max_bodies=10))
    shared.hold(10)
    with pytest.raises(Overloaded) as caught:
        shared.hold(1)
    assert shared.bodies == 10, "what was refused is not counted"
    assert caught.value.retry_after_s


def test_the_defaults() -> None:
    limits = Limits()
    assert (limits.max_body, limits.max_bodies) == (64 * 2**20, 256 * 2**20)
    assert (limits.head_timeout_s, limits.body_timeout_s, limits.keep_alive_s) == (10, 30, 75)
    assert (limits.stalled_client_s, limits.max_connections) == (300, 4096)


class Waiting:
    def __init__(self) -> None:
        self.ended: float | None = None

    def timed_out(self) -> None:
        self.ended = trio.current_time()


async def test_a_wait_ends_when_it_is_due_and_not_before(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    watch = Watch()
    nursery.start_soon(watch.watch)
    slow, quick, late = Waiting(), Waiting(), Waiting()
    start = trio.current_time()
    watch.expect(slow, start + 75)
    await trio.sleep(1)
    watch.expect(quick, start + 11)
    watch.expect(late, start + 11)
    await trio.sleep(5)
    watch.expect(late, start + 90)  # it came, and waits for the next
    await trio.sleep(200)
    assert [one.ended for one in (slow, quick, late)] == [start + 75, start + 11, start + 90]


async def test_nobody_is_ended_who_does_not_wait_any_more(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    watch = Watch()
    nursery.start_soon(watch.watch)
    one, other = Waiting(), Waiting()
    watch.expect(one, trio.current_time() + 10)
    watch.expect(other, trio.current_time() + 10)
    await trio.sleep(9)
    watch.forget(one)
    watch.forget(one)
    await trio.sleep(9)
    assert one.ended is None
    assert other.ended is not None
