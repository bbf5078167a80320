"""Is a provider available? Learnt from the requests it gets and from free probes.

A state machine without a clock or a socket: every event brings its time (trio's clock,
seconds). Three failures in a row start a cool-down that doubles with each further one; a
cooling provider is tried last, never dropped. A pause is what the provider itself asked
for (429, 503 with Retry-After): it is not a fault, and it is respected; ``pauses`` knows
for which of its models.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import trio

from linx.core.attempt_errors import AttemptError, ConnectFailed, PauseScope, Reset
from linx.providers.pauses import Pause, Pauses

if TYPE_CHECKING:
    from collections.abc import Callable

FAILURES_TO_COOL = 3
FIRST_COOLING_S = 1.0
LONGEST_COOLING_S = 60.0
LONGEST_PAUSE_S = 300.0
JITTER = 0.2  # a cool-down is up to this share longer or shorter


class Health:
    """What is known of one provider's health.

    ``reachable``: could the last probe, or request, reach the provider? None before the first.
    """

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self.reachable: bool | None = None
        self.loading = False
        self.last_error: str | None = None
        self.last_checked: float | None = None
        self.consecutive_failures = 0
        self.cooling_until = 0.0
        self.pauses = Pauses()
        self.alarm = trio.Event()
        """Set when something changed, for the task that probes; a new event then takes its place."""
        self._lost_contact = False
        self._jitter = jitter

    # --- what happened ---

    def first_chunk_seen(self) -> None:
        """An answer has begun: no reason to try other providers first, though it may still break off."""
        self.reachable = True
        self.loading = False
        self.cooling_until = 0.0

    def succeeded(self) -> None:
        """A request was answered."""
        self.first_chunk_seen()
        self.consecutive_failures = 0
        self.last_error = None

    def failed(self, error: AttemptError, now: float, model: str = "") -> None:
        """An attempt at ``model`` failed; only what blames the provider counts against it."""
        if error.is_pause and error.retry_after_s is not None:
            self.pause(error.retry_after_s, error.status, now, model, error.pause_scope)
        self.loading = error.code == "loading"
        if self.loading:
            self.raise_alarm()
        if not error.blames_provider:
            return
        self.raise_alarm()
        self.last_error = error.summary
        self._lost_contact = isinstance(error, ConnectFailed | Reset)
        if isinstance(error, ConnectFailed):
            self.reachable = False
        self.consecutive_failures += 1
        over = self.consecutive_failures - FAILURES_TO_COOL
        if over >= 0:
            length = min(FIRST_COOLING_S * 2 ** min(over, 10), LONGEST_COOLING_S)
            length *= 1 + JITTER * (2 * self._jitter() - 1)
            self.cooling_until = now + min(length, LONGEST_COOLING_S)

    def pause(
        self, seconds: float, status: int, now: float, model: str = "", scope: PauseScope = PauseScope.MODEL
    ) -> None:
        """``model``: the model that was asked; empty for the provider itself."""
        self.pauses.add(Pause(now + min(seconds, LONGEST_PAUSE_S), status), scope, model, now)

    def probed(self, now: float, problem: str | None = None, *, loading: bool = False, is_up: bool = False) -> None:
        """A free probe came back: with a problem, or fine, or still loading a model.

        ``is_up``: the problem is worth telling, but keeps nobody from asking.
        """
        self.last_checked = now
        self.loading = loading
        self.reachable = problem is None or loading or is_up
        if problem is not None and not is_up:
            self.last_error = problem
        elif self._lost_contact or self.consecutive_failures == 0:
            # The provider can be reached again. Failures of another sort are forgotten only after an answer.
            self.consecutive_failures = 0
            self.cooling_until = 0.0
            self._lost_contact = False
            self.last_error = problem

    def raise_alarm(self) -> None:
        """Something has changed: the task that probes looks again, if there is reason to."""
        self.alarm.set()
        self.alarm = trio.Event()

    # --- what follows ---

    def pause_of(self, model: str, now: float) -> Pause | None:
        """The pause that lies upon ``model`` now; with an empty name, upon the provider as a whole."""
        pause = self.pauses.of(model)
        return pause if pause is not None and now < pause.until else None

    def is_ill(self, now: float) -> bool:
        """Should other providers be tried first?"""
        return now < self.cooling_until or self.reachable is False or self.loading

    def illness(self, now: float) -> int:
        """For sorting: well 0, ill 1, loading 2, since a loading provider is worth waiting for when it is the last."""
        return 2 if self.loading else int(now < self.cooling_until or self.reachable is False)

    def needs_watching(self, now: float) -> bool:
        """Is the provider down, unknown or loading, so that the next probe should come soon?"""
        return not self.reachable or self.loading or now < self.cooling_until

    def state(self, now: float) -> str:
        """One word for the status: up, down, cooling, loading or unknown."""
        if self.loading:
            return "loading"
        if now < self.cooling_until or self.pause_of("", now) is not None:
            return "cooling"
        if self.reachable is None:
            return "unknown"
        return "up" if self.reachable else "down"

    def retry_at(self, now: float) -> float | None:
        """When a cool-down or pause ends (trio's clock); None when there is none."""
        pause = self.pauses.of_all
        until = self.cooling_until if pause is None else max(self.cooling_until, pause.until)
        return until if until > now else None
