"""Turns a model's name into a Route: the candidates that may answer, in order.

Nothing here waits, except ``until_known`` just after a start. The order has these keys: providers
that are known to lack what the request needs come last; healthy providers first; then the
cheapest (if the config wants that); then the configured priority; between equals the provider
whose cache is warm for the conversation, then an Ollama that has the model loaded, then the provider
with the fewest running requests, and of replicas that are about as busy the one that the conversation's
hash chooses (``affinity``).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING

import msgspec
import trio

from linx.core.attempt_errors import Refused
from linx.core.errors import UnknownModel, quote
from linx.dialects.shared.needs import NOTHING
from linx.providers.auto import ANY_CHAT, ANY_EMBEDDING, AUTO
from linx.providers.catalog import AGAIN_S
from linx.providers.kind import Feature
from linx.providers.kinds import KINDS
from linx.providers.missing import lacking
from linx.providers.near_names import NEAREST, near_names
from linx.routing import client_keys, key_models
from linx.routing.affinity import STEP, replicas_of, score
from linx.routing.candidate import Candidate
from linx.routing.gate import Gate
from linx.routing.privacy import Privacy
from linx.routing.secrets import Secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from linx.config.shape import RoutingConfig
    from linx.core.client_key import ClientKey
    from linx.core.errors import LinxError, NotAsked
    from linx.providers.auto import Wanted
    from linx.providers.pauses import Pause
    from linx.providers.provider import Provider
    from linx.routing.demand import Demand
    from linx.routing.gate import Rule

KEPT_CONVERSATIONS = 4096  # conversations of which the last provider is remembered
LONGEST_FIRST_PROBE_S = 10.0  # how long a request for an unknown name waits for the first probes
BUSY = 4  # running requests at a provider from which on a warm cache or a loaded model is no advantage any more


class Route(msgspec.Struct):
    """The ordered candidates for one request."""

    model: str
    candidates: tuple[Candidate, ...]
    wait_s: float | None = None
    """Seconds until the first provider that asked for a pause, and is left out for that, can be asked again."""
    not_asked: tuple[NotAsked, ...] = ()
    """The candidates that a rule has dropped, or put last."""
    has_last: bool = False
    """Has a rule put some of the candidates last?"""

    def only(self, candidates: Sequence[Candidate]) -> Route:
        """The same route with some of its candidates."""
        return Route(self.model, tuple(candidates), not_asked=self.not_asked, has_last=self.has_last)


class Router:
    """Finds the providers that may serve a name. Each reload makes a new router.

    ``rules``: those of the gate that have to do with more than the routing section of the config.
    """

    def __init__(self, providers: Sequence[Provider], routing: RoutingConfig, rules: Sequence[Rule] = ()) -> None:
        self.providers = tuple(providers)
        self.routing = routing
        self._ranks = _ranks(routing.provider_priority)
        self._replicas = replicas_of(self.providers, self._ranks)
        self._privacy = Privacy(routing.local_only, self._names_provider)
        self._secrets = Secrets(routing.secrets)
        self.seeks_secrets = self._secrets.are_sought
        """Are prompts looked through for secrets?"""
        self.chooses_models = any(AUTO in one.config.model_mappings.values() for one in self.providers)
        """Does Linx itself choose a model for some names?"""
        self._mapping = [one for one in self.providers if one.config.model_mappings and _lists_all(one)]
        """Those that are known not to have the model of a mapping."""
        self._has_yielding = any(provider.config.yields_to_local for provider in self.providers)
        self.passes_client_keys = any(provider.config.takes_client_key for provider in self.providers)
        """Is a provider asked with the clients' own keys?"""
        secrets = (self._secrets.rule,) if self.seeks_secrets else ()
        keys = (client_keys.rule,) if self.passes_client_keys else ()
        self.gate = Gate((key_models.rule, self._privacy.rule, *secrets, *keys, *rules))
        self._warm: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._starting = list(self.providers)
        """The providers whose first probe has not ended, as far as was looked; the last one has not."""

    def route(self, model: str, now: float, demand: Demand) -> Route:
        """The route for a name.

        Raises UnknownModel, the error of a rule that leaves no candidate, or Refused if all candidates are paused.
        """
        candidates = self.candidates(model, demand)
        for provider in self._mapping:
            if provider.mappings.missing:
                _look_for_missing(provider, model, now)
        if not candidates:
            raise self._unknown(model, demand)
        if all(one.provider.health.reachable is False for one in candidates):
            candidates += self._last_resort(candidates, demand)
        candidates, not_asked, last = self.gate.admit(candidates, model, demand)
        if demand.one_model:
            first = _same(min(candidates, key=lambda one: (one in last, self._rank(one.provider))).model)
            candidates = [one for one in candidates if _same(one.model) == first]
        awake, pauses = [], []
        for one in candidates:
            pause = one.pause(now)
            if pause is None:
                awake.append(one)
            else:
                pauses.append(pause)
        if not awake:
            raise _all_paused(candidates, pauses, now)
        if len(candidates) == 1:
            return Route(model, (candidates[0],), None, not_asked)  # there is nothing to order
        roomy = [one for one in awake if _fits(one, demand)]
        ordered = self._ordered(roomy or awake, now, demand)
        if last:
            ordered.sort(key=last.__contains__)
        if not self.routing.fallback_enabled:
            ordered = ordered[:1]
        wait_s = min((pause.until - now for pause in pauses), default=None)
        return Route(model, tuple(ordered), wait_s, not_asked, bool(last))

    def candidates(self, model: str, wanted: Wanted = ANY_CHAT) -> list[Candidate]:
        """All candidates for the name, at most one for each provider, in the order of the config file."""
        return self._named(model, wanted) or self._by_default(model, wanted)

    def _named(self, model: str, wanted: Wanted) -> list[Candidate]:
        """The candidates for the name itself, and not by a ``default`` mapping."""
        return self._by_name(model, wanted) or self._by_form(model, wanted)

    def _by_form(self, model: str, wanted: Wanted) -> list[Candidate]:
        """The provider that the name begins with, or the Ollamas for a name of their cloud's."""
        name, slash, rest = model.partition("/")
        if slash and rest:
            for provider in self.providers:
                if provider.name == name:
                    return [Candidate(provider, provider.mapped(rest, wanted) or provider.listed(rest) or rest)]
        return [Candidate(one, model) for one in self.providers if _is_cloud_of(one, model)]

    def _by_default(self, model: str, wanted: Wanted) -> list[Candidate]:
        served = [(provider, provider.default(model, wanted)) for provider in self.providers]
        found = [Candidate(provider, name) for provider, name in served if name is not None]
        if found and all(one.provider.was_never_there for one in found) and self._lacking(model, wanted):
            return []  # that a model has to be pulled helps more than that a server was never started
        return found

    def _lacking(self, model: str, wanted: Wanted) -> list[str]:
        """Why providers do not answer for the name, though their mappings would have it so."""
        return [words for one in self.providers if (words := lacking(one, model, wanted))]

    def is_starting(self) -> bool:
        """Is there a provider whose first probe has not ended?"""
        starting = self._starting
        while starting and starting[-1].probed.is_set():
            starting.pop()
        return bool(starting)

    async def until_known(self, model: str, demand: Demand) -> None:
        """If no provider is known to have the name yet, wait for the first probes.

        Without this, in the moment after a start a name would be unknown, or answered by a
        ``default`` mapping. A prompt that must stay local waits as well for the list that tells
        whether a mapped name is that of a cloud model.
        """
        pending = [one for one in self.providers if not one.probed.is_set()]
        is_private = self.stays_local(model, demand)

        def is_known() -> bool:
            found = self._by_name(model, demand)
            if not found or any(one.provider.waits_for_list(model) for one in found):
                return False
            return not (is_private and any(_may_be_remote(one) for one in found))

        if not pending or is_known():
            return

        async def look(provider: Provider) -> None:
            await provider.probed.wait()
            if is_known():
                nursery.cancel_scope.cancel()

        with trio.move_on_after(LONGEST_FIRST_PROBE_S):
            async with trio.open_nursery() as nursery:
                for provider in pending:
                    nursery.start_soon(look, provider)

    def unlisted_at(self, model: str, demand: Demand) -> Sequence[Provider]:
        """The providers whose lists should be read once more before it is said who may serve the name.

        Where nobody has the name these are all of them; where a ``default`` would answer it, only the Ollamas here,
        whose lists cost least and change most. A prompt that must stay local may go by a mapping to a model that is
        not listed, and only the list tells whether that is a cloud model.
        """
        is_private = self.stays_local(model, demand)
        if not is_private:
            for provider in self.providers:
                if model in provider.models:
                    return ()  # nearly always: no more needs to be known
        found = self._by_name(model, demand)
        if found:
            return [one.provider for one in found if _is_unlisted(one)] if is_private else ()
        named = self._by_form(model, demand)
        known = named or self._by_default(model, ANY_EMBEDDING if demand.embeds else ANY_CHAT)
        if not known:
            return self.providers
        here = [one for one in self.providers if not named and one.local and _lists_clouds(one)]
        if is_private:
            here += [one.provider for one in known if _is_unlisted(one) and one.provider not in here]
        return here

    def lists_shown(self, now: float) -> None:
        """Clients look at the lists: those of the Ollamas here, where models come and go, are read anew behind that."""
        for provider in self.providers:
            if provider.local and _lists_clouds(provider) and now - provider.read_at >= AGAIN_S:
                provider.list_has_changed()

    def stays_local(self, model: str, demand: Demand) -> bool:
        """Is the prompt for local providers alone, as the rules of the gate see it?"""
        return demand.local_only or self._privacy.is_private(model) or self._secrets.stay_home(demand)

    def is_private(self, model: str) -> bool:
        """Does ``routing.local_only`` keep this model's prompts on local providers?"""
        return self._privacy.is_private(model)

    def _names_provider(self, model: str) -> bool:
        """Does the name begin with that of a provider, even of a disabled provider?"""
        name = model.partition("/")[0]
        return name in KINDS or name in self._ranks or any(provider.name == name for provider in self.providers)

    def served(self, conversation: str | None, model: str, provider: Provider) -> None:
        """Remember which provider has a warm cache for a conversation."""
        if conversation is None:
            return
        key = (conversation, model)
        self._warm[key] = provider.name
        self._warm.move_to_end(key)
        if len(self._warm) > KEPT_CONVERSATIONS:
            self._warm.popitem(last=False)

    def inherit(self, old: Router) -> None:
        """Take over from the router before a reload which provider has which conversation's cache."""
        self._warm = old._warm

    def names(self) -> dict[str, list[Candidate]]:
        """All names that clients may ask for, from mappings (without ``default``) and model lists."""
        names: dict[str, list[Candidate]] = {}
        for name, candidate in self.offered():
            names.setdefault(name, []).append(candidate)
        return names

    def offered(self) -> Iterator[tuple[str, Candidate]]:
        """What ``names`` is made of, one by one, so that a caller may let other tasks have their turns in between."""
        for provider in self.providers:
            mapped = provider.mappings.names
            for name in mapped:
                served = provider.mapped(name) or provider.listed(name)
                if served is not None:
                    yield name, Candidate(provider, served)
            for name in provider.models:
                if name not in mapped:
                    yield name, Candidate(provider, provider.mapped(name) or name)

    def first_offered(self, name: str) -> Candidate | None:
        """The first candidate that ``names`` has for ``name``."""
        for provider in self.providers:
            if name in provider.models or name in provider.mappings.names:
                served = provider.mapped(name) or provider.listed(name)
                if served is not None:
                    return Candidate(provider, served)
        return None

    # --- private ---

    def _names_for(self, key: ClientKey) -> Collection[str]:
        """The names that a client with ``key`` may ask for; without a candidate for each where the key has no limits,
        since there may be 10,000 names."""
        if not key.models:
            names: dict[str, None] = {}
            for one in self.providers:
                names |= {name: None for name in one.mappings.names if one.mapped(name) or one.listed(name)}
                names |= dict.fromkeys(one.models)
            return names.keys()
        named = self.names().items()
        return [name for name, found in named if any(key_models.is_offered(key, name, one) for one in found)]

    def _by_name(self, model: str, wanted: Wanted) -> list[Candidate]:
        found = []
        for provider in self.providers:
            served = provider.mapped(model, wanted) or provider.listed(model)
            if served:
                found.append(Candidate(provider, served))
        return _without_the_yielding(found) if self._has_yielding else found

    def _last_resort(self, candidates: Sequence[Candidate], wanted: Wanted) -> list[Candidate]:
        """The candidates of last-resort providers, for a name whose own providers are all down."""
        tried = {one.provider for one in candidates}
        others = [one for one in self.providers if one.config.is_last_resort and one not in tried]
        served = [(provider, provider.default("", wanted)) for provider in others]
        return [Candidate(provider, name) for provider, name in served if name is not None]

    def _rank(self, provider: Provider) -> int:
        return self._ranks.get(provider.name, len(self._ranks) + 1)

    def _ordered(self, candidates: list[Candidate], now: float, demand: Demand) -> list[Candidate]:
        """The candidates in the order that this file's docstring describes."""
        needs = NOTHING
        for one in candidates:
            if one.provider.has_gaps and one.provider.lacks(one.model, now):
                needs = demand.needs()
                break
        by_cost, ranks, unranked = self.routing.cost_optimization, self._ranks, len(self._ranks) + 1

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

    def _unknown(self, model: str, demand: Demand) -> LinxError:
        """For a name that nobody has. A key that may not ask for it is told so, whether or not somebody has it."""
        key = demand.key
        if not key_models.may_name(key, model):
            return key_models.not_allowed(key, model)
        names = self._names_for(key)
        near = near_names(model, names)
        if near:
            hint = "Did you mean " + " or ".join(repr(name) for name in near) + "?"
        elif names:
            some = ", ".join(repr(name) for name in list(names)[:NEAREST])
            hint = f"Some known models: {some}; GET /v1/models lists all."
        else:
            hint = "No provider has a model yet; GET /v1/providers/status says why."
        lacks = [] if key.models else self._lacking(model, demand)  # names that such a key may not ask for are not told
        if lacks:
            hint = " ".join((*lacks[:NEAREST], hint)) if names else " ".join(lacks[:NEAREST])
        down = [provider for provider in self.providers if provider.health.reachable is False]
        if down:  # they may have the model
            named = ", ".join(f"{provider.name} ({provider.health.last_error})" for provider in down[:NEAREST])
            hint += f" Providers that are down: {named}."
        return UnknownModel(f"No provider has the model {quote(model)!r}. {hint}", model)


