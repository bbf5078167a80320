"""One model of a provider, as far as the provider's lists tell.

Rule: a model is never changed, and neither is a provider's mapping of models: what is learnt makes new ones. So whoever
has made something of them sees by identity whether that still holds (``linx.handlers.models.kept``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linx.core.chat import JsonObject
    from linx.providers.prices import Price


@dataclass(frozen=True, slots=True)
class Model:
    """One model that a provider has. None means unknown."""

    name: str
    context_length: int | None = None
    """Tokens that it was trained for."""
    capabilities: frozenset[str] | None = None
    """In Ollama's words: completion, tools, vision, thinking, …"""
    price: Price | None = None
    created: int | None = None
    """Seconds since 1970."""
    set_context: int | None = None
    """Tokens that its Modelfile allows (``PARAMETER num_ctx``)."""
    size: int | None = None
    """Bytes of its weights."""
    is_remote: bool = False
    """Does the provider send its prompts to another machine? As an Ollama does for a cloud model."""
    listed: JsonObject = field(default_factory=dict)
    """The provider's own entry for it."""
