"""How the models of one provider have to be asked: what is known beforehand, and what refusals have taught.

Rule: what was taught is told once in the log and to ``on_learnt``, so that it can be kept over a restart; it is
forgotten when the provider's version changes. What is known beforehand is never a lesson.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from linx.core.errors import quote
from linx.dialects.adaptation.known import known_beforehand

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linx.core.chat import Adapted

T = TypeVar("T")
KEPT_MODELS = 512  # a llama.cpp answers to any name
MAX_ADAPTED = 32  # of one model; the oldest is forgotten, as it is where a client's fields have ever new names
log = logging.getLogger("linx.adaptation")


@dataclass(frozen=True, slots=True)
class Lesson:
    """What refusals have taught of one model."""

    adapted: tuple[Adapted, ...]
    """In the order in which it is applied."""
    learnt_at: float
    """Seconds since 1970."""
    version: str | None = None
    """The provider's version then, where it was known."""


class Adaptations:
    """By model. ``of`` is asked for every request, and is one look into a dictionary."""

    __slots__ = ("_by_model", "_clock", "_host", "_name", "_version", "lessons", "on_learnt")

    def __init__(self, host: str, name: str = "", clock: Callable[[], float] = time.time) -> None:
        self.lessons: dict[str, Lesson] = {}
        self.on_learnt: Callable[[], None] | None = None
        self._host = host
        self._name = name
        self._clock = clock
        self._version: str | None = None
        self._by_model: dict[str, tuple[Adapted, ...]] = {}

    def of(self, model: str) -> tuple[Adapted, ...]:
        """What to apply to each body for ``model``, in this order."""
        adapted = self._by_model.get(model)
        if adapted is None:
            adapted = known_beforehand(self._host, model)
            lesson = self.lessons.get(model)
            if lesson is not None:
                # What stands in both was learnt anew, after something that had undone it.
                adapted = (*(one for one in adapted if one not in lesson.adapted), *lesson.adapted)
            _keep(self._by_model, model, adapted)
        return adapted

    def learn(self, model: str, adapted: Adapted, *, was_undone: bool = False) -> None:
        """The provider has taken a body for ``model`` that was changed so, and had refused it before.

        ``was_undone``: it was known, but undone by something that was learnt later, so it is applied last from now on.
        """
        if not was_undone and adapted in self.of(model):
            return
        lesson = self.lessons.get(model)
        before = () if lesson is None else tuple(one for one in lesson.adapted if one != adapted)
        _keep(self.lessons, model, Lesson((*before, adapted)[-MAX_ADAPTED:], self._clock(), self._version))
        self._by_model.pop(model, None)
        told = quote(model)
        log.info("%s refuses what is asked of %s: adapted from now on and remembered: %s", self._name, told, adapted)
        if self.on_learnt is not None:
            self.on_learnt()

    def recall(self, lessons: Mapping[str, Lesson]) -> None:
        """Take over what was learnt before a restart; what was learnt since then counts more."""
        for model, lesson in lessons.items():
            if model not in self.lessons and not self._is_outdated(lesson):
                _keep(self.lessons, model, lesson)
        self._by_model.clear()

    def version_is(self, version: str | None) -> None:
        """The provider says which version it is: another version may take what this one refused."""
        if version is None or version == self._version:
            return
        self._version = version
        self._forget(self._is_outdated)

    def forget_before(self, moment: float) -> None:
        """Forget what was learnt before ``moment``, in seconds since 1970: the provider may have changed."""
        self._forget(lambda lesson: lesson.learnt_at < moment)

    def as_json(self) -> dict[str, list[str]]:
        """By model, as the status shows it."""
        asked = {model: self.of(model) for model in (*self._by_model, *self.lessons)}
        return {model: [str(one) for one in adapted] for model, adapted in asked.items() if adapted}

    def _is_outdated(self, lesson: Lesson) -> bool:
        return None not in (lesson.version, self._version) and lesson.version != self._version

    def _forget(self, is_over: Callable[[Lesson], bool]) -> None:
        over = [model for model, lesson in self.lessons.items() if is_over(lesson)]
        for model in over:
            del self.lessons[model]
            self._by_model.pop(model, None)
        if over and self.on_learnt is not None:
            self.on_learnt()


def _keep(kept: dict[str, T], model: str, value: T) -> None:
    if len(kept) >= KEPT_MODELS and model not in kept:
        del kept[next(iter(kept))]
    kept[model] = value
