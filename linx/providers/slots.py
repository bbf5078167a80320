"""The places at one provider: how many requests run there, and which wait for a place.

First come, first served: a place that is given back goes straight to the request that has
waited longest, so no later request can take it. The object outlives a reload of the config,
since the requests that hold a place do so too; only ``most`` changes then.
"""

from __future__ import annotations

import trio


class Slots:
    """``most`` is how many may run at once; None for any number."""

    __slots__ = ("_waiting", "active", "most")

    def __init__(self, most: int | None = None) -> None:
        self.active = 0
        self.most = most
        self._waiting = trio.lowlevel.ParkingLot()

    def __repr__(self) -> str:
        return f"<Slots {self.active} of {self.most}, {self.waiting} waiting>"

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def has_room(self) -> bool:
        """Would ``take`` get a place without waiting?"""
        return self.most is None or (self.active < self.most and not self._waiting)

    async def take(self) -> None:
        """Take a place, or wait until a place is free. To be given back."""
        if self.has_room:
            self.active += 1
        else:
            await self._waiting.park()  # ``_admit`` has counted this request before it woke it

    def give_back(self) -> None:
        self.active -= 1
        self._admit()

    def resize(self, most: int | None) -> None:
        self.most = most
        self._admit()

    def _admit(self) -> None:
        while self._waiting and (self.most is None or self.active < self.most):
            self.active += 1
            self._waiting.unpark()
