"""What a race does next, as a table of orders: no clock, no tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linx.core.attempt_errors import Refused, RouteExhausted
from linx.core.errors import BadRequest
from linx.routing.candidate import Candidate
from linx.routing.decision import Decision, Failed, Lost, Spoke, Start, WaitUntil, Won
from linx.routing.demand import Demand
from linx.routing.hedging import HedgeBudget, Rules
from linx.routing.router import Route
from tests.routing.world import OUTCOMES, provider

if TYPE_CHECKING:
    from linx.core.errors import LinxError


class Asked:
    """An attempt that was asked at once, or that waits for its place."""

    def __init__(self, candidate: Candidate, asked_at: float | None) -> None:
        self.candidate = candidate
        self.asked_at = asked_at

    async def begin(self, timeout_s: float | None = None) -> object:
        raise AssertionError("a decision starts nothing")

    def close(self, outcome: str = "lost") -> None:
        raise AssertionError("a decision closes nothing")


class Table:
    """A decision about providers ``a``, ``b`` and ``c``, each on a server of its own."""

    def __init__(self, names: str = "abc", *, after: float | None = 2.0, share: float = 1.0) -> None:
        self.candidates = {name: Candidate(provider(name), "m") for name in names}
        rules = Rules(after=after, scope="same", share=share, budget=HedgeBudget(), demand=Demand())
        self.decision: Decision[Asked] = Decision(Route("m", tuple(self.candidates.values())), rules)

    def next(self, now: float, *events: Spoke[Asked] | Failed[Asked]) -> str:
        """The order in a few characters: ``start a``, ``hedge b``, ``wait 2``, ``won a``, ``lost``."""
        self.order = self.decision.next(now, events)
        match self.order:
            case Start(candidate, is_hedge):
                return f"{'hedge' if is_hedge else 'start'} {candidate.provider.name}"
            case WaitUntil(at):
                return f"wait {at:g}"
            case Won(attempt):
                return f"won {attempt.candidate.provider.name}"
            case Lost():
                return "lost"

    def start(self, now: float, asked_at: float | None = None, *, queued: bool = False) -> Asked:
        """Carry out the order that ``next`` has given."""
        assert isinstance(self.order, Start)
        attempt = Asked(self.order.candidate, None if queued else now if asked_at is None else asked_at)
        self.decision.started(attempt)
        return attempt


def failed(attempt: Asked, how: str = "fails") -> Failed[Asked]:
    error = OUTCOMES[how]()
    error.provider = attempt.candidate.provider.name
    return Failed(attempt, error)


def test_a_failure_starts_the_next_candidate_until_none_is_left() -> None:
    table = Table("ab", after=None)
    assert table.next(0) == "start a"
    assert table.order == Start(table.candidates["a"], is_alone=True)
    a = table.start(0)
    assert table.next(1, failed(a)) == "start b"
    assert table.order == Start(table.candidates["b"], is_last=True, is_alone=True)
    b = table.start(1)
    assert table.next(2, failed(b)) == "lost"
    assert isinstance(table.order, Lost)
    assert isinstance(table.order.error, RouteExhausted)
    assert [failure.provider for failure in table.decision.failures] == ["a", "b"]


def test_a_silent_attempt_gets_one_hedge_and_no_more() -> None:
    table = Table()
    assert table.next(0) == "start a"
    assert isinstance(table.order, Start)
    assert not table.order.is_alone
    table.start(0)
    assert table.next(0) == "wait 2"
    assert table.next(1.9) == "wait 2"
    assert table.next(2) == "hedge b"
    b = table.start(2)
    assert table.next(2) == "wait inf"
    assert table.next(99) == "wait inf"
    assert table.next(99, Spoke(b)) == "won b"


def test_silence_counts_from_the_place_at_the_provider() -> None:
    table = Table("ab")
    table.next(0)
    table.start(0, asked_at=1.5)
    assert table.next(2) == "wait 3.5"
    assert table.next(3.5) == "hedge b"


def test_an_attempt_without_a_place_is_late_and_looked_at_again_where_no_hedge_is_possible() -> None:
    table = Table("ab")
    table.candidates["b"].provider.health.cooling_until = 7.0
    table.next(0)
    table.start(0, queued=True)
    assert table.next(2) == "wait 4"
    assert table.next(4) == "wait 8"  # the pause is the time that it has been silent, at most 5 s
    assert table.next(8) == "hedge b"


def test_a_failure_beside_a_running_attempt_is_replaced_at_once() -> None:
    table = Table()
    table.next(0)
    a = table.start(0)
    table.next(2)
    table.start(2)
    assert table.next(3, failed(a)) == "start c"
    assert isinstance(table.order, Start)
    assert not table.order.is_last  # b still runs


def test_a_failure_waits_where_no_candidate_may_run_beside_the_other() -> None:
    table = Table("ab")
    paid = Candidate(provider("paid", local=False, usd=1), "m")
    table.decision = Decision(Route("m", (*table.candidates.values(), paid)), table.decision._rules)
    table.next(0)
    a = table.start(0)
    table.next(2)
    b = table.start(2)
    assert table.next(3, failed(a)) == "wait inf"
    assert table.next(4, failed(b)) == "start paid"


def test_a_win_is_worth_more_than_a_failure_of_the_same_instant() -> None:
    table = Table()
    table.next(0)
    a = table.start(0)
    table.next(2)
    b = table.start(2)
    assert table.next(3, failed(a, "bad_request"), Spoke(b)) == "won b"


@pytest.mark.parametrize(
    "error",
    [Refused("no such role", status=400, fallback=OUTCOMES["bad_request"]().fallback), BadRequest("not for anybody")],
    ids=["refused", "not an attempt's"],
)
def test_a_request_at_fault_ends_the_race(error: LinxError) -> None:
    table = Table()
    table.next(0)
    a = table.start(0)
    assert table.next(1, Failed(a, error)) == "lost"
    assert isinstance(table.order, Lost)
    assert str(table.order.error) == str(error)


def test_a_loading_model_is_asked_again_when_all_others_have_failed() -> None:
    table = Table("ab")
    table.next(0)
    a = table.start(0)
    assert table.next(1, failed(a, "loads")) == "start b"
    assert isinstance(table.order, Start)
    assert not table.order.is_last
    b = table.start(1)
    assert table.next(2) == "wait 3"
    assert table.next(2.5, failed(b)) == "start a"
    assert table.order == Start(table.candidates["a"], is_last=True, is_alone=True)


def test_the_race_goes_on_after_a_winner_that_broke() -> None:
    table = Table("ab")
    table.next(0)
    a = table.start(0)
    assert table.next(1, Spoke(a)) == "won a"
    table.decision.lost(failed(a).error, a.candidate)  # type: ignore[arg-type]  # an AttemptError
    assert table.next(2) == "start b"


def test_without_a_share_of_hedges_there_is_nothing_to_wait_for() -> None:
    table = Table("ab", share=0.0)
    table.next(0)
    assert isinstance(table.order, Start)
    assert table.order.is_alone
