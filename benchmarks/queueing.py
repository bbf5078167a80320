"""Simulates the queue of one provider: how often models are swapped, and how long each key waits.

    python -m benchmarks.queueing

Three keys share a server that answers one request at a time and has one of two models in its memory. The queue is
Linx's own; only the server is simulated, on a clock that jumps, so hours take a moment and each run gives the same
figures. The same requests come in the same order under each rule:

- ``first come, first served``: a queue that knows neither keys nor models.
- ``keys in turn``: it knows the keys.
- ``Linx``: keys in turn, the loaded model first, nobody passed over more than eight times.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio
from trio.testing import MockClock

from linx.providers.loaded import Loaded
from linx.providers.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

KEYS, MODELS = ("ann", "bob", "cid"), ("x", "y")
ANSWER_S, LOAD_S = 3.0, 10.0
SEED = 1

Knows = tuple[bool, bool]
"""Does the queue know the keys, and the models?"""
RULES: Mapping[str, Knows] = {
    "first come, first served": (False, False),
    "keys in turn": (True, False),
    "Linx": (True, True),
}


@dataclass(frozen=True)
class Asked:
    key: str
    model: str
    after_s: float
    """Since the start, or since the answer before of the same key, where that is waited for."""
    answer_s: float


@dataclass(frozen=True)
class Traffic:
    """``waits_for_answers``: the keys that send a request only after the answer to the one before."""

    title: str
    asked: Sequence[Asked]
    waits_for_answers: frozenset[str] = frozenset()


@dataclass
class Result:
    swaps: int = 0
    ended_s: float = 0.0
    waits_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By key: how long each of its requests waited for its place."""

    @property
    def all_s(self) -> list[float]:
        return sorted(wait for waits in self.waits_s.values() for wait in waits)

    def p95_s(self) -> float:
        return self.all_s[math.ceil(0.95 * len(self.all_s)) - 1]


def mixed() -> Traffic:
    """Each key asks for both models, more often than a server can answer that swaps for every second request."""
    drawn = random.Random(SEED)
    asked = []
    for key in KEYS:
        now = 0.0
        for _ in range(60):
            now += -math.log(1 - drawn.random()) * 20
            asked.append(Asked(key, MODELS[drawn.random() < 0.5], now, _answer_s(drawn)))
    return Traffic("each key asks for both models, every 20 s", asked)


def flood() -> Traffic:
    """One key sends a batch at once; two others ask, read and ask again, one of them for the other model."""
    drawn = random.Random(SEED)
    asked = [Asked("ann", "x", 0.001 * number, _answer_s(drawn)) for number in range(60)]
    for key, model in (("bob", "x"), ("cid", "y")):
        asked += [Asked(key, model, 1 + 2 * drawn.random(), _answer_s(drawn)) for _ in range(20)]
    return Traffic("ann sends 60 at once, bob and cid one after the other", asked, frozenset(("bob", "cid")))


TRAFFIC: Sequence[Callable[[], Traffic]] = (mixed, flood)


def _answer_s(drawn: random.Random) -> float:
    return ANSWER_S * (0.5 + drawn.random())


class Server:
    """Answers one request at a time, with one model in its memory."""

    def __init__(self, knows: Knows) -> None:
        self._knows_keys, self._knows_models = knows
        self._slots = Slots(1, Loaded())
        self._model = ""
        self.result = Result()

    async def answer(self, asked: Asked) -> None:
        came = trio.current_time()
        key, model = asked.key if self._knows_keys else "-", asked.model if self._knows_models else ""
        await self._slots.take(key, model, lambda _place: None, may_leave=False)
        self.result.waits_s[asked.key].append(trio.current_time() - came)
        if self._model != asked.model:
            self._model = asked.model
            self.result.swaps += 1
            await trio.sleep(LOAD_S)
        await trio.sleep(asked.answer_s)
        self._slots.give_back()


async def _run(traffic: Traffic, server: Server) -> None:
    async def one(asked: Asked) -> None:
        await trio.sleep(asked.after_s)
        await server.answer(asked)

    async def one_by_one(key: str) -> None:
        for asked in traffic.asked:
            if asked.key == key:
                await one(asked)

    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        for asked in traffic.asked:
            if asked.key not in traffic.waits_for_answers:
                nursery.start_soon(one, asked)
        for key in traffic.waits_for_answers:
            nursery.start_soon(one_by_one, key)
    server.result.ended_s = trio.current_time() - start


def simulate(traffic: Traffic, knows: Knows) -> Result:
    server = Server(knows)
    trio.run(_run, traffic, server, clock=MockClock(autojump_threshold=0))
    return server.result


def table() -> Iterator[str]:
    """The lines of the table in docs/routing.md."""
    yield "| traffic | rule | swaps | all answered after | mean wait | p95 | longest: " + " | ".join(KEYS) + " |"
    yield "| --- | --- | " + " | ".join(["---:"] * (4 + len(KEYS))) + " |"
    for make in TRAFFIC:
        traffic = make()
        for rule, knows in RULES.items():
            result = simulate(traffic, knows)
            waits = result.all_s
            figures = [result.ended_s, sum(waits) / len(waits), result.p95_s(), *(max(result.waits_s[k]) for k in KEYS)]
            cells = [traffic.title, rule, str(result.swaps), *(f"{figure:,.0f} s" for figure in figures)]
            yield "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    print("\n".join(table()))
