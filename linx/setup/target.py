"""What a client is told: the address of Linx, the key, and the models; and which model it should begin with.

Rule: a model is chosen for agents, which send long prompts and call tools. So first comes what is known to call
tools and to hold the client's own prompt, then what stays on the user's machines, then the larger context.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote as url_quote

DUMMY_KEY = "unused"
"""For clients that insist on a key, where Linx asks for none."""
PLACEHOLDER_MODEL = "default"
"""Where no model is known: Linx answers it, like any unknown name, by its ``default`` mappings."""
MOST_LISTED = 20
"""Models in a settings file that has to list them. A remote provider may have hundreds."""
USUAL_CONTEXT = 32_768  # tokens, for settings that want a number where Linx knows none
_NO_CHAT = re.compile(r"embed|rerank|whisper|tts|\bbge\b|dall-e|moderation|stable-diffusion|clip", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Model:
    """A model as ``/v1/models`` of Linx lists it. None is what Linx does not know."""

    name: str
    context: int | None = None
    has_tools: bool | None = None
    is_free: bool = False
    """It costs nothing, as the models on the user's own machines."""
    sees_images: bool = False
    is_loaded: bool = False

    @property
    def may_chat(self) -> bool:
        return not _NO_CHAT.search(self.name)


def model_of(entry: Any, loaded: frozenset[str] = frozenset()) -> Model | None:
    """A model from an entry of the list; None for what is no such entry."""
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str) or not entry["id"]:
        return None
    can, price, shape = entry.get("capabilities"), entry.get("pricing"), entry.get("architecture")
    context = entry.get("context_length")
    inputs = shape.get("input_modalities") if isinstance(shape, dict) else None
    return Model(
        entry["id"],
        context if isinstance(context, int) else None,
        ("tools" in can) if isinstance(can, list) else None,
        isinstance(price, dict) and price.get("prompt") == "0" and entry.get("local") is not False,
        isinstance(inputs, list) and "image" in inputs,
        entry["id"] in loaded,
    )


def by_preference(models: tuple[Model, ...], prompt_tokens: int = 0) -> list[Model]:
    """The models that chat, the best for a client whose own prompt has so many tokens first."""

    def rank(model: Model) -> tuple[bool, bool, bool, bool, int]:
        return (
            model.has_tools is False,
            model.context is not None and model.context <= prompt_tokens,
            not model.is_free,
            not model.is_loaded,
            -(model.context or 0),
        )

    return sorted((model for model in models if model.may_chat), key=rank)


@dataclass(frozen=True, slots=True)
class Target:
    """The Linx that a client is pointed at."""

    address: str
    """Such as ``http://127.0.0.1:8080``, without a path."""
    key: str | None = field(default=None, repr=False)
    """None where Linx asks for no key."""
    models: tuple[Model, ...] = ()
    wanted: str | None = None
    """The model that the user has chosen."""
    tunnel: str | None = None
    """The public address, while the tunnel is open."""

    @property
    def openai(self) -> str:
        return f"{self.address}/v1"

    @property
    def sent_key(self) -> str:
        """For clients that send a key with every request."""
        return self.key or DUMMY_KEY

    @property
    def keyed_address(self) -> str:
        """For clients that cannot send a key: it is part of the path."""
        return f"{self.address}/k/{url_quote(self.key, safe='')}" if self.key else self.address

    def find(self, name: str) -> Model | None:
        """The model of that name, which an Ollama may list with its tag."""
        names = (name, f"{name}:latest")
        return next((model for model in self.models if model.name in names), None)

    def model(self, prompt_tokens: int = 0) -> Model:
        """The model to begin with."""
        if self.wanted is not None:
            return self.find(self.wanted) or Model(self.wanted)
        chosen = by_preference(self.models, prompt_tokens)
        return chosen[0] if chosen else Model(PLACEHOLDER_MODEL)

    def listed(self, prompt_tokens: int = 0) -> list[Model]:
        """The models for a settings file that has to list them, the one to begin with first."""
        first = self.model(prompt_tokens)
        others = [model for model in by_preference(self.models, prompt_tokens) if model.name != first.name]
        return [first, *others][:MOST_LISTED]
