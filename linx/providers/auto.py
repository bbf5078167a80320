"""Which model ``"auto"`` stands for at one provider: a pure decision, from what is known of the models there.

Rule: the model that is loaded now, of several the one asked for last; else the one that was used last; else the
largest that fits into the memory. A model for embeddings answers no chat, and no other model makes vectors. A model
that lacks what the request needs (tools, images) is chosen only where no model has it. A model of a cloud is never
chosen: its prompts would leave the machine, and cost, without the user having named it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from linx.dialects.shared.needs import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from linx.providers.model import Model

AUTO = "auto"
"""In ``model_mappings``, in place of a model."""
COMPLETION, EMBEDDING = "completion", "embedding"
"""In Ollama's words, as ``Model.capabilities`` has them."""

_EMBEDS = re.compile(r"embed|(?:^|[/_-])(?:bge|gte|e5|minilm|paraphrase)(?:[-_.:]|$)|minilm", re.IGNORECASE)
_TALKS_NOT = re.compile(r"rerank|whisper|parakeet|(?:^|[/_-])(?:tts|stt|asr|kokoro|clip)(?:[-_.:]|$)", re.IGNORECASE)


class Wanted(Protocol):
    """What a request wants of a model."""

    @property
    def embeds(self) -> bool:
        """Vectors, and no words?"""

    @property
    def needs(self) -> Callable[[], frozenset[str]]:
        """What the model must be able to do besides, in the words of ``Model.capabilities``."""


class AnyChat:
    """The wish of a request of which nothing is known."""

    embeds = False
    needs = staticmethod(lambda: NOTHING)


class AnyEmbedding:
    """The wish for vectors."""

    embeds = True
    needs = staticmethod(lambda: NOTHING)


ANY_CHAT, ANY_EMBEDDING = AnyChat(), AnyEmbedding()


def choose(
    models: Mapping[str, Model],
    recent: Iterable[str],
    memory: int | None,
    wanted: Wanted,
    lacks: Callable[[str], Collection[str]],
    *,
    is_told: bool = False,
) -> str | None:
    """The name of the model; None where there is none for such a request.

    ``models``: those that run there, and in no cloud. ``recent``: the loaded ones, then those used before, each time
    the latest first. ``memory``: bytes that a model may take; None where that is not known. ``lacks``: what a model is
    known not to be able to do. ``is_told``: do the provider's own words say what a model can do?
    """
    can = can_embed if wanted.embeds else can_chat
    needs: frozenset[str] | None = None
    latest: str | None = None
    for name in recent:
        model = models.get(name)
        if model is None or not can(model):
            continue
        latest = latest or name
        lacking = lacks(name)
        if lacking and needs is None:
            needs = wanted.needs()  # looks through the messages, so it is asked only where it matters
        if not lacking or (needs or NOTHING).isdisjoint(lacking):
            return name
    able = by_size((one for one in models.values() if can(one)), memory)
    if not able:
        return _only_one(models, is_told=is_told) if wanted.embeds else None
    if needs is None:
        needs = wanted.needs() if any(lacks(name) for name in able) else NOTHING
    return next((name for name in able if needs.isdisjoint(lacks(name))), latest or able[0])


def _only_one(models: Mapping[str, Model], *, is_told: bool) -> str | None:
    """The single model of a server that may make vectors, too: a llama.cpp that was started with ``--embeddings``."""
    if len(models) != 1:
        return None
    ((name, model),) = models.items()
    return None if (is_told and model.capabilities) or _TALKS_NOT.search(name) else name


def by_size(models: Iterable[Model], memory: int | None) -> list[str]:
    """The names of ``models``: the largest that fits first, and behind those that fit the smallest of the others.

    Where no size is known the order stays as it is.
    """
    fitting: list[Model] = []
    others: list[Model] = []
    for model in models:
        (fitting if memory is None or (model.size or 0) <= memory else others).append(model)
    fitting.sort(key=_size, reverse=True)
    others.sort(key=_size)
    return [model.name for model in (*fitting, *others)]


def can_chat(model: Model) -> bool:
    """May the model answer a chat? By what its provider says, and by its name where the provider says nothing."""
    if model.capabilities and COMPLETION not in model.capabilities:
        return False
    return not (_EMBEDS.search(model.name) or _TALKS_NOT.search(model.name))


def can_embed(model: Model) -> bool:
    """Is it a model for embeddings?"""
    if model.capabilities and EMBEDDING in model.capabilities:
        return True
    return _EMBEDS.search(model.name) is not None and not _TALKS_NOT.search(model.name)


def _size(model: Model) -> int:
    return model.size or 0
