"""What the state machines of these tests have in common: their settings, and a trio that runs between two rules."""

from __future__ import annotations

import os
import queue
from typing import TYPE_CHECKING, Any

import outcome
import trio
from hypothesis import HealthCheck, settings
from trio.testing import MockClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from outcome import Outcome

ROUNDS = int(os.environ.get("LINX_MACHINE_ROUNDS", "40"))
QUICK = settings(
    max_examples=ROUNDS,
    stateful_step_count=25,
    derandomize=ROUNDS == 40,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
STUCK_S = 20.0  # real seconds


class Guest:
    """A trio whose tasks run while ``run`` waits for a function, and whose clock stands still between the jumps."""

    def __init__(self) -> None:
        self.clock = MockClock()
        self._ticks: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._ended: list[Outcome[None]] = []
        self._tokens: list[trio.lowlevel.TrioToken] = []
        self._nurseries: list[trio.Nursery] = []
        trio.lowlevel.start_guest_run(
            self._main,
            run_sync_soon_threadsafe=self._ticks.put,
            done_callback=self._ended.append,
            clock=self.clock,
        )
        self._pump(self._nurseries)

    async def _main(self) -> None:
        async with trio.open_nursery() as nursery:
            self._tokens.append(trio.lowlevel.current_trio_token())
            self._nurseries.append(nursery)
            await trio.sleep_forever()

    @property
    def nursery(self) -> trio.Nursery:
        """For tasks that live between the rules."""
        return self._nurseries[0]

    def _pump(self, until: list[Any]) -> None:
        while not until and not self._ended:
            self._ticks.get(timeout=STUCK_S)()

    def run(self, function: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        """What ``function`` returns or raises."""
        found: list[Outcome[Any]] = []

        async def job() -> None:
            found.append(await outcome.acapture(function, *arguments))

        self._tokens[0].run_sync_soon(self._nurseries[0].start_soon, job)
        self._pump(found)
        return found[0].unwrap()

    def close(self) -> None:
        self._tokens[0].run_sync_soon(self._nurseries[0].cancel_scope.cancel)
        self._pump([])
        self._ended[0].unwrap()
