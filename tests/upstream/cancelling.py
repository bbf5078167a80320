"""Cancel an operation at each of its steps in turn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


class _CancelAt(trio.abc.Instrument):
    """Cancels ``scope`` just before ``task`` is resumed for the n-th time."""

    def __init__(self, task: trio.lowlevel.Task, scope: trio.CancelScope, step: int) -> None:
        self.task = task
        self.scope = scope
        self.left = step

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self.task:
            self.left -= 1
            if self.left == 0:
                self.scope.cancel()


async def cancelled_at_each_step(operation: Callable[[], Awaitable[None]], most: int = 200) -> AsyncIterator[int]:
    """Yields after each cancelled run; ends with the first run that no cancellation reached."""
    for step in range(most):
        with trio.CancelScope() as scope:
            if step == 0:
                scope.cancel()  # cancelled from the start
            watch = _CancelAt(trio.lowlevel.current_task(), scope, step)
            trio.lowlevel.add_instrument(watch)
            try:
                await operation()
            finally:
                trio.lowlevel.remove_instrument(watch)
        yield step
        if watch.left > 0:
            return
    raise AssertionError(f"still running after {most} steps")


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def until(condition: Callable[[], bool]) -> None:
    """The server's tasks get as many turns as they need; a test that waits in vain fails."""
    with trio.fail_after(5):
        while not condition():
            await trio.lowlevel.checkpoint()
