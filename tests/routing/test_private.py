"""Private and hedges, tried to be broken: random configs, random health, random failures.

Whatever the world looks like, a request that is to stay on this machine is never tried at a
provider that is not local, and a hedge under ``scope: "same"`` never leaves the machine and
never costs more than what runs already.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from linx.config.shape import RoutingConfig
from linx.core.attempt_errors import StreamBroken
from linx.core.errors import LinxError
from linx.providers.prices import Price
from linx.routing.demand import Demand, of_size
from linx.routing.hedge_watch import HedgeWatch
from linx.routing.hedging import HedgeBudget, Rules
from linx.routing.race import Race
from linx.routing.router import Router
from tests.routing.world import ScriptedAttempt, has, provider

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.providers.provider import Provider
    from linx.routing.candidate import Candidate

MODEL = "m"


@dataclass(frozen=True)
class Drawn:
    """One provider as drawn. ``usd`` None: its price is not known."""

    local: bool
    usd: float | None
    way: str
    host: int
    health: str
    context: int | None
    full: bool
    delay_s: float
    does: str


def some_providers(
    healths: Sequence[str], fullness: Sequence[bool], does: Sequence[str]
) -> st.SearchStrategy[list[Drawn]]:
    one = st.builds(
        Drawn,
        local=st.booleans(),
        usd=st.sampled_from([None, 0.0, 1.0, 2.0]),
        way=st.sampled_from(["list", "mapping", "default"]),
        host=st.integers(0, 4),
        health=st.sampled_from(healths),
        context=st.sampled_from([None, 100, 100_000]),
        full=st.sampled_from(fullness),
        delay_s=st.sampled_from([0.0, 0.5, 3.0, 20.0]),
        does=st.sampled_from(does),
    )
    return st.lists(one, min_size=1, max_size=6)


providers_drawn = some_providers(
    ["unknown", "up", "down", "cooling", "paused", "loading"], [True, False], ["answers", "fails", "hangs", "overflow"]
)
silent_providers = some_providers(["up"], [False], ["hangs", "hangs", "answers", "fails"])
"""Well, with places free, and silent for long: so that there is often something to hedge."""


def build(number: int, drawn: Drawn) -> Provider:
    mappings = {"list": {}, "mapping": {MODEL: MODEL}, "default": {"default": MODEL}}[drawn.way]
    one = provider(
        f"p{number}",
        local=drawn.local,
        host=f"host{drawn.host}.test",
        usd=drawn.usd,
        model_mappings=mappings,
        max_concurrent=1 if drawn.full else None,
    )
    if drawn.way == "list" or drawn.context is not None:
        unknown = Price(1.0, 1.0) if drawn.usd == 1.0 else None
        has(one, *([MODEL] if drawn.way == "list" else ["other"]), context_length=drawn.context, price=unknown)
    one.slots.active = int(drawn.full)
    health = one.health
    health.reachable = {"unknown": None, "down": False}.get(drawn.health, True)
    health.loading = drawn.health == "loading"
    health.cooling_until = math.inf if drawn.health == "cooling" else 0.0
    if drawn.health == "paused":
        health.pause(60, 429, 0.0)
    return one


class Witness:
    """Starts scripted attempts, and writes down beside whom each was started."""

    def __init__(self, drawn: list[Drawn], demand: Demand) -> None:
        self.drawn = drawn
        self.demand = demand
        self.started: list[ScriptedAttempt] = []
        self.beside: list[tuple[Candidate, list[Candidate]]] = []

    def start(self, candidate: Candidate, is_hedge: bool, is_last: bool) -> ScriptedAttempt:
        one = self.drawn[int(candidate.provider.name[1:])]
        running = [each.candidate for each in self.started if each.closed_at is None]
        if running:
            self.beside.append((candidate, running))
        attempt = ScriptedAttempt(candidate, one.delay_s, one.does, is_hedge=is_hedge)
        self.started.append(attempt)
        return attempt


async def race(
    drawn: list[Drawn], routing: RoutingConfig, demand: Demand, model: str = MODEL, broken: int = 0
) -> Witness:
    """Route and race one request to its end; ``broken`` winners break off in mid-answer."""
    router = Router([build(number, one) for number, one in enumerate(drawn)], routing)
    witness = Witness(drawn, demand)
    with trio.move_on_after(100):
        try:
            route = router.route(model, 0.0, demand)
            hedge = routing.hedge
            rules = Rules(
                after=hedge.after, scope=hedge.scope, share=1.0, budget=HedgeBudget(), demand=demand,
                first_token_timeout_s=None,
            )  # fmt: skip
            running: Race[ScriptedAttempt] = Race(route, rules, witness.start, HedgeWatch())
            for _ in range(broken + 1):
                won = await running.winner()
                won.close()
                running.lost(StreamBroken("broke"), won.candidate)
        except LinxError:
            pass
    return witness


def run(drawn: list[Drawn], routing: RoutingConfig, demand: Demand, **more: object) -> Witness:
    clock = MockClock(autojump_threshold=0)

    async def main() -> Witness:
        return await race(drawn, routing, demand, **more)  # type: ignore[arg-type]

    return trio.run(main, clock=clock)


def routing_with(**fields: object) -> RoutingConfig:
    base = RoutingConfig()
    hedge = type(base.hedge)(**fields.pop("hedge"))  # type: ignore[arg-type]
    return RoutingConfig(hedge=hedge, **fields)  # type: ignore[arg-type]


hedges = st.builds(
    lambda after, scope: {"after": after, "scope": scope},
    st.sampled_from([None, 0.0, 1.0]),
    st.sampled_from(["same", "any"]),
)
priorities = st.permutations(["p0", "p1", "p2", ["p3", "p4"]]).map(tuple)
quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(
    drawn=providers_drawn,
    hedge=hedges,
    priority=priorities,
    cost=st.booleans(),
    prompt=st.sampled_from([0, 50, 5000]),
    how=st.sampled_from(["header", "config", "pattern", "pattern in capitals", "pattern with a tag"]),
    model=st.sampled_from([MODEL, "p0/m", "p1/m", "unheard-of"]),
    broken=st.integers(0, 2),
)
def test_a_private_request_is_tried_at_no_provider_that_is_not_local(
    drawn: list[Drawn],
    hedge: dict[str, object],
    priority: tuple[object, ...],
    cost: bool,
    prompt: int,
    how: str,
    model: str,
    broken: int,
) -> None:
    patterns = {
        "header": False,
        "config": True,
        "pattern": ("nothing", "m*", "unheard*"),
        "pattern in capitals": ("M", "UNHEARD-OF"),
        "pattern with a tag": ("m:latest", "unheard-of:latest"),
    }
    routing = routing_with(hedge=hedge, provider_priority=priority, cost_optimization=cost, local_only=patterns[how])
    demand = Demand(of_size(prompt, 100), local_only=how == "header")
    witness = run(drawn, routing, demand, model=model, broken=broken)
    event(f"{len(witness.started)} attempts")
    assert all(one.candidate.provider.local for one in witness.started)


@quick
@given(
    drawn=st.one_of(silent_providers, silent_providers, providers_drawn),
    after=st.sampled_from([0.0, 1.0]),
    priority=priorities,
    cost=st.booleans(),
    prompt=st.sampled_from([0, 50, 5000]),
    broken=st.integers(0, 2),
)
def test_under_scope_same_nothing_runs_beside_what_is_more_local_or_cheaper(
    drawn: list[Drawn],
    after: float,
    priority: tuple[object, ...],
    cost: bool,
    prompt: int,
    broken: int,
) -> None:
    routing = routing_with(hedge={"after": after, "scope": "same"}, provider_priority=priority, cost_optimization=cost)
    demand = Demand(of_size(prompt, 100))
    witness = run(drawn, routing, demand, broken=broken)
    event(f"{len(witness.beside)} beside another")
    for candidate, running in witness.beside:
        assert len(running) == 1
        assert candidate.provider.local or not all(one.provider.local for one in running)
        assert usd(candidate, demand) < math.inf
        assert usd(candidate, demand) <= max(usd(one, demand) for one in running)
        assert all(candidate.provider.server != one.provider.server for one in running)
    assert sum(one.is_hedge for one in witness.started) <= 1
    assert len({one.candidate for one in witness.started}) == len(witness.started)


def usd(candidate: Candidate, demand: Demand) -> float:
    price = candidate.provider.price(candidate.model)
    return math.inf if price is None else price.estimate(*demand.size())


@pytest.mark.parametrize(
    ("patterns", "model", "private"),
    [
        (True, "m", True),
        (False, "m", False),
        (("secret*",), "secret-plans", True),
        (("secret*",), "SECRET-plans", True),
        (("secret*",), "ollama/secret-plans", True),
        (("secret*",), "llamacpp/secret-plans", True),  # switched off, and still no name of a model
        (("secret*",), "someone/secret-plans", False),
        (("*/secret*",), "someone/secret-plans", True),
        (("m",), "m:latest", True),
        (("m:latest",), "m", True),
        (("m",), "m:7b", False),
        (("m*",), "n", False),
        ((), "m", False),
    ],
)
def test_which_names_are_private(patterns: bool | tuple[str, ...], model: str, private: bool) -> None:
    router = Router([provider("ollama", kind="ollama")], RoutingConfig(local_only=patterns))
    assert router.is_private(model) is private
