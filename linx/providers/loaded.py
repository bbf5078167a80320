"""Which models a server has in its memory, by all that is known: what it said, and what it was asked for since.

A state machine without a clock or a socket: every event brings its time (trio's clock, seconds). An Ollama says what
is loaded (/api/ps). Between two looks, and for servers that do not say, a model that is asked for is loaded, and takes
the place of the model that was asked for longest ago, as soon as more models would be loaded than have been seen
loaded at once. That is one model where nothing has been seen, as for a server that swaps its models.
"""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SETTLE_S = 5.0  # after a request for a model, a look may still show what was loaded before
KEPT_MODELS = 512
IDLE_S = 300.0  # Ollama unloads an idle model after five minutes by default, so its memory was not needed for another


class Loaded:
    """The loaded models of one server, by its own names. ``""`` stands for what needs no loading."""

    __slots__ = ("_asked_at", "_most", "changes")

    def __init__(self, asked_at: Iterable[tuple[str, float]] = (), most: int = 1) -> None:
        self.changes = 0
        """How often ``has`` may have begun to answer otherwise."""
        self._asked_at = dict(asked_at)
        """When each loaded model was asked for last, longest ago first; minus infinity: not through Linx."""
        self._most = most
        """So many models fit into the memory at once, as far as is known."""

    def __repr__(self) -> str:
        return f"<Loaded {', '.join(self._asked_at) or 'nothing'}>"

    @property
    def latest(self) -> str | None:
        """The loaded model that was asked for last."""
        return next(reversed(self._asked_at), None)

    def latest_first(self) -> Iterator[str]:
        """The loaded models, the one asked for last first."""
        return reversed(self._asked_at)

    def has(self, model: str) -> bool:
        return not model or model in self._asked_at

    def asked(self, model: str, now: float) -> None:
        """A request for ``model`` is sent, so the server loads it if it has not."""
        if not model:
            return
        asked_at = self._asked_at
        if asked_at.pop(model, None) is None:
            self.changes += 1
            if len(asked_at) >= self._most:
                del asked_at[next(iter(asked_at))]
        asked_at[model] = now

    def unloaded(self, model: str) -> None:
        """The server was asked to unload ``model``."""
        self.changes += self._asked_at.pop(model, None) is not None

    def seen(self, names: Iterable[str], now: float) -> None:
        """The server says what is loaded. What was asked for just now may not be among it yet."""
        models = dict.fromkeys(islice(names, KEPT_MODELS))
        before = self._asked_at
        gone = {name: at for name, at in before.items() if name not in models}
        self._most = max(1, len(models), 0 if _was_evicted(gone, now) else self._most)
        kept = {name: at for name, at in before.items() if name in models or now - at < SETTLE_S}
        self._asked_at = {name: -math.inf for name in models if name not in kept} | kept
        self.changes += before.keys() != self._asked_at.keys()

    def copy(self) -> Loaded:
        """For a look ahead that changes nothing."""
        return Loaded(self._asked_at.items(), self._most)


def _was_evicted(gone: dict[str, float], now: float) -> bool:
    """Has a model had to make room for another, so that fewer fit into the memory at once than was thought?"""
    return any(SETTLE_S <= now - at < IDLE_S for at in gone.values())
