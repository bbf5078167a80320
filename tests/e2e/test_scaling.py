"""Two Linx behind real fronts, with the settings of docs/scaling.md: a restart of both that nobody notices."""

from __future__ import annotations

import contextlib
import re
import signal
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.config.load import load
from linx.providers.kinds import KINDS
from linx.routing.budget_watch import READ_EVERY_S
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import LinxProcess, config_for
from tests.fakes import scripted
from tests.fakes.fronts import DOCS, TWO, Front
from tests.fakes.fronts import KINDS as FRONT_KINDS
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer
from tests.fakes.sshd import free_port
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.fakes.exchange import Exchange

pytestmark = pytest.mark.untraced
FRONTS = [pytest.param(kind, marks=pytest.mark.needs(kind)) for kind in FRONT_KINDS]
PATH = "/v1/chat/completions"
DELAY_S = 1.5  # instead of the page's 5: a front asks every half second
FRAMES = 8
STREAM = Answer(tokens=["x"] * 18, interval_s=0.1)  # longer than the delay


CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
SLOW, WHOLE = "slow", "Hello from the fake."


class Pair:
    """Two Linx of one config, each on a port of its own."""

    def __init__(self, fake: FakeProvider, folder: Path, **sections: Any) -> None:
        self._folder = folder
        self._config = config_for(
            fake,
            ledger={"path": str(folder / "ledger.db")},
            server={"shutdown_delay_s": DELAY_S, **sections.pop("server", {})},
            **sections,
        )
        self.ports = (free_port(), free_port())
        self.running: dict[int, LinxProcess] = {}

    async def start(self, stack: contextlib.AsyncExitStack, port: int) -> None:
        folder = self._folder / f"{port}"
        folder.mkdir(exist_ok=True)
        linx = LinxProcess(self._config | {"server": {**self._config["server"], "port": port}}, folder)
        self.running[port] = await stack.enter_async_context(linx)

    async def restart(self, stack: contextlib.AsyncExitStack, port: int) -> None:
        """As a service manager does it: the old process is waited for."""
        old = self.running[port].process
        old.send_signal(signal.SIGTERM)
        with trio.fail_after(HANG_S):
            assert await old.wait() == 0
        await self.start(stack, port)


@dataclass
class World:
    front: Front
    fake: FakeProvider
    pair: Pair
    stack: contextlib.AsyncExitStack


@asynccontextmanager
async def world(kind: str, folder: Path, **sections: Any) -> AsyncIterator[World]:
    async with FakeProvider("openai", ["m"]) as fake, contextlib.AsyncExitStack() as stack:
        pair = Pair(fake, folder, **sections)
        async with trio.open_nursery() as nursery:
            for port in pair.ports:
                nursery.start_soon(pair.start, stack, port)
        front = await stack.enter_async_context(Front(kind, folder / kind, *pair.ports, page=TWO))
        yield World(front, fake, pair, stack)


@dataclass
class Load:
    """Requests without a pause, until ``has_ended``; each is told from all others by its text."""

    port: int
    has_ended: bool = False
    sent: int = 0
    failures: list[str] = field(default_factory=list)

    async def stream(self) -> None:
        """Streams, each on a connection of its own."""
        while not self.has_ended:
            async with Client(self.port) as client:
                await self._ask(client, SLOW, stream=True)

    async def short(self) -> None:
        """Small requests, each on a connection of its own."""
        while not self.has_ended:
            async with Client(self.port) as client:
                await self._ask(client, "quick")

    async def kept(self) -> None:
        """Small requests on a connection that is kept as long as the front keeps it."""
        while not self.has_ended:
            async with Client(self.port) as client:
                while not self.has_ended and await self._ask(client, "quick"):
                    pass

    async def _ask(self, client: Client, word: str, **more: Any) -> bool:
        """One request. Returns whether the connection may be used for the next."""
        await trio.sleep(0.003)  # the machine has other work
        self.sent += 1
        text = f"{word} {self.sent}"
        try:
            await client.send("POST", PATH, {**CHAT, "messages": [{"role": "user", "content": text}], **more})
            got = await client.answer()
        except Exception as problem:
            self.failures.append(f"{text}: {problem!r}")
            return False
        answer = got.text if more else got.body.decode()
        if got.status != 200 or not got.is_whole or (answer != "".join(STREAM.tokens) if more else WHOLE not in answer):
            self.failures.append(f"{text}: {got}")
        return got.headers.get("connection") != "close"


