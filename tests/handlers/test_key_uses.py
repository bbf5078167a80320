"""What a limited key may use: requests in a minute, and requests at a time."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from linx.core.client_key import ClientKey
from linx.core.errors import RateLimited
from linx.handlers.key_uses import KeyUse, KeyUses

ANNA = ClientKey(name="anna", max_concurrent=2, requests_per_minute=2)


def test_a_minute_is_the_last_sixty_seconds_and_a_refused_request_does_not_count() -> None:
    use = KeyUse()
    assert [use.count(2, now) for now in (0.0, 10.0, 30.0, 59.0, 60.0, 61.0)] == [None, None, 30.0, 1.0, None, 9.0]


def test_a_lower_limit_counts_at_once() -> None:
    use = KeyUse()
    for now in (0.0, 10.0, 20.0):
        assert use.count(3, now) is None
    assert use.count(1, 30.0) == 50.0  # only after the last one has left the minute


def test_the_refused_are_told_who_may_how_often_and_when_again() -> None:
    uses = KeyUses()
    uses.count(ANNA, 2, 0.0)
    uses.count(ANNA, 2, 0.0)
    uses.count(ClientKey(name="ben"), 2, 0.0)
    with pytest.raises(RateLimited, match="The key anna may make 2 requests in a minute") as caught:
        uses.count(ANNA, 2, 12.5)
    assert (b"retry-after", b"48") in caught.value.answer_headers()
    with pytest.raises(RateLimited, match="may make 1 request in a minute"):
        uses.count(ANNA, 1, 12.5)


async def test_those_that_wait_get_their_turn_in_their_order_and_leave_when_they_are_cancelled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    use, order = KeyUses().of(ANNA), []

    async def request(number: int, lasts_s: float) -> None:
        await use.take()
        order.append((number, trio.current_time()))
        await trio.sleep(lasts_s)
        use.give_back()

    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(request, number, 10.0 + number)
            await trio.testing.wait_all_tasks_blocked()
        with trio.CancelScope() as gone:
            nursery.start_soon(request, 4, 1.0)
            await trio.testing.wait_all_tasks_blocked()
            async with trio.open_nursery() as inner:
                inner.start_soon(request, 3, 1.0)
                await trio.testing.wait_all_tasks_blocked()
                assert (use.running, use.waiting) == (2, 3)
                gone.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert use.waiting == 2
    assert [(number, now - start) for number, now in order] == [(0, 0.0), (1, 0.0), (2, 10.0), (4, 11.0)]
    assert (use.running, use.waiting) == (0, 0)


async def test_a_new_config_counts_for_those_that_wait(autojump_clock: trio.testing.MockClock) -> None:
    uses = KeyUses()
    use = uses.of(ANNA)
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(use.take)
        await trio.testing.wait_all_tasks_blocked()
        assert (use.running, use.waiting) == (2, 3)
        uses.apply([ClientKey(name="anna", max_concurrent=4)], 0.0)
        assert (use.running, use.waiting) == (4, 1)
        uses.apply([], 0.0)  # the key is gone, but not those that came with it
        assert uses.of(ANNA) is use
        use.give_back()
        assert (use.running, use.waiting) == (4, 0)
    for _ in range(4):
        use.give_back()
    use.count(1, 0.0)
    uses.apply([], 59.0)
    assert uses.of(ANNA) is use
    uses.apply([], 60.0)
    assert uses.of(ANNA) is not use


async def test_without_the_limit_all_begin(autojump_clock: trio.testing.MockClock) -> None:
    uses = KeyUses()
    use = uses.of(ANNA)
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(use.take)
        await trio.testing.wait_all_tasks_blocked()
        uses.apply([ClientKey(name="anna")], 0.0)
        assert (use.running, use.waiting) == (5, 0)
