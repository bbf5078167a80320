"""Health and the budget of hedges beside short references, through any order of events."""

from __future__ import annotations

import math

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from linx.core.attempt_errors import AttemptError, ConnectFailed, Garbled, PauseScope, Refused, Reset
from linx.providers.health import FAILURES_TO_COOL, LONGEST_COOLING_S, LONGEST_PAUSE_S, Health
from linx.routing.hedging import FEWEST_HEDGES, WINDOW_S, HedgeBudget
from tests.properties.machines import QUICK

MODELS = ("m", "n", "x:free", "y:free")


def _loading() -> AttemptError:
    return Refused("loads", status=503, code="loading", blames_provider=False, outcome="http_503")


class HealthMachine(RuleBasedStateMachine):
    """The reference: three failures in a row cool a provider down, a pause is kept, an answer heals."""

    def __init__(self) -> None:
        super().__init__()
        self.health = Health(jitter=lambda: 0.5)
        self.now = 100.0
        self.in_a_row = 0
        self.cools_until = 0.0
        self.paused_until = dict.fromkeys(("", ":free", *MODELS), 0.0)
        """By model; ``""`` stands for the whole provider, ``:free`` for its free models."""
        self.is_lost = False
        self.alarms = 0

    @rule(seconds=st.sampled_from([0.0, 0.4, 1.0, 3.0, 61.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(kind=st.sampled_from([ConnectFailed, Reset, Garbled]))
    def fails(self, kind: type[AttemptError]) -> None:
        alarm = self.health.alarm
        self.health.failed(kind("no"), self.now)
        assert alarm.is_set()
        self.in_a_row += 1
        self.is_lost = kind is not Garbled
        if self.in_a_row >= FAILURES_TO_COOL:
            length = min(2.0 ** (self.in_a_row - FAILURES_TO_COOL), LONGEST_COOLING_S)
            self.cools_until = self.now + length
        assert self.health.reachable is not True or kind is not ConnectFailed
        assert not self.health.loading

    @rule(
        seconds=st.sampled_from([None, 0.0, 2.0, 5000.0, -1.0]),
        model=st.sampled_from(["", *MODELS]),
        scope=st.sampled_from(PauseScope),
    )
    def asks_for_a_pause(self, seconds: float | None, model: str, scope: PauseScope) -> None:
        slow = Refused("slow", status=429, is_pause=True, blames_provider=False, retry_after_s=seconds)
        slow.pause_scope = scope
        self.health.failed(slow, self.now, model)
        if scope is PauseScope.PROVIDER:
            model = ""
        elif scope is PauseScope.FREE_MODELS and model.endswith(":free"):
            model = ":free"
        if seconds is not None:
            until = self.now + min(seconds, LONGEST_PAUSE_S)
            self.paused_until[model] = max(self.paused_until[model], until)

    @rule()
    def loads(self) -> None:
        self.health.failed(_loading(), self.now)
        assert self.health.state(self.now) == "loading"

    @rule(whole=st.booleans())
    def answers(self, whole: bool) -> None:
        if whole:
            self.health.succeeded()
            self.in_a_row = 0
        else:
            self.health.first_chunk_seen()
        self.cools_until = 0.0
        assert not self.health.is_ill(self.now)

    @rule(problem=st.sampled_from([None, "refused"]), loading=st.booleans())
    def is_probed(self, problem: str | None, loading: bool) -> None:
        self.health.probed(self.now, problem, loading=loading)
        if problem is None and (self.is_lost or not self.in_a_row):
            self.in_a_row, self.cools_until, self.is_lost = 0, 0.0, False
        assert self.health.reachable is (problem is None or loading)

    @invariant()
    def agrees(self) -> None:
        health, now = self.health, self.now
        assert health.consecutive_failures == self.in_a_row
        for model in ("", *MODELS):
            names = {"", model, *([":free"] if model.endswith(":free") else [])}
            until = max(self.paused_until[name] for name in names)
            pause = health.pause_of(model, now)
            assert (pause.until if pause else now) == max(until, now), model
        assert (now < health.cooling_until) == (now < self.cools_until)
        assert health.is_ill(now) == (now < self.cools_until or health.reachable is False or health.loading)
        assert health.state(now) in ("up", "down", "cooling", "loading", "unknown")
        until = max(self.cools_until, self.paused_until[""])
        assert health.retry_at(now) == (until if until > now else None)
        assert (health.retry_at(now) or now) - now <= max(LONGEST_PAUSE_S, LONGEST_COOLING_S) + 1e-6


class BudgetMachine(RuleBasedStateMachine):
    """In no window of a minute are more hedges allowed than a share of its requests, or the fewest."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = HedgeBudget()
        self.now = 0.0
        self.requests: list[float] = []
        self.hedges: list[float] = []

    @rule(seconds=st.sampled_from([0.1, 1.0, 20.0, 59.9, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(count=st.integers(1, 40))
    def asked(self, count: int) -> None:
        for _ in range(count):
            self.budget.requested(self.now)
            self.requests.append(self.now)

    @rule(share=st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    def hedges_again(self, share: float) -> None:
        since = self.now - WINDOW_S
        asked = sum(at > since for at in self.requests)
        taken = sum(at > since for at in self.hedges)
        allowed = max(FEWEST_HEDGES, math.floor(share * asked)) if share else 0
        assert self.budget.take(share, self.now) == (taken < allowed)
        if taken < allowed:
            self.hedges.append(self.now)


TestHealth = HealthMachine.TestCase
TestHealth.settings = QUICK
TestBudget = BudgetMachine.TestCase
TestBudget.settings = QUICK
