"""Single requests in front of picky servers: each face, forms of the answer, foreign histories, what no row helps."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core import jsontext
from tests.e2e.http_client import Answer, ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.picky.server import PickyServer
from tests.fakes.picky.servers import BY_NAME
from tests.fakes.provider import FakeProvider

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fakes.picky.server import Asked

JsonObject = dict[str, Any]
CHAT, OLLAMA, MESSAGES, RESPONSES = "/v1/chat/completions", "/api/chat", "/v1/messages", "/v1/responses"
EMBEDDINGS = "/v1/embeddings"
USER: JsonObject = {"role": "user", "content": "hi"}
TALK: JsonObject = {"messages": [USER], "stream": True}
SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"city_of_birth": {"type": "string"}},
    "required": ["city_of_birth"],
    "additionalProperties": False,
}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}}
TOOLS: list[JsonObject] = [
    {"type": "function", "function": {"name": name, "description": f"[{name}] x", "parameters": {"type": "object"}}}
    for name in ("walk", "swim")
]
SWIM = {"type": "function", "function": {"name": "swim"}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
FOREIGN = [
    USER,
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": f"call_{letter * 24}", "type": "function", "function": {"name": "walk", "arguments": "{}"}}
            for letter in "ab"
        ],
    },
    *({"role": "tool", "tool_call_id": f"call_{letter * 24}", "content": f"OUTPUT-{letter}"} for letter in "ab"),
]
"""Two calls that another provider's model made, without reasoning and without signatures."""
FOLLOWED = [*FOREIGN, {"role": "user", "content": "and NOW"}]


def anything(_body: JsonObject) -> bool:
    return True


def swims(body: JsonObject) -> bool:
    return body["tool_choice"] == "required" and [tool["function"]["name"] for tool in body["tools"]] == ["swim"]


def asks_for_json(body: JsonObject) -> bool:
    """The form that is left, and the schema where the model reads it."""
    return "city_of_birth" in jsontext.dumps(body["messages"]).decode()