def _lists_all(provider: Provider) -> bool:
    return Feature.LISTS_ALL in provider.kind.features


def _look_for_missing(provider: Provider, model: str, now: float) -> None:
    """Another answers for a name whose model is missing here: has it been pulled? Behind the answer the list says."""
    if now - provider.read_at >= AGAIN_S and any(one.name == model for one in provider.mappings.missing):
        provider.list_has_changed()


def _without_the_yielding(found: list[Candidate]) -> list[Candidate]:
    """Without the providers that no config names, where a local provider has the name, whether or not it is up."""
    others = [one for one in found if not one.provider.config.yields_to_local]
    return others if any(one.provider.local for one in others) else found


def _lists_clouds(provider: Provider) -> bool:
    """Is it an Ollama, which has models of a cloud among its own?"""
    return provider.kind.is_cloud_name is not None


def _is_unlisted(one: Candidate) -> bool:
    """Would only a list tell whether the model is one of a cloud?"""
    return _lists_clouds(one.provider) and one.provider.find(one.model) is None


def _may_be_remote(one: Candidate) -> bool:
    """Is it still open whether the model is one of a cloud, since the list was never read?"""
    return _lists_clouds(one.provider) and not one.provider.probed.is_set()


def _is_cloud_of(provider: Provider, model: str) -> bool:
    """Would ``provider`` pass the name on to its cloud without having it in its list?"""
    is_cloud_name = provider.kind.is_cloud_name
    return is_cloud_name is not None and is_cloud_name(model)


