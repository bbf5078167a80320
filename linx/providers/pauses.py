"""For how long a provider has asked not to be asked: for one of its models, for its free models, or at all.

Rule: a limit is the model's unless the provider says that it is the account's, since most providers count by model
(OpenAI, Groq, Anthropic, Gemini), and one model at its limit must not keep the others there from answering.
"""

from __future__ import annotations

from typing import NamedTuple

from linx.core.attempt_errors import PauseScope

KEPT = 512  # models; a llama.cpp answers to any name
FREE_SUFFIX = ":free"  # of the names of OpenRouter's models that cost nothing


class Pause(NamedTuple):
    """``until``: trio's clock. ``status``: 429, or 503."""

    until: float
    status: int


class Pauses:
    """A pause is never shortened by a later one."""

    __slots__ = ("_by_model", "_of_all", "_of_free")

    def __init__(self) -> None:
        self._of_all: Pause | None = None
        self._of_free: Pause | None = None
        self._by_model: dict[str, Pause] = {}

    def add(self, pause: Pause, scope: PauseScope, model: str, now: float) -> None:
        """``model`` is empty where no model was asked: then the provider itself has asked for the pause."""
        if scope is PauseScope.PROVIDER or not model:
            self._of_all = _longer(self._of_all, pause)
        elif scope is PauseScope.FREE_MODELS and model.endswith(FREE_SUFFIX):
            self._of_free = _longer(self._of_free, pause)
        else:
            kept = {name: old for name, old in self._by_model.items() if old.until > now}
            if len(kept) >= KEPT and model not in kept:
                del kept[next(iter(kept))]
            kept[model] = _longer(kept.get(model), pause)
            self._by_model = kept

    def of(self, model: str) -> Pause | None:
        """The pause that keeps ``model`` from being asked for the longest time; it may be over."""
        found = self._of_all
        if self._of_free is not None and model.endswith(FREE_SUFFIX):
            found = _longer(found, self._of_free)
        if self._by_model and model in self._by_model:
            found = _longer(found, self._by_model[model])
        return found

    @property
    def of_all(self) -> Pause | None:
        """The pause of the provider as a whole; it may be over."""
        return self._of_all

    def shown(self, now: float) -> dict[str, float]:
        """By model, until when it is paused; ``*:free`` stands for all free models."""
        shown = {name: pause.until for name, pause in self._by_model.items() if pause.until > now}
        if self._of_free is not None and self._of_free.until > now:
            shown["*" + FREE_SUFFIX] = self._of_free.until
        return shown


def _longer(one: Pause | None, other: Pause) -> Pause:
    return other if one is None or other.until > one.until else one
