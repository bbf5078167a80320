"""Two Linx that know nothing of each other send a conversation to the same replica."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from linx.config.shape import RoutingConfig
from linx.routing.affinity import LAST, STEP, replicas_of, score
from linx.routing.demand import Demand
from linx.routing.router import Router
from tests.routing.world import has, provider

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linx.providers.provider import Provider

NAMES = [f"gpu{number}" for number in range(6)]
MANY = 400

conversations = st.text(min_size=1)
fleets = st.lists(st.sampled_from(NAMES), min_size=2, unique=True)


def fleet(names: Iterable[str]) -> list[Provider]:
    return [has(provider(name), "m") for name in names]


def linx(providers: Iterable[Provider], *ranks: str | tuple[str, ...]) -> Router:
    return Router(tuple(providers), RoutingConfig(provider_priority=ranks))


def first(router: Router, conversation: str | None) -> str:
    return router.route("m", 0.0, Demand(conversation=conversation)).candidates[0].provider.name


@given(fleets, conversations)
def test_every_linx_chooses_the_same(names: list[str], conversation: str) -> None:
    """Whatever the order of the providers in its config is, and however often it is restarted."""
    one, other = linx(fleet(names)), linx(fleet(reversed(names)))
    assert first(one, conversation) == first(other, conversation) == first(one, conversation)


@given(fleets, conversations)
def test_when_a_replica_goes_only_its_own_conversations_move(names: list[str], conversation: str) -> None:
    providers = fleet(names)
    router = linx(providers)
    before = first(router, conversation)
    for gone in providers:
        gone.health.reachable = False
        after = first(router, conversation)
        assert after != gone.name
        assert (after == before) is (gone.name != before)
        gone.health.reachable = None
    for gone in providers:  # taken out of the config, in one with two left
        if len(names) > 2 and gone.name != before:
            assert first(linx(one for one in providers if one is not gone), conversation) == before


@given(fleets, st.lists(conversations, max_size=40), st.data())
def test_the_load_stays_even(names: list[str], talks: list[str], data: st.DataObject) -> None:
    """However unlucky the hashes are: no replica gets a request that another has two fewer of, or more."""
    providers = {one.name: one for one in fleet(names)}
    router = linx(providers.values())
    for talk in talks:
        least = min(one.active for one in providers.values())
        chosen = providers[first(router, talk)]
        assert chosen.active < least + STEP
        chosen.slots.active += 1
        ends = data.draw(st.sampled_from(names))
        providers[ends].slots.active -= providers[ends].active > 0 and ends != chosen.name


def test_conversations_are_spread_evenly() -> None:
    router = linx(fleet(NAMES[:4]))
    counts = Counter(first(router, f"talk {number}") for number in range(MANY))
    assert len(counts) == 4
    assert all(MANY / 4 * 0.7 < count < MANY / 4 * 1.3 for count in counts.values()), counts


def test_what_is_known_comes_before_what_is_hashed() -> None:
    """The memory of this Linx, a free place, and a request that belongs to no conversation."""
    one, two = providers = fleet("ab")
    router = linx(providers)
    talk = next(f"talk {number}" for number in range(MANY) if first(router, f"talk {number}") == "b")
    router.served(talk, "m", one)
    assert first(router, talk) == "a"
    router = linx(providers)
    two.slots.active = two.slots.most = 1
    assert first(router, talk) == "a"
    two.slots.active, two.slots.most = 1, None
    assert first(router, talk) == "b"
    assert first(router, None) == "a"
    two.slots.active = STEP
    assert first(router, talk) == "a"


def test_of_unlike_providers_the_order_of_the_file_is_kept() -> None:
    """Of services elsewhere without a rank, and where the prices differ."""
    elsewhere = [has(provider(name, local=False), "m") for name in "ab"]
    assert not replicas_of(elsewhere, {})
    assert replicas_of(elsewhere, {"a": 0, "b": 0}) == {"a": b"a", "b": b"b"}
    assert not replicas_of(elsewhere, {"a": 0, "b": 1})
    mixed = [has(provider("a", local=False), "m"), has(provider("b"), "m")]
    assert not replicas_of(mixed, {"a": 0, "b": 0})
    priced = [has(provider(name, local=False, usd=usd), "m") for name, usd in (("a", 1.0), ("b", 2.0))]
    assert not replicas_of(priced, {"a": 0, "b": 0})
    router = linx(elsewhere)
    assert {first(router, f"talk {number}") for number in range(40)} == {"a"}
    assert {first(linx(elsewhere, ("a", "b")), f"talk {number}") for number in range(40)} == {"a", "b"}


def test_the_scores_stay_what_they_are() -> None:
    """Another version of Linx, beside this one during an upgrade, chooses alike."""
    assert score(b"talk", b"gpu1").hex() == "b386f3c33e6b2635"
    assert score(b"talk", None) == LAST
