"""The gate's rule of a client's key: which models may be asked for with it.

A pattern of the key is compared with the name that was asked for, or, where it has a slash, with PROVIDER/MODEL: so
``ollama/*`` means all that the provider ``ollama`` serves, whatever it is asked for as. Only ``*`` stands for any text.

The model behind a ``default`` mapping answers names that it has not got. So there the model has to match too: a key for
``qwen*`` does not reach another model by a name that nobody has.
"""

from __future__ import annotations

import functools
import re
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from linx.core.errors import ModelNotAllowed, quote
from linx.dialects.openai.model_list import plain_name
from linx.providers.kind import with_tag
from linx.routing.gate import Judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from linx.core.client_key import ClientKey
    from linx.routing.candidate import Candidate
    from linx.routing.demand import Demand

KEY = "key"
"""Why a candidate is not asked that the client's key may not ask."""
OTHER_MODELS = ("models", "fallbacks", "preset")
"""Fields by which a gateway behind Linx answers with other models than the named one: OpenRouter's ``models`` and
``preset``, LiteLLM's ``fallbacks``."""
SHOWN = 8  # patterns that an error names


class Patterns(NamedTuple):
    """The patterns of a key, ready to be compared."""

    names: re.Pattern[str]
    of_providers: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]
    """Those with a slash: what stands before it, and what behind it."""

    def have(self, name: str) -> bool:
        """Is ``name`` meant by one of them, in any of the forms of a name that lead to the same model?"""
        match, form = self.names.fullmatch, name.lower()
        if match(form):
            return True
        plain = plain_name(form)
        tagged = with_tag(plain)
        return any(
            match(each) for each in {plain, plain.removesuffix(":latest"), tagged, tagged.removesuffix(":latest")}
        )

    def have_at(self, provider: str, name: str) -> bool:
        """Is ``name`` at this provider meant by one of them?"""
        at, form = provider.lower(), name.lower()
        return any(
            first.fullmatch(at) and (rest.fullmatch(form) or rest.fullmatch(form.removesuffix(":latest")))
            for first, rest in self.of_providers
        )


@functools.lru_cache(maxsize=1024)
def patterns_of(models: tuple[str, ...]) -> Patterns:
    parts = [model.lower().partition("/") for model in models]
    at_providers = tuple((_pattern([first]), _pattern([rest])) for first, slash, rest in parts if slash)
    return Patterns(_pattern([model.lower() for model in models]), at_providers)


def _pattern(texts: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(".*".join(map(re.escape, text.split("*"))) for text in texts), re.DOTALL)


def may_ask(key: ClientKey, model: str, one: Candidate) -> bool:
    """May ``one`` answer a client with this key that asks for ``model``? It is "" where no model is named."""
    if not key.models:
        return True
    patterns, provider, served = patterns_of(key.models), one.provider, one.model
    if patterns.have_at(provider.name, served):
        return True
    if not model:
        return patterns.have(served)
    if served == model or provider.mapped(model) or provider.listed(model):
        asked = model
    elif model.startswith(provider.name + "/"):
        asked = model.removeprefix(provider.name + "/")
    else:  # a ``default`` mapping answers
        return patterns.have(model) and patterns.have(served)
    return patterns.have(asked) or patterns.have_at(provider.name, asked)


def is_offered(key: ClientKey, name: str, one: Candidate) -> bool:
    """Does a list for a client with this key have ``name``, as far as ``one`` answers it?"""
    return may_ask(key, name, one) and (one.is_local or not key.local_only)


def may_name(key: ClientKey, model: str) -> bool:
    """May the name be asked for, whoever has it?"""
    return not key.models or patterns_of(key.models).have(model)


def check_fields(key: ClientKey, body: object) -> None:
    """Raise ModelNotAllowed where a body names, beside its model, another that the key may not ask for."""
    if key.models and isinstance(body, dict):
        for field in OTHER_MODELS:
            for name in _texts(body.get(field)):
                if not may_name(key, name):
                    raise not_allowed(key, name)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def rule(model: str | None, demand: Demand) -> Judge | None:
    """See ``gate.Rule``. A request that carries no text and names no model asks no model."""
    key = demand.key
    if not key.models or model is None:
        return None
    return Judge(partial(_reason, key, model), partial(_none_left, key, model))


def _reason(key: ClientKey, model: str, one: Candidate) -> str | None:
    return None if may_ask(key, model, one) else KEY


def _none_left(key: ClientKey, model: str, _candidates: Sequence[Candidate]) -> ModelNotAllowed:
    return not_allowed(key, model)


def not_allowed(key: ClientKey, model: str) -> ModelNotAllowed:
    shown = ", ".join(quote(pattern) for pattern in key.models[:SHOWN])
    more = ", …" if len(key.models) > SHOWN else ""
    whom = f"ask for the model {quote(model)!r}" if model else "ask without naming a model"
    return ModelNotAllowed(
        f"The key {key.name} may not {whom}, only for {shown}{more}. GET /v1/models lists its models."
    )
