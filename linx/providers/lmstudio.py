"""What an LM Studio tells of its models besides their names: ``GET /api/v0/models`` (lmstudio-ai/docs,
1_developer/2_rest/endpoints.mdx), beside its list in OpenAI's shape, which has no more than names.

Pure. An entry has a ``type`` (llm, vlm, embeddings), a ``state`` (loaded, not-loaded), ``max_context_length``,
``loaded_context_length`` and, in newer versions, ``capabilities`` (``tool_use``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from linx.providers.memory import InMemory

if TYPE_CHECKING:
    from linx.core.chat import JsonObject
    from linx.providers.model import Model

NATIVE_LIST = "/api/v0/models"
_OWNER = "organization_owner"
"""In its list in OpenAI's shape, whoever made the model."""
_TYPES = {
    "llm": frozenset({"completion"}),
    "vlm": frozenset({"completion", "vision"}),
    "embeddings": frozenset({"embedding"}),
}
"""What a model of the type can do, in Ollama's words."""


def is_lmstudio(entries: Mapping[str, JsonObject]) -> bool:
    """Is the list that of an LM Studio?"""
    return bool(entries) and all(entry.get("owned_by") == _OWNER for entry in entries.values())


def told(models: Mapping[str, Model], native: Any) -> tuple[Mapping[str, Model], Mapping[str, InMemory] | None]:
    """``models`` with what ``native`` tells of them, and those that are loaded; None where it is no such list."""
    data = native.get("data") if isinstance(native, Mapping) else None
    entries = {
        str(entry.get("id")): entry
        for entry in (data if isinstance(data, list) else ())
        if isinstance(entry, Mapping) and entry.get("type") in _TYPES.keys() | {None}
    }
    if not entries.keys() & models.keys():
        return models, None
    loaded = {
        name: InMemory(_tokens(entry.get("loaded_context_length")) or 0)
        for name, entry in entries.items()
        if entry.get("state") == "loaded"
    }
    known = {name: _with(model, entries[name]) if name in entries else model for name, model in models.items()}
    return known, loaded


def _with(model: Model, entry: Mapping[str, Any]) -> Model:
    capabilities = _TYPES.get(str(entry.get("type")))
    words = entry.get("capabilities")
    if (
        capabilities is not None
        and "completion" in capabilities
        and (not isinstance(words, list) or "tool_use" in words)
    ):
        capabilities |= {"tools"}  # older versions say nothing of tools, and take them for every model
    is_loaded = entry.get("state") == "loaded"
    tokens = (_tokens(entry.get("loaded_context_length")) if is_loaded else None) or _tokens(
        entry.get("max_context_length")
    )
    return replace(
        model, capabilities=capabilities or model.capabilities, context_length=tokens or model.context_length
    )


def _tokens(value: object) -> int | None:
    return value if type(value) is int and value > 0 else None
