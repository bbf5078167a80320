"""Clients of every kind: most read their answers, others leave at any moment, read slowly, or send no proper request.

Each is a function of a ``Crowd`` that sends one request over a connection, and says in a word what came of it. What is
wrong with an answer goes to ``Crowd.odd``. A connection is used again for as long as both sides keep it.
"""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import h11
import trio

from benchmarks.endurance import plan
from benchmarks.endurance.faces import FACES, Face
from linx.http1.transport import BREAKS
from tests.e2e.http_client import Client
from tests.fakes.exchange import set_reset

if TYPE_CHECKING:
    import random

PATIENCE_S = 6.0  # how long a client waits for an answer that hangs in the middle
CORPUS = Path(__file__).parent.parent.parent / "tests" / "corpus" / "bad_requests.json"
LOOKS = ("/v1/models", "/api/tags", "/v1/providers/status", "/healthz", "/linx/requests", "/api/version")
SLOW_READ = 2048  # bytes that a slow reader takes at a time
SLOW_PAUSE_S = 0.05


def _bad_requests() -> list[tuple[str, bytes]]:
    """Requests that can have no answer but an error, from the corpus of the tests."""
    cases = json.loads(CORPUS.read_text())
    return [
        (case["id"], base64.b64decode(case["raw_b64"]))
        for case in cases
        if case["profile"] == "open" and case["layer"] in ("wire", "json", "schema") and case["expect"] == "400"
    ]


@dataclass
class Crowd:
    """All clients of a run, and what they have seen."""

    port: int
    draw: random.Random
    pause_s: float = 0.2
    """The longest pause of a client between two requests."""
    name: str = "r"
    """The start of the ids of its requests."""
    ends: Counter[str] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)
    closed_ns: dict[str, int] = field(default_factory=dict)
    """When the client of a request left it before its end, by the request's id."""
    first_ns: dict[str, int] = field(default_factory=dict)
    """When the first content of a request came, by the request's id."""
    count: int = 0
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _bad: list[tuple[str, bytes]] = field(default_factory=_bad_requests)

    def plan(self) -> plan.Plan:
        return plan.drawn(self.draw, f"{self.name}{next(self._numbers):x}")

    def bad_request(self) -> tuple[str, bytes]:
        return self.draw.choice(self._bad)

    async def run(self, clients: int, behaviours: Behaviours, *, until_count: float, until_s: float) -> None:
        """Send requests until there were ``until_count``, or the time ``until_s`` has come."""
        async with trio.open_nursery() as nursery:
            for _ in range(clients):
                nursery.start_soon(self._work, behaviours, until_count, until_s)

    async def _work(self, behaviours: Behaviours, until_count: float, until_s: float) -> None:
        client: Client | None = None
        names, weights = list(behaviours), [weight for weight, _act in behaviours.values()]
        while self.count < until_count and trio.current_time() < until_s:
            self.count += 1
            if self.pause_s:
                await trio.sleep(self.draw.random() * self.pause_s)
            if client is None:
                client = Client(self.port)
                await client.open()
            name = self.draw.choices(names, weights)[0]
            is_kept = False
            try:
                word, is_kept = await behaviours[name][1](self, client)
            except (*BREAKS, h11.RemoteProtocolError, ValueError, KeyError, AssertionError) as error:
                word = "odd"
                self.odd.append(f"{name}: {error!r}")
            self.ends[f"{name}: {word}"] += 1
            if not is_kept:
                await client.close()
                client = None
        if client is not None:
            await client.close()


Act = Callable[[Crowd, Client], Awaitable[tuple[str, bool]]]
Behaviours = dict[str, tuple[float, Act]]
"""By name: how often, and how. An act says what came of it, and whether the connection can be used again."""


async def reads(crowd: Crowd, client: Client) -> tuple[str, bool]:
    """Read an answer to its end."""
    face, asked, is_stream = _chosen(crowd)
    await client.send("POST", face.path, face.request(asked, is_stream=is_stream))
    with trio.move_on_after(PATIENCE_S):
        return await _judged(crowd, client, face, asked, is_stream=is_stream)
    crowd.closed_ns[asked.id] = time.monotonic_ns()
    return "left a silent answer", False


async def reads_slowly(crowd: Crowd, client: Client) -> tuple[str, bool]:
    """Read a long answer in small pieces, with pauses."""
    face, asked, _ = _chosen(crowd)
    asked = replace(asked, words=400, padding=100, every_ms=0)
    await client.send("POST", face.path, face.request(asked, is_stream=True))
    with trio.move_on_after(10 * PATIENCE_S):
        return await _judged(crowd, client, face, asked, is_stream=True, pause_s=SLOW_PAUSE_S)
    crowd.closed_ns[asked.id] = time.monotonic_ns()
    return "left a silent answer", False


async def leaves(crowd: Crowd, client: Client) -> tuple[str, bool]:
    """Leave at a random moment: before the head, while the provider is silent, or between two frames."""
    face, asked, is_stream = _chosen(crowd)
    asked = replace(asked, first_ms=crowd.draw.choice((0, 50, 3000)), every_ms=crowd.draw.choice((0, 5, 20)))
    await client.send("POST", face.path, face.request(asked, is_stream=is_stream))
    moment, wanted = crowd.draw.choice((("before the head", 0), ("at a time", 0), ("after three frames", 3)))
    patience_s = {"before the head": 0.0, "at a time": crowd.draw.random() / 2}.get(moment, PATIENCE_S)
    with trio.move_on_after(patience_s):
        if await _events(client, wanted or None):
            return "the answer was over before", False
    return await _leave(crowd, client, asked, moment)


