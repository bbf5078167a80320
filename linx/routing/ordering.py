"""In which order the candidates of a request are asked.

The order has these keys: providers that are known to lack what the request needs come last; healthy providers first;
then the cheapest (if the config wants that); then the configured priority; between equals the provider whose cache is
warm for the conversation, then an Ollama that has the model loaded, then the provider with the fewest running requests,
and of replicas that are about as busy the one that the conversation's hash chooses (``affinity``).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from linx.dialects.shared.needs import NOTHING
from linx.routing.affinity import STEP, replicas_of, score

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linx.config.shape import RoutingConfig
    from linx.providers.provider import Provider
    from linx.routing.candidate import Candidate
    from linx.routing.demand import Demand

KEPT_CONVERSATIONS = 4096  # conversations of which the last provider is remembered
BUSY = 4  # running requests at a provider from which on a warm cache or a loaded model is no advantage any more


class Ordering:
    """The order that one config wants, and which provider has which conversation's cache."""

    def __init__(self, providers: Sequence[Provider], routing: RoutingConfig) -> None:
        self._by_cost = routing.cost_optimization
        self._ranks = _ranks(routing.provider_priority)
        self._replicas = replicas_of(providers, self._ranks)
        self._warm: OrderedDict[tuple[str, str], str] = OrderedDict()

    def names_provider(self, name: str) -> bool:
        """Does the config rank a provider of this name, whether or not it is enabled?"""
        return name in self._ranks

    def rank(self, provider: Provider) -> int:
        return self._ranks.get(provider.name, len(self._ranks) + 1)

    def ordered(self, candidates: list[Candidate], now: float, demand: Demand) -> list[Candidate]:
        """The candidates in the order that this file's docstring describes."""
        needs = NOTHING
        for one in candidates:
            if one.provider.has_gaps and one.provider.lacks(one.model, now):
                needs = demand.needs()
                break
        by_cost, ranks, unranked = self._by_cost, self._ranks, len(self._ranks) + 1

        def worth(one: Candidate) -> tuple[float, ...]:
            provider, model = one.provider, one.model
            return (
                bool(needs) and not needs.isdisjoint(provider.lacks(model, now)),
                provider.health.illness(now),
                demand.cost_at(one) if by_cost else 0.0,
                ranks.get(provider.name, unranked),
            )

        worths = {one: worth(one) for one in candidates}
        if len(set(worths.values())) < len(candidates):  # there are equals
            near = self._nearness(demand.conversation)
            return sorted(candidates, key=lambda one: (worths[one], near(one)))
        return sorted(candidates, key=worths.__getitem__)

    def _nearness(self, conversation: str | None) -> Callable[[Candidate], tuple[float | bytes, ...]]:
        """The order of candidates that are worth the same.

        A cache is warm for a conversation and the provider's own model name, since a mapping
        may lead to another model, whose cache is cold.
        """
        warm, replicas = self._warm, self._replicas
        start = conversation.encode("utf-8", "surrogatepass") if replicas and conversation is not None else b""

        def near(one: Candidate) -> tuple[float | bytes, ...]:
            provider, model = one.provider, one.model
            slots = provider.slots
            active, has_room = slots.active, slots.has_room
            load = active + slots.waiting
            may_prefer = active < BUSY
            is_warm = may_prefer and conversation is not None and warm.get((conversation, model)) == provider.name
            is_loaded = may_prefer and provider.has_loaded(model)
            if start:
                chosen = score(start, replicas.get(provider.name))
                return (not has_room, not is_warm, not is_loaded, load // STEP, chosen, load)
            return (not has_room, not is_warm, not is_loaded, load)

        return near

    def served(self, conversation: str | None, model: str, provider: Provider) -> None:
        """Remember which provider has a warm cache for a conversation."""
        if conversation is None:
            return
        key = (conversation, model)
        self._warm[key] = provider.name
        self._warm.move_to_end(key)
        if len(self._warm) > KEPT_CONVERSATIONS:
            self._warm.popitem(last=False)

    def inherit(self, old: Ordering) -> None:
        """See ``Router.inherit``."""
        self._warm = old._warm


def _ranks(priority: Sequence[str | Sequence[str]]) -> Mapping[str, int]:
    ranks: dict[str, int] = {}
    for rank, entry in enumerate(priority):
        for name in [entry] if isinstance(entry, str) else entry:
            ranks.setdefault(name, rank)
    return ranks


def fits(one: Candidate, demand: Demand) -> bool:
    """Can the prompt fit into the candidate's context? Yes, if its context is unknown. The estimate is rough."""
    if not one.provider.has_contexts:
        return True
    context = one.provider.context_length(one.model)
    return context is None or demand.prompt_tokens <= context
