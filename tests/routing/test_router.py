"""From a name to a route: who may answer, in which order, and what is said when nobody may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core.attempt_errors import PauseScope, Refused
from linx.core.errors import NoLocalProvider
from linx.routing.demand import ANY, Demand
from linx.routing.router import LONGEST_FIRST_PROBE_S
from tests.routing.world import down, has, ollama, paused, provider, routed, router, three, told

if TYPE_CHECKING:
    from trio.testing import MockClock

    from linx.providers.provider import Provider


def test_a_pause_is_respected_and_its_end_is_told() -> None:
    one, two, last = three()
    paused(one, 40)
    paused(two, 20, 503)
    route = router(one, two, last).route("m", 5.0, Demand())
    assert ([str(each) for each in route.candidates], route.wait_s) == (["c/m"], 15.0)
    assert routed(router(one, two, last), now=30.0) == ["b/m", "c/m"]


def test_a_paused_model_leaves_the_others_there_alone() -> None:
    one, two = has(provider("a"), "m", "n:free", "o:free"), has(provider("b"), "m", "n:free")
    both = router(one, two)
    one.health.pause(40, 429, 0.0, "m")
    assert routed(both) == ["b/m"]
    assert both.route("m", 5.0, Demand()).wait_s == 35.0
    assert routed(both, "n:free") == ["a/n:free", "b/n:free"]
    one.health.pause(60, 429, 0.0, "n:free", PauseScope.FREE_MODELS)
    assert routed(both, "n:free") == ["b/n:free"]
    with pytest.raises(Refused, match=r"asked for a pause \(a\)") as caught:
        routed(both, "o:free")
    assert caught.value.retry_after_s == 60.0
    assert routed(both, "m", 41.0) == ["a/m", "b/m"]


@pytest.mark.parametrize(("statuses", "status"), [((429, 503), 429), ((503, 429), 429), ((503, 503), 503)])
def test_with_everybody_paused_the_shortest_wait_is_told(statuses: tuple[int, int], status: int) -> None:
    one, two, _last = three()
    paused(one, 40, statuses[0])
    paused(two, 20.2, statuses[1])
    with pytest.raises(Refused, match=r"asked for a pause \(a, b\). Try again in 16 s") as caught:
        routed(router(one, two), now=5.0)
    assert caught.value.status == status
    assert caught.value.retry_after_s == pytest.approx(15.2)
    assert caught.value.code == ("rate_limit_exceeded" if status == 429 else "overloaded")
    assert caught.value.kind == ("rate_limit_error" if status == 429 else "server_error")


def test_without_fallback_there_is_one() -> None:
    assert routed(router(*three(), fallback_enabled=False)) == ["a/m"]


def test_one_model_only_is_that_of_the_first_by_priority() -> None:
    one = provider("a", model_mappings={"embed": "nomic"})
    two = provider("b", model_mappings={"embed": "Nomic:latest"})
    other = provider("c", model_mappings={"embed": "bge"})
    everybody = router(one, two, other, provider_priority=("c", "a", "b"))
    assert routed(everybody, "embed") == ["c/bge", "a/nomic", "b/Nomic:latest"]
    assert routed(everybody, "embed", one_model=True) == ["c/bge"]
    down(other)
    assert routed(everybody, "embed", one_model=True) == ["c/bge"]
    assert routed(router(one, two, other), "embed", one_model=True) == ["a/nomic", "b/Nomic:latest"]


# --- private ---


@pytest.mark.parametrize(
    ("patterns", "private", "free"),
    [
        (True, ["m", "x"], []),
        (False, [], ["m", "x"]),
        (("m", "qwen*"), ["m", "M", "m:latest", "qwen3:4b", "Qwen", "a/m"], ["x", "b/qwen", "am"]),
        (("m:latest",), ["m", "m:latest"], ["m:7b"]),
        ((), [], ["m"]),
    ],
)
def test_which_names_are_private(patterns: Any, private: list[str], free: list[str]) -> None:
    one = router(provider("a"), local_only=patterns)
    assert [name for name in (*private, *free) if one.is_private(name)] == private


def test_a_private_name_never_leaves_the_machine() -> None:
    near, far = has(provider("a"), "m"), has(provider("b", local=False), "m", "far")
    both = router(near, far, local_only=("m", "far"))
    assert routed(both) == ["a/m"]
    for model in ("far", "b/far"):
        with pytest.raises(NoLocalProvider, match="only be answered by a local provider") as caught:
            routed(both, model)
        assert (caught.value.status, caught.value.code) == (503, "no_local_provider")
    free = router(near, far)
    assert routed(free) == ["a/m", "b/m"]
    assert routed(free, local_only=True) == ["a/m"]


# --- the moment after a start ---


async def test_nobody_waits_for_a_name_that_is_known_or_when_all_have_answered(autojump_clock: MockClock) -> None:
    one = has(provider("a"), "m")
    assert router(one).is_starting()
    await router(one).until_known("m", ANY)
    one.probed.set()
    assert not router(one).is_starting()
    await router(one).until_known("x", ANY)
    assert trio.current_time() == 0


async def test_a_name_is_waited_for_until_somebody_has_it(autojump_clock: MockClock) -> None:
    slow, quick, never = provider("a"), provider("b"), provider("c")

    async def probe(one: Provider, after: float, *names: str) -> None:
        await trio.sleep(after)
        has(one, *names)
        one.probed.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(probe, quick, 1, "x")
        nursery.start_soon(probe, slow, 3, "m")
        await router(slow, quick, never).until_known("m", ANY)
        assert trio.current_time() == 3
        with trio.fail_after(LONGEST_FIRST_PROBE_S + 1):
            await router(slow, quick, never).until_known("nobody", ANY)
        assert trio.current_time() == 3 + LONGEST_FIRST_PROBE_S


async def test_all_probes_back_ends_the_wait(autojump_clock: MockClock) -> None:
    one, two = provider("a"), provider("b")

    async def probe() -> None:
        for each in (one, two):
            await trio.sleep(1)
            each.probed.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(probe)
        await router(one, two).until_known("nobody", ANY)
    assert trio.current_time() == 2


# --- "auto", and mappings to models that are not there ---


async def test_a_model_that_did_not_fit_is_not_chosen_for_a_while(autojump_clock: MockClock) -> None:
    """The words are those of ollama#10920."""
    one = ollama("huge:70b", "mid:8b", "small:1b", default="auto")
    for name, size in (("huge:70b", 70), ("mid:8b", 8), ("small:1b", 1)):
        told(one, name, size=size)
    said = "model requires more system memory (44.0 GiB) than is available (7.6 GiB)"
    asks = router(one)
    for expected in ("huge:70b", "mid:8b", "small:1b"):
        (candidate,) = asks.route("x", trio.current_time(), ANY).candidates
        assert candidate.model == expected
        candidate.failed(Refused("cannot", said=said, status=500), trio.current_time())
    assert routed(asks, "x", trio.current_time()) == ["ollama/huge:70b"]  # none is known to fit, so all are equal
    await trio.sleep(601)
    candidate.failed(Refused("cannot", said="something else", status=500), trio.current_time())
    one.models_changed()
    assert routed(asks, "x", trio.current_time()) == ["ollama/huge:70b"]


async def test_just_after_a_start_auto_waits_for_the_list(autojump_clock: MockClock) -> None:
    one = ollama(is_read=False, m="auto")
    asks = router(one)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asks.until_known, "m", ANY)
        await trio.testing.wait_all_tasks_blocked()
        one.listed_at = 1.0
        has(one, "real")
        one.probed.set()
    assert routed(asks) == ["ollama/real"]
    assert trio.current_time() == 0.0
