"""Agents in front of picky servers: ten turns with tools, learnt at once, nobody blamed, nothing sent elsewhere."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.e2e.trial import AGENTS, BASE_RESP, Trial, converse, needs
from tests.fakes.picky.server import PickyServer
from tests.fakes.picky.servers import SERVERS
from tests.fakes.provider import FakeProvider

if TYPE_CHECKING:
    from pathlib import Path


ONE_SHOT_ONLY = frozenset(
    (
        *("voyage", "deepseek-old", "ollama-no-tools", "lmstudio", "gpt-sampling"),
        *("deepseek-blind", "vllm-blind", "llamacpp-blind", "ollama-blind"),
    )
)
"""Servers that refuse nothing of an agent's ten turns, or that no agent can use."""
PLAYED = tuple(picky for picky in SERVERS if picky.name not in ONE_SHOT_ONLY)
ALL = tuple(AGENTS)
WITH_LIMIT = ("claude-code", "cursor-chat")
WITH_EFFORT = ("claude-code", "codex", "cursor-responses")
WITH_REASONING = ("claude-code", "codex", "cursor-chat")
OF_CURSOR = ("cursor-chat", "cursor-responses")
Needs = dict[str, tuple[str, ...]]
"""By row: the agents that need it."""
_SYSTEMS: Needs = {"system_messages": ALL}
_MISTRAL: Needs = dict.fromkeys(("parameter", "reasoning_history", "system_messages", "message_order"), ALL)
_SCHEMAS: Needs = {"schemas": OF_CURSOR}
"""An Ollama takes no boolean for a schema; Cursor's has one."""
NEEDS: dict[str, Needs] = {
    "ollama-qwen": {**_SYSTEMS, **_SCHEMAS},
    **dict.fromkeys(("llamacpp-qwen-500", "llamacpp-qwen-400", "vllm-qwen", "vllm-qwen-old"), _SYSTEMS),
    **dict.fromkeys(("lmstudio-qwen", "minimax"), _SYSTEMS),
    "minimax-200": {**_SYSTEMS, BASE_RESP: WITH_EFFORT},
    "groq": {"reasoning_history": WITH_REASONING},
    "cerebras": {"reasoning_history": WITH_REASONING},
    "kimi": {"reasoning_history": ALL},
    "deepseek": {"reasoning_history": ALL, "tool_names": ALL},
    "mistral": _MISTRAL,
    "mistral-2026": _MISTRAL,
    "mistral-long-ids": dict.fromkeys(("call_ids", "system_messages", "message_order"), ALL),
    "gpt": {"answer_limit_name": WITH_LIMIT, "parameter": WITH_LIMIT},
    "gpt-levels": {"reasoning_level": ("codex",)},
    "gpt-codex": {"reasoning_level": ("claude-code", "codex")},
    "gpt-low-only": {"reasoning_level": WITH_EFFORT},
    "groq-levels": {"reasoning_level": WITH_EFFORT},
    "groq-llama": {"parameter": WITH_EFFORT},
    "pydantic-levels": {"reasoning_level": ("claude-code", "codex")},
    "bare-levels": {"reasoning_level": ("claude-code", "codex")},
    "xai": {"parameter": ALL},
    "github-models": {"parameter": ALL},
    "ollama-boolean": {"think": WITH_EFFORT, **_SCHEMAS},
    "ollama-levels": {"think": ("codex",), **_SCHEMAS},
    "ollama-no-levels": {"think": WITH_EFFORT, **_SCHEMAS},
    "ollama-no-thinking": {"think": WITH_EFFORT, **_SCHEMAS},
    "llamacpp-schema": {"schemas": ("claude-code", *OF_CURSOR)},
    "llamacpp-schema-tools": {"schemas": ("claude-code", *OF_CURSOR)},
    "llamacpp-schema-500": _SCHEMAS,
    "gpt-names": {"tool_names": ("codex",)},
    "gpt-names-2026": {"tool_names": ALL},
    "dashscope": {"tool_names": ALL},
    "openrouter-anthropic": {"tool_names": OF_CURSOR},
    "gemini": {"tool_names": ALL, "thought_signature": ALL},
}
"""Conversations that fail until the table has these rows: the marks fall by themselves when it has."""
GAPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "minimax-200": ("two leading systems are not recognised without the code in the words", ("cursor-chat",)),
    "gpt-4o": ("user over 64 characters; verbosity that only param names", ALL),
    "gpt-names": ("user over 64 characters", (*WITH_LIMIT, "cursor-responses")),
}
"""What no row helps yet."""


@dataclass
class Played:
    trials: dict[str, Trial] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent_elsewhere: frozenset[str] = frozenset()


def _name(server: str, agent: str) -> str:
    """Of the provider and of its one model: what one conversation does to a provider is nothing to the next."""
    return f"{server}-{agent}"


async def _play(folder: Path) -> Played:
    played = Played()
    async with AsyncExitStack() as stack:
        servers = {
            (picky.name, agent): await stack.enter_async_context(PickyServer(picky, [_name(picky.name, agent)]))
            for picky in PLAYED
            for agent in AGENTS
        }
        names = [_name(*pair) for pair in servers]
        paid = await stack.enter_async_context(FakeProvider("openrouter", names, api_key="sk-paid"))
        fakes = [*(server.fake for server in servers.values()), paid]
        config = config_for(*fakes, names=(*names, "paid"), providers={"paid": {"local": False}})
        app = await stack.enter_async_context(linx_here(config, folder))
        port = app.bound[0][1]
        for (server, agent), picky in servers.items():
            name = _name(server, agent)
            played.trials[name] = await converse(agent, picky, port, name)
        status = await ask(port, "/v1/providers/status")
        played.states = {entry["name"]: entry for entry in status.json["data"]}
        played.sent_elsewhere = frozenset(call.json["model"] for call in paid.calls)
    return played


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """All conversations, one Linx for all of them."""
    return trio.run(_play, tmp_path_factory.mktemp("picky"))


def _marks(server: str, agent: str) -> list[pytest.MarkDecorator]:
    why, whose = GAPS.get(server, ("", ()))
    if agent in whose:
        return [pytest.mark.xfail(reason=why, strict=True)]
    return needs(*(row for row, agents in NEEDS.get(server, {}).items() if agent in agents))


def _pairs() -> list[Any]:
    return [pytest.param(picky.name, agent, marks=_marks(picky.name, agent)) for picky in PLAYED for agent in AGENTS]


@pytest.mark.parametrize(("server", "agent"), _pairs())
def test_ten_turns(server: str, agent: str, played: Played) -> None:
    name = _name(server, agent)
    trial = played.trials[name]
    if trial.failure is not None:
        raise trial.failure
    assert len(trial.refused) == 10
    adapts_from = next((at for at, refused in enumerate(trial.refused) if refused), len(trial.refused))
    assert all(trial.adapted[adapts_from:]), "what was learnt is told with each answer"
    assert name not in played.sent_elsewhere
    state = played.states[name]
    assert (state["state"], state["consecutive_failures"], state["failures"]) == ("up", 0, 0), state["last_error"]
