"""From a name to a route: who may answer, in which order, and what is said when nobody may."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.config.shape import RoutingConfig
from linx.core.attempt_errors import Garbled, PauseScope, Refused
from linx.core.client_key import ClientKey
from linx.core.errors import NoLocalProvider, UnknownModel
from linx.providers.prices import Price
from linx.routing.demand import ANY, Demand, of_size
from linx.routing.router import BUSY, KEPT_CONVERSATIONS, LONGEST_FIRST_PROBE_S, Router
from tests.routing.world import has, provider, told

if TYPE_CHECKING:
    from trio.testing import MockClock

    from linx.providers.provider import Provider

CHEAP, DEAR = Price(1e-6, 1e-6), Price(1e-5, 1e-5)


def router(*providers: Provider, **routing: Any) -> Router:
    return Router(providers, RoutingConfig(**routing))


def routed(one: Router, model: str = "m", now: float = 0.0, **demand: Any) -> list[str]:
    return [str(candidate) for candidate in one.route(model, now, Demand(**demand)).candidates]


def paused(one: Provider, seconds: float, status: int = 429) -> Provider:
    one.health.pause(seconds, status, 0.0)
    return one


def down(one: Provider) -> Provider:
    one.health.reachable = False
    return one


# --- who ---


def test_mappings_and_lists_count_alike_and_give_one_candidate_each() -> None:
    one = has(provider("a", model_mappings={"m": "big"}), "m", "big")
    two = has(provider("b", kind="ollama"), "m:latest")
    three = provider("c", model_mappings={"default": "other"})
    route = router(one, two, three).route("m", 0.0, Demand())
    assert [str(candidate) for candidate in route.candidates] == ["a/big", "b/m:latest"]
    assert (route.model, route.wait_s) == ("m", None)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("b/m", ["b/m"]),
        ("b/gpt", ["b/mapped"]),
        ("b/M", ["b/m:latest"]),
        ("b/what/ever:x", ["b/what/ever:x"]),
        ("a/m", ["a/m"]),
        ("x/y", ["c/x/y"]),  # a name of a list goes before the name of a provider
        ("b/", ["a/fallback"]),
        ("/m", ["a/fallback"]),
        ("nobody/m", ["a/fallback"]),
        ("nothing", ["a/fallback"]),
        ("default", ["a/fallback"]),
    ],
)
def test_a_provider_may_be_named_and_a_default_takes_the_rest(asked: str, found: list[str]) -> None:
    one = provider("a", model_mappings={"default": "fallback"})
    two = has(provider("b", kind="ollama", model_mappings={"gpt": "mapped"}), "m:latest")
    three = has(provider("c"), "x/y")
    if asked == "b/m":
        found = ["b/m:latest"]
    assert routed(router(one, two, three), asked) == found


def test_nobody_has_it() -> None:
    with pytest.raises(UnknownModel, match=r"'m'\. No provider has a model yet; GET /v1/providers/status") as caught:
        routed(router(provider("a")))
    assert caught.value.model == "m"
    many = has(provider("a", model_mappings={"default-not": "x"}), "llama3:8b", "llama3:70b", "qwen", "phi")
    with pytest.raises(UnknownModel, match="Did you mean 'llama3:8b' or 'llama3:70b'"):
        routed(router(many), "lama3:8b")
    with pytest.raises(UnknownModel, match="Some known models: 'default-not', 'llama3:8b', 'llama3:70b'; GET"):
        routed(router(many), "zzzzzz")


# --- in which order ---


def three(**configs: dict[str, Any]) -> list[Provider]:
    return [has(provider(name, **configs.get(name, {})), "m") for name in "abc"]


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


# --- equals ---


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


def ollamas() -> tuple[Provider, Provider, Router]:
    one, two = (has(provider(name, kind="ollama"), "m:latest", "n") for name in "ab")
    return one, two, router(one, two, provider_priority=(("a", "b"),))


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


# --- names ---


def test_every_name_but_default() -> None:
    one = has(provider("a", model_mappings={"gpt": "big", "default": "big"}), "big", "m")
    two = has(provider("b"), "m")
    names = router(one, two).names()
    assert {name: [str(candidate) for candidate in found] for name, found in names.items()} == {
        "gpt": ["a/big"],
        "big": ["a/big"],
        "m": ["a/m", "b/m"],
    }
    for name in (*names, "default", "gpt:latest", "x"):
        assert router(one, two).first_offered(name) == names.get(name, [None])[0]


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


def test_the_order_does_not_depend_on_the_order_of_equals_in_time() -> None:
    """The same world gives the same route, however often it is asked."""
    for order in itertools.permutations("abc"):
        providers = [has(provider(name), "m") for name in order]
        one = router(*providers, provider_priority=("c", "a", "b"))
        assert {tuple(routed(one)) for _ in range(5)} == {("c/m", "a/m", "b/m")}


def test_an_unknown_model_names_who_is_down() -> None:
    ollama = provider("ollama")
    ollama.health.probed(0.0, "localhost:11434 refused the connection: is it running?")
    with pytest.raises(UnknownModel, match=r"Providers that are down: ollama \(localhost:11434 refused the connection"):
        Router([ollama], RoutingConfig()).route("m", 0.0, Demand())


# --- "auto", and mappings to models that are not there ---


def ollama(*names: str, is_read: bool = True, **mappings: Any) -> Provider:
    one = provider("ollama", kind="ollama", model_mappings=mappings)
    one.listed_at = 0.0 if is_read else None
    return has(one, *names)


def test_auto_is_chosen_anew_for_each_request() -> None:
    one = ollama("small:1b", "big:9b", "x-embed", default="auto")
    told(one, "small:1b", size=1, capabilities=frozenset({"completion", "tools"}))
    told(one, "big:9b", size=9, capabilities=frozenset({"completion"}))
    told(one, "x-embed", size=3, capabilities=frozenset({"embedding"}))
    asks = router(one)
    assert asks.chooses_models
    assert routed(asks, "gpt-4o") == ["ollama/big:9b"]
    assert routed(asks, "gpt-4o", needs=lambda: frozenset({"tools"})) == ["ollama/small:1b"]
    assert routed(asks, "ada-002", one_model=True) == ["ollama/x-embed"]
    one.answered("small:1b")
    assert routed(asks, "gpt-4o") == ["ollama/small:1b"]
    one.loaded.seen(["big:9b"], 0.0)
    assert routed(asks, "gpt-4o") == ["ollama/big:9b"]


def test_auto_is_no_cloud_model_unless_it_is_named() -> None:
    one = ollama("gpt-oss:120b-cloud", "copy", "m:1b", default="auto", cloud="gpt-oss:120b-cloud")
    told(one, "copy", is_remote=True)
    one.answered("gpt-oss:120b-cloud")
    one.loaded.seen(["copy"], 0.0)
    assert routed(router(one), "what") == ["ollama/m:1b"]
    assert routed(router(one), "cloud") == routed(router(one), "gpt-oss:120b-cloud") == ["ollama/gpt-oss:120b-cloud"]


def test_of_many_remote_models_auto_is_the_one_used_last() -> None:
    one = has(provider("far", local=False, model_mappings={"m": "auto"}), "a", "b")
    with pytest.raises(UnknownModel, match="there are several"):
        routed(router(one))
    one.answered("b")
    assert routed(router(one)) == ["far/b"]


def test_a_server_whose_list_is_not_known_is_asked_for_the_name_itself() -> None:
    assert routed(router(ollama(is_read=False, m="auto", default="auto"))) == ["ollama/m"]
    assert routed(router(down(ollama(is_read=False, default="auto"))), "x") == ["ollama/x"]


@pytest.mark.parametrize("mapping", [{"default": "auto"}, {"m": "auto"}, {"m": "gone:7b"}, {"default": "gone:7b"}])
def test_without_a_model_the_error_says_what_to_type(mapping: dict[str, Any]) -> None:
    with pytest.raises(UnknownModel) as caught:
        routed(router(ollama(**mapping)))
    wanted = "gone:7b" if "gone:7b" in mapping.values() else "qwen3:4b"
    assert f"ollama pull {wanted}" in str(caught.value)


def test_a_key_for_some_models_is_not_told_of_others() -> None:
    one = ollama("secret-big:7b", m="secret-big:32b")
    with pytest.raises(UnknownModel) as caught:
        routed(router(one), key=ClientKey(name="anna", models=("m",)))
    assert "secret" not in str(caught.value)


def test_a_mapping_whose_model_is_not_there_is_no_candidate() -> None:
    one = ollama("here", m="gone:7b", default="here")
    two = provider("b", model_mappings={"m": "far"})
    assert routed(router(one, two)) == ["b/far"]
    assert routed(router(one)) == ["ollama/here"]
    assert routed(router(one), "ollama/m") == ["ollama/m"]
    assert list(router(one).names()) == ["here"]
    has(one, "here", "gone:7b")
    assert routed(router(one)) == ["ollama/gone:7b"]
    assert list(router(one).names()) == ["m", "here", "gone:7b"]
    one.lost("gone:7b")
    assert routed(router(one)) == ["ollama/here"]


def test_an_unlisted_cloud_model_is_there() -> None:
    assert routed(router(ollama(m="gpt-oss:120b-cloud"))) == ["ollama/gpt-oss:120b-cloud"]


def test_a_pattern_takes_no_name_that_the_provider_has() -> None:
    mappings: dict[str, Any] = {"gpt-*": "q"}
    one = ollama("gpt-oss:20b", "q", **mappings)
    assert routed(router(one), "gpt-4o") == ["ollama/q"]
    assert routed(router(one), "gpt-oss:20b") == ["ollama/gpt-oss:20b"]
    assert list(router(one).names()) == ["gpt-oss:20b", "q"]


def test_that_a_model_has_to_be_pulled_is_told_rather_than_that_another_server_was_never_started() -> None:
    never = down(provider("llamacpp", kind="llamacpp", model_mappings={"default": "auto"}))
    with pytest.raises(UnknownModel, match=r"ollama pull qwen3:4b.*Providers that are down: llamacpp"):
        routed(router(ollama(default="auto"), never))
    assert routed(router(ollama("m", default="auto"), never), "x") == ["ollama/m", "llamacpp/x"]
    assert routed(router(never), "x") == ["llamacpp/x"]


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
