"""How much each limited key is used now: the requests of the last minute, and those that run or wait for their turn.

Rule: what is counted belongs to the name of a key and outlives a reload of the config. Only keys with such a limit are
counted, so that all others cost nothing.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import trio

from linx.core.errors import RateLimited

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linx.core.client_key import ClientKey

MINUTE_S = 60.0


class KeyUse:
    """The use of one key. ``most`` is how many requests may run at once; None for any number."""

    __slots__ = ("_times", "_waiting", "most", "running")

    def __init__(self) -> None:
        self.most: int | None = None
        self.running = 0
        self._times: deque[float] = deque()  # when the requests of the last minute came; only while they are counted
        self._waiting = trio.lowlevel.ParkingLot()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def has_room(self) -> bool:
        """May a request begin without waiting?"""
        return self.most is None or (self.running < self.most and not self._waiting)

    def count(self, most: int, now: float) -> float | None:
        """Count a request, if fewer than ``most`` came in the last minute; else the seconds until the next may come."""
        times = self._times
        while times and times[0] <= now - MINUTE_S:
            times.popleft()
        if len(times) < most:
            times.append(now)
            return None
        return times[-most] + MINUTE_S - now

    async def take(self) -> None:
        """Begin, or wait until a request of the same key ends: first come, first served. To be given back."""
        if self.has_room:
            self.running += 1
        else:
            await self._waiting.park()  # ``_admit`` has counted this request before it woke it

    def give_back(self) -> None:
        self.running -= 1
        self._admit()

    def resize(self, most: int | None) -> None:
        self.most = most
        self._admit()

    def is_idle(self, now: float) -> bool:
        """Is nothing lost if the use is forgotten?"""
        is_quiet = not self._times or self._times[-1] <= now - MINUTE_S
        return not self.running and not self._waiting and is_quiet

    def _admit(self) -> None:
        while self._waiting and (self.most is None or self.running < self.most):
            self.running += 1
            self._waiting.unpark()


class KeyUses:
    """The uses of all limited keys, by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, KeyUse] = {}

    def of(self, key: ClientKey) -> KeyUse:
        use = self._by_name.get(key.name)
        if use is None:
            use = self._by_name[key.name] = KeyUse()
            use.most = key.max_concurrent
        return use

    def waiting(self, name: str) -> int:
        """The requests of a key that wait for their turn."""
        use = self._by_name.get(name)
        return 0 if use is None else use.waiting

    def count(self, key: ClientKey, most: int, now: float) -> None:
        """Count a request of a key that may make ``most`` in a minute. Raises RateLimited."""
        wait_s = self.of(key).count(most, now)
        if wait_s is not None:
            requests = "1 request" if most == 1 else f"{most} requests"
            error = RateLimited(f"The key {key.name} may make {requests} in a minute, and it has made them.")
            error.retry_after_s = wait_s
            raise error

    def apply(self, keys: Iterable[ClientKey], now: float) -> None:
        """The keys of a new config: changed limits count at once, and keys that are gone and idle are forgotten."""
        limits = {key.name: key.max_concurrent for key in keys}
        for name, use in list(self._by_name.items()):
            if name in limits:
                use.resize(limits[name])
            elif use.is_idle(now):
                del self._by_name[name]
