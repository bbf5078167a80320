"""The gate: a table of rules, of which each may drop candidates or put them last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linx.config.shape import RoutingConfig
from linx.core.errors import Forbidden, LinxError, NotAsked, Overloaded
from linx.routing.candidate import Candidate
from linx.routing.demand import Demand
from linx.routing.gate import Gate, Judge
from linx.routing.router import Router
from tests.routing.world import has, provider

if TYPE_CHECKING:
    from linx.routing.gate import Rule

ONE, TWO, THREE = (Candidate(provider(name), "m") for name in ("one", "two", "three"))


def rule(
    reasons: dict[str, str],
    error: type[LinxError] = Forbidden,
    *,
    puts_last: bool = False,
    is_private: bool = False,
) -> Rule:
    """A rule with a reason against each provider named."""
    judge = Judge(
        lambda one: reasons.get(one.provider.name),
        lambda _left: error("none"),
        puts_last=puts_last,
        is_private=is_private,
    )
    return lambda _model, _demand: judge


def names(candidates: list[Candidate]) -> list[str]:
    return [one.provider.name for one in candidates]


def test_without_a_rule_that_judges_everybody_may_be_asked() -> None:
    admitted = Gate([lambda _model, _demand: None]).admit([ONE, TWO], "m", Demand())
    assert (names(admitted.candidates), admitted.not_asked, admitted.last) == (["one", "two"], (), frozenset())
    assert not any(one.is_private for one in admitted.candidates)


def test_each_rule_sees_what_those_before_it_have_left() -> None:
    admitted = Gate([rule({"one": "budget"}), rule({"one": "key", "three": "key"})]).admit(
        [ONE, TWO, THREE], "m", Demand()
    )
    assert names(admitted.candidates) == ["two"]
    assert admitted.not_asked == (NotAsked("one", "budget"), NotAsked("three", "key"))
    assert not any(one.is_private for one in admitted.candidates)


def test_the_rule_that_leaves_none_says_so() -> None:
    gate = Gate([rule({"one": "budget"}, Overloaded), rule({"two": "key"}, Forbidden)])
    with pytest.raises(Forbidden) as caught:
        gate.admit([ONE, TWO], "m", Demand())
    assert caught.value.not_asked == (NotAsked("one", "budget"), NotAsked("two", "key"))


def test_what_is_put_last_stays_behind_what_is_not() -> None:
    admitted = Gate([rule({"one": "secret in system"}, puts_last=True)]).admit([ONE, TWO], "m", Demand())
    assert names(admitted.candidates) == ["two", "one"]
    assert names(list(admitted.last)) == ["one"]
    assert admitted.not_asked == (NotAsked("one", "secret in system"),)
    alone = Gate([rule({"one": "secret in system"}, puts_last=True)]).admit([ONE], "m", Demand())
    assert names(alone.candidates) == ["one"]


def test_what_is_put_last_and_then_dropped_is_not_asked() -> None:
    admitted = Gate([rule({"one": "secret"}, puts_last=True), rule({"one": "budget"})]).admit([ONE, TWO], "m", Demand())
    assert (names(admitted.candidates), admitted.last) == (["two"], frozenset())


def test_one_private_rule_keeps_all_on_local_connections() -> None:
    admitted = Gate([rule({}), rule({}, is_private=True)]).admit([ONE], "m", Demand())
    assert admitted.candidates[0].is_private


def test_a_route_tells_who_is_not_asked_and_asks_the_last_at_the_end() -> None:
    dear, near, far = has(provider("dear"), "m"), has(provider("near"), "m"), has(provider("far"), "m")
    routing = RoutingConfig(provider_priority=("far", "dear", "near"))
    router = Router([dear, near, far], routing, [rule({"dear": "budget"}), rule({"far": "secret"}, puts_last=True)])
    route = router.route("m", 0.0, Demand())
    assert names(list(route.candidates)) == ["near", "far"]
    assert route.not_asked == (NotAsked("dear", "budget"), NotAsked("far", "secret"))
    assert names(list(router.route("m", 0.0, Demand(one_model=True)).candidates)) == ["near", "far"]
    only = route.only(route.candidates[:1])
    assert (names(list(only.candidates)), only.not_asked) == (["near"], route.not_asked)


def test_the_last_does_not_say_which_model_embeddings_are_of() -> None:
    far = has(provider("far", model_mappings={"m": "far-model"}), "far-model")
    near = has(provider("near", model_mappings={"m": "near-model"}), "near-model")
    routing = RoutingConfig(provider_priority=("far", "near"))
    router = Router([far, near], routing, [rule({"far": "secret"}, puts_last=True)])
    assert names(list(router.route("m", 0.0, Demand(one_model=True)).candidates)) == ["near"]
