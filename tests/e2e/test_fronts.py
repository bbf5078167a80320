"""Linx behind real fronts: nginx and HAProxy, with the settings of docs/behind-a-proxy.md."""

from __future__ import annotations

import re
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.e2e.corpus import REQUESTS, raw_of
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import LinxProcess, config_for
from tests.fakes import scripted
from tests.fakes.fronts import KINDS, Front, Tap
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Raw, Stall
from tests.server.client import split_answers
from tests.server.test_gaps import GAPS
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

pytestmark = pytest.mark.untraced
FRONTS = [pytest.param(kind, marks=pytest.mark.needs(kind)) for kind in KINDS]
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
PATH = "/v1/chat/completions"
AT_ONCE = 32
QUIET_S = 2.0  # a front that waits for the rest of a request says nothing
AFTERTHOUGHT_S = 0.3  # for an answer too many


@dataclass
class World:
    front: Front
    tap: Tap
    fake: FakeProvider
    linx: LinxProcess


@asynccontextmanager
async def world(kind: str, folder: Path, **sections: Any) -> AsyncIterator[World]:
    """A provider, Linx as a process of its own, a tap, and a front."""
    async with FakeProvider("openai", ["m"]) as fake, LinxProcess(config_for(fake, **sections), folder) as linx:
        async with trio.open_nursery() as nursery:
            tap = Tap(linx.port)
            await nursery.start(tap.run)
            async with Front(kind, folder / kind, tap.port) as front:
                yield World(front, tap, fake, linx)
            nursery.cancel_scope.cancel()


async def until(holds: Callable[[], bool]) -> None:
    with trio.fail_after(HANG_S):
        while not holds():
            await trio.sleep(0.1)


def answered(tap: Tap) -> Counter[int]:
    """The statuses of all answers that Linx gave."""
    found: Counter[int] = Counter()
    for data in tap.answers:
        answers, rest = split_answers(bytes(data), is_eof=True)
        assert rest == b""
        found.update(answer.status for answer in answers)
    return found


def bad_requests() -> list[bytes]:
    """The wire and limit cases, and the rows of gaps on paths that the fronts pass on."""
    found = [raw_of(case) for case in REQUESTS if case["layer"] in ("wire", "limit") and case["profile"] == "open"]
    for _status, wires in GAPS.values():
        for wire in wires:
            raw = wire.replace(b"GET / ", b"GET /v1/models ").replace(b"POST / ", b"POST /v1/chat/completions ")
            found.append(raw.replace(b"/smuggled", b"/v1/providers/status"))
    return found


# --- counts ---


@pytest.mark.parametrize("kind", FRONTS)
async def test_no_request_is_smuggled_through_a_front(kind: str, tmp_path: Path) -> None:
    """Each request that Linx answers was sent on by the front, and each prompt at the provider is one of them."""
    async with world(kind, tmp_path) as here:
        left = iter(bad_requests())

        async def work() -> None:
            for raw in left:
                await ask_badly(here.front.port, raw)

        async with trio.open_nursery() as nursery:
            for _ in range(AT_ONCE):
                nursery.start_soon(work)
        # The fronts' own connections to Linx are used again and again, so an answer too many would go to somebody else.
        for number in range(20):
            answer = await ask(here.front.port, PATH, {**CHAT, "user": str(number)})
            assert (answer.status, answer.json["choices"][0]["message"]["content"]) == (200, "Hello from the fake.")
        assert (await ask(here.front.port, "/v1/models")).json["data"][0]["id"] == "m"

        def differ() -> tuple[Counter[int], Counter[int]]:
            counted, told = Counter(request.status for request in here.front.forwarded()), answered(here.tap)
            return counted - told, told - counted

        with trio.move_on_after(2):  # a front writes its log a moment later
            await until(lambda: not any(differ()))
        missing, extra = differ()
        # On a busy machine a client may leave before its second answer, which the front then does not count.
        assert not missing
        assert extra.total() <= here.front.given_up(), extra
        forwarded = here.front.forwarded()
        assert not [request for request in forwarded if request.path == "/v1/providers/status"]
        chats = sum((request.path, request.status) == (PATH, 200) for request in forwarded)
        assert 20 < chats <= len(here.fake.calls) <= chats + here.front.given_up()
        metrics = (await ask(here.linx.port, "/metrics")).body.decode()
        done = re.search(r'^linx_requests_total\{outcome="done",status="200"\} ([0-9]+)', metrics, re.MULTILINE)
        assert done is not None
        assert chats <= int(done[1]) <= len(here.fake.calls)
        assert here.linx.process.poll() is None


async def ask_badly(port: int, raw: bytes) -> None:
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        try:
            with trio.move_on_after(QUIET_S) as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(stream.send_all, raw)
                    while await stream.receive_some(65536):
                        scope.deadline = trio.current_time() + AFTERTHOUGHT_S
                    nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass


# --- streams ---


@pytest.mark.parametrize("kind", FRONTS)
async def test_frames_pass_a_front_one_by_one(kind: str, tmp_path: Path) -> None:
    """A front that collects frames would send the first together with the last."""
    frames = 12
    async with world(kind, tmp_path) as here:
        here.fake.default = Answer(tokens=[""] * frames, interval_s=0.1, stamped=True)
        delays: list[float] = []
        async with Client(here.front.port) as client:
            await client.send("POST", PATH, {**CHAT, "stream": True})
            assert (await client.event()).status_code == 200
            text = b""
            with trio.fail_after(HANG_S):
                while len(delays) < frames:
                    text += (await client.event()).data
                    stamps = [int(stamp) for stamp in re.findall(rb'"content":"([0-9]{9,})"', text)]
                    delays += [(time.monotonic_ns() - stamp) / 1e9 for stamp in stamps[len(delays) :]]
        assert sorted(delays)[frames // 2] < 0.1, delays


@pytest.mark.parametrize("kind", FRONTS)
async def test_a_hang_up_passes_a_front(kind: str, tmp_path: Path) -> None:
    """Sooner than a heartbeat, which would find it out too."""
    async with world(kind, tmp_path) as here:
        for stream in (True, False):
            for frames in (0, 3):
                here.fake.next(scripted.cut_after(frames, "hang") if frames else Raw([Stall()]))
                count = len(here.fake.calls) + 1
                async with Client(here.front.port) as client:
                    await client.send("POST", PATH, {**CHAT, "stream": stream})
                    with trio.fail_after(HANG_S):
                        call = await here.fake.received(count)
                        if frames and stream:
                            await client.event()
                with trio.fail_after(10):
                    await call.connection.closed.wait()
        assert (await ask(here.front.port, PATH, CHAT)).status == 200


@pytest.mark.parametrize("kind", FRONTS)
async def test_management_stays_behind_a_front(kind: str, tmp_path: Path) -> None:
    """Without a key, too: the front passes on the paths of models alone, however another path is written."""
    managed = ["/metrics", "/healthz", "/linx/requests", "/api/tunnel/status", "/v1/providers/status"]
    spellings = [
        "{}",
        "/{}",
        "/v1/..{}",
        "/v1/x/../..{}",
        "/v1/%2e%2e{}",
        "{}?/v1/",
        "/v1/..%2f{}",
        "{}/",
        "/v1{}",
        "/k/x{}",
    ]
    async with world(kind, tmp_path) as here:
        for path in managed:
            assert (await ask(here.linx.port, path)).status == 200
            for spelling in spellings:
                written = spelling.format(path)
                answer = await ask(here.front.port, written)
                assert answer.status in (308, 400, 401, 403, 404, 405), (written, answer.status, answer.body[:200])