async def leaves_a_silence(crowd: Crowd, client: Client) -> tuple[str, bool]:
    """Leave while the provider works at the prompt."""
    face, asked, is_stream = _chosen(crowd)
    asked = replace(asked, first_ms=30_000)
    await client.send("POST", face.path, face.request(asked, is_stream=is_stream))
    with trio.move_on_after(0.05 + crowd.draw.random() / 4):
        if await _events(client, None):
            return "refused before", False
    return await _leave(crowd, client, asked, "in silence")


async def leaves_after_three(crowd: Crowd, client: Client) -> tuple[str, bool]:
    """Read three frames, and leave."""
    face, asked, _ = _chosen(crowd)
    asked = replace(asked, words=500, first_ms=0, every_ms=20, calls=0)
    await client.send("POST", face.path, face.request(asked, is_stream=True))
    with trio.move_on_after(PATIENCE_S):
        if await _events(client, 3):
            return "the answer was over before", False
    return await _leave(crowd, client, asked, "after three frames")


async def _leave(crowd: Crowd, client: Client, asked: plan.Plan, moment: str) -> tuple[str, bool]:
    if crowd.draw.random() < 0.5:
        set_reset(client.stream.socket)  # type: ignore[arg-type]  # trio's socket takes the option too
    crowd.closed_ns[asked.id] = time.monotonic_ns()
    await client.close()
    return f"left {moment}", False


async def sends_rubbish(crowd: Crowd, client: Client) -> tuple[str, bool]:
    """Send what is no proper request. The answer is an error, or the connection closes."""
    name, data = crowd.bad_request()
    await client.stream.send_all(data)
    seen = b""
    with trio.move_on_after(PATIENCE_S):
        try:
            while b"\r\n\r\n" not in seen and (more := await client.stream.receive_some(65536)):
                seen += more
        except BREAKS:
            pass
        if seen and not seen.startswith(b"HTTP/1.1 4"):
            crowd.odd.append(f"{name} was answered {seen[:100]!r}")
        return "refused", False
    crowd.odd.append(f"{name} had no answer")
    return "odd", False


async def looks(crowd: Crowd, client: Client) -> tuple[str, bool]:
    """Ask for what is there."""
    path = crowd.draw.choice(LOOKS)
    await client.send("GET", path)
    answer = await client.answer()
    if answer.status != 200 or not answer.is_whole or not answer.json:
        crowd.odd.append(f"{path}: {answer.status} {answer.body[:100]!r}")
    return "answered", _is_kept(client)


MIXED: Behaviours = {
    "reads": (66, reads),
    "reads slowly": (2, reads_slowly),
    "leaves": (14, leaves),
    "leaves a silence": (4, leaves_a_silence),
    "sends rubbish": (6, sends_rubbish),
    "looks": (8, looks),
}
CANCELS: Behaviours = {"after three": (1, leaves_after_three)}
SILENCES: Behaviours = {"in a silence": (1, leaves_a_silence)}
READERS: Behaviours = {"reads": (1, reads)}


def _chosen(crowd: Crowd) -> tuple[Face, plan.Plan, bool]:
    face = crowd.draw.choice(FACES)
    asked = crowd.plan()
    return face, asked if face.tools else replace(asked, calls=0), crowd.draw.random() < 0.6


async def _events(client: Client, most: int | None) -> bool:
    """Read up to ``most`` pieces of an answer. Returns whether it was over before."""
    seen = 0
    try:
        while most is None or seen < most:
            event = await client.event()
            if isinstance(event, h11.EndOfMessage):
                return True
            seen += isinstance(event, h11.Data)
    except h11.RemoteProtocolError:
        return True
    return False


async def _judged(
    crowd: Crowd, client: Client, face: Face, asked: plan.Plan, *, is_stream: bool, pause_s: float = 0.0
) -> tuple[str, bool]:
    """Read the answer to its end and compare it with the plan."""
    response = await client.event()
    assert isinstance(response, h11.Response), response
    body, is_whole = bytearray(), False
    try:
        while not (is_whole := isinstance(event := await client.event(), h11.EndOfMessage)):
            if not body:
                crowd.first_ns[asked.id] = time.monotonic_ns()
            body += event.data
            if pause_s:
                await trio.sleep(pause_s * len(event.data) / SLOW_READ)
    except h11.RemoteProtocolError:
        pass
    is_kept = _is_kept(client)
    if response.status_code != 200:
        if not is_whole or b"error" not in body or not (response.status_code == 429 or response.status_code >= 500):
            crowd.odd.append(f"{asked.id}: {response.status_code} {bytes(body[:200])!r}")
        return f"error {response.status_code}", is_kept
    said = face.read(bytes(body), is_stream=is_stream)
    provider = dict(response.headers).get(b"x-linx-provider", b"?").decode()
    is_good = said.is_ended and not said.has_error
    fault = asked.fault_in(said.text, list(said.calls.values()), is_whole=is_good)
    if not fault and said.text and f"/{provider}/0/" not in said.text[:80]:
        fault = f"{asked.id}: the answer is not by {provider}: {said.text[:80]!r}"
    may_be_torn = said.has_error and face.is_failure_torn
    if not fault and not ((is_whole or may_be_torn) and said.is_ended != said.has_error):
        fault = f"{asked.id}: whole {is_whole}, ended {said.is_ended}, error {said.has_error}: {bytes(body[-200:])!r}"
    if fault:
        crowd.odd.append(f"{face.path} {'streamed' if is_stream else 'whole'}: {fault}")
        return "odd", False
    return "error in the answer" if said.has_error else "answered", is_kept


def _is_kept(client: Client) -> bool:
    parser = client.parser
    if parser.our_state is h11.DONE and parser.their_state is h11.DONE:
        parser.start_next_cycle()
    return parser.our_state is h11.IDLE
