"""A small world for routing tests: real providers, scripted answers, the mock clock."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import trio

from linx.config.model import ProviderConfig
from linx.config.shape import PriceShape, RoutingConfig
from linx.core.attempt_errors import AttemptError, Fallback, Garbled, Refused
from linx.providers.kinds import KINDS
from linx.providers.model import Model
from linx.providers.provider import Provider, never
from linx.routing.candidate import Candidate
from linx.routing.demand import Demand
from linx.routing.hedge_watch import HedgeWatch
from linx.routing.hedging import HedgeBudget, Rules
from linx.routing.race import Race
from linx.routing.router import Route, Router

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linx.providers.prices import Price

Script = tuple[str, float, str]
"""(provider, seconds until something happens, what: answers, fails, bad_request, overflow, hangs)"""


def provider(
    name: str,
    *,
    local: bool = True,
    host: str | None = None,
    usd: float | None = None,
    starting: Callable[[], bool] = never,
    **config: Any,
) -> Provider:
    """A provider on a server of its own, unless ``host`` says otherwise. ``usd`` is the price of a million tokens."""
    endpoint = f"http://{host or name + '.test'}:1234"
    price = {} if usd is None else {"*": PriceShape(prompt=usd, completion=usd)}
    settings = {"kind": "openai", "endpoint": endpoint, "local": local, "price": price, **config}
    made = ProviderConfig(name=name, **settings)
    return Provider(made, KINDS[made.kind], starting=starting)


def has(one: Provider, *names: str, context_length: int | None = None, price: Price | None = None) -> Provider:
    one.models = {name: Model(name, context_length=context_length, price=price) for name in names}
    one.models_changed()
    return one


def told(one: Provider, name: str, **known: Any) -> None:
    """The provider tells more of one of its models."""
    one.models = {**one.models, name: replace(one.models[name], **known)}
    one.models_changed()


OUTCOMES: Mapping[str, Callable[[], AttemptError]] = {
    "fails": lambda: Garbled("said nonsense"),
    "bad_request": lambda: Refused("no such role", status=400, fallback=Fallback.NO, outcome="http_400"),
    "loads": lambda: Refused("is loading", status=503, code="loading", blames_provider=False, outcome="http_503"),
    "overflow": lambda: Refused("too long", status=400, fallback=Fallback.LARGER, outcome="http_400"),
}


@dataclass
class ScriptedAttempt:
    """An attempt whose provider does one thing at one time."""

    candidate: Candidate
    after_s: float
    does: str
    started: float = field(default_factory=trio.current_time)
    is_hedge: bool = False
    is_last: bool = False
    asked_after_s: float = 0.0
    closed_at: float | None = None

    @property
    def asked_at(self) -> float | None:
        asked = self.started + self.asked_after_s
        return asked if asked <= trio.current_time() else None

    async def begin(self, timeout_s: float | None = None) -> object:
        try:
            await trio.sleep(self.after_s if self.does != "hangs" else math.inf)
        except trio.Cancelled:
            self.close()
            raise
        if self.does == "answers":
            return self
        error: AttemptError = OUTCOMES[self.does]()
        error.provider = self.candidate.provider.name
        self.close()
        raise error

    def close(self, outcome: str = "lost") -> None:
        if self.closed_at is None:
            self.closed_at = trio.current_time()


class World:
    """Plays one race. ``attempts`` holds them in the order of their start."""

    def __init__(
        self,
        script: Sequence[Script],
        providers: Sequence[Provider] = (),
        watch: HedgeWatch | None = None,
        **rules: Any,
    ) -> None:
        known = {one.name: one for one in providers}
        self.script = {name: (delay, does) for name, delay, does in script}
        candidates = tuple(Candidate(known.get(name) or provider(name), "m") for name, _delay, _does in script)
        settings = {"after": None, "scope": "same", "share": 1.0, "budget": HedgeBudget(), "demand": Demand(), **rules}
        self.attempts: list[ScriptedAttempt] = []
        self.asked_after_s = 0.0
        """How long the first attempt waits for its place."""
        self.race: Race[ScriptedAttempt] = Race(
            Route("m", candidates), Rules(**settings), self._start, watch or HedgeWatch()
        )

    def _start(self, candidate: Candidate, is_hedge: bool, is_last: bool) -> ScriptedAttempt:
        delay, does = self.script[candidate.provider.name]
        if does == "loads" and is_last:
            does = "answers"
        attempt = ScriptedAttempt(candidate, delay, does, is_hedge=is_hedge, is_last=is_last)
        attempt.asked_after_s = 0.0 if self.attempts else self.asked_after_s
        self.attempts.append(attempt)
        return attempt

    @property
    def starts(self) -> list[tuple[str, float]]:
        return [(one.candidate.provider.name, one.started) for one in self.attempts]

    def assert_only_open(self, winner: ScriptedAttempt | None) -> None:
        for attempt in self.attempts:
            assert (attempt.closed_at is None) == (attempt is winner), attempt


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


def ollama(*names: str, is_read: bool = True, **mappings: Any) -> Provider:
    one = provider("ollama", kind="ollama", model_mappings=mappings)
    one.listed_at = 0.0 if is_read else None
    return has(one, *names)


def three(**configs: dict[str, Any]) -> list[Provider]:
    return [has(provider(name, **configs.get(name, {})), "m") for name in "abc"]
