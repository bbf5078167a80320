"""Whether the end of a provider's connection is worth more than the connection.

A client that waits for a whole answer needs no piece of it by itself. But the end of an answer is a piece like any
other to the kernel, so a reader that must not miss it is woken for each. Where the server closes the connection behind
its answer, closing wakes the reader, and a hundred wakes are saved for one connection, which costs as much as a few.

Pure: no clock, no socket.
"""

from __future__ import annotations

MANY_READS = 16
"""Reads of one whole answer that cost clearly more than to open a connection."""
SHORT_S = 0.05
"""An answer that comes this quickly wakes its reader a few times only."""


class Pace:
    """Of one provider. ``may_close``: is a connection there opened at once, with neither TLS nor a long way?"""

    __slots__ = ("_is_slow", "_lingers", "_may_close")

    def __init__(self, *, may_close: bool) -> None:
        self._may_close = may_close
        self._is_slow = False
        self._lingers = False

    @property
    def wants_close(self) -> bool:
        """Should the provider be asked to close the connection behind the next whole answer?"""
        return self._is_slow and not self._lingers

    def was_read(self, reads: int) -> None:
        """A whole answer came piece by piece, in so many reads after its first."""
        self._is_slow = self._may_close and reads >= MANY_READS

    def was_awaited(self, took_s: float, *, is_late: bool) -> None:
        """A whole answer was read patiently, and took so long after its beginning. ``is_late``: it was over, but the
        connection stayed open, so the end was found too late."""
        self._is_slow = took_s >= SHORT_S
        self._lingers = self._lingers or is_late
