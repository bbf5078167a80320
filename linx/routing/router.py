"""Turns a model's name into a Route: the candidates that may answer, in order.

Nothing here waits, except ``until_known`` just after a start. Which providers have the name, ``offers`` knows; who of
them may be asked, ``gate``; and ``ordering`` who is asked first.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import trio

from linx.core.attempt_errors import Refused
from linx.providers.auto import ANY_CHAT, ANY_EMBEDDING, AUTO
from linx.providers.catalog import AGAIN_S
from linx.providers.kind import Feature
from linx.providers.kinds import KINDS
from linx.routing import client_keys, key_models
from linx.routing.gate import Gate
from linx.routing.offers import Offers, lists_clouds
from linx.routing.ordering import Ordering, fits
from linx.routing.privacy import Privacy
from linx.routing.secrets import Secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linx.config.shape import RoutingConfig
    from linx.core.errors import NotAsked
    from linx.providers.auto import Wanted
    from linx.providers.pauses import Pause
    from linx.providers.provider import Provider
    from linx.routing.candidate import Candidate
    from linx.routing.demand import Demand
    from linx.routing.gate import Rule

LONGEST_FIRST_PROBE_S = 10.0  # how long a request for an unknown name waits for the first probes


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
        self._offers = Offers(self.providers)
        self._ordering = Ordering(self.providers, routing)
        self._privacy = Privacy(routing.local_only, self._names_provider)
        self._secrets = Secrets(routing.secrets)
        self.seeks_secrets = self._secrets.are_sought
        """Are prompts looked through for secrets?"""
        self.chooses_models = any(AUTO in one.config.model_mappings.values() for one in self.providers)
        """Does Linx itself choose a model for some names?"""
        self._mapping = [one for one in self.providers if one.config.model_mappings and _lists_all(one)]
        """Those that are known not to have the model of a mapping."""
        self.passes_client_keys = any(provider.config.takes_client_key for provider in self.providers)
        """Is a provider asked with the clients' own keys?"""
        secrets = (self._secrets.rule,) if self.seeks_secrets else ()
        keys = (client_keys.rule,) if self.passes_client_keys else ()
        self.gate = Gate((key_models.rule, self._privacy.rule, *secrets, *keys, *rules))
        self._starting = list(self.providers)
        """The providers whose first probe has not ended, as far as was looked; the last one has not."""

    def route(self, model: str, now: float, demand: Demand) -> Route:
        """The route for a name.

        Raises UnknownModel, the error of a rule that leaves no candidate, or Refused if all candidates are paused.
        """
        candidates = self._offers.candidates(model, demand)
        for provider in self._mapping:
            if provider.mappings.missing:
                _look_for_missing(provider, model, now)
        if not candidates:
            raise self._offers.unknown(model, demand)
        if all(one.provider.health.reachable is False for one in candidates):
            candidates += self._offers.last_resort(candidates, demand)
        candidates, not_asked, last = self.gate.admit(candidates, model, demand)
        if demand.one_model:
            first = _same(min(candidates, key=lambda one: (one in last, self._ordering.rank(one.provider))).model)
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
        roomy = [one for one in awake if fits(one, demand)]
        ordered = self._ordering.ordered(roomy or awake, now, demand)
        if last:
            ordered.sort(key=last.__contains__)
        if not self.routing.fallback_enabled:
            ordered = ordered[:1]
        wait_s = min((pause.until - now for pause in pauses), default=None)
        return Route(model, tuple(ordered), wait_s, not_asked, bool(last))

    def candidates(self, model: str, wanted: Wanted = ANY_CHAT) -> list[Candidate]:
        """All candidates for the name, at most one for each provider, in the order of the config file."""
        return self._offers.candidates(model, wanted)

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
            found = self._offers.by_name(model, demand)
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
        found = self._offers.by_name(model, demand)
        if found:
            return [one.provider for one in found if _is_unlisted(one)] if is_private else ()
        named = self._offers.by_form(model, demand)
        known = named or self._offers.by_default(model, ANY_EMBEDDING if demand.embeds else ANY_CHAT)
        if not known:
            return self.providers
        here = [one for one in self.providers if not named and one.local and lists_clouds(one)]
        if is_private:
            here += [one.provider for one in known if _is_unlisted(one) and one.provider not in here]
        return here

    def lists_shown(self, now: float) -> None:
        """Clients look at the lists: those of the Ollamas here, where models come and go, are read anew behind that."""
        for provider in self.providers:
            if provider.local and lists_clouds(provider) and now - provider.read_at >= AGAIN_S:
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
        return (
            name in KINDS
            or self._ordering.names_provider(name)
            or any(provider.name == name for provider in self.providers)
        )

    def served(self, conversation: str | None, model: str, provider: Provider) -> None:
        """Remember which provider has a warm cache for a conversation."""
        self._ordering.served(conversation, model, provider)

    def inherit(self, old: Router) -> None:
        """Take over from the router before a reload which provider has which conversation's cache."""
        self._ordering.inherit(old._ordering)

    def names(self) -> dict[str, list[Candidate]]:
        """All names that clients may ask for, from mappings (without ``default``) and model lists."""
        return self._offers.names()

    def offered(self) -> Iterator[tuple[str, Candidate]]:
        """What ``names`` is made of, one by one, so that a caller may let other tasks have their turns in between."""
        return self._offers.offered()

    def first_offered(self, name: str) -> Candidate | None:
        """The first candidate that ``names`` has for ``name``."""
        return self._offers.first_offered(name)


def _lists_all(provider: Provider) -> bool:
    return Feature.LISTS_ALL in provider.kind.features


def _look_for_missing(provider: Provider, model: str, now: float) -> None:
    """Another answers for a name whose model is missing here: has it been pulled? Behind the answer the list says."""
    if now - provider.read_at >= AGAIN_S and any(one.name == model for one in provider.mappings.missing):
        provider.list_has_changed()


def _is_unlisted(one: Candidate) -> bool:
    """Would only a list tell whether the model is one of a cloud?"""
    return lists_clouds(one.provider) and one.provider.find(one.model) is None


def _may_be_remote(one: Candidate) -> bool:
    """Is it still open whether the model is one of a cloud, since the list was never read?"""
    return lists_clouds(one.provider) and not one.provider.probed.is_set()


def _same(model: str) -> str:
    """A form of a model's name that is the same at providers of different kinds."""
    return model.lower().removesuffix(":latest")


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
