"""How the models of one provider have to be asked: what is known beforehand, and what refusals have taught.

``on_learnt`` is called after each lesson, so that it can be kept over a restart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.dialects.adaptation.known import known_beforehand

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import Adapted

KEPT_MODELS = 512  # a llama.cpp answers to any name


class Adaptations:
    """By model, in the order in which they are applied."""

    __slots__ = ("_by_model", "_host", "on_learnt")

    def __init__(self, host: str) -> None:
        self._host = host
        self._by_model: dict[str, tuple[Adapted, ...]] = {}
        self.on_learnt: Callable[[], None] | None = None

    def of(self, model: str) -> tuple[Adapted, ...]:
        """What to apply to each body for ``model``."""
        adapted = self._by_model.get(model)
        if adapted is None:
            adapted = known_beforehand(self._host, model)
            self._keep(model, adapted)
        return adapted

    def learn(self, model: str, adapted: Adapted) -> None:
        """The provider has taken a body for ``model`` that was changed so, and had refused it before."""
        before = self.of(model)
        if adapted not in before:
            self._keep(model, (*before, adapted))
            if self.on_learnt is not None:
                self.on_learnt()

    def _keep(self, model: str, adapted: tuple[Adapted, ...]) -> None:
        if len(self._by_model) >= KEPT_MODELS and model not in self._by_model:
            del self._by_model[next(iter(self._by_model))]
        self._by_model[model] = adapted