def _same(model: str) -> str:
    """A form of a model's name that is the same at providers of different kinds."""
    return model.lower().removesuffix(":latest")


def _ranks(priority: Sequence[str | Sequence[str]]) -> Mapping[str, int]:
    ranks: dict[str, int] = {}
    for rank, entry in enumerate(priority):
        for name in [entry] if isinstance(entry, str) else entry:
            ranks.setdefault(name, rank)
    return ranks


def _fits(one: Candidate, demand: Demand) -> bool:
    """Can the prompt fit into the candidate's context? Yes, if its context is unknown. The estimate is rough."""
    if not one.provider.has_contexts:
        return True
    context = one.provider.context_length(one.model)
    return context is None or demand.prompt_tokens <= context


def _all_paused(candidates: Sequence[Candidate], pauses: Sequence[Pause], now: float) -> Refused:
    limited = any(pause.status == 429 for pause in pauses)
    wait = max(0.0, min(pause.until for pause in pauses) - now)
    names = ", ".join(one.provider.name for one in candidates)
    return Refused(
        f"Every provider of this model asked for a pause ({names}). Try again in {math.ceil(wait)} s.",
        status=429 if limited else 503,
        kind="rate_limit_error" if limited else "server_error",
        code="rate_limit_exceeded" if limited else "overloaded",
        retry_after_s=wait,
    )
