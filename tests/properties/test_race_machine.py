"""The race's decisions in any order of events: one winner, one extra attempt at most, each candidate is asked once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from linx.core.attempt_errors import AttemptError, Fallback
from linx.core.errors import BadRequest, LinxError
from linx.routing.candidate import Candidate
from linx.routing.decision import Decision, Failed, Lost, Spoke, Start, Won
from linx.routing.demand import Demand
from linx.routing.hedging import HedgeBudget, Rules
from linx.routing.router import Route
from tests.properties.machines import QUICK, ROUNDS
from tests.routing.world import OUTCOMES, provider

if TYPE_CHECKING:
    from linx.routing.decision import WaitUntil


@dataclass(eq=False)
class Attempt:
    candidate: Candidate
    is_hedge: bool
    asked_at: float | None = None
    errors: list[LinxError] = field(default_factory=list)

    async def begin(self, timeout_s: float | None = None) -> object:
        raise AssertionError("nothing is run here")

    def close(self, outcome: str = "lost") -> None:
        raise AssertionError("nothing is run here")


class RaceMachine(RuleBasedStateMachine):
    """Plays the part of ``race.Race``: carries out each order at once, and tells what happens to the attempts."""

    @initialize(
        hosts=st.tuples(st.booleans(), st.booleans(), st.lists(st.booleans(), max_size=3)),
        after=st.sampled_from([1.0, 0.0, None]),
        scope=st.sampled_from(["same", "any"]),
        share=st.sampled_from([0.0, 1.0, 1.0]),
        silences=st.lists(st.sampled_from([1.0, 0.5, 30.0]), min_size=1, max_size=3),
    )
    def begin(
        self, hosts: tuple[bool, bool, list[bool]], after: float | None, scope: str, share: float, silences: list[float]
    ) -> None:
        """``hosts``: is each provider local?"""
        self.now = 0.0
        first, second, others = hosts
        self.route = [
            Candidate(provider(f"p{number}", local=is_local, usd=0.0 if is_local else 1.0), "m")
            for number, is_local in enumerate([first, second, *others])
        ]
        for one in self.route:
            one.provider.health.reachable = True
        self.scope, self.share, self.after = scope, share, after
        rules = Rules(after=after, scope=scope, share=share, budget=HedgeBudget(), demand=Demand())
        self.decision: Decision[Attempt] = Decision(Route("m", tuple(self.route)), rules)
        self.attempts: list[Attempt] = []
        self.running: list[Attempt] = []
        self.loads: set[Candidate] = set()
        self.wins = 0
        self.is_refused = False
        self.order: WaitUntil | Won[Attempt] | Lost | None = None
        self.obey()
        for seconds in silences:
            self.is_silent(seconds)
            self.holds()

    def obey(self, *events: Spoke[Attempt] | Failed[Attempt]) -> None:
        order = self.decision.next(self.now, events)
        for _ in range(len(self.route) * 2 + 1):
            if not isinstance(order, Start):
                break
            attempt = Attempt(order.candidate, order.is_hedge, self.now)
            assert not (order.is_last and self.running)
            self.attempts.append(attempt)
            self.running.append(attempt)
            self.decision.started(attempt)
            order = self.decision.next(self.now)
        assert not isinstance(order, Start), "it starts attempts without end"
        self.order = order
        if isinstance(order, Won):
            assert order.attempt in self.running
            self.wins += 1
            self.running.clear()
        elif isinstance(order, Lost):
            assert self.is_refused or not self.running
            tried = {attempt.candidate for attempt in self.attempts}
            assert self.is_refused or tried == set(self.route), "somebody was never asked"
            self.running.clear()

    @property
    def is_over(self) -> bool:
        return isinstance(self.order, Won | Lost)

    @precondition(lambda self: not self.is_over)
    @rule(number=st.integers(0, 1))
    def speaks(self, number: int) -> None:
        self.obey(Spoke(self.running[number % len(self.running)]))
        assert isinstance(self.order, Won)

    @precondition(lambda self: not self.is_over)
    @rule(number=st.integers(0, 1), how=st.sampled_from(["fails", "fails", "loads", "bad_request", "client's mistake"]))
    def fails(self, number: int, how: str) -> None:
        attempt = self.running.pop(number % len(self.running))
        error: LinxError = BadRequest("no") if how == "client's mistake" else OUTCOMES[how]()
        self.is_refused = not isinstance(error, AttemptError) or error.fallback is Fallback.NO
        if isinstance(error, AttemptError):
            error.provider = attempt.candidate.provider.name
        if how == "loads":
            self.loads.add(attempt.candidate)
        self.obey(Failed(attempt, error))
        assert not self.is_refused or isinstance(self.order, Lost)

    @precondition(lambda self: not self.is_over and len(self.running) == 2)
    @rule(speaks_first=st.booleans())
    def both_at_once(self, speaks_first: bool) -> None:
        one, two = self.running
        events = [Spoke(one), Failed(two, OUTCOMES["fails"]())]
        self.obey(*(events if speaks_first else reversed(events)))
        assert isinstance(self.order, Won)
        assert self.order.attempt is one

    @precondition(lambda self: not self.is_over)
    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 30.0]))
    def is_silent(self, seconds: float) -> None:
        self.now += seconds
        self.obey()

    @precondition(lambda self: not self.is_over)
    @rule(where=st.integers(0, 4), is_up=st.booleans())
    def health_changes(self, where: int, is_up: bool) -> None:
        self.route[where % len(self.route)].provider.health.reachable = is_up

    @precondition(lambda self: self.is_over)
    @rule()
    def nothing_follows(self) -> None:
        assert not self.running

    @precondition(lambda self: isinstance(self.order, Won))
    @rule()
    def the_winner_breaks_off(self) -> None:
        assert isinstance(self.order, Won)
        won, self.order = self.order.attempt, None
        self.decision.lost(OUTCOMES["fails"](), won.candidate)
        self.obey()

    @invariant()
    def holds(self) -> None:
        assert len(self.running) <= 2
        hedges = [attempt for attempt in self.attempts if attempt.is_hedge]
        assert len(hedges) <= (1 if self.share and self.after is not None else 0)
        for candidate in self.route:
            asked = sum(attempt.candidate == candidate for attempt in self.attempts)
            assert asked <= 1 + (candidate in self.loads)
        if self.scope == "same" and len(self.running) == 2:
            first, second = self.running
            assert second.candidate.is_local or not first.candidate.is_local
        assert self.is_over or self.running, "nobody runs, and the race is not over"
        assert self.is_over or getattr(self.order, "at", math.nan) >= self.now


TestRace = RaceMachine.TestCase
TestRace.settings = settings(QUICK, max_examples=2 * ROUNDS, stateful_step_count=12)
