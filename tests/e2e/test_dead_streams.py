"""A provider that dies in the middle of an answer is an error in Python's clients, however it dies.

What JavaScript's clients make of it is in ``test_node_clients``; how a failed stream ends in each dialect, and why, in
docs/dead-streams.md.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import anthropic
import ollama
import openai
import pytest
import trio

from tests.e2e.linx_process import config_for, linx_here, url_of
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import cut_after
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from tests.fakes.catalogue import Kind
    from tests.fakes.exchange import Exchange
    from tests.fakes.scripted import Reply

KINDS: tuple[Kind, ...] = ("ollama", "openai", "openrouter", "llamacpp", "anthropic")
NAMES = tuple(f"my-{kind}" for kind in KINDS)
WAYS: Mapping[str, Reply] = {
    "FIN": cut_after(3, "close"),
    "reset": cut_after(3, "reset"),
    "end": cut_after(3, "end"),
    "error": cut_after(3, "error"),
    "garble": cut_after(3, "garble"),
}
MESSAGES: Any = [{"role": "user", "content": "hi"}]
RAISED = (openai.APIError, anthropic.APIError, ollama.ResponseError)


PATHS = ("chat", "completions", "responses", "messages", "ollama chat", "ollama generate")


def _ask(url: str) -> Mapping[str, Mapping[str, str]]:
    """What each client saw of each model."""
    sdk = openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0)
    claude = anthropic.Anthropic(base_url=url, api_key="unused", max_retries=0)
    llama = ollama.Client(url)
    asking: Mapping[str, Callable[[str], Iterable[object]]] = {
        "chat": lambda model: sdk.chat.completions.create(model=model, messages=MESSAGES, stream=True),
        "completions": lambda model: sdk.completions.create(model=model, prompt="hi", stream=True),
        "responses": lambda model: sdk.responses.create(model=model, input="hi", stream=True),
        "messages": lambda model: claude.messages.create(model=model, max_tokens=9, messages=MESSAGES, stream=True),
        "ollama chat": lambda model: llama.chat(model=model, messages=MESSAGES, stream=True),
        "ollama generate": lambda model: llama.generate(model=model, prompt="hi", stream=True),
    }
    models = [f"{kind}-{way}" for kind in KINDS for way in WAYS]
    return {path: {model: _seen(asking[path], model) for model in models} for path in PATHS}


def _seen(ask: Callable[[str], Iterable[object]], model: str) -> str:
    pieces = 0
    try:
        for _piece in ask(model):
            pieces += 1
    except RAISED as error:
        return f"raised: {error}" if pieces else f"raised before its first piece: {error}"
    return "finished"


def _dies(exchange: Exchange) -> Reply:
    return WAYS[exchange.json["model"].removesuffix(":latest").partition("-")[2]]


async def _collect(folder: Path) -> Mapping[str, Mapping[str, str]]:
    async with AsyncExitStack() as stack:
        fakes = []
        for kind in KINDS:
            fake = await stack.enter_async_context(FakeProvider(kind, [f"{kind}-{way}" for way in WAYS]))
            fake.rule = _dies
            fakes.append(fake)
        app = await stack.enter_async_context(linx_here(config_for(*fakes, names=NAMES), folder))
        with trio.fail_after(2 * HANG_S):
            return await trio.to_thread.run_sync(_ask, url_of(app), abandon_on_cancel=True)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, str]]:
    folder = tmp_path_factory.mktemp("dead")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        return trio.run(_collect, folder)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", PATHS)
def test_a_dead_stream_is_raised(seen: Mapping[str, Mapping[str, str]], path: str, kind: Kind, way: str) -> None:
    told = seen[path][f"{kind}-{way}"]
    if (path, kind) == ("completions", "anthropic"):
        assert told.startswith("raised before its first piece: "), told  # the kind has no completions
    else:
        assert told.startswith("raised: "), told
        assert f"my-{kind}: " in told
