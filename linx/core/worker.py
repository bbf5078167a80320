"""Runs work that takes long in a thread beside the event loop.

All streams of all clients share the event loop, so nothing may block it for longer than a
moment. A thread helps although Python runs one thread at a time, since threads take turns.
The caller must see to two things: the work touches nothing that the event loop changes, and
it makes no single call into C that takes long, since threads only take turns between two
steps of Python.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")

TURN_S = 0.0005
"""How long the event loop waits for its turn while a worker thread runs. The loop must wait after each read and write
of a socket, so Python's default of 5 ms would slow down a loop with many streams."""
_THREADS = trio.CapacityLimiter(2)
"""More threads would not be faster. There are two so that a moderate body need not wait behind a huge one."""
_usual_turn_s = 0.0  # the interpreter's own value of TURN_S, restored when no thread runs
_IMPORTED: set[str] = set()
_busy = 0  # threads at work


async def imported(module: str) -> None:
    """Import a module that few need, at its first use: in a thread, since the packages behind it take 50 ms and more.

    An import statement behind this call finds it done. What is not imported costs neither time at the start nor memory.
    """
    if module not in _IMPORTED:
        await trio.to_thread.run_sync(import_module, module)
        _IMPORTED.add(module)


async def in_thread(work: Callable[..., Result], *args: object) -> Result:
    """Run ``work(*args)`` in a thread; return what it returns, raise what it raises.

    A cancellation takes effect only when the work is done: the work cannot be stopped, and
    the memory that it uses must stay counted until then.
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
