"""Places at a provider: a queue that survives cancellation and a reload. Whose turn it is, is tested in test_turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from trio.testing import wait_all_tasks_blocked

from linx.providers.loaded import Loaded
from linx.providers.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Callable


def slots_of(most: int | None) -> Slots:
    return Slots(most, Loaded())


class Told:
    """What a waiting request is told."""

    def __init__(self) -> None:
        self.places: list[Callable[[], int | None]] = []

    def __call__(self, place: Callable[[], int | None]) -> None:
        self.places.append(place)

    def now(self) -> list[int | None]:
        return [place() for place in self.places]


async def take(slots: Slots, key: str = "-", model: str = "", *, may_leave: bool = True) -> bool:
    return await slots.take(key, model, Told(), may_leave=may_leave)


async def test_first_come_first_served() -> None:
    slots = slots_of(1)
    order: list[int] = []

    async def run(number: int) -> None:
        assert await take(slots)
        order.append(number)
        await trio.lowlevel.checkpoint()
        slots.give_back()

    await take(slots)
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


async def test_the_turn_counts_also_where_nobody_had_to_wait() -> None:
    slots = slots_of(1)
    order: list[str] = []

    async def run(key: str) -> None:
        await take(slots, key)
        order.append(key)
        slots.give_back()

    await take(slots, "a")
    async with trio.open_nursery() as nursery:
        for key in ("a", "a", "b"):
            nursery.start_soon(run, key)
            await wait_all_tasks_blocked()
        slots.give_back()
    assert order == ["b", "a", "a"]


async def test_the_model_of_the_request_that_ran_is_the_loaded_one() -> None:
    slots = slots_of(1)
    order: list[str] = []

    async def run(model: str) -> None:
        await take(slots, "-", model)
        order.append(model)
        slots.give_back()

    await take(slots, "-", "x")
    async with trio.open_nursery() as nursery:
        for model in ("y", "x", "y", "x"):
            nursery.start_soon(run, model)
            await wait_all_tasks_blocked()
        slots.give_back()
    assert order == ["x", "x", "y", "y"]


async def test_a_waiting_request_is_told_its_place_as_it_changes() -> None:
    slots, told = slots_of(1), Told()
    await take(slots)
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(lambda: slots.take("-", "", told, may_leave=False))
            await wait_all_tasks_blocked()
        assert told.now() == [1, 2, 3]
        slots.give_back()
        assert told.now() == [None, 1, 2]
        slots.resize(None)
        assert told.now() == [None, None, None]


async def test_one_who_gives_up_leaves_the_queue() -> None:
    slots = slots_of(1)
    await take(slots)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(take, slots)
            await wait_all_tasks_blocked()
            assert slots.waiting == 1
            scope.cancel()
    assert slots.waiting == 0
    slots.give_back()
    assert (slots.active, slots.has_room) == (0, True)


async def test_one_who_is_cancelled_in_the_moment_of_its_turn_has_the_place() -> None:
    slots = slots_of(1)
    await take(slots)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(take, slots)
            await wait_all_tasks_blocked()
            slots.give_back()
            scope.cancel()
    assert (slots.active, slots.waiting) == (1, 0), "take returned, and its caller gives the place back"


async def test_more_places_let_the_waiting_in_at_once() -> None:
    slots = slots_of(1)
    await take(slots)
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(take, slots)
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


async def test_fewer_places_let_in_as_many_as_there_are_now() -> None:
    slots = slots_of(3)
    for _ in range(3):
        await take(slots)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(take, slots)
        await wait_all_tasks_blocked()
        slots.resize(1)
        slots.give_back()
        slots.give_back()
        assert (slots.active, slots.waiting) == (1, 1)
        slots.give_back()
        assert (slots.active, slots.waiting) == (1, 0)


async def test_of_a_provider_that_is_down_those_go_who_can_go_elsewhere() -> None:
    slots = slots_of(1)
    ended: list[tuple[str, bool]] = []

    async def run(name: str, may_leave: bool) -> None:
        ended.append((name, await take(slots, may_leave=may_leave)))

    await take(slots)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, "can", True)
        nursery.start_soon(run, "cannot", False)
        await wait_all_tasks_blocked()
        slots.turn_away(everybody=False)
        await wait_all_tasks_blocked()
        assert (ended, slots.active, slots.waiting) == ([("can", False)], 1, 1)
        slots.turn_away(everybody=True)
        await wait_all_tasks_blocked()
        assert (ended[1:], slots.active, slots.waiting) == ([("cannot", False)], 1, 0)
    slots.give_back()
    assert slots.has_room


async def test_without_a_limit_nobody_waits() -> None:
    slots = slots_of(None)
    for _ in range(100):
        await take(slots)
    assert slots.active == 100
    assert slots.has_room
    assert repr(slots) == "<Slots 100 of None, 0 waiting>"