def folds(body: JsonObject) -> bool:
    said = jsontext.dumps(body["messages"]).decode()
    ids = [call["id"] for message in body["messages"] for call in message.get("tool_calls") or ()]
    results = [message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"]
    return ids == results and all(words in said for words in ("OUTPUT-a", "OUTPUT-b", "and NOW"))


def keeps(name: str) -> Callable[[JsonObject], bool]:
    return lambda body: name in body


def has_effort(*levels: object) -> Callable[[JsonObject], bool]:
    return lambda body: body.get("reasoning_effort", body.get("think")) in levels


@dataclass(frozen=True)
class Once:
    """A request, and what must be true of the body that the server takes in the end."""

    server: str
    path: str
    body: JsonObject
    holds: Callable[[JsonObject], bool] = anything
    is_of_one_prompt: bool = False
    """Is what was adapted true of one prompt only, so that it is not remembered?"""


def has_no_limit(body: JsonObject) -> bool:
    return not {"max_tokens", "max_completion_tokens"} & body.keys()


def is_affordable(body: JsonObject) -> bool:
    return bool(body["max_tokens"] == 4717)


ONCE: dict[str, Once] = {
    "choice": Once("lmstudio", CHAT, {**TALK, "tools": TOOLS, "tool_choice": SWIM}, swims),
    "choice-responses": Once(
        "lmstudio",
        RESPONSES,
        {
            "input": "hi",
            "tools": [{"type": "function", **tool["function"]} for tool in TOOLS],
            "tool_choice": {"type": "function", "name": "swim"},
        },
        swims,
    ),
    "choice-messages": Once(
        "lmstudio",
        MESSAGES,
        {
            "messages": [USER],
            "max_tokens": 99,
            "tools": [{"name": name, "input_schema": {"type": "object"}} for name in ("walk", "swim")],
            "tool_choice": {"type": "tool", "name": "swim"},
        },
        swims,
    ),
    "json-object": Once("lmstudio", CHAT, {**TALK, "response_format": {"type": "json_object"}}),
    "json-of-ollama": Once("lmstudio", OLLAMA, {**TALK, "format": "json"}),
    "json-schema": Once("deepseek", CHAT, {**TALK, "response_format": JSON_SCHEMA}, asks_for_json),
    "json-schema-whole": Once("deepseek", CHAT, {"messages": [USER], "response_format": JSON_SCHEMA}, asks_for_json),
    "json-schema-422": Once("deepseek-old", CHAT, {**TALK, "response_format": JSON_SCHEMA}, asks_for_json),
    "json-schema-responses": Once(
        "deepseek",
        RESPONSES,
        {"input": "hi", "stream": True, "text": {"format": {"type": "json_schema", "name": "p", "schema": SCHEMA}}},
        asks_for_json,
    ),
    "json-schema-of-ollama": Once("deepseek", OLLAMA, {**TALK, "format": SCHEMA}, asks_for_json),
    "embeddings": Once("voyage", EMBEDDINGS, {"input": "a", "encoding_format": "float"}),
    "embeddings-of-ollama": Once("voyage", "/api/embed", {"input": ["a"]}),
    "limit-of-ollama": Once(
        "gpt", OLLAMA, {**TALK, "options": {"num_predict": 50, "temperature": 0.2}}, keeps("max_completion_tokens")
    ),
    "limit-of-messages": Once(
        "gpt", MESSAGES, {"messages": [USER], "max_tokens": 50, "stream": True}, keeps("max_completion_tokens")
    ),
    **{
        f"{server}-{path.rpartition('/')[2]}": Once(server, path, {**body, "stream": bool(stream % 2)}, holds, True)
        for stream, (server, holds) in enumerate(
            (
                ("vllm-room", has_no_limit),
                ("openrouter-room", has_no_limit),
                ("openrouter-credit", is_affordable),
            )
        )
        for path, body in (
            (CHAT, {"messages": [USER], "max_tokens": 16_380}),
            (MESSAGES, {"messages": [USER], "max_tokens": 16_380}),
            (RESPONSES, {"input": "hi", "max_output_tokens": 16_380}),
            (OLLAMA, {"messages": [USER], "options": {"num_predict": 16_380}}),
        )
    },
    "limit-whole": Once("gpt", CHAT, {"messages": [USER], "max_tokens": 50}, keeps("max_completion_tokens")),
    "limit-of-mistral": Once("mistral-2026", CHAT, {**TALK, "max_completion_tokens": 50}, keeps("max_tokens")),
    "limit-of-github": Once("github-models", CHAT, {**TALK, "max_completion_tokens": 50}, keeps("max_tokens")),
    **{
        f"dropped-{name}": Once("gpt-sampling", CHAT, {**TALK, "temperature": 0.5, name: value}, keeps("temperature"))
        for name, value in (("logit_bias", {"1": 1}), ("presence_penalty", 0.1))
    },
    "dropped-by-groq": Once("groq", CHAT, {**TALK, "logit_bias": {"1": 1}, "seed": 7}, keeps("seed")),
    "dropped-by-cerebras": Once("cerebras", CHAT, {**TALK, "tools": TOOLS, "parallel_tool_calls": False}),
    "dropped-verbosity": Once("gpt-4o", CHAT, {**TALK, "verbosity": "low", "seed": 7}, keeps("seed")),
    "user-of-claude-code": Once(
        "gpt-4o",
        MESSAGES,
        {"messages": [USER], "max_tokens": 50, "metadata": {"user_id": "device_" + "0f" * 70}},
        lambda body: "user" not in body and "metadata" not in body,
    ),
    "user-of-cursor": Once(
        "gpt-4o", CHAT, {**TALK, "user": "google-oauth2|user_" + "0f" * 30}, lambda body: len(body["user"]) == 32
    ),
    "dropped-tier": Once("gpt-4o", CHAT, {**TALK, "service_tier": "flex"}),
    "dropped-by-xai": Once("xai", CHAT, {**TALK, "frequency_penalty": 0.1, "temperature": 0.3}, keeps("temperature")),
    "dropped-by-gemini": Once("gemini", CHAT, {**TALK, "store": True, "prompt_cache_key": "k"}),
    "effort-xhigh": Once("gpt-levels", CHAT, {**TALK, "reasoning_effort": "xhigh"}, has_effort("high")),
    "effort-max": Once("gpt-levels", CHAT, {**TALK, "reasoning_effort": "max"}, has_effort("high")),
    "effort-minimal": Once("pydantic-levels", CHAT, {**TALK, "reasoning_effort": "minimal"}, has_effort("low", None)),
    "effort-none": Once("gpt-levels", CHAT, {**TALK, "reasoning_effort": "none"}, has_effort("minimal", None)),
    "effort-of-xai": Once("xai", CHAT, {**TALK, "reasoning_effort": "low"}, has_effort(None)),
    "effort-step": Once("bare-levels", CHAT, {**TALK, "reasoning_effort": "max"}, has_effort("medium")),
    "think-max": Once("ollama-levels", OLLAMA, {**TALK, "think": "max"}, has_effort("high")),
    "think-xhigh": Once("ollama-levels", CHAT, {**TALK, "reasoning_effort": "xhigh"}, has_effort("high")),
    "think-word": Once("ollama-boolean", OLLAMA, {**TALK, "think": "low"}, has_effort(True)),
    "think-level": Once("ollama-no-levels", CHAT, {**TALK, "reasoning_effort": "low"}, has_effort(True)),
    "think-never": Once("ollama-no-thinking", CHAT, {**TALK, "reasoning_effort": "low"}, has_effort(None, False)),
    "systems-of-ollama": Once(
        "minimax",
        OLLAMA,
        {"messages": [{"role": "system", "content": "A"}, {"role": "system", "content": "B"}, USER], "stream": True},
    ),
    "ids-of-others": Once("mistral-2026", CHAT, {**TALK, "messages": FOREIGN, "tools": TOOLS}),
    "ids-and-order": Once("mistral-2026", CHAT, {**TALK, "messages": FOLLOWED, "tools": TOOLS}, folds),
    "ids-and-order-old": Once("mistral", CHAT, {**TALK, "messages": FOLLOWED, "tools": TOOLS}, folds),
    "unsigned-calls": Once("gemini", CHAT, {**TALK, "messages": FOREIGN, "tools": TOOLS}),
    "forgotten-reasoning": Once("deepseek", CHAT, {**TALK, "messages": FOREIGN, "tools": TOOLS}),
    "forgotten-reasoning-kimi": Once("kimi", CHAT, {**TALK, "messages": FOREIGN, "tools": TOOLS}),
}


@dataclass(frozen=True)
class Cannot:
    """A request that no row helps: another candidate, or the error."""

    server: str
    body: JsonObject
    words: str


CANNOT: dict[str, Cannot] = {
    "no-tools": Cannot("ollama-no-tools", {**TALK, "tools": TOOLS}, "does not support tools"),
    **{
        server: Cannot(server, {"messages": [{"role": "user", "content": [PICTURE]}], "stream": True}, words)
        for server, words in (
            ("deepseek-blind", "image"),
            ("vllm-blind", "multimodal"),
            ("llamacpp-blind", "image"),
            ("ollama-blind", "multimodal"),
        )
    },
}


@dataclass
class Done:
    answers: list[Answer] = field(default_factory=list)
    asked: list[list[Asked]] = field(default_factory=list)
    state: JsonObject = field(default_factory=dict)
    was_sent_elsewhere: bool = False


async def _do_all(folder: Path) -> dict[str, Done]:
    done: dict[str, Done] = {}
    async with AsyncExitStack() as stack:
        kinds = {name: once.server for name, once in ONCE.items()} | {n: c.server for n, c in CANNOT.items()}
        servers = {
            name: await stack.enter_async_context(PickyServer(BY_NAME[server], [name]))
            for name, server in kinds.items()
        }
        paid = await stack.enter_async_context(FakeProvider("openrouter", list(kinds), api_key="sk-paid"))
        fakes = [*(server.fake for server in servers.values()), paid]
        config = config_for(*fakes, names=(*kinds, "paid"), providers={"paid": {"local": False}})
        app = await stack.enter_async_context(linx_here(config, folder))
        port = app.bound[0][1]
        for name, once in ONCE.items():
            done[name] = await _do(port, servers[name], once.path, [{**once.body, "model": name}] * 2)
        for name, cannot in CANNOT.items():
            bodies = [{**cannot.body, "model": model} for model in (f"{name}/{name}", name)]
            done[name] = await _do(port, servers[name], CHAT, bodies)
        states = (await ask(port, "/v1/providers/status")).json["data"]
        for entry in states:
            if entry["name"] in done:
                done[entry["name"]].state = entry
        for call in paid.calls:
            done[call.json["model"]].was_sent_elsewhere = True
    return done


async def _do(port: int, server: PickyServer, path: str, bodies: list[JsonObject]) -> Done:
    done = Done()
    for body in bodies:
        before = len(server.asked)
        done.answers.append(await ask(port, path, body))
        done.asked.append(server.asked[before:])
    return done


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    """All requests, one Linx for all of them."""
    return trio.run(_do_all, tmp_path_factory.mktemp("once"))


def _is_well(done: Done) -> bool:
    return (done.state["state"], done.state["consecutive_failures"]) == ("up", 0)


@pytest.mark.parametrize("name", ONCE)
def test_one_request_is_adapted_and_the_next_is_right_at_once(name: str, done: dict[str, Done]) -> None:
    mine = done[name]
    first, second = mine.answers
    refused = [[asked.refused_by for asked in asks] for asks in mine.asked]
    assert (first.status, second.status) == (200, 200), f"{refused} {first.body.decode()[:600]}"
    assert b'"error":{' not in first.body, first.body
    assert not mine.was_sent_elsewhere, refused
    assert len(refused[0]) <= 4
    assert refused[0][-1] is None
    assert refused[1] == (refused[0] if ONCE[name].is_of_one_prompt else [None])
    assert first.headers.get("x-linx-adapted") or len(refused[0]) == 1
    assert all(ONCE[name].holds(asks[-1].body) for asks in mine.asked), mine.asked[0][-1].body
    assert _is_well(mine)
    assert mine.state["failures"] == 0


@pytest.mark.parametrize("name", CANNOT)
def test_what_no_row_helps_goes_to_the_next_or_is_told(name: str, done: dict[str, Done]) -> None:
    alone, with_another = done[name].answers
    assert 400 <= alone.status < 500
    assert CANNOT[name].words in alone.json["error"]["message"]
    assert len(done[name].asked[0]) <= 2, "words as vague as llama.cpp's may cost one ask more, and no others"
    assert with_another.status == 200
    assert with_another.headers["x-linx-provider"] == "paid"
    assert _is_well(done[name])
