"""The places at one provider: how many requests run there, and which wait for a place.

A place that is given back goes straight to the waiting request whose turn it is (``turns``), so no later request can
take it. The object outlives a reload of the config, since the requests that hold a place do so too; only ``most``
changes then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import trio

from linx.providers.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.providers.loaded import Loaded
    from linx.providers.turns import Waiting


class Waits(Protocol):
    """What a request is told when it has to wait: a function that says its place now, 1 for the next."""

    def __call__(self, place: Callable[[], int | None], /) -> None: ...


class Slots:
    """``most`` is how many may run at once; None for any number. ``loaded``: the models in the provider's memory."""

    __slots__ = ("_loaded", "_tasks", "_turns", "active", "most")

    def __init__(self, most: int | None, loaded: Loaded) -> None:
        self.active = 0
        self.most = most
        self._loaded = loaded
        self._turns = Turns()
        self._tasks: dict[Waiting, tuple[trio.lowlevel.Task, bool]] = {}
        """The task of each waiting request, and whether the request could go elsewhere."""

    def __repr__(self) -> str:
        return f"<Slots {self.active} of {self.most}, {self.waiting} waiting>"

    @property
    def waiting(self) -> int:
        return len(self._tasks)

    @property
    def has_room(self) -> bool:
        """Would ``take`` get a place without waiting?"""
        return self.most is None or (self.active < self.most and not self._tasks)

    async def take(self, key: str, model: str, waits: Waits, *, may_leave: bool) -> bool:
        """Take a place, or wait until a place is free. To be given back.

        ``model``: what must be loaded; "" where nothing must. Returns False, without a place, where the provider has
        turned out to be down meanwhile.
        """
        if self.has_room:
            if self.most is not None:
                self._turns.served(key)
                self._loaded.asked(model, trio.current_time())
            self.active += 1
            return True
        waiting = self._turns.add(key, model)
        self._tasks[waiting] = trio.lowlevel.current_task(), may_leave
        waits(lambda: self._turns.place(waiting, self._loaded))

        def abort(_raise_cancel: object) -> trio.lowlevel.Abort:
            del self._tasks[waiting]
            self._turns.remove(waiting)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        return waiting.has_place  # ``_admit`` has counted this request before it woke it

    def give_back(self) -> None:
        self.active -= 1
        if self._tasks:
            self._admit()

    def resize(self, most: int | None) -> None:
        self.most = most
        self._admit()

    def turn_away(self, *, everybody: bool) -> None:
        """The provider is down: the requests that could go elsewhere wait no longer, or none does."""
        for waiting, (task, may_leave) in list(self._tasks.items()):
            if everybody or may_leave:
                del self._tasks[waiting]
                self._turns.remove(waiting)
                trio.lowlevel.reschedule(task)

    def _admit(self) -> None:
        while self._tasks and (self.most is None or self.active < self.most):
            self.active += 1
            waiting = self._turns.next(self._loaded)
            self._loaded.asked(waiting.model, trio.current_time())
            task, _may_leave = self._tasks.pop(waiting)
            trio.lowlevel.reschedule(task)
