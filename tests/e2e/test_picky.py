"""Agents in front of picky servers: ten turns with tools, learnt at once, nobody blamed, nothing sent elsewhere."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.e2e.trial import AGENTS, Trial, converse
from tests.fakes.picky.server import PickyServer
from tests.fakes.picky.servers import SERVERS
from tests.fakes.provider import FakeProvider

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.untraced
ONE_SHOT_ONLY = frozenset(
    (
        *("voyage", "deepseek-old", "ollama-no-tools", "lmstudio", "gpt-sampling"),
        *("vllm-room", "openrouter-room", "openrouter-credit"),
        *("deepseek-blind", "vllm-blind", "llamacpp-blind", "ollama-blind"),
    )
)
"""Servers that refuse nothing of an agent's ten turns, or that no agent can use."""
PLAYED = tuple(picky for picky in SERVERS if picky.name not in ONE_SHOT_ONLY)


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


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("server", [picky.name for picky in PLAYED])
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
