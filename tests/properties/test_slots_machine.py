"""The places of a provider with real tasks: taken, given back, waited for, cancelled, more, fewer, none at all."""

from __future__ import annotations

from dataclasses import dataclass, field

import trio
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from trio.testing import wait_all_tasks_blocked

from linx.providers.loaded import Loaded
from linx.providers.slots import Slots
from tests.properties.machines import QUICK, Guest


@dataclass(eq=False)
class Client:
    """One request, from its arrival to its end."""

    key: str
    model: str
    may_leave: bool
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    is_done: trio.Event = field(default_factory=trio.Event)
    state: str = "new"


class SlotsMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.guest = Guest()
        self.clients: list[Client] = []

    @initialize(most=st.sampled_from([1, 2, None]))
    def begin(self, most: int | None) -> None:
        self.slots = Slots(most, Loaded())

    def of(self, state: str) -> list[Client]:
        return [one for one in self.clients if one.state == state]

    async def live(self, client: Client) -> None:
        def waits(_place: object) -> None:
            client.state = "waits"

        with client.scope:
            has_place = await self.slots.take(client.key, client.model, waits, may_leave=client.may_leave)
            if not has_place:
                client.state = "turned away"
                return
            try:
                client.state = "runs"
                await client.is_done.wait()
            finally:
                self.slots.give_back()
        client.state = "gone"

    async def settle(self) -> None:
        await wait_all_tasks_blocked()
        for one in self.clients:
            if one.scope.cancelled_caught:
                one.state = "gone"

    @rule(
        key=st.sampled_from(["-", "a", "b"]),
        model=st.sampled_from(["", "x", "y"]),
        may_leave=st.booleans(),
        times=st.integers(1, 3),
    )
    def come(self, key: str, model: str, may_leave: bool, times: int) -> None:
        async def start() -> None:
            for _ in range(times):
                self.clients.append(Client(key, model, may_leave))
                self.guest.nursery.start_soon(self.live, self.clients[-1])
            await self.settle()

        self.guest.run(start)

    @rule(data=st.data(), how=st.sampled_from(["ends", "is cancelled"]), times=st.integers(1, 3))
    def go(self, data: st.DataObject, how: str, times: int) -> None:
        """Some of them in the same instant."""
        here = self.of("runs") + self.of("waits")
        chosen = data.draw(st.lists(st.sampled_from(here), max_size=times)) if here else []

        async def go() -> None:
            for one in chosen:
                if how == "ends":
                    one.is_done.set()
                else:
                    one.scope.cancel()
            await self.settle()

        self.guest.run(go)

    @rule(most=st.sampled_from([1, 2, 4, None]))
    def a_reload(self, most: int | None) -> None:
        async def resize() -> None:
            self.slots.resize(most)
            await self.settle()

        self.guest.run(resize)

    @precondition(lambda self: self.of("waits"))
    @rule(everybody=st.booleans())
    def the_provider_goes_down(self, everybody: bool) -> None:
        left = [one for one in self.of("waits") if everybody or one.may_leave]

        async def turn_away() -> None:
            self.slots.turn_away(everybody=everybody)
            await self.settle()

        running = len(self.of("runs"))
        self.guest.run(turn_away)
        assert all(one.state == "turned away" for one in left)
        assert len(self.of("runs")) == running

    @invariant()
    def every_place_is_somebodys(self) -> None:
        assert self.slots.active == len(self.of("runs"))
        assert self.slots.waiting == len(self.of("waits"))

    @invariant()
    def nobody_waits_for_a_place_that_is_free(self) -> None:
        most = self.slots.most
        assert not self.of("waits") or (most is not None and self.slots.active >= most)

    def teardown(self) -> None:
        async def end() -> None:
            for one in self.clients:
                one.is_done.set()
            await self.settle()

        self.guest.run(end)
        assert {one.state for one in self.clients} <= {"gone", "turned away"}, "one waits for ever"
        assert (self.slots.active, self.slots.waiting) == (0, 0)
        self.guest.close()


TestSlots = SlotsMachine.TestCase
TestSlots.settings = QUICK
