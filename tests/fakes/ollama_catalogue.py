"""How Ollama lists and describes its models, and the models of the recorded cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes import ollama_names
from tests.fakes.catalogue import CREATED, MODIFIED, JsonObject, Model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.fakes.ollama_state import Runner

_STOPS = (("stop", "<|im_start|>"), ("stop", "<|im_end|>"))
_REMOTE = ("gpt-oss:120b", "http://127.0.0.1:21998")


def _smol(name: str, *capabilities: str, **more: Any) -> Model:
    given: dict[str, Any] = {
        "capabilities": capabilities or ("completion",),
        "default_num_ctx": 4096,
        "parameter_size": "134.52M",
        "quantization": "Q4_1",
        "embedding_length": 576,
        "parameters": _STOPS,
        "can_embed": "embedding" in capabilities,
        **more,
    }
    return Model(name, **given)


SMOL = _smol("smol")
RECORDED = (
    Model("mycloud:120b-cloud", remote=_REMOTE, capabilities=()),
    Model("plainname", remote=_REMOTE, capabilities=()),
    _smol("smolemb512", "embedding", default_num_ctx=512),
    _smol("smolemb", "embedding", default_num_ctx=2048),
    _smol("smolfim", "completion", "insert"),
    _smol("smolthink", "completion", "thinking"),
    _smol("smoltool", "completion", "tools"),
    _smol("smol512", default_num_ctx=512, parameters=(("num_ctx", 512), *_STOPS, ("temperature", 0))),
    SMOL,
)
"""The Ollama behind tests/corpus/ollama_cases.json: one tiny model under names with other templates."""

RECOMMENDATIONS = {
    "recommendations": [
        {
            "model": "kimi-k2.6:cloud",
            "description": "State-of-the-art coding, long-horizon execution, and multimodal agent swarm capability",
            "context_length": 262144,
            "max_output_tokens": 262144,
        },
        {
            "model": "glm-5.1:cloud",
            "description": "Reasoning and code generation",
            "context_length": 202752,
            "max_output_tokens": 131072,
        },
        {
            "model": "qwen3.5:cloud",
            "description": "Reasoning, coding, and agentic tool use with vision",
            "context_length": 262144,
            "max_output_tokens": 32768,
        },
        {
            "model": "minimax-m2.7:cloud",
            "description": "Fast, efficient coding and real-world productivity",
            "context_length": 204800,
            "max_output_tokens": 128000,
        },
        {
            "model": "gemma4",
            "description": "Reasoning and code generation locally",
            "vram_bytes": 12000000000,
        },
        {
            "model": "qwen3.5",
            "description": "Reasoning, coding, and visual understanding locally",
            "vram_bytes": 14000000000,
        },
    ]
}


def details(model: Model) -> JsonObject:
    if model.remote is not None:
        empty = dict.fromkeys(("parent_model", "format", "family"), "")
        return {**empty, "families": None, "parameter_size": "", "quantization_level": ""}
    return {
        "parent_model": "",
        "format": "gguf",
        "family": "llama",
        "families": ["llama"],
        "parameter_size": model.parameter_size,
        "quantization_level": model.quantization,
    }


def _remote(model: Model) -> JsonObject:
    return {} if model.remote is None else {"remote_model": model.remote[0], "remote_host": model.remote[1]}


def tags(models: Sequence[Model]) -> JsonObject:
    return {"models": [_tag(model) for model in models]}


def _tag(model: Model) -> JsonObject:
    name = ollama_names.parse(model.name).shortest
    listed = details(model)
    if model.remote is None and model.context_length is not None:
        listed["context_length"] = model.context_length
    if model.remote is None:
        listed["embedding_length"] = model.embedding_length
    entry = {"name": name, "model": name, **_remote(model), "modified_at": MODIFIED}
    entry |= {"size": model.size, "digest": model.digest, "details": listed}
    return {**entry, "capabilities": list(model.capabilities)} if model.capabilities else entry


def ps(loaded: Sequence[tuple[Model, Runner]]) -> JsonObject:
    return {
        "models": [
            {
                "name": ollama_names.parse(model.name).shortest,
                "model": ollama_names.parse(model.name).shortest,
                "size": model.size,
                "digest": model.digest,
                "details": details(model),
                "expires_at": "2099-01-02T03:04:05Z",
                "size_vram": model.size,
                "context_length": runner.num_ctx,
            }
            for model, runner in loaded
        ]
    }


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def show(model: Model, request: JsonObject) -> JsonObject:
    """What /api/show tells; absent: a licence and a system prompt that the model does not have."""
    name = ollama_names.parse(model.name).shortest
    system = request.get("system") or model.system
    options = dict(request.get("options") or {})
    shown = [(key, value) for key, value in model.parameters if key not in options] + list(options.items())
    lines = [
        '# Modelfile generated by "ollama show"',
        "# To build a new Modelfile based on this, replace FROM with:",
        f"# FROM {name}",
        "",
        f"FROM {model.remote[0] if model.remote else model.name}",
        f'TEMPLATE "{model.template}"',
        *([f"SYSTEM {system}"] if system else []),
        *(f"PARAMETER {key} {value}" for key, value in shown),
        "",
    ]
    answer: JsonObject = {"modelfile": "\n".join(lines)}
    if model.parameters:
        answer["parameters"] = "\n".join(f"{key:30} {_literal(value)}" for key, value in model.parameters)
    answer["template"] = model.template
    if system:
        answer["system"] = system
    answer |= {"details": details(model), **_remote(model)}
    if model.remote is not None:
        return {**answer, "model_info": {}, **_capabilities(model), "modified_at": MODIFIED}
    answer |= {"model_info": _info(model, is_verbose=bool(request.get("verbose"))), "tensors": _tensors(model)}
    return {**answer, **_capabilities(model), "modified_at": MODIFIED}


def _capabilities(model: Model) -> JsonObject:
    return {"capabilities": list(model.capabilities)} if model.capabilities else {}


def _info(model: Model, *, is_verbose: bool) -> JsonObject:
    info: JsonObject = {
        "general.architecture": "llama",
        "general.basename": model.name.split(":")[0],
        "general.parameter_count": 134515008,
    }
    if model.context_length is not None:
        info["llama.context_length"] = model.context_length
    info["llama.embedding_length"] = model.embedding_length
    for name in ("merges", "token_type", "tokens"):  # tens of thousands of entries, on request
        info[f"tokenizer.ggml.{name}"] = ["a", "b"] if is_verbose else None
    return info


def _tensors(model: Model) -> list[JsonObject]:
    width = model.embedding_length
    parts = (("attn_norm", [width]), ("attn_q", [width, width]), ("ffn_down", [4 * width, width]))
    layers = ((f"blk.{layer}.{part}.weight", shape) for layer in range(8) for part, shape in parts)
    return [{"name": name, "type": "F32", "shape": shape} for name, shape in layers]


def openai_model(model_id: str) -> JsonObject:
    return {"id": model_id, "object": "model", "created": CREATED, "owned_by": "library"}
