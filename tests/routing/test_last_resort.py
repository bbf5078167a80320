"""The embedded demo answers a name whose own providers are all down, and never before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.config.shape import RoutingConfig
from linx.routing.demand import Demand
from linx.routing.router import Router
from tests.routing.world import provider

if TYPE_CHECKING:
    from linx.providers.provider import Provider


def routed(*providers: Provider) -> list[str]:
    route = Router(providers, RoutingConfig(provider_priority=("a", "demo"))).route("gpt-4o", 0.0, Demand())
    return [str(one) for one in route.candidates]


def world(reachable: bool | None, *, is_last_resort: bool = True) -> tuple[Provider, Provider]:
    ollama = provider("a", model_mappings={"gpt-4o": "big"})
    ollama.health.reachable = reachable
    demo = provider("demo", model_mappings={"default": "small"}, is_last_resort=is_last_resort)
    demo.health.reachable = True
    return ollama, demo


def test_it_is_there_when_nobody_else_is() -> None:
    assert sorted(routed(*world(reachable=False))) == ["a/big", "demo/small"]


def test_it_does_not_race_a_provider_that_works() -> None:
    assert routed(*world(reachable=True)) == ["a/big"]
    assert routed(*world(reachable=None)) == ["a/big"]


def test_an_ordinary_default_stays_for_unknown_names_only() -> None:
    assert routed(*world(reachable=False, is_last_resort=False)) == ["a/big"]
