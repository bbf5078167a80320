"""Which providers have a model of a name, and what a client is told whose name none of them has.

The name itself counts first, by the mappings and the lists; then its form, as ``PROVIDER/NAME`` or as that of a
cloud's model; then the ``default`` mappings. Nothing here asks whether a provider may be asked: that is the gate's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.errors import UnknownModel, quote
from linx.providers.auto import ANY_CHAT
from linx.providers.missing import lacking
from linx.providers.near_names import NEAREST, near_names
from linx.routing import key_models
from linx.routing.candidate import Candidate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from linx.core.client_key import ClientKey
    from linx.core.errors import LinxError
    from linx.providers.auto import Wanted
    from linx.providers.provider import Provider
    from linx.routing.demand import Demand


class Offers:
    """The names that the providers of one config have."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self.providers = providers
        self._has_yielding = any(provider.config.yields_to_local for provider in providers)

    def candidates(self, model: str, wanted: Wanted = ANY_CHAT) -> list[Candidate]:
        """All candidates for the name, at most one for each provider, in the order of the config file."""
        return self.named(model, wanted) or self.by_default(model, wanted)

    def named(self, model: str, wanted: Wanted) -> list[Candidate]:
        """The candidates for the name itself, and not by a ``default`` mapping."""
        return self.by_name(model, wanted) or self.by_form(model, wanted)

    def by_name(self, model: str, wanted: Wanted) -> list[Candidate]:
        found = []
        for provider in self.providers:
            served = provider.mapped(model, wanted) or provider.listed(model)
            if served:
                found.append(Candidate(provider, served))
        return _without_the_yielding(found) if self._has_yielding else found

    def by_form(self, model: str, wanted: Wanted) -> list[Candidate]:
        """The provider that the name begins with, or the Ollamas for a name of their cloud's."""
        name, slash, rest = model.partition("/")
        if slash and rest:
            for provider in self.providers:
                if provider.name == name:
                    return [Candidate(provider, provider.mapped(rest, wanted) or provider.listed(rest) or rest)]
        return [Candidate(one, model) for one in self.providers if _is_cloud_of(one, model)]

    def by_default(self, model: str, wanted: Wanted) -> list[Candidate]:
        served = [(provider, provider.default(model, wanted)) for provider in self.providers]
        found = [Candidate(provider, name) for provider, name in served if name is not None]
        if found and all(one.provider.was_never_there for one in found) and self.lacking(model, wanted):
            return []  # that a model has to be pulled helps more than that a server was never started
        return found

    def last_resort(self, candidates: Sequence[Candidate], wanted: Wanted) -> list[Candidate]:
        """The candidates of last-resort providers, for a name whose own providers are all down."""
        tried = {one.provider for one in candidates}
        others = [one for one in self.providers if one.config.is_last_resort and one not in tried]
        served = [(provider, provider.default("", wanted)) for provider in others]
        return [Candidate(provider, name) for provider, name in served if name is not None]

    def lacking(self, model: str, wanted: Wanted) -> list[str]:
        """Why providers do not answer for the name, though their mappings would have it so."""
        return [words for one in self.providers if (words := lacking(one, model, wanted))]

    # --- what there is ---

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

    def names_for(self, key: ClientKey) -> Collection[str]:
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

    # --- what there is not ---

    def unknown(self, model: str, demand: Demand) -> LinxError:
        """For a name that nobody has. A key that may not ask for it is told so, whether or not somebody has it."""
        key = demand.key
        if not key_models.may_name(key, model):
            return key_models.not_allowed(key, model)
        names = self.names_for(key)
        near = near_names(model, names)
        if near:
            hint = "Did you mean " + " or ".join(repr(name) for name in near) + "?"
        elif names:
            some = ", ".join(repr(name) for name in list(names)[:NEAREST])
            hint = f"Some known models: {some}; GET /v1/models lists all."
        else:
            hint = "No provider has a model yet; GET /v1/providers/status says why."
        lacks = [] if key.models else self.lacking(model, demand)  # names that such a key may not ask for are not told
        if lacks:
            hint = " ".join((*lacks[:NEAREST], hint)) if names else " ".join(lacks[:NEAREST])
        down = [provider for provider in self.providers if provider.health.reachable is False]
        if down:  # they may have the model
            named = ", ".join(f"{provider.name} ({provider.health.last_error})" for provider in down[:NEAREST])
            hint += f" Providers that are down: {named}."
        return UnknownModel(f"No provider has the model {quote(model)!r}. {hint}", model)


def _without_the_yielding(found: list[Candidate]) -> list[Candidate]:
    """Without the providers that no config names, where a local provider has the name, whether or not it is up."""
    others = [one for one in found if not one.provider.config.yields_to_local]
    return others if any(one.provider.local for one in others) else found


def lists_clouds(provider: Provider) -> bool:
    """Is it an Ollama, which has models of a cloud among its own?"""
    return provider.kind.is_cloud_name is not None


def _is_cloud_of(provider: Provider, model: str) -> bool:
    """Would ``provider`` pass the name on to its cloud without having it in its list?"""
    is_cloud_name = provider.kind.is_cloud_name
    return is_cloud_name is not None and is_cloud_name(model)
