"""From a request to a run of a model: which model, may it, and does the prompt fit.

The order of the checks is the one of Ollama's server/routes.go, so that of two mistakes the same
one is told. A model's capabilities and contexts decide, never the test that asks.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from tests.fakes import ollama_names
from tests.fakes.catalogue import JsonObject, Model
from tests.fakes.ollama_refusals import (
    JSON_TYPE,
    NO_IMAGES,
    PLAIN_JSON,
    TOO_LONG,
    not_found,
    not_signed_in,
    refused,
    runner_refused,
    unreachable,
)

if TYPE_CHECKING:
    from tests.fakes.ollama_state import OllamaState, Runner
    from tests.fakes.provider import FakeProvider
    from tests.fakes.scripted import Answer

CLOUD = "https://ollama.com:443"
_WORDS = re.compile(r"\w+|[^\w\s]")
_INTEGERS = (
    *("num_keep", "seed", "num_predict", "top_k", "repeat_last_n", "num_ctx", "num_batch", "num_gpu", "main_gpu"),
    *("num_thread", "draft_num_predict"),
)
_FLOATS = (*("top_p", "min_p", "typical_p", "temperature", "repeat_penalty", "presence_penalty", "frequency_penalty"),)
_PRIMITIVES = frozenset(("object", "array", "string", "number", "integer", "boolean", "null"))
_KEPT = 4  # num_keep


@dataclass(frozen=True)
class Run:
    """A request that a model answers."""

    body: JsonObject
    name: str
    """As the request has it; the answer repeats it."""
    model: Model
    answer: Answer
    what: Literal["answer", "load", "unload"] = "answer"

    @property
    def may_think(self) -> bool:
        return self.body.get("think") is not False

    @property
    def num_predict(self) -> object:
        return (self.body.get("options") or {}).get("num_predict")


# --- which model --------------------------------------------------------------------------


def check_cloud(state: OllamaState, path: str) -> None:
    """What stands between this server and ollama.com. Raises RequestRefused."""
    if not state.is_online:
        raise refused(unreachable("Post", f"{CLOUD}{path}?ts=1795872685"), 502)
    if state.account != "signed in":
        raise not_signed_in()


def find_model(provider: FakeProvider, asked: str, path: str, *, empty: Any, missing: Any = not_found) -> Model:
    """The model that a name means, on this machine or in the cloud. Raises RequestRefused."""
    ref = ollama_names.reference(asked)
    if not asked.strip():
        raise empty
    if ref.is_contradictory:
        raise refused(f'use either :local or :cloud, not both: "{asked}"')
    if not ref.name.is_valid:
        raise refused("invalid model name")
    if ref.source == "cloud":
        check_cloud(provider.ollama, path)
        return Model(asked, ("completion", "tools", "thinking"), 131072, remote=(ref.base, CLOUD))
    model = provider.model(ref.base)
    if model is None or (ref.source == "local" and model.remote is not None):
        raise missing(asked)
    return model


def _check_remote(provider: FakeProvider, model: Model, path: str) -> None:
    """A stub's host is asked by Ollama's own client, whose failure is a 500."""
    assert model.remote is not None
    if not provider.ollama.is_online:
        raise refused(unreachable("Post", f"{model.remote[1]}{path}"), 500)
    if provider.ollama.account != "signed in":
        raise not_signed_in()


# --- may it -------------------------------------------------------------------------------


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


def _check_abilities(body: JsonObject, name: str, model: Model, verb: str, needed: list[str]) -> None:
    full = ollama_names.parse(model.name).full
    if body.get("think") and not model.can("thinking"):
        raise refused(f'"{name}" does not support thinking')
    if not model.can("completion"):
        raise refused(f'"{name}" does not support {verb}')
    lacking = [capability for capability in needed if not model.can(capability)]
    if lacking:
        raise refused(f"{full} does not support {lacking[0]}")


def start(provider: FakeProvider, model: Model, body: JsonObject) -> Runner:
    """The runner for a request, loaded where it is not. Raises RequestRefused."""
    check_options(body)
    num_ctx = (body.get("options") or {}).get("num_ctx")
    wanted = int(num_ctx) if num_ctx is not None and num_ctx > 0 else None
    if wanted is not None and model.context_length is not None:
        wanted = min(wanted, model.context_length)
    return provider.ollama.load(model, wanted, may_shift=model.can_shift and body.get("shift") is not False)


def _check_format(body: JsonObject, content_type: str) -> None:
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


def _check_tools(body: JsonObject, content_type: str) -> None:
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


# --- does it fit --------------------------------------------------------------------------


def count(text: str) -> int:
    """Tokens of a text, roughly: a word or a mark each."""
    return sum(1 for _ in _WORDS.finditer(text))


def _count_message(message: JsonObject) -> int:
    calls = message.get("tool_calls")
    return 5 + count(message.get("content") or "") + (count(json.dumps(calls)) if calls else 0)


def _count_chat(messages: list[JsonObject], tools: int) -> int:
    return 4 + tools + sum(map(_count_message, messages))


def _fitting_messages(messages: list[JsonObject], tools: int, num_ctx: int) -> list[JsonObject]:
    """Messages are dropped from the front, except system messages and the last one (server/prompt.go)."""
    for first in range(len(messages)):
        system = [message for message in messages[:first] if message.get("role") == "system"]
        kept = [*system, *messages[first:]]
        if _count_chat(kept, tools) <= num_ctx or first == len(messages) - 1:
            return kept
    return messages


def _prompt_tokens(body: JsonObject, counted: int, runner: Runner, content_type: str) -> int | None:
    """How many tokens of a prompt were read; None: all that there were. Raises RequestRefused."""
    num_ctx = runner.num_ctx
    if body.get("truncate") is False:
        if counted > num_ctx:
            message = f"request ({counted} tokens) exceeds the available context size ({num_ctx} tokens)"
            raise runner_refused(
                f"{message}, try increasing it",
                "exceed_context_size_error",
                content_type=content_type,
                n_prompt_tokens=counted,
                n_ctx=num_ctx,
            )
        return None
    if counted <= num_ctx - 1:
        return None
    if not runner.may_shift:
        raise refused(TOO_LONG, content_type=content_type)
    return num_ctx - max((num_ctx - min(_KEPT, num_ctx - 1)) // 2, 1)


def _read(answer: Answer, tokens: int | None) -> Answer:
    return answer if tokens is None else replace(answer, prompt_tokens=tokens)


# --- the two ways to generate ---------------------------------------------------------------


def _check_logprobs(body: JsonObject) -> None:
    if not 0 <= body.get("top_logprobs", 0) <= 20:
        raise refused("top_logprobs must be between 0 and 20")


def _runner_type(body: JsonObject) -> str:
    """Errors of the runner come through the stream, if there is to be one."""
    return JSON_TYPE if body.get("stream") is False else PLAIN_JSON


def chat(provider: FakeProvider, body: JsonObject, answer: Answer, *, relaxes_thinking: bool = False) -> Run:
    _check_logprobs(body)
    name = body.get("model", "")
    model = find_model(provider, name, "/api/chat", empty=refused("model is required"))
    messages: list[JsonObject] = [message or {} for message in body.get("messages", [])]
    run = Run(body, name, model, answer)
    if not messages and body.get("keep_alive") == 0:
        provider.ollama.unload(model)
        return replace(run, what="unload")
    if model.remote is not None:
        if ollama_names.reference(name).source != "cloud":
            _check_remote(provider, model, "/api/chat")
        return run if messages else replace(run, what="load")
    if relaxes_thinking and not model.can("thinking"):
        body.pop("think", None)
    _check_abilities(body, name, model, "chat", ["tools"] if body.get("tools") else [])
    runner = start(provider, model, body)
    if not messages:
        return replace(run, what="load")
    tools = count(json.dumps(body["tools"])) if body.get("tools") else 0
    if body.get("truncate") is not False:
        messages = _fitting_messages(messages, tools, runner.num_ctx)
    content_type = _runner_type(body)
    if not model.can("vision") and any(message.get("images") for message in messages):
        raise runner_refused(NO_IMAGES, content_type=content_type)
    _check_format(body, content_type)
    if model.has_own_template:
        _check_tools(body, content_type)
    read = _prompt_tokens(body, _count_chat(messages, tools), runner, content_type)
    return replace(run, answer=_read(answer, read))


def generate(provider: FakeProvider, body: JsonObject, answer: Answer) -> Run:
    _check_logprobs(body)
    name, prompt = body.get("model", ""), body.get("prompt", "")
    model = find_model(provider, name, "/api/generate", empty=not_found(name))
    run = Run(body, name, model, answer)
    if model.remote is not None:
        if ollama_names.reference(name).source != "cloud":
            _check_remote(provider, model, "/api/generate")
        return run if prompt else replace(run, what="load")
    if not prompt and body.get("keep_alive") == 0:
        provider.ollama.unload(model)
        return replace(run, what="unload")
    if body.get("raw") and (body.get("template") or body.get("system") or body.get("context")):
        raise refused("raw mode does not support template, system, or context")
    _check_abilities(body, name, model, "generate", ["insert"] if body.get("suffix") else [])
    runner = start(provider, model, body)
    if not prompt:
        return replace(run, what="load")
    template = body.get("template", "")
    if template.count("{{") > template.count("}}"):
        raise refused("template: :1: unclosed action", 500)
    content_type = _runner_type(body)
    if not model.can("vision") and body.get("images"):
        raise runner_refused(NO_IMAGES, content_type=content_type)
    _check_format(body, content_type)
    counted = count(prompt) if body.get("raw") else 9 + count(prompt) + count(body.get("system", ""))
    read = _prompt_tokens(body, counted, runner, content_type)
    return replace(run, answer=_read(answer, read))
