"""Places at a provider: a fair queue that survives cancellation and a reload."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from linx.providers.slots import Slots


async def test_first_come_first_served() -> None:
    slots = Slots(1)
    order: list[int] = []

    async def run(number: int) -> None:
        await slots.take()
        order.append(number)
        await trio.lowlevel.checkpoint()
        slots.give_back()

    await slots.take()
    assert not slots.has_room
    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(run, number)
            await wait_all_tasks_blocked()
        assert (slots.active, slots.waiting) == (1, 5)
        slots.give_back()
        # The place is promised already: whoever comes now stands behind the others.
        assert not slots.has_room
    assert order == [0, 1, 2, 3, 4]
    assert (slots.active, slots.waiting) == (0, 0)


async def test_one_who_gives_up_leaves_the_queue() -> None:
    slots = Slots(1)
    await slots.take()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(slots.take)
            await wait_all_tasks_blocked()
            assert slots.waiting == 1
            scope.cancel()
    assert slots.waiting == 0
    slots.give_back()
    assert (slots.active, slots.has_room) == (0, True)


async def test_more_places_let_the_waiting_in_at_once() -> None:
    slots = Slots(1)
    await slots.take()
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(slots.take)
        await wait_all_tasks_blocked()
        slots.resize(3)
        assert (slots.active, slots.waiting) == (3, 1)
        slots.resize(None)
    assert slots.active == 4
    slots.resize(2)
    assert not slots.has_room
    for _ in range(4):
        slots.give_back()
    assert slots.active == 0


async def test_without_a_limit_nobody_waits() -> None:
    slots = Slots()
    for _ in range(100):
        await slots.take()
    assert slots.active == 100
    assert slots.has_room
