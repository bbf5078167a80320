"""In which order candidates are asked."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from linx.core.attempt_errors import Garbled
from linx.providers.prices import Price
from linx.routing.demand import of_size
from linx.routing.ordering import BUSY, KEPT_CONVERSATIONS
from tests.routing.world import down, has, provider, routed, router, three, told

if TYPE_CHECKING:
    from linx.providers.provider import Provider
    from linx.routing.router import Router

CHEAP, DEAR = Price(1e-6, 1e-6), Price(1e-5, 1e-5)


def ollamas() -> tuple[Provider, Provider, Router]:
    one, two = (has(provider(name, kind="ollama"), "m:latest", "n") for name in "ab")
    return one, two, router(one, two, provider_priority=(("a", "b"),))


@pytest.mark.parametrize(
    ("priority", "expected"),
    [
        ((), "abc"),
        (("c",), "cab"),
        (("c", "b", "a"), "cba"),
        (("b", "b", "x", "c"), "bca"),
        ((("c", "a"), "b"), "acb"),
        (("b", ("c", "a")), "bac"),
    ],
)
def test_priority_then_file_order(priority: Any, expected: str) -> None:
    assert routed(router(*three(), provider_priority=priority)) == [f"{name}/m" for name in expected]


def test_the_cheaper_goes_first_where_that_is_wanted() -> None:
    far: dict[str, Any] = {"local": False}
    one = has(provider("a", **far), "m", price=DEAR)
    two = has(provider("b", **far), "m")
    free = has(provider("c"), "m")
    cheap = has(provider("d", **far), "m", price=CHEAP)
    all_of_them = (one, two, free, cheap)
    assert routed(router(*all_of_them)) == ["c/m", "d/m", "a/m", "b/m"]
    assert routed(router(*all_of_them, cost_optimization=False)) == ["a/m", "b/m", "c/m", "d/m"]
    assert routed(router(*all_of_them, provider_priority=("a", "b"), cost_optimization=False))[:2] == ["a/m", "b/m"]


def test_the_price_is_that_of_this_prompt_and_this_answer() -> None:
    reads = has(provider("a", local=False), "m", price=Price(1e-6, 9e-6))
    writes = has(provider("b", local=False), "m", price=Price(9e-6, 1e-6))
    both = router(reads, writes)
    assert routed(both, size=of_size(1000, 10)) == ["a/m", "b/m"]
    assert routed(both, size=of_size(10, 1000)) == ["b/m", "a/m"]


def test_who_is_ill_goes_last_and_who_is_loading_after_that() -> None:
    one, two, last = three()
    down(one)
    last.health.loading = True
    assert routed(router(one, two, last)) == ["b/m", "a/m", "c/m"]
    for _ in range(3):
        two.health.failed(Garbled("no"), 0.0)
    assert routed(router(one, two, last), now=0.1) == ["a/m", "b/m", "c/m"]
    assert routed(router(one, two, last), now=100.0) == ["b/m", "a/m", "c/m"]


def test_who_lacks_what_is_needed_goes_last_but_is_never_left_out() -> None:
    blind, ill, able = has(provider("a"), "m"), has(provider("b"), "m"), has(provider("c", usd=50), "m")
    told(blind, "m", capabilities=frozenset(("completion", "tools")))
    for _ in range(3):
        ill.health.failed(Garbled("nonsense"), 0.0)
    one = router(blind, ill, able, provider_priority=["a", "b", "c"], cost_optimization=True)
    assert routed(one, needs=lambda: frozenset(("vision",))) == ["c/m", "b/m", "a/m"]
    assert routed(one, needs=lambda: frozenset(("tools",))) == ["a/m", "c/m", "b/m"]
    able.learn_lack("m", "tools", 0.0)
    assert routed(one, needs=lambda: frozenset(("tools", "vision"))) == ["b/m", "a/m", "c/m"]
    assert routed(one) == ["a/m", "c/m", "b/m"]


def test_what_is_needed_is_not_asked_where_nobody_lacks_anything() -> None:
    def ask() -> frozenset[str]:
        raise AssertionError("all messages were looked at")

    assert routed(router(has(provider("a"), "m"), has(provider("b"), "m")), needs=ask) == ["a/m", "b/m"]


def test_a_context_that_is_too_small_is_left_out_unless_all_are() -> None:
    small = has(provider("a"), "m", context_length=100)
    unknown = has(provider("b"), "m")
    large = has(provider("c"), "m", context_length=1000)
    everybody = router(small, unknown, large)
    assert routed(everybody, size=of_size(100)) == ["a/m", "b/m", "c/m"]
    assert routed(everybody, size=of_size(101)) == ["b/m", "c/m"]
    assert routed(router(small), size=of_size(101)) == ["a/m"]


def test_where_neither_price_nor_context_matters_nobody_estimates_the_prompt() -> None:
    """A prompt of many megabytes takes long to look through."""

    def estimate() -> tuple[int, int]:
        raise AssertionError("nobody needs to know")

    free = router(has(provider("a"), "m"), has(provider("b"), "m"))
    assert routed(free, size=estimate) == ["a/m", "b/m"]
    for other in (has(provider("c"), "m", context_length=100), has(provider("c", local=False, usd=1.0), "m")):
        with pytest.raises(AssertionError, match="nobody needs to know"):
            routed(router(has(provider("a"), "m"), other), size=estimate)


def test_what_is_learnt_of_a_model_later_counts_at_once() -> None:
    """A provider without gaps or known contexts is not asked for each model; so it must hear of the first."""
    one, two = has(provider("a"), "m"), has(provider("b"), "m")
    both = router(one, two)
    assert routed(both, size=of_size(101), needs=lambda: frozenset(("tools",))) == ["a/m", "b/m"]
    one.learn_lack("m", "tools", 0.0)
    assert routed(both, size=of_size(101), needs=lambda: frozenset(("tools",))) == ["b/m", "a/m"]
    told(one, "m", context_length=100, listed={"id": "m"})
    assert routed(both, size=of_size(101)) == ["b/m"]
    heir = provider("a")
    heir.inherit(one)
    assert routed(router(heir, two), size=of_size(101)) == ["b/m"]
    assert routed(router(heir, two), needs=lambda: frozenset(("tools",))) == ["b/m", "a/m"]


def test_equals_share_the_load() -> None:
    one, two, last = three()
    replicas = router(one, two, last, provider_priority=(("a", "b", "c"),))
    one.slots.active, two.slots.active, last.slots.active = 2, 1, 1
    assert routed(replicas) == ["b/m", "c/m", "a/m"]
    ranked = router(one, two, last, provider_priority=("a", ("b", "c")))
    assert routed(ranked) == ["a/m", "b/m", "c/m"]


def test_a_conversation_stays_where_its_cache_is_warm() -> None:
    one, two, last = three()
    replicas = router(one, two, last, provider_priority=(("a", "b", "c"),))
    replicas.served("talk", "m", two)
    assert routed(replicas, conversation="talk") == ["b/m", "a/m", "c/m"]
    unknowing = router(one, two, last, provider_priority=(("a", "b", "c"),))
    assert routed(replicas, conversation="other") == routed(unknowing, conversation="other")
    assert routed(replicas) == ["a/m", "b/m", "c/m"]
    two.slots.active = BUSY - 1
    assert routed(replicas, conversation="talk")[0] == "b/m"
    two.slots.active = BUSY
    assert routed(replicas, conversation="talk")[0] == "a/m"
    two.slots.active = 1
    two.slots.most = 1
    assert routed(replicas, conversation="talk") == ["a/m", "c/m", "b/m"]
    replicas.served("talk", "m", last)
    assert routed(replicas, conversation="talk")[0] == "c/m"
    replicas.served(None, "m", one)
    after_reload = router(one, two, last, provider_priority=(("a", "b", "c"),))
    after_reload.inherit(replicas)
    assert routed(after_reload, conversation="talk")[0] == "c/m"


def test_of_equal_ollamas_the_one_that_has_the_model_loaded_is_asked_first() -> None:
    _one, two, replicas = ollamas()
    assert routed(replicas) == ["a/m:latest", "b/m:latest"]
    two.loaded.seen(["m:latest"], 0.0)
    assert routed(replicas) == ["b/m:latest", "a/m:latest"]
    assert routed(replicas, "n") == ["a/n", "b/n"]


def test_a_loaded_model_counts_after_a_free_place_and_a_warm_cache_and_before_the_load() -> None:
    one, two, replicas = ollamas()
    two.loaded.seen(["m:latest"], 0.0)
    two.slots.active = BUSY - 1
    assert routed(replicas)[0] == "b/m:latest"
    replicas.served("talk", "m:latest", one)
    assert routed(replicas, conversation="talk")[0] == "a/m:latest"
    two.slots.active = BUSY
    assert routed(replicas)[0] == "a/m:latest", "several at once are worth a second load"
    two.slots.active = two.slots.most = 1
    assert routed(replicas)[0] == "a/m:latest"


def test_what_is_loaded_is_no_reason_where_ranks_or_kinds_differ() -> None:
    one, two, _replicas = ollamas()
    two.loaded.seen(["m:latest"], 0.0)
    assert routed(router(one, two, provider_priority=("a", "b")))[0] == "a/m:latest"
    other, another = has(provider("c"), "m", "n"), has(provider("d"), "m", "n")
    another.loaded.asked("m", 0.0)
    assert routed(router(other, another, provider_priority=(("c", "d"),))) == ["c/m", "d/m"]


def test_only_so_many_conversations_are_remembered() -> None:
    one, two, _last = three()
    both = router(one, two, provider_priority=(("a", "b"),))
    for number in range(KEPT_CONVERSATIONS):
        both.served(f"talk {number}", "m", two)
    both.served("talk 0", "m", two)
    both.served("one more", "m", two)
    assert routed(both, conversation="talk 0")[0] == "b/m"
    assert routed(both, conversation="talk 1")[0] == "a/m"
    assert routed(both, conversation="one more")[0] == "b/m"


def test_the_order_does_not_depend_on_the_order_of_equals_in_time() -> None:
    """The same world gives the same route, however often it is asked."""
    for order in itertools.permutations("abc"):
        providers = [has(provider(name), "m") for name in order]
        one = router(*providers, provider_priority=("c", "a", "b"))
        assert {tuple(routed(one)) for _ in range(5)} == {("c/m", "a/m", "b/m")}
