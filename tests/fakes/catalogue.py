"""What the fake provider has: its models, and how each kind lists and describes them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

JsonObject = dict[str, Any]
Kind = Literal["ollama", "openai", "openrouter", "llamacpp", "anthropic"]

CREATED = 1_755_800_000
MODIFIED = "2026-01-02T03:04:05.678901234Z"
OLLAMA_VERSION = "0.33.0"
EMBEDDING_LENGTH = 8


@dataclass(frozen=True)
class Model:
    name: str
    capabilities: Sequence[str] = ("completion", "tools")
    context_length: int | None = 8192
    price: tuple[str, str] | None = ("0.0000005", "0.0000015")
    """OpenRouter's decimal strings, USD per token: prompt, completion."""
    # Ollama's alone, from here on:
    remote: tuple[str, str] | None = None
    """The model that a stub stands for, and the host that runs it."""
    default_num_ctx: int | None = None
    """What a runner gets without ``num_ctx`` in the request; None: all that the model can hold."""
    parameters: Sequence[tuple[str, Any]] = (("stop", "<|im_end|>"),)
    template: str = "{{ .Prompt }}"
    system: str = ""
    can_embed: bool = True
    """False: its runner was started without ``--embeddings``, as 0.33 does for a model without a
    pooling type. Earlier runners made vectors with every model, and most tests ask for both."""
    can_shift: bool = True
    """False: a family whose context is never shifted, such as deepseek2."""
    has_own_template: bool = False
    """Its chat template is llama-server's work, which makes a grammar of every offered tool."""
    embedding_length: int = EMBEDDING_LENGTH
    parameter_size: str = "8.0B"
    quantization: str = "Q4_K_M"

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.name.encode()).hexdigest()

    @property
    def size(self) -> int:
        return 1_000_000 + len(self.name)

    @property
    def default_context(self) -> int:
        return self.default_num_ctx or self.context_length or 4096

    def can(self, capability: str) -> bool:
        return capability in self.capabilities


def as_model(model: str | Model) -> Model:
    return Model(model) if isinstance(model, str) else model


def openai_models(models: Sequence[Model]) -> JsonObject:
    return {"object": "list", "data": [openai_model(model) for model in models]}


def openai_model(model: Model) -> JsonObject:
    return {"id": model.name, "object": "model", "created": CREATED, "owned_by": "fake"}


def openrouter_models(models: Sequence[Model]) -> JsonObject:
    return {"data": [_openrouter_model(model) for model in models]}


def _openrouter_model(model: Model) -> JsonObject:
    entry: JsonObject = {
        "id": model.name,
        "canonical_slug": model.name,
        "name": model.name,
        "created": CREATED,
        "context_length": model.context_length,
        "architecture": {"modality": "text->text", "input_modalities": ["text"], "output_modalities": ["text"]},
        "top_provider": {"context_length": model.context_length, "max_completion_tokens": None, "is_moderated": False},
        "per_request_limits": None,
        "supported_parameters": ["max_tokens", "temperature", *(["tools"] if model.can("tools") else [])],
    }
    if model.price is not None:
        entry["pricing"] = {"prompt": model.price[0], "completion": model.price[1], "request": "0", "image": "0"}
    return entry


def llamacpp_models(models: Sequence[Model]) -> JsonObject:
    blank = {"modified_at": "", "size": "", "digest": "", "type": "model", "description": "", "tags": [""]}
    return {
        "models": [{"name": m.name, "model": m.name, **blank, "capabilities": ["completion"]} for m in models],
        "object": "list",
        "data": [
            {
                "id": model.name,
                "object": "model",
                "created": CREATED,
                "owned_by": "llamacpp",
                "meta": {"vocab_type": 2, "n_vocab": 273, "n_ctx": model.context_length, "n_ctx_train": 131072},
            }
            for model in models
        ],
    }


def llamacpp_props(model: Model) -> JsonObject:
    return {
        "default_generation_settings": {"n_ctx": model.context_length, "params": {"temperature": 0.8}},
        "total_slots": 4,
        "model_alias": model.name,
        "model_path": f"/models/{model.name}.gguf",
        "chat_template": "{{ messages }}",
        "modalities": {"vision": model.can("vision"), "audio": False},
        "build_info": "b6000-fake",
        "is_sleeping": False,
    }


MODEL_LISTS: Mapping[Kind, Callable[[Sequence[Model]], JsonObject]] = {
    "openai": openai_models,
    "openrouter": openrouter_models,
    "llamacpp": llamacpp_models,
}


def embedding(text: object, length: int = EMBEDDING_LENGTH) -> list[float]:
    """A vector of length 1 that depends on the text alone."""
    digests = (hashlib.sha256(f"{text}{block or ''}".encode()).digest() for block in range(length // 32 + 1))
    raw = [float(byte) - 127.5 for byte in b"".join(digests)[:length]]
    norm = sum(value * value for value in raw) ** 0.5
    return [value / norm for value in raw]
