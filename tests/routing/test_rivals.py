"""What runs beside the first attempt: begun only when due, never left behind, its failures told to the request."""

from __future__ import annotations

import gc
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core.attempt_errors import RouteExhausted
from linx.routing.hedge_watch import HedgeWatch
from tests.routing.world import Script, ScriptedAttempt, World, provider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio.testing import MockClock

    from linx.routing.candidate import Candidate

TWO: list[Script] = [("a", 9, "answers"), ("b", 1, "answers")]
UNTIL_DUE_S = 2.0


class Broken(ScriptedAttempt):
    """An attempt with a bug, or for which there is no memory; ``does`` says which."""

    async def begin(self, timeout_s: float | None = None) -> object:
        await trio.sleep(self.after_s)
        self.close()
        raise MISTAKES[self.does]


class Lingering(ScriptedAttempt):
    """An attempt that needs three seconds to end when it is cancelled."""

    async def begin(self, timeout_s: float | None = None) -> object:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(3)
            self.close()


MISTAKES = {"bug": RuntimeError("a bug"), "no memory": MemoryError()}


class OddWorld(World):
    """``odd``: the providers whose attempts are of another class; ``unstartable``: those that cannot be started."""

    def __init__(self, script: list[Script], odd: dict[str, Any], unstartable: str = "", **rules: Any) -> None:
        super().__init__(script, after=UNTIL_DUE_S, **rules)
        self.odd = odd
        self.unstartable = unstartable

    def _start(self, candidate: Candidate, is_hedge: bool, is_last: bool) -> ScriptedAttempt:
        name = candidate.provider.name
        if name == self.unstartable:
            raise MISTAKES["bug"]
        make = self.odd.get(name)
        if make is None:
            return super()._start(candidate, is_hedge, is_last)
        delay, does = self.script[name]
        attempt: ScriptedAttempt = make(candidate, delay, does, is_hedge=is_hedge)
        self.attempts.append(attempt)
        return attempt


def tasks() -> int:
    return trio.lowlevel.current_statistics().tasks_living


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """MISTAKES are raised again and again: their tracebacks must keep nothing of an earlier test."""
    yield
    for mistake in MISTAKES.values():
        mistake.__traceback__ = mistake.__context__ = None


# --- when it begins ---


async def test_until_the_hedge_is_due_there_is_no_task_for_it(autojump_clock: MockClock) -> None:
    world = World(TWO, after=UNTIL_DUE_S)
    before = tasks()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.race.winner)
        await trio.sleep(1.9)
        assert tasks() == before + 1  # the request's own; that of the watch serves all requests
        await trio.sleep(0.2)
        assert tasks() == before + 3  # the one that carries out the decision, and the hedge
    assert tasks() == before
    assert world.starts == [("a", 0), ("b", 2)]


async def test_an_answer_in_the_instant_in_which_the_hedge_is_due(autojump_clock: MockClock) -> None:
    """Whatever of the two is noticed first: the answer wins, and nothing is left open."""
    for _ in range(20):
        start = trio.current_time()
        world = World([("a", UNTIL_DUE_S, "answers"), ("b", 1, "answers")], after=UNTIL_DUE_S)
        won = await world.race.winner()
        assert (won.candidate.provider.name, trio.current_time() - start) == ("a", UNTIL_DUE_S)
        world.assert_only_open(won)


async def test_a_failure_in_the_instant_in_which_the_hedge_is_due(autojump_clock: MockClock) -> None:
    for _ in range(20):
        world = World([("a", UNTIL_DUE_S, "fails"), ("b", 1, "answers"), ("c", 1, "answers")], after=UNTIL_DUE_S)
        won = await world.race.winner()
        assert won.candidate.provider.name == "b"
        assert [failure.provider for failure in world.race.failures] == ["a"]
        world.assert_only_open(won)


async def test_both_answer_in_one_instant(autojump_clock: MockClock) -> None:
    world = World([("a", 3, "answers"), ("b", 1, "answers")], after=UNTIL_DUE_S)
    world.assert_only_open(await world.race.winner())


async def test_a_thousand_races_at_once(autojump_clock: MockClock) -> None:
    """Every kind of race: each has its winner, and nothing is left."""
    kinds: list[tuple[list[Script], str | None]] = [
        ([("a", 1, "answers"), ("b", 1, "answers")], "a"),
        ([("a", 9, "answers"), ("b", 1, "answers")], "b"),
        ([("a", 1, "fails"), ("b", 9, "answers"), ("c", 1, "answers")], "c"),
        ([("a", 3, "fails"), ("b", 9, "answers"), ("c", 1, "answers")], "c"),
        ([("a", 3, "fails"), ("b", 1, "fails"), ("c", 1, "fails")], None),
        ([("a", 0, "hangs"), ("b", 0, "hangs")], None),
    ]
    providers = [provider(name) for name in "abc"]
    ended: list[str | None] = []
    wanted: list[str | None] = []
    watch = HedgeWatch()
    before = tasks()

    async def run(world: World) -> None:
        won = None
        with trio.move_on_after(20):
            with suppress(RouteExhausted):
                won = await world.race.winner()
        ended.append(None if won is None else won.candidate.provider.name)
        world.assert_only_open(won)

    async with trio.open_nursery() as nursery:
        for number in range(1000):
            script, winner = kinds[number % len(kinds)]
            world = World(script, providers, watch, after=UNTIL_DUE_S)
            wanted.append(winner)
            nursery.start_soon(run, world)
    assert sorted(map(str, ended)) == sorted(map(str, wanted))
    assert (tasks(), watch.watched) == (before, 0)


# --- how it ends ---


