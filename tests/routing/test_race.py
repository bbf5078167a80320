"""The race under the mock clock: the exact winner, the exact times, every loser closed."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core.attempt_errors import BudgetReached, Refused, RouteExhausted
from linx.core.durations import Histogram
from linx.routing.demand import Demand, of_size
from linx.routing.hedging import HedgeBudget
from tests.routing.world import Script, ScriptedAttempt, World, has, provider

if TYPE_CHECKING:
    from trio.testing import MockClock

    from linx.routing.candidate import Candidate


@pytest.mark.parametrize(
    ("script", "after", "winner", "at"),
    [
        # no hedge: only a failure starts the next
        ([("a", 1, "answers")], None, "a", 1),
        ([("a", 1, "fails"), ("b", 2, "answers")], None, "b", 3),
        ([("a", 9, "answers"), ("b", 1, "answers")], None, "a", 9),
        # a hedge after two seconds
        ([("a", 9, "answers"), ("b", 0.5, "answers")], 2.0, "b", 2.5),
        ([("a", 1, "answers"), ("b", 0.5, "answers")], 2.0, "a", 1),
        ([("a", 3, "answers"), ("b", 5, "answers")], 2.0, "a", 3),
        ([("a", 0, "hangs"), ("b", 5, "answers")], 2.0, "b", 7),
        # failures start the next at once, before and after the hedge
        ([("a", 1, "fails"), ("b", 1, "answers")], 2.0, "b", 2),
        ([("a", 3, "fails"), ("b", 9, "answers"), ("c", 1, "answers")], 2.0, "c", 4),
        ([("a", 9, "answers"), ("b", 1, "fails"), ("c", 1, "answers")], 2.0, "c", 4),
        ([("a", 1, "fails"), ("b", 0, "hangs"), ("c", 1, "answers")], 2.0, "c", 4),
        # at once means at once
        ([("a", 9, "answers"), ("b", 1, "answers")], 0.0, "b", 1),
    ],
)
async def test_winner_and_time(
    autojump_clock: MockClock, script: list[Script], after: float | None, winner: str, at: float
) -> None:
    world = World(script, after=after)
    won = await world.race.winner()
    assert (won.candidate.provider.name, trio.current_time()) == (winner, at)
    world.assert_only_open(won)


async def test_never_more_than_one_extra(autojump_clock: MockClock) -> None:
    world = World([("a", 0, "hangs"), ("b", 0, "hangs"), ("c", 0, "answers")], after=1.0)
    with trio.move_on_after(3600):
        await world.race.winner()
    assert world.starts == [("a", 0), ("b", 1)]
    world.assert_only_open(None)


async def test_all_dead_is_one_error_that_lists_them(autojump_clock: MockClock) -> None:
    for after in (None, 1.0):
        world = World([("a", 2, "fails"), ("b", 1, "fails"), ("c", 1, "fails")], after=after)
        with pytest.raises(RouteExhausted, match=r"Tried: (.: said nonsense(; )?){3}$") as caught:
            await world.race.winner()
        assert [failure.provider for failure in caught.value.failures] in (["a", "b", "c"], ["b", "a", "c"])
        assert caught.value.may_retry is False
        world.assert_only_open(None)


@pytest.mark.parametrize("after", [None, 0.5])
async def test_a_request_error_is_answered_at_once(autojump_clock: MockClock, after: float | None) -> None:
    world = World([("a", 1, "bad_request"), ("b", 9, "answers")], after=after)
    with pytest.raises(RouteExhausted) as caught:
        await world.race.winner()
    assert (caught.value.status, trio.current_time()) == (400, 1)
    assert isinstance(caught.value.telling, Refused)
    world.assert_only_open(None)


@pytest.mark.parametrize(
    ("sizes", "winner"),
    [((4096, 4096, 8192), "c"), ((4096, None, 8192), "c"), ((4096, None, 2048), None), ((None, 100, 5000), "c")],
)
async def test_an_overflow_goes_only_to_a_larger_context(
    autojump_clock: MockClock, sizes: tuple[int | None, ...], winner: str | None
) -> None:
    providers = [has(provider(name), "m", context_length=size) for name, size in zip("abc", sizes, strict=True)]
    script = [("a", 1, "overflow"), ("b", 1, "answers"), ("c", 1, "answers")]
    world = World(script, providers, demand=Demand(of_size(200)))
    if winner is None:
        with pytest.raises(RouteExhausted):
            await world.race.winner()
    else:
        assert (await world.race.winner()).candidate.provider.name == winner


async def test_a_broken_winner_is_followed_by_the_next(autojump_clock: MockClock) -> None:
    """A client that asked for a whole answer has seen nothing, so the race goes on."""
    world = World([("a", 1, "answers"), ("b", 2, "answers")])
    first = await world.race.winner()
    error = Refused("broke", status=502)
    error.provider = "a"
    world.race.lost(error, first.candidate)
    assert (await world.race.winner()).candidate.provider.name == "b"
    world.race.lost(error, first.candidate)
    with pytest.raises(RouteExhausted):
        await world.race.winner()


# --- where a hedge may go ---


@pytest.mark.parametrize(
    ("first", "second", "scope", "hedged"),
    [
        (("local", 0), ("local", 0), "same", True),
        (("local", 0), ("remote", 0), "same", False),
        (("local", 0), ("local", 1), "same", False),
        (("remote", 0), ("remote", 1), "same", False),
        (("remote", 1), ("remote", 1), "same", True),
        (("remote", 2), ("remote", 1), "same", True),
        (("remote", 1), ("local", 0), "same", True),
        (("remote", 1), ("remote", None), "same", False),
        (("remote", None), ("remote", None), "same", False),
        (("local", 0), ("remote", 9), "any", True),
    ],
)
async def test_a_hedge_never_leaves_the_machine_and_never_costs_more(
    autojump_clock: MockClock,
    first: tuple[str, float | None],
    second: tuple[str, float | None],
    scope: str,
    hedged: bool,
) -> None:
    providers = []
    for name, (place, cost) in (("a", first), ("b", second)):
        providers.append(provider(name, local=place == "local", usd=cost if cost != 0 or place == "remote" else None))
        if place == "remote" and cost is None:
            assert providers[-1].price("m") is None
    world = World([("a", 9, "answers"), ("b", 1, "answers")], providers, after=2.0, scope=scope)
    won = await world.race.winner()
    assert (won.candidate.provider.name == "b") is hedged
    assert len(world.attempts) == (2 if hedged else 1)


async def test_a_fallback_beside_a_running_hedge_stays_in_scope(autojump_clock: MockClock) -> None:
    """The first dies while its free hedge still runs: a paid one waits until that has died too."""
    paid = provider("paid", local=False, usd=1)
    world = World([("a", 2, "fails"), ("b", 5, "fails"), ("paid", 1, "answers")], [paid], after=1.0)
    won = await world.race.winner()
    assert world.starts == [("a", 0), ("b", 1), ("paid", 6)]
    assert won.candidate.provider is paid


async def test_never_two_attempts_on_one_server(autojump_clock: MockClock) -> None:
    providers = [provider("a", host="one.test"), provider("b", host="one.test"), provider("c", host="two.test")]
    world = World([("a", 9, "answers"), ("b", 1, "answers"), ("c", 1, "answers")], providers, after=2.0)
    assert (await world.race.winner()).candidate.provider.name == "c"
    world = World([("a", 3, "fails"), ("b", 1, "answers")], providers, after=2.0)
    assert (await world.race.winner()).candidate.provider.name == "b"
    assert world.starts[-1][1] - world.starts[0][1] == 3


# --- the budget ---


async def test_a_spent_budget_means_no_hedge(autojump_clock: MockClock) -> None:
    world = World([("a", 9, "answers"), ("b", 1, "answers")], after=2.0, share=0)
    assert (await world.race.winner()).candidate.provider.name == "a"
    assert len(world.attempts) == 1


# --- auto ---


@pytest.mark.parametrize(("samples", "hedged"), [(19, False), (20, True)])
async def test_auto_needs_twenty_samples_and_waits_for_the_95th_percentile(
    autojump_clock: MockClock, samples: int, hedged: bool
) -> None:
    slow = provider("a")
    slow.first_token["m"] = Histogram()
    for _ in range(samples):
        slow.first_token["m"].add(1.0)
    world = World([("a", 60, "answers"), ("b", 1, "answers")], [slow], after="auto")
    won = await world.race.winner()
    assert (won.candidate.provider.name == "b") is hedged
    if hedged:
        assert world.attempts[1].started == pytest.approx(1.0, rel=0.25)


async def test_cancelled_from_outside_nothing_stays_open(autojump_clock: MockClock) -> None:
    for after in (None, 1.0):
        world = World([("a", 9, "answers"), ("b", 9, "answers")], after=after)
        with trio.move_on_after(5) as scope:
            await world.race.winner()
        assert scope.cancelled_caught
        world.assert_only_open(None)


# --- who is ready for a hedge ---


@pytest.mark.parametrize("trouble", ["down", "cooling", "paused", "full", "loading"])
async def test_a_hedge_goes_only_to_one_that_is_ready(autojump_clock: MockClock, trouble: str) -> None:
    bad = provider("b", max_concurrent=1)
    if trouble == "full":
        bad.slots.active = 1
    bad.health.reachable = trouble != "down"
    bad.health.loading = trouble == "loading"
    bad.health.cooling_until = 0.0
    if trouble == "cooling":
        bad.health.cooling_until = 1000.0
    if trouble == "paused":
        bad.health.pause(300, 429, 0.0)
    world = World([("a", 9, "answers"), ("b", 1, "answers"), ("c", 1, "answers")], [bad], after=2.0)
    assert (await world.race.winner()).candidate.provider.name == "c"
    assert world.starts == [("a", 0), ("c", 2)]


@pytest.mark.parametrize(("model", "winner"), [("m", "c"), ("another", "b")])
async def test_a_hedge_does_not_go_to_a_paused_model(autojump_clock: MockClock, model: str, winner: str) -> None:
    bad = provider("b")
    bad.health.pause(300, 429, 0.0, model)
    world = World([("a", 9, "answers"), ("b", 1, "answers"), ("c", 1, "answers")], [bad], after=2.0)
    assert (await world.race.winner()).candidate.provider.name == winner


async def test_one_that_becomes_ready_is_hedged_to_later(autojump_clock: MockClock) -> None:
    bad = provider("b")
    bad.health.cooling_until = 5.0
    world = World([("a", 60, "answers"), ("b", 1, "answers")], [bad], after=2.0)
    assert (await world.race.winner()).candidate.provider.name == "b"
    assert 5 < world.starts[1][1] <= 10


async def test_the_wait_for_a_place_is_no_silence(autojump_clock: MockClock) -> None:
    """Asked after 3.5 s, it is silent for 0.9 s: less than the second after which a hedge is due."""
    full = provider("b", max_concurrent=1)
    full.slots.active = 1
    world = World([("a", 4.4, "answers"), ("b", 1, "answers")], [full], after=1.0)
    world.asked_after_s = 3.5
    async with trio.open_nursery() as nursery:

        async def leave() -> None:
            await trio.sleep(3.8)
            full.slots.give_back()

        nursery.start_soon(leave)
        assert (await world.race.winner()).candidate.provider.name == "a"
    assert world.starts == [("a", 0)]


async def test_from_a_queue_a_hedge_goes_to_a_free_place(autojump_clock: MockClock) -> None:
    world = World([("a", 60, "answers"), ("b", 1, "answers")], after=2.0)
    world.asked_after_s = 50.0
    assert (await world.race.winner()).candidate.provider.name == "b"
    assert world.starts == [("a", 0), ("b", 2)]


async def test_without_anybody_in_scope_no_second_look_is_taken(autojump_clock: MockClock) -> None:
    paid = provider("b", local=False, usd=1)
    world = World([("a", 9, "answers"), ("b", 1, "answers")], [paid], after=0.0)
    before = trio.lowlevel.current_statistics().tasks_living
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.race.winner)
        await trio.sleep(1)
        assert trio.lowlevel.current_statistics().tasks_living == before + 1


# --- loading ---


@pytest.mark.parametrize("after", [None, 100.0])
async def test_one_that_loads_is_asked_again_when_all_others_have_failed(
    autojump_clock: MockClock, after: float | None
) -> None:
    world = World([("a", 1, "loads"), ("b", 1, "fails")], after=after)
    assert (await world.race.winner()).candidate.provider.name == "a"
    assert world.starts == [("a", 0), ("b", 1), ("a", 2)]
    assert [one.is_last for one in world.attempts] == [False, False, True]


async def test_one_that_loads_is_no_extra_beside_a_running_one(autojump_clock: MockClock) -> None:
    world = World([("a", 3, "loads"), ("b", 9, "answers")], after=1.0)
    assert (await world.race.winner()).candidate.provider.name == "b"
    assert world.starts == [("a", 0), ("b", 1)]


async def test_two_names_for_one_server_are_one_server(autojump_clock: MockClock) -> None:
    providers = [provider("a", host="localhost"), provider("b", host="127.0.0.1"), provider("c", host="LOCALHOST")]
    world = World([("a", 9, "answers"), ("b", 1, "answers"), ("c", 1, "answers")], providers, after=2.0)
    assert (await world.race.winner()).candidate.provider.name == "a"


# --- what it is for ---


@pytest.mark.parametrize("seed", range(3))
async def test_auto_mends_a_provider_that_stalls_now_and_then(autojump_clock: MockClock, seed: int) -> None:
    """One in twenty requests takes ten seconds: the 99th percentile falls tenfold for a tenth more requests."""
    draw = random.Random(seed)
    stalling, steady = provider("a"), provider("b")
    budget = HedgeBudget()
    times, attempts = [], 0
    for _ in range(1000):
        budget.requested(trio.current_time())
        slow = 10.0 if draw.random() < 0.05 else 0.1 * draw.lognormvariate(0, 0.2)
        script = [("a", slow, "answers"), ("b", 0.1 * draw.lognormvariate(0, 0.2), "answers")]
        world = World(script, [stalling, steady], after="auto", share=0.1, budget=budget)
        start = trio.current_time()
        won = await world.race.winner()
        times.append(trio.current_time() - start)
        attempts += len(world.attempts)
        loser = world.attempts[0] if won is not world.attempts[0] else None
        # As the handler does: the winner's time, and what is known of the loser's.
        won.candidate.provider.observe_first_token("m", trio.current_time() - won.started)
        if loser is not None:
            loser.candidate.provider.observe_first_token("m", (won.started - loser.started) * 0.999)
        await trio.sleep(0.05)
    times.sort()
    assert times[int(0.99 * len(times))] < 1.0
    assert attempts / len(times) < 1.10


async def test_a_failure_in_the_instant_of_a_win_starts_nobody(autojump_clock: MockClock) -> None:
    world = World([("a", 1, "fails"), ("b", 1, "answers"), ("c", 1, "answers")], after=0.0)
    won = await world.race.winner()
    assert won.candidate.provider.name == "b"
    assert [name for name, _at in world.starts] == ["a", "b"]


def barred() -> BudgetReached:
    return BudgetReached("The daily budget is spent", retry_after_s=3600.0, may_retry=False)


class BarredWorld(World):
    """A world in which some providers may not be asked from some time on."""

    def __init__(self, script: list[Script], since: dict[str, float], **rules: Any) -> None:
        super().__init__(script, **rules)
        self.since = since

    def _start(self, candidate: Candidate, is_hedge: bool, is_last: bool) -> ScriptedAttempt:
        if trio.current_time() >= self.since.get(candidate.provider.name, math.inf):
            raise barred()
        return super()._start(candidate, is_hedge, is_last)


@pytest.mark.parametrize(
    ("script", "after", "since", "starts"),
    [
        ([("a", 1, "answers"), ("b", 1, "answers")], None, {"a": 0}, [("b", 0)]),
        ([("a", 1, "fails"), ("b", 1, "answers"), ("c", 1, "answers")], None, {"b": 0.5}, [("a", 0), ("c", 1)]),
        ([("a", 9, "answers"), ("b", 1, "answers"), ("c", 1, "answers")], 2.0, {"b": 1}, [("a", 0), ("c", 2)]),
        (
            [("a", 3, "fails"), ("b", 9, "answers"), ("c", 1, "answers"), ("d", 1, "answers")],
            2.0,
            {"c": 2.5},
            [("a", 0), ("b", 2), ("d", 3)],
        ),
        ([("a", 9, "answers"), ("b", 1, "answers")], 2.0, {"b": 1}, [("a", 0)]),
    ],
)
async def test_a_candidate_that_may_not_be_asked_any_more_is_passed_over(
    autojump_clock: MockClock,
    script: list[Script],
    after: float | None,
    since: dict[str, float],
    starts: list[tuple[str, float]],
) -> None:
    world = BarredWorld(script, since, after=after)
    world.assert_only_open(await world.race.winner())
    assert world.starts == starts


async def test_where_none_may_be_asked_any_more_the_client_is_told_why(autojump_clock: MockClock) -> None:
    world = BarredWorld([("a", 1, "fails"), ("b", 1, "answers")], {"b": 0.5})
    with pytest.raises(RouteExhausted, match="The daily budget is spent") as caught:
        await world.race.winner()
    error = caught.value
    assert (error.status, error.code, error.retry_after_s, error.may_retry) == (429, "budget_exceeded", 3600.0, False)
