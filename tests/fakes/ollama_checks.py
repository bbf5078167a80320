"""What Ollama refuses of a request for a model that it has: options, abilities, formats, tools."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.fakes import ollama_names
from tests.fakes.ollama_refusals import refused, runner_refused

if TYPE_CHECKING:
    from tests.fakes.catalogue import JsonObject, Model

_INTEGERS = (
    *("num_keep", "seed", "num_predict", "top_k", "repeat_last_n", "num_ctx", "num_batch", "num_gpu", "main_gpu"),
    *("num_thread", "draft_num_predict"),
)
_FLOATS = ("top_p", "min_p", "typical_p", "temperature", "repeat_penalty", "presence_penalty", "frequency_penalty")
_PRIMITIVES = frozenset(("object", "array", "string", "number", "integer", "boolean", "null"))


def check_options(body: JsonObject) -> None:
    """``options`` are read when the runner is chosen; their mistakes are 500."""
    for name, value in (body.get("options") or {}).items():
        if value is None:
            continue
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if name in _INTEGERS and not is_number:
            raise refused(f'option "{name}" must be of type integer', 500)
        if name in _FLOATS and not is_number:
            raise refused(f'option "{name}" must be of type float32', 500)
        if name == "use_mmap" and not isinstance(value, bool):
            raise refused('option "use_mmap" must be of type boolean', 500)
        if name == "stop" and not isinstance(value, list):
            raise refused('option "stop" must be of type array', 500)
        if name == "stop" and not all(isinstance(one, str) for one in value):
            raise refused('option "stop" must be of an array of strings', 500)


def check_abilities(body: JsonObject, name: str, model: Model, verb: str, needed: list[str]) -> None:
    full = ollama_names.parse(model.name).full
    if body.get("think") and not model.can("thinking"):
        raise refused(f'"{name}" does not support thinking')
    if not model.can("completion"):
        raise refused(f'"{name}" does not support {verb}')
    lacking = [capability for capability in needed if not model.can(capability)]
    if lacking:
        raise refused(f"{full} does not support {lacking[0]}")


def check_format(body: JsonObject, content_type: str) -> None:
    wanted = body.get("format")
    if wanted in (None, "", "json"):
        return
    if not isinstance(wanted, dict):
        raw = json.dumps(json.dumps(wanted, ensure_ascii=False), ensure_ascii=False)
        message = f'invalid format: {raw}; expected "json" or a valid JSON Schema object'
        raise refused(message, 500, content_type=content_type)
    problems = _schema_problems(wanted)
    if problems:
        message = f"Field 'json_schema': JSON schema conversion failed:\n{problems[0]}"
        raise runner_refused(message, content_type=content_type)


def check_tools(body: JsonObject, content_type: str) -> None:
    """llama-server sees of a schema what Ollama's structs keep of it (ollama-vscode#36)."""
    kept = ("type", "$defs", "items", "required", "properties")
    schemas = []
    for tool in body.get("tools") or ():
        given = ((tool or {}).get("function") or {}).get("parameters") or {}
        held = {name: given[name] for name in kept if name in given}
        schemas.append({"type": "", **held, "properties": held.get("properties")})
    problems = [problem for schema in schemas for problem in _schema_problems(schema)]
    if problems:
        why = "Automatic parser generation failed: JSON schema conversion failed:\n" + "\n".join(problems)
        message = f"Unable to generate parser for this template. {why}"
        raise runner_refused(message, content_type=content_type)


def _schema_problems(schema: Any) -> list[str]:
    """What llama.cpp's grammar cannot hold (common/json-schema-to-grammar.cpp)."""
    if not isinstance(schema, dict):
        return [f"Unrecognized schema: {json.dumps(schema)}"]
    kind = schema.get("type")
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and not (pattern.startswith("^") and pattern.endswith("$")):
        return ["Pattern must start with '^' and end with '$'"]
    if isinstance(kind, str) and kind not in _PRIMITIVES:
        return ["Unrecognized schema: " + json.dumps(schema, ensure_ascii=False, separators=(",", ":"))]
    inner = list(schema["properties"].values()) if isinstance(schema.get("properties"), dict) else []
    if isinstance(schema.get("items"), dict):
        inner.append(schema["items"])
    for several in ("anyOf", "oneOf"):
        inner += schema[several] if isinstance(schema.get(several), list) else []
    return [problem for one in inner for problem in _schema_problems(one)]


def check_logprobs(body: JsonObject) -> None:
    if not 0 <= body.get("top_logprobs", 0) <= 20:
        raise refused("top_logprobs must be between 0 and 20")