@pytest.mark.parametrize("at", [1.0, UNTIL_DUE_S, 2.5], ids=["before", "just when it is due", "while it runs"])
async def test_a_client_that_hangs_up(autojump_clock: MockClock, at: float) -> None:
    world = World([("a", 0, "hangs"), ("b", 0, "hangs")], after=UNTIL_DUE_S)
    with trio.move_on_after(at) as patience:
        await world.race.winner()
    assert patience.cancelled_caught
    assert trio.current_time() == at
    world.assert_only_open(None)
    await trio.sleep(10)
    world.assert_only_open(None)
    assert len(world.attempts) <= 2


async def test_a_client_that_hangs_up_while_the_hedge_is_made(autojump_clock: MockClock) -> None:
    """The hedge has no turn yet, or one: nothing of it is left, and the next race is as any other."""
    for _ in range(20):
        scope = trio.CancelScope()

        def hang_up(*arguments: Any, scope: trio.CancelScope = scope, **more: Any) -> ScriptedAttempt:
            scope.cancel()
            return ScriptedAttempt(*arguments, **more)

        world = OddWorld([("a", 0, "hangs"), ("b", 0, "hangs")], {"b": hang_up})
        start = trio.current_time()
        with scope:
            await world.race.winner()
        assert scope.cancelled_caught
        assert trio.current_time() - start == UNTIL_DUE_S
        world.assert_only_open(None)


async def test_the_request_does_not_go_on_before_its_hedge_has_ended(autojump_clock: MockClock) -> None:
    """A parent waits for its children: whatever a hedge uses of its request is used no more afterwards."""
    world = OddWorld(TWO, {"b": Lingering})
    with trio.move_on_after(4):
        await world.race.winner()
    assert trio.current_time() == 7
    world.assert_only_open(None)
    world = OddWorld([("a", 4, "answers"), ("b", 1, "answers")], {"b": Lingering})
    won = await world.race.winner()
    assert (won.candidate.provider.name, trio.current_time()) == ("a", 14)
    world.assert_only_open(won)


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("where", ["a", "b"])
async def test_a_mistake_is_raised_in_the_request(autojump_clock: MockClock, where: str, mistake: str) -> None:
    """At once, and as it is: not in a group, and not at the end of trio."""
    script: list[Script] = [("a", 0, "hangs"), ("b", 0, "hangs")]
    script[where == "b"] = (where, 4.0, mistake)
    world = OddWorld(script, {where: Broken})
    with pytest.raises(type(MISTAKES[mistake])) as caught:
        await world.race.winner()
    assert caught.value is MISTAKES[mistake]
    assert trio.current_time() == (4.0 if where == "a" else 6.0)
    world.assert_only_open(None)


async def test_a_hedge_that_cannot_be_made_is_a_mistake_of_the_request(autojump_clock: MockClock) -> None:
    world = OddWorld(TWO, {}, unstartable="b")
    with pytest.raises(RuntimeError, match="a bug"):
        await world.race.winner()
    world.assert_only_open(None)


@pytest.mark.parametrize("mistake", [MemoryError, None])
async def test_without_memory_for_the_task_the_request_fails(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, mistake: type[Exception] | None
) -> None:
    """The watch serves all requests, so nothing may end it."""
    watch = HedgeWatch()
    world = World(TWO, watch=watch, after=UNTIL_DUE_S)
    spawn = trio.lowlevel.spawn_system_task

    def fail(*arguments: Any) -> object:
        if mistake is not None:
            raise mistake
        return spawn(*arguments)

    monkeypatch.setattr(trio.lowlevel, "spawn_system_task", fail)
    if mistake is None:
        assert (await world.race.winner()).candidate.provider.name == "b"
        return
    with pytest.raises(mistake):
        await world.race.winner()
    world.assert_only_open(None)
    monkeypatch.undo()
    after = World(TWO, watch=watch, after=UNTIL_DUE_S)
    assert (await after.race.winner()).candidate.provider.name == "b"


# --- what it keeps in memory ---


@pytest.mark.parametrize(
    ("script", "odd"),
    [
        ([("a", 1, "answers"), ("b", 1, "answers")], {}),
        ([("a", 9, "answers"), ("b", 1, "answers")], {}),
        ([("a", 4, "answers"), ("b", 9, "answers")], {}),
        ([("a", 3, "fails"), ("b", 9, "fails"), ("c", 1, "fails")], {}),
        ([("a", 3, "bad_request"), ("b", 9, "answers")], {}),
        ([("a", 0, "hangs"), ("b", 0, "hangs")], {}),
        ([("a", 3, "bug"), ("b", 9, "answers")], {"a": Broken}),
        ([("a", 9, "answers"), ("b", 1, "no memory")], {"b": Broken}),
    ],
    ids=["alone", "hedge", "first", "exhausted", "refused", "cancelled", "bug", "no memory"],
)
async def test_no_reference_cycle_keeps_the_request(
    autojump_clock: MockClock, script: list[Script], odd: dict[str, Any]
) -> None:
    """A cycle would keep a request of many megabytes until the next garbage collection."""

    async def run() -> list[weakref.ref[object]]:
        world = OddWorld(script, odd)
        race = world.__dict__.pop("race")  # which refers to its world
        with trio.move_on_after(20):
            try:
                await race.winner()
            except Exception as error:
                error.with_traceback(None)  # as the handler does
        return [weakref.ref(one) for one in (*world.attempts, world)]

    await run()  # the task of the watch
    gc.collect()
    gc.disable()
    try:
        kept = [one() for one in await run()]
    finally:
        gc.enable()
    assert not any(one is not None for one in kept), kept
