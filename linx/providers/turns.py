"""Whose turn it is at one provider: the requests that wait for a place, and which of them gets the next one.

Pure: no clock, no task. The keys of the clients take turns: the key that was served longest ago is next, with its
oldest request. But loading another model takes a server many times as long as an answer, so requests for a model that
is loaded go first, again with the key that was served longest ago. A request that would have been served before them
if only turns counted has been passed over; after ``MOST_PASSED`` times it goes first.

No request is passed over more often than that, since there is never one behind the next of its key that was passed
over more often than that next one: whoever is put before a request is put before all later ones of the same key too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linx.providers.loaded import Loaded

MOST_PASSED = 8
FORESEEN = 64  # places in the queue that are told exactly; further ones are told as if only turns counted
KEPT_KEYS = 1024  # of which it is remembered when they were served


@dataclass(slots=True, eq=False)
class Waiting:
    """A request that waits for a place. ``model``: what must be loaded for it; "" where nothing must."""

    key: str
    model: str
    number: int
    """Smaller than those of the requests that came later."""
    has_place: bool = False
    """Its turn has come."""
    passed: int = 0
    """How often another request was served before this one for its loaded model."""


class Turns:
    """The waiting requests of one provider."""

    __slots__ = ("_came", "_foreseen", "_given", "_lines", "_served", "_size")

    def __init__(self) -> None:
        self._lines: dict[str, dict[Waiting, None]] = {}
        """The waiting requests of each key that has some, in the order in which they came."""
        self._served: dict[str, int] = {}
        """For each key, which of all places it was given last; longest ago first."""
        self._came = self._given = self._size = 0
        self._foreseen: tuple[int, list[Waiting]] | None = None
        """The next requests as they were foreseen, and ``Loaded.changes`` at that time."""

    def __len__(self) -> int:
        return self._size

    # --- what happens ---

    def served(self, key: str) -> None:
        """A request with ``key`` is given a place."""
        self._given += 1
        served = self._served
        served.pop(key, None)
        served[key] = self._given
        if len(served) > KEPT_KEYS:
            del served[next(iter(served))]

    def add(self, key: str, model: str) -> Waiting:
        """A request that has to wait comes."""
        self._came += 1
        waiting = Waiting(key, model, self._came)
        self._lines.setdefault(key, {})[waiting] = None
        self._size += 1
        self._foreseen = None
        return waiting

    def remove(self, waiting: Waiting) -> None:
        """A request waits no longer."""
        line = self._lines[waiting.key]
        del line[waiting]
        if not line:
            del self._lines[waiting.key]
        self._size -= 1
        self._foreseen = None

    def next(self, loaded: Loaded) -> Waiting:
        """Take out the request that gets the next place. There must be one."""
        keys = self._keys()
        chosen = self._choose(keys, loaded)
        self._pass_over(keys, chosen)
        self.remove(chosen)
        self.served(chosen.key)
        chosen.has_place = True
        return chosen

    # --- what is to be expected ---

    def place(self, waiting: Waiting, loaded: Loaded) -> int | None:
        """The place in the queue, 1 for the next, as things are now; None for a request that does not wait."""
        line = self._lines.get(waiting.key)
        if line is None or waiting not in line:
            return None
        if self._foreseen is None or self._foreseen[0] != loaded.changes:
            self._foreseen = loaded.changes, self._foresee(loaded)
        foreseen = self._foreseen[1]
        if waiting in foreseen:
            return foreseen.index(waiting) + 1
        depth = next(depth for depth, one in enumerate(line, 1) if one is waiting)
        return max(FORESEEN, sum(count for _line, count in self._before(self._keys(), waiting, depth))) + 1

    def _foresee(self, loaded: Loaded) -> list[Waiting]:
        """The next FORESEEN requests, if nothing else happens."""
        ahead, then = Turns(), loaded.copy()
        ahead._served, ahead._given = dict(self._served), self._given
        originals: dict[Waiting, Waiting] = {}
        for key, line in self._lines.items():
            for one in line:
                copy = ahead.add(key, one.model)
                copy.number, copy.passed = one.number, one.passed
                originals[copy] = one
        foreseen = []
        for _ in range(min(FORESEEN, len(ahead))):
            chosen = ahead.next(then)
            then.asked(chosen.model, 0.0)
            foreseen.append(originals[chosen])
        return foreseen

    # --- private ---

    def _keys(self) -> list[str]:
        """The keys with waiting requests, in turn. Keys that were never served come in the order of their requests."""
        served = self._served
        oldest = {key: next(iter(line)).number for key, line in self._lines.items()}
        return sorted(oldest, key=lambda key: (served.get(key, 0), oldest[key]))

    def _choose(self, keys: list[str], loaded: Loaded) -> Waiting:
        oldest = [next(iter(self._lines[key])) for key in keys]
        for one in oldest:
            if one.passed >= MOST_PASSED:
                return one
        for key in keys:
            for one in self._lines[key]:
                if loaded.has(one.model):
                    return one
        return oldest[0]

    def _pass_over(self, keys: list[str], chosen: Waiting) -> None:
        """Count for all requests whose turn would have been before that of the chosen one."""
        depth = next(depth for depth, one in enumerate(self._lines[chosen.key], 1) if one is chosen)
        if depth == 1 and chosen.key == keys[0]:
            return
        for line, count in self._before(keys, chosen, depth):
            for one in islice(line, count):
                one.passed += 1

    def _before(self, keys: list[str], waiting: Waiting, depth: int) -> list[tuple[dict[Waiting, None], int]]:
        """Each line, and how many of its first requests have their turn before ``waiting``, the ``depth``th of its key.

        In each round every key has one turn.
        """
        before = []
        count = depth
        for key in keys:
            if key == waiting.key:
                count = depth - 1
            line = self._lines[key]
            before.append((line, min(count, len(line))))
        return before
