"""How much memory a server has for its models, as far as has been seen.

A state machine without a clock or a socket. What was loaded at once fits. An Ollama that has put only a part of its
models on the graphics card has filled the card; what is larger runs on, many times slower. Of a server on this machine
it is known besides how much memory the machine has.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

USABLE = 0.75  # of a machine's memory: other programs need some
WEIGHTS = 0.8  # of what a loaded model takes; the rest is for its context


class InMemory(NamedTuple):
    """A model that is loaded. 0 means not known."""

    context: int = 0
    """Tokens."""
    size: int = 0
    """Bytes in all."""
    on_card: int = 0
    """Bytes on graphics cards."""


class Memory:
    """The memory of one server."""

    __slots__ = ("_card", "_held", "_is_here")

    def __init__(self, *, is_here: bool) -> None:
        self._is_here = is_here
        self._held = 0
        """The most bytes that were loaded at once."""
        self._card = 0
        """The bytes of the graphics cards, once they were full."""

    def __repr__(self) -> str:
        return f"<Memory held {self._held}, card {self._card}>"

    def seen(self, loaded: Iterable[InMemory]) -> None:
        """The server says what is loaded now."""
        size = on_card = 0
        is_split = False
        for one in loaded:
            size, on_card = size + one.size, on_card + one.on_card
            is_split = is_split or 0 < one.on_card < one.size
        self._held = max(self._held, size)
        if is_split:
            self._card = on_card

    def room(self) -> int | None:
        """The bytes that the weights of a model may have; None where nothing is known."""
        if self._card:
            return int(self._card * WEIGHTS)
        if self._is_here and (machine := bytes_of_machine()):
            return int(max(machine * USABLE, self._held) * WEIGHTS)
        return self._held or None


@cache
def bytes_of_machine() -> int | None:
    """The memory of this machine, where the system tells it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows
        return None
