"""What a provider lacks for its ``model_mappings``, in words for people: the mapping, the command that mends it, and
the names that are there.

Pure: the status, the log, the errors for clients and ``linx doctor`` say all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from linx.core.addresses import is_loopback
from linx.core.errors import quote
from linx.providers.auto import ANY_CHAT, AUTO, can_chat, can_embed
from linx.providers.mappings import DEFAULT
from linx.providers.near_names import NEAREST, near_names

if TYPE_CHECKING:
    from linx.providers.auto import Wanted
    from linx.providers.provider import Provider

FIRST_CHAT, FIRST_EMBEDDING = "qwen3:4b", "nomic-embed-text"
"""Models to begin with: small, and the first one calls tools."""


class MissingModel(NamedTuple):
    """A mapping of a provider to a model that the provider has not."""

    name: str
    """What clients ask for: a name, a pattern, or ``default``."""
    model: str
    command: str
    """What to type to get the model; "" where no command does that."""
    near: tuple[str, ...]
    """Names that are there instead: those most like the missing one, or else the first."""

    def __str__(self) -> str:
        mend = f": {self.command}" if self.command else ""
        there = f" (there is {' or '.join(self.near)})" if self.near else ""
        return f"{self.name} is mapped to {quote(self.model)}, which is not there{mend}{there}"


def missing_models(provider: Provider) -> tuple[MissingModel, ...]:
    """The mappings that are not in force, since the provider is known not to have their models."""
    found = []
    for name, model in provider.mappings.missing:
        near = near_names(model, provider.models) or list(provider.models)[:NEAREST]
        found.append(MissingModel(name, model, command_for(provider, model), tuple(near)))
    return tuple(found)


def problems(provider: Provider) -> tuple[str, ...]:
    """All that is to be said, a line each."""
    nothing = None if provider.listed_at is None else _auto_lacks(provider, ANY_CHAT, _getting(provider))
    return (*map(str, missing_models(provider)), *([nothing] if nothing else []))


def command_for(provider: Provider, model: str) -> str:
    """The command that gets ``model`` for the provider; "" where there is none."""
    get = _getting(provider)
    return f"{get} {quote(model)}" if get else ""


def _getting(provider: Provider) -> str:
    """The command without the model's name, so that it reaches this provider."""
    get = provider.kind.get_model
    return get if not get or _is_usual(provider) else f"OLLAMA_HOST={provider.config.base} {get}"


def _is_usual(provider: Provider) -> bool:
    """Is it where the command looks without being told?"""
    return is_loopback(provider.origin.host) and (provider.kind.endpoint or "").endswith(f":{provider.origin.port}")


def lacking(provider: Provider, name: str, wanted: Wanted) -> str | None:
    """For a client: why the provider does not answer for ``name``, though its mappings would have it so.

    None where they would not.
    """
    get = provider.kind.get_model  # a client is not told where the provider is
    for missing in missing_models(provider):
        if missing.name in (name, DEFAULT):
            return f"{provider.name}: {missing._replace(command=get and f'{get} {quote(missing.model)}')}."
    nothing = _auto_lacks(provider, wanted, get)
    return f"{provider.name}: {nothing}." if nothing else None


def _auto_lacks(provider: Provider, wanted: Wanted, get: str) -> str | None:
    """Why ``"auto"`` stands for no model there. ``get``: the command that gets a model."""
    if (
        provider.was_never_there
        or AUTO not in provider.config.model_mappings.values()
        or provider.auto("", wanted) is not None
    ):
        return None
    can, first = (can_embed, FIRST_EMBEDDING) if wanted.embeds else (can_chat, FIRST_CHAT)
    what = "model for embeddings" if wanted.embeds else "model"
    if any(map(can, provider.models.values())):
        return f'"auto" stands for no {what}, since there are several, of any price; a mapping may name one of them'
    return f"there is no {what} yet{f': {get} {first}' if get else ''}"
