"""Models as Ollama lists and describes them, for those models that are at no Ollama.

Ollama's clients refuse an entry that lacks a field, and hide a model whose abilities or
context length they are not told. So every field is there, guessed where nothing is known.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.dialects.ollama.answer import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linx.core.chat import JsonObject

ARCHITECTURE = "linx"
USUAL_CONTEXT = 32768
"""Tokens; what Ollama's clients themselves assume where they are told nothing."""
FOR_EVER = "2318-01-01T00:00:00Z"
"""When a model is unloaded that always stays: Ollama itself names a year as far away."""
_ORDER = ("completion", "tools", "insert", "vision", "embedding", "thinking", "image", "audio")
_SIZE = re.compile(r"(?<![a-z0-9.])(\d{1,4}(?:\.\d{1,2})?)([bm])(?![a-z0-9])", re.IGNORECASE)
_QUANTIZATION = re.compile(
    r"(?<![a-z0-9])(i?q\d(?:_[a-z0-9]{1,2}){1,3}|q\d|[bf]p?16|f32|mxfp4)(?![a-z0-9])", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Described:
    """A model as far as its provider's list tells; None means unknown."""

    name: str
    """As clients ask for it."""
    provider: str
    served: str
    """The provider's own name for it."""
    is_file: bool = False
    """Is it a model file of a llama.cpp?"""
    context_length: int | None = None
    capabilities: frozenset[str] | None = None
    created: float = 0.0
    """Seconds since 1970."""
    listed: JsonObject = field(default_factory=dict)


def entry(model: Described) -> JsonObject:
    """One model of /api/tags.

    ``model`` is the id by which clients tell models apart: Open WebUI takes it for the same one as an id of /v1/models
    only if both are equal. Before its 0.8.0 (open-webui#21331) it added ``:latest`` to a name without a tag, and found
    only models that were listed so.
    """
    context = model.context_length
    return {
        "name": model.name,
        "model": model.name,
        "modified_at": timestamp(model.created),
        "size": _size(model),
        "digest": _digest(model),
        "details": {**_details(model), **({"context_length": context} if context is not None else {})},
        "capabilities": capabilities(model),
    }


def running(model: Described) -> JsonObject:
    """One model of /api/ps."""
    listed = entry(model)
    del listed["modified_at"], listed["capabilities"]
    listed["details"] = _details(model)
    context = model.context_length or USUAL_CONTEXT
    return {**listed, "expires_at": FOR_EVER, "size_vram": listed["size"], "context_length": context}


def shown(model: Described) -> JsonObject:
    """The whole of /api/show."""
    context = model.context_length or USUAL_CONTEXT
    info: JsonObject = {
        "general.architecture": ARCHITECTURE,
        "general.basename": model.name.removesuffix(":latest"),
        f"{ARCHITECTURE}.context_length": context,
    }
    meta = _meta(model)
    for own, name in (("n_embd", f"{ARCHITECTURE}.embedding_length"), ("n_params", "general.parameter_count")):
        if isinstance(meta.get(own), int):
            info[name] = meta[own]
    return {
        "license": "",
        "modelfile": f"# {model.served} of {model.provider}, through Linx\nFROM {model.name}\n",
        "parameters": f"num_ctx                        {context}",
        "template": "{{ .Prompt }}",
        "system": "",
        "details": _details(model),
        "model_info": info,
        "tensors": [],
        "capabilities": capabilities(model),
        "modified_at": timestamp(model.created),
    }


def completed(answer: JsonObject, model: Described) -> JsonObject:
    """An Ollama's own /api/show, with what older versions leave out and clients insist on."""
    own = {key: value for key, value in answer.items() if value is not None}
    missing = {key: value for key, value in shown(model).items() if key in ("details", "modified_at", "capabilities")}
    return own | {key: value for key, value in ({"model_info": {}} | missing).items() if key not in own}


def capabilities(model: Described) -> list[str]:
    known: Iterable[str] | None = model.capabilities
    if not known:
        known = ("embedding",) if "embed" in f"{model.name} {model.served}".lower() else ("completion", "tools")
    return sorted(known, key=lambda word: (_ORDER.index(word) if word in _ORDER else len(_ORDER), word))


def _details(model: Described) -> JsonObject:
    parameters = _meta(model).get("n_params")
    size = _SIZE.search(model.served)
    quantization = _QUANTIZATION.search(model.served)
    if isinstance(parameters, int) and parameters > 0:
        shown_size = f"{parameters / 1e9:.1f}B" if parameters >= 1e9 else f"{parameters / 1e6:.2f}M"
    else:
        shown_size = f"{size[1]}{size[2].upper()}" if size is not None else ""
    return {
        "parent_model": "",
        "format": "gguf" if model.is_file else "",
        "family": ARCHITECTURE,
        "families": [ARCHITECTURE],
        "parameter_size": shown_size,
        "quantization_level": quantization[1].upper() if quantization is not None else "",
    }


def _size(model: Described) -> int:
    """Bytes on disk. For a model elsewhere the bytes of its entry, as Ollama does for its own remote models."""
    size = _meta(model).get("size")
    return size if isinstance(size, int) and size > 0 else len(jsontext.dumps(model.listed or model.served))


def _digest(model: Described) -> str:
    return hashlib.sha256(f"{model.provider}\n{model.served}".encode("utf-8", "replace")).hexdigest()


def _meta(model: Described) -> dict[str, Any]:
    meta = model.listed.get("meta")
    return meta if isinstance(meta, dict) else {}
