"""From a request to the run of a model: which model is meant, may it do that, and does the prompt fit.

The order of the checks is the one of Ollama's server/routes.go, so that of two mistakes the same
one is told. A model's capabilities and contexts decide, never the test that asks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from tests.fakes import ollama_checks, ollama_context, ollama_names
from tests.fakes.catalogue import JsonObject, Model
from tests.fakes.ollama_refusals import (
    JSON_TYPE,
    NO_IMAGES,
    PLAIN_JSON,
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


def start(provider: FakeProvider, model: Model, body: JsonObject) -> Runner:
    """The runner for a request, loaded where it is not. Raises RequestRefused."""
    ollama_checks.check_options(body)
    num_ctx = (body.get("options") or {}).get("num_ctx")
    wanted = int(num_ctx) if num_ctx is not None and num_ctx > 0 else None
    if wanted is not None and model.context_length is not None:
        wanted = min(wanted, model.context_length)
    return provider.ollama.load(model, wanted, may_shift=model.can_shift and body.get("shift") is not False)


def _read(answer: Answer, tokens: int | None) -> Answer:
    """The answer counts the tokens of the prompt that were read."""
    return answer if tokens is None else replace(answer, prompt_tokens=tokens)


# --- the two ways to generate ---------------------------------------------------------------


def _runner_type(body: JsonObject) -> str:
    """Errors of the runner come through the stream, if there is to be one."""
    return JSON_TYPE if body.get("stream") is False else PLAIN_JSON


def chat(provider: FakeProvider, body: JsonObject, answer: Answer, *, relaxes_thinking: bool = False) -> Run:
    ollama_checks.check_logprobs(body)
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
    ollama_checks.check_abilities(body, name, model, "chat", ["tools"] if body.get("tools") else [])
    runner = start(provider, model, body)
    if not messages:
        return replace(run, what="load")
    tools = ollama_context.count(json.dumps(body["tools"])) if body.get("tools") else 0
    if body.get("truncate") is not False:
        messages = ollama_context.fitting_messages(messages, tools, runner.num_ctx)
    content_type = _runner_type(body)
    if not model.can("vision") and any(message.get("images") for message in messages):
        raise runner_refused(NO_IMAGES, content_type=content_type)
    ollama_checks.check_format(body, content_type)
    if model.has_own_template:
        ollama_checks.check_tools(body, content_type)
    read = ollama_context.prompt_tokens(body, ollama_context.count_chat(messages, tools), runner, content_type)
    return replace(run, answer=_read(answer, read))


def generate(provider: FakeProvider, body: JsonObject, answer: Answer) -> Run:
    ollama_checks.check_logprobs(body)
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
    ollama_checks.check_abilities(body, name, model, "generate", ["insert"] if body.get("suffix") else [])
    runner = start(provider, model, body)
    if not prompt:
        return replace(run, what="load")
    template = body.get("template", "")
    if template.count("{{") > template.count("}}"):
        raise refused("template: :1: unclosed action", 500)
    content_type = _runner_type(body)
    if not model.can("vision") and body.get("images"):
        raise runner_refused(NO_IMAGES, content_type=content_type)
    ollama_checks.check_format(body, content_type)
    counted = ollama_context.count(prompt)
    if not body.get("raw"):
        counted += 9 + ollama_context.count(body.get("system", ""))
    read = ollama_context.prompt_tokens(body, counted, runner, content_type)
    return replace(run, answer=_read(answer, read))
