"""Heartbeats: who gets one, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from linx.handlers.heartbeat import JUST_NOW, Heartbeats

if TYPE_CHECKING:
    from trio.testing import MockClock


class Client:
    def __init__(self) -> None:
        self.heard_at = trio.current_time()
        self.beats: list[float] = []

    def beat(self) -> None:
        self.beats.append(round(trio.current_time(), 3))


async def test_only_a_silent_client_gets_one_and_then_at_that_interval(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    heartbeats = Heartbeats()
    nursery.start_soon(heartbeats.run, lambda: 15.0)
    silent, busy = Client(), Client()
    heartbeats.streams |= {silent, busy}
    for _ in range(61):
        await trio.sleep(1)
        busy.heard_at = trio.current_time()
    assert silent.beats == [15, 30, 45, 60]
    assert busy.beats == []
    heartbeats.streams.discard(silent)
    await trio.sleep(100)
    assert len(silent.beats) == 4


async def test_a_short_interval_is_kept_too(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    heartbeats = Heartbeats()
    nursery.start_soon(heartbeats.run, lambda: 0.5)
    client = Client()
    heartbeats.streams.add(client)
    await trio.sleep(1.75)
    assert len(client.beats) == 3
    gaps = [later - earlier for earlier, later in zip([0.0, *client.beats], client.beats, strict=False)]
    assert all(0.5 <= round(gap, 6) <= 0.6 for gap in gaps)


async def test_what_was_sent_since_the_last_look_counts_from_that_look(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    heartbeats = Heartbeats()
    nursery.start_soon(heartbeats.run, lambda: 5.0)
    client = Client()
    heartbeats.streams.add(client)
    for _ in range(30):
        await trio.sleep(0.3)
        client.heard_at = JUST_NOW
    assert client.beats == []
    await trio.sleep(7)
    assert len(client.beats) == 1
    assert 9 + 5 <= client.beats[0] <= 9 + 6
