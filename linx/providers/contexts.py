"""Which contexts an Ollama's models are loaded with, and which ``num_ctx`` a request should ask for.

A state machine without a clock or a socket: every event brings its time (trio's clock, seconds). The rule comes from
Ollama's scheduler: a request whose ``num_ctx`` is another than that of the loaded model makes it load the model anew,
which takes seconds, and a request without ``num_ctx`` stands for Ollama's default. So ``num_ctx`` is left out while the
prompt fits what is loaded by default; what was asked for through Linx is asked for again, and grows only where it must.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SMALLEST_CONTEXT = 4096  # tokens; the smallest that Linx asks for
FORGET_CONTEXT_S = 300.0  # Ollama unloads an idle model after five minutes by default
FRESH_S = 5.0  # after a look at what is loaded, another look would show the same
SETTLE_S = 5.0  # after a request for another context, a look may still show the context before
KEPT_MODELS = 512


@dataclass(slots=True)
class _Context:
    """What is known of one model. 0 means not known, or none."""

    loaded: int = 0
    """Tokens, as /api/ps said."""
    asked: int = 0
    """The ``num_ctx`` that was asked for last."""
    default: int = 0
    """What Ollama loads it with where no ``num_ctx`` is asked for: the smallest context that was seen, of several."""
    asked_at: float = -math.inf


class Contexts:
    """Of the models of one Ollama, by the names in its list."""

    __slots__ = ("_models", "_seen_at")

    def __init__(self) -> None:
        self._models: dict[str, _Context] = {}
        self._seen_at = -math.inf

    def seen(self, loaded: Mapping[str, int], now: float) -> None:
        """What /api/ps says is loaded: tokens of context by model."""
        self._seen_at = now
        for name, known in self._models.items():
            if name not in loaded:
                known.loaded = 0
        for name, tokens in loaded.items():
            known = self._of(name)
            if not known.asked and known.loaded not in (0, tokens):
                known.default = min(known.default or tokens, known.loaded, tokens)
            known.loaded = tokens
            if tokens != known.asked and now - known.asked_at >= SETTLE_S:
                known.asked = 0  # somebody else has had it loaded anew

    def loaded(self, model: str) -> int | None:
        """The context that the model was loaded with at the last look."""
        known = self._models.get(model)
        return known.loaded or None if known is not None else None

    def all_loaded(self) -> dict[str, int]:
        """The tokens of all models that have a context now, by name, as ``loaded`` tells them one by one."""
        return {name: known.loaded for name, known in self._models.items() if known.loaded}

    def current(self, model: str, now: float) -> int | None:
        """The context that the model has now, by all that is known: what was asked for last, else what was seen."""
        known = self._models.get(model)
        return _asked(known, now) or known.loaded or None if known is not None else None

    def asked(self, model: str, tokens: int, now: float) -> None:
        """A client asks for a context itself: the model will be loaded with it."""
        known = self._of(model)
        known.asked, known.asked_at = tokens, now

    def is_unsure(self, now: float) -> bool:
        """Should /api/ps be looked at before ``choose``? A needless reload costs a thousand times as much.

        Also while requests come through Linx: a client that asks the same Ollama past Linx may have had the model
        loaded anew meanwhile. The first look comes with the first list.
        """
        return self._seen_at != -math.inf and now - self._seen_at >= FRESH_S

    def choose(self, model: str, needed: int, most: int | None, now: float) -> int | None:
        """The ``num_ctx`` for a prompt and an answer of ``needed`` tokens; None to leave it out."""
        known = self._of(model)
        asked = _asked(known, now)
        if not asked and needed <= known.loaded:
            if known.default in (0, known.loaded):
                return None
            asked = known.loaded  # another client asked for that, and without it the default would be loaded
        context = asked
        if context < needed:
            context = max(SMALLEST_CONTEXT, asked, known.loaded)
            while context < needed:
                context = 2 ** context.bit_length()
        if most is not None:
            context = min(context, most)
        known.asked, known.asked_at = context, now
        return context

    def again(self, model: str, now: float) -> int | None:
        """The ``num_ctx`` for a request whose prompt does not matter: what was asked for last."""
        known = self._models.get(model)
        return _asked(known, now) or None if known is not None else None

    def _of(self, model: str) -> _Context:
        known = self._models.get(model)
        if known is None:
            if len(self._models) >= KEPT_MODELS:
                del self._models[next(iter(self._models))]
            known = self._models[model] = _Context()
        return known


def _asked(known: _Context, now: float) -> int:
    return known.asked if now - known.asked_at < FORGET_CONTEXT_S else 0
