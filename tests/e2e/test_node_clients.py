"""JavaScript's clients over every kind of provider: chat, tools in two steps, dead streams, hang-ups, a wrong key.

``clients/node/loops.mjs`` runs openai, the AI SDK (its default, which speaks Responses, ``.chat``, and the provider for
Ollama) and ollama in one process, once for all tests, and prints what each of them saw.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core import jsontext
from tests.conftest import find_program
from tests.e2e.linx_process import config_for, linx_here, url_of
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Call, Reply, cut_after
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.fakes.catalogue import Kind
    from tests.fakes.exchange import Exchange

KINDS: tuple[Kind, ...] = ("ollama", "openai", "openrouter", "llamacpp", "anthropic")
CLIENTS = ("openai-node chat", "openai-node responses", "ai-sdk", "ai-sdk chat", "ai-sdk ollama", "ollama")
ABORTING = ("openai-node chat", "openai-node responses", "ai-sdk", "ollama")
SAID = "Hello from the fake."
RAIN = "It is rain in Köln."
HEARTBEAT_S = 0.2
ENDLESS = Answer(tokens=["word "] * 4000, interval_s=0.05)

pytestmark = [pytest.mark.needs("node"), pytest.mark.needs("npm")]


def reply_of(exchange: Exchange) -> Reply:
    """By the model's name, see ``loops.mjs``. The second step of a loop has the tool's result in its last message."""
    body = exchange.json
    _kind, _, does = str(body["model"]).removesuffix(":latest").partition("-")
    if does == "dead":
        return cut_after(3, "close")
    if does == "slow":
        return ENDLESS
    if does == "pause":
        return Answer(tokens=["Hello from", " the fake."], interval_s=3 * HEARTBEAT_S)
    if does == "tool":
        result = jsontext.dumps(body["messages"][-1]).decode()
        if "rain in" in result:
            return Answer(tokens=["It is ", result[result.index("rain in") :][: len("rain in Köln")], "."])
        return Answer(tokens=[], calls=[Call("weather", {"city": "Köln"})])
    return Answer()


async def collect(folder: Path, node_packages: str) -> Mapping[str, Any]:
    async with AsyncExitStack() as stack:
        fakes = []
        for kind in KINDS:
            fake = FakeProvider(kind, [f"{kind}{does}" for does in ("", "-tool", "-dead", "-slow", "-pause")])
            fake.rule = reply_of
            fakes.append(await stack.enter_async_context(fake))
        for name in ("open", "locked"):
            (folder / name).mkdir()
        config = config_for(*fakes, server={"heartbeat_s": HEARTBEAT_S})
        app = await stack.enter_async_context(linx_here(config, folder / "open"))
        locked_config = config_for(fakes[0], server={"api_key": "a-key-of-32-characters-0123456789"})
        locked = await stack.enter_async_context(linx_here(locked_config, folder / "locked"))
        node = find_program("node")
        assert node is not None
        asked = {"url": url_of(app), "locked": url_of(locked), "models": KINDS}
        with trio.fail_after(2 * HANG_S):
            done = await trio.run_process(
                [node, "loops.mjs", jsontext.dumps(asked).decode()],
                cwd=node_packages,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr.decode()
            for fake in fakes:
                slow = [call for call in fake.calls if str(call.json["model"]).partition("-")[2].startswith("slow")]
                assert len(slow) == len(ABORTING), fake
                for call in slow:
                    await call.hung_up.wait()
        return jsontext.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, node_packages: str) -> Mapping[str, Any]:
    folder = tmp_path_factory.mktemp("node")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        return trio.run(collect, folder, node_packages)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("way", ["whole", "stream"])
def test_chat(seen: Mapping[str, Any], client: str, kind: Kind, way: str) -> None:
    assert seen[client][f"{way} {kind}"] == {"answer": SAID}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("way", ["whole", "stream"])
def test_a_tool_in_two_steps(seen: Mapping[str, Any], client: str, kind: Kind, way: str) -> None:
    assert seen[client][f"tool {way} {kind}"] == {"answer": RAIN}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_pause_with_heartbeats_in_mid_answer(seen: Mapping[str, Any], client: str, kind: Kind) -> None:
    assert seen[client][f"pause {kind}"] == {"answer": SAID}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_dead_stream_is_raised_with_its_words(seen: Mapping[str, Any], client: str, kind: Kind) -> None:
    told = seen[client][f"dead {kind}"]
    assert "error" in told, told
    # ollama-ai-provider-v2 overlooks the line with the words: it is told by the connection alone.
    assert ("terminated" if client == "ai-sdk ollama" else "in mid-answer") in told["error"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", ABORTING)
def test_a_client_that_leaves(seen: Mapping[str, Any], client: str, kind: Kind) -> None:
    """That its provider was stopped is seen in ``collect``."""
    assert seen[client][f"abort {kind}"] == {"answer": "left"}


def test_a_wrong_key_is_told_at_once(seen: Mapping[str, Any]) -> None:
    told = seen["wrong key"]
    assert (told["status"], told["tries"]) == (401, 1)
