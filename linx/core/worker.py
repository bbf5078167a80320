"""Work on a request that takes long, in a thread beside the event loop.

Every stream of every client waits for the loop, so nothing there may run for longer than
a moment. A thread helps although Python runs one thread at a time: they take turns. Two
duties are the caller's: what runs in the thread touches nothing that the loop changes, and
it makes no single call into C that takes long, since turns are only taken between two
steps of Python.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")

TURN_S = 0.0005
"""How long the loop waits for its turn while a worker is busy. It does so after each read and
write of a socket, so Python's usual 5 ms would be a long time for a loop with many streams."""
_THREADS = trio.CapacityLimiter(2)  # more would not be faster; two, so that moderate work need not wait for huge work
_usual_turn_s = 0.0
_busy = 0  # threads at work


async def in_thread(work: Callable[..., Result], *args: object) -> Result:
    """What ``work(*args)`` returns or raises.

    A caller that is cancelled meanwhile notices at the end: the work cannot be stopped, and
    what it works on must stay counted for as long as it is in memory.
    """
    global _busy, _usual_turn_s
    if not _busy:
        _usual_turn_s = sys.getswitchinterval()
        sys.setswitchinterval(TURN_S)
    _busy += 1
    try:
        return await trio.to_thread.run_sync(work, *args, limiter=_THREADS)
    finally:
        _busy -= 1
        if not _busy:
            sys.setswitchinterval(_usual_turn_s)