def answer_of(call: Exchange) -> Answer | None:
    """The provider's: a long one where the prompt says so."""
    return STREAM if call.json["messages"][0]["content"].startswith(SLOW) else None


@pytest.mark.parametrize("kind", FRONTS)
async def test_both_are_restarted_and_no_request_is_lost(kind: str, tmp_path: Path) -> None:
    """Nor does a prompt reach a model twice. Before that: frames and hang-ups pass, and management does not."""
    async with world(kind, tmp_path) as here:
        await frames_pass_one_by_one(here)
        await a_hang_up_passes(here)
        for path in ("/v1/providers/status", "/healthz", "/metrics"):
            assert (await ask(here.front.port, path)).status in (403, 404)

        here.fake.rule = answer_of
        before = len(here.fake.calls)
        load = Load(here.front.port)
        async with trio.open_nursery() as nursery:
            for work, count in ((load.stream, 6), (load.short, 2), (load.kept, 2)):
                for _ in range(count):
                    nursery.start_soon(work)
            await trio.sleep(0.5)
            for port in here.pair.ports:
                await here.pair.restart(here.stack, port)
                await trio.sleep(0.7)
            load.has_ended = True
        assert not load.failures, (len(load.failures), load.sent, load.failures[:3])
        texts = Counter(call.json["messages"][0]["content"] for call in here.fake.calls[before:])
        assert set(texts.values()) == {1}
        assert len(texts) == load.sent


async def frames_pass_one_by_one(here: World) -> None:
    here.fake.next(Answer(tokens=[""] * FRAMES, interval_s=0.1, stamped=True))
    delays: list[float] = []
    async with Client(here.front.port) as client:
        await client.send("POST", PATH, {**CHAT, "stream": True})
        assert (await client.event()).status_code == 200
        text = b""
        with trio.fail_after(HANG_S):
            while len(delays) < FRAMES:
                text += (await client.event()).data
                stamps = [int(stamp) for stamp in re.findall(rb'"content":"([0-9]{9,})"', text)]
                delays += [(time.monotonic_ns() - stamp) / 1e9 for stamp in stamps[len(delays) :]]
    assert sorted(delays)[FRAMES // 2] < 0.1, delays


async def a_hang_up_passes(here: World) -> None:
    here.fake.next(scripted.cut_after(3, "hang"))
    async with Client(here.front.port) as client:
        await client.send("POST", PATH, {**CHAT, "stream": True})
        with trio.fail_after(HANG_S):
            call = await here.fake.received(2)
            await client.event()
    with trio.fail_after(10):
        await call.connection.closed.wait()


@pytest.mark.needs("haproxy")
async def test_a_budget_holds_across_both_within_ten_seconds(tmp_path: Path) -> None:
    """What either Linx has spent is less than the budget, and both together have spent more."""
    paid = {"local": False, "price": {"prompt": 1000.0, "completion": 1000.0}}
    cost = 0.001 * 14  # of one answer of the fake's
    sections = {"providers": {"openai1": paid}, "routing": {"budget": {"daily_usd": 15.5 * cost}}}
    async with world("haproxy", tmp_path, **sections) as here:
        for _ in range(20):
            assert (await ask(here.front.port, PATH, CHAT)).status == 200
        spent = [(await budget(port))["spent"] for port in here.pair.ports]
        assert all(0 < one < 15.5 * cost for one in spent), spent
        with trio.fail_after(READ_EVERY_S + 3):
            for port in here.pair.ports:
                while not (row := await budget(port))["reached"]:
                    await trio.sleep(0.1)
                assert row["spent"] == pytest.approx(20 * cost)
        for _ in range(4):
            assert (await ask(here.front.port, PATH, CHAT)).status == 429


async def budget(port: int) -> Any:
    [row] = (await ask(port, "/v1/providers/status")).json["budget"]
    return row


def test_the_configs_of_the_page_are_configs(tmp_path: Path) -> None:
    env = dict.fromkeys(("LINX_API_KEY", "VLLM_API_KEY", "GPUSTACK_API_KEY"), "a-key-0123456789")
    blocks = re.findall(r"```json\n(.*?)```", (DOCS / TWO.name).read_text(), re.DOTALL)
    assert len(blocks) == 2
    path = tmp_path / "config.json"
    path.touch(0o600)
    for block in blocks:
        path.write_text(block)
        config = load(str(path), env, KINDS)
        assert not config.warnings
