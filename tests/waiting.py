"""How long a test waits, on a machine that may have a lot else to do.

What must come *soon* is waited for ``within`` so many seconds of this process. What comes at once or
never, and above all what another process does, is waited for HANG_S: the length says nothing there.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator

HANG_S = 120.0
"""For what never comes if it is broken, so any bound finds that. A Linx with a thirtieth of two
cores takes half a minute to start."""
TURN_S = 0.01


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """``trio.fail_after`` for what this process does itself, counted in turns of its loop.

    The fault that it finds is a wait: for a timer, for an event that nobody sets. While the
    loop waits, a turn takes TURN_S and the bound is as sharp as that of ``trio.fail_after``. When
    the machine is busy, a turn takes longer, for this clock as for all that runs in the same
    loop; so the bound grows by as much as the work was held up, and by no more.
    """
    clock = trio.CancelScope()

    async def count() -> None:
        with clock:
            for _turn in range(round(seconds / TURN_S)):
                await trio.sleep(TURN_S)
            scope.cancel()

    with trio.CancelScope() as scope:
        trio.lowlevel.spawn_system_task(count)
        try:
            yield
        finally:
            clock.cancel()
    if scope.cancelled_caught:
        raise trio.TooSlowError
