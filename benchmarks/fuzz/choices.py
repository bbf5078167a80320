"""Decisions read out of bytes: the same bytes are the same case, and one changed byte is a case nearby.

When the bytes are used up, every decision is the first of its kind, so that a generator always ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


class Broken(Exception):
    """A rule does not hold."""


class Choices:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_spent(self) -> bool:
        return self._at >= len(self._data)

    def below(self, bound: int) -> int:
        """A number from 0 to ``bound`` - 1; 0 when the bytes are used up."""
        if bound <= 1:
            return 0
        size = 1 if bound <= 256 else 2 if bound <= 65536 else 3
        taken = self._data[self._at : self._at + size]
        self._at += size
        return int.from_bytes(taken, "big") % bound

    def one_of(self, values: Sequence[T]) -> T:
        return values[self.below(len(values))]

    def is_rare(self, among: int = 4) -> bool:
        """True once in so many times; False when the bytes are used up."""
        return self.below(among) == among - 1

    def take(self, most: int) -> bytes:
        """Up to ``most`` raw bytes."""
        size = self.below(most + 1)
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken

    def rest(self) -> bytes:
        taken, self._at = self._data[self._at :], len(self._data)
        return taken

    def cuts(self, data: bytes, most: int = 5) -> list[bytes]:
        """``data`` in pieces, as reads may bring it; some of one byte, some empty."""
        if len(data) < 300 and self.is_rare():
            return [data[at : at + 1] for at in range(len(data))]
        places = sorted(self.below(len(data) + 1) for _ in range(self.below(most)))
        return [data[start:stop] for start, stop in zip([0, *places], [*places, len(data)], strict=True)]
