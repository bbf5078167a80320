"""The providers of an endurance run: fakes in one process, with faults, and a journal of what became of each request.

The process is told what to do by lines on its standard input and answers each with a line of JSON: ``calm`` ends all
faults, ``storm`` lets them begin again, ``census`` only asks. It ends with its standard input.

The journal has one line for each request that had a plan; see ``Entry``. Times are nanoseconds of the clock that all
processes of a machine share (``time.monotonic_ns``).

    python -m benchmarks.endurance.providers --journal FILE [--seed 1] [--faults 0.1] [--certificate FILE]
"""

from __future__ import annotations

import argparse
import random
import ssl
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import trio

from benchmarks.endurance import plan
from linx.core import jsontext
from tests.fakes import scripted
from tests.fakes.catalogue import Kind, Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Raw, Reply, Reset, Sleep, Stall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fakes.exchange import Exchange

KINDS: dict[str, Kind] = {
    "one": "ollama",
    "two": "openai",
    "three": "llamacpp",
    "four": "anthropic",
    "secure": "openai",
}
"""The kind of each provider. ``secure`` speaks TLS."""
SWEEP_S = 0.02
OUTAGE_EVERY_S, OUTAGE_S = 12.0, 0.4


class Entry(NamedTuple):
    """A line of the journal. ``hung_up`` is when the provider saw that Linx had left, 0 if Linx stayed to the end."""

    id: str
    provider: str
    asked: int
    hung_up: int
    frames: int


def entries(journal: Path) -> Iterator[Entry]:
    for line in journal.read_text().splitlines():
        name, provider, *numbers = line.split()
        yield Entry(name, provider, *map(int, numbers))


class Providers:
    """The fakes, and the weather over them."""

    def __init__(self, journal: TextIO, draw: random.Random, faults: float, certificate: Path | None) -> None:
        self._journal = journal
        self._draw = draw
        self._faults = faults
        self._is_calm = False
        self._live: dict[Exchange, tuple[str, str]] = {}
        self._behind_ns = time.monotonic_ns() - int(trio.current_time() * 1e9)
        self.seen: dict[str, int] = dict.fromkeys(KINDS, 0)
        self.fakes: dict[str, FakeProvider] = {}
        for name, kind in KINDS.items():
            context = _server_side(certificate) if name == "secure" else None
            fake = FakeProvider(kind, [Model("m", context_length=None)], record=False, tls=context)
            fake.rule = self._rule(name)
            self.fakes[name] = fake

    def _rule(self, name: str) -> Callable[[Exchange], Reply | None]:
        def reply(exchange: Exchange) -> Reply | None:
            asked = plan.read(exchange.body)
            if asked is None:
                return None
            self.seen[name] += 1
            self._live[exchange] = (asked.id, name)
            answer = Answer(
                tokens=asked.text(name),
                calls=asked.tool_calls(),
                first_s=asked.first_ms / 1000,
                interval_s=asked.every_ms / 1000,
            )
            if self._is_calm or self._draw.random() >= self._faults:
                return answer
            return self._fault(answer)

        return reply

    def _fault(self, answer: Answer) -> Reply:
        draw = self._draw
        faults: tuple[Callable[[], Reply], ...] = (
            scripted.reset,
            scripted.closed,
            scripted.garbage,
            scripted.html,
            scripted.error_in_200,
            scripted.error_first,
            lambda: scripted.cut_after(1, "end", answer),
            lambda: scripted.status(500),
            lambda: scripted.status(429, retry_after=draw.choice(("0", "0.05", "0.2"))),
            lambda: scripted.torn(draw.randrange(1, 2000), draw.choice(("close", "reset")), answer),
            lambda: scripted.cut_after(
                draw.randrange(1, 8), draw.choice(("close", "end", "reset", "error", "garble", "hang")), answer
            ),
            lambda: Raw([Sleep(draw.random() / 2), Reset()]),
            lambda: Raw([Stall()]),
        )
        return draw.choice(faults)()

    async def sweep(self) -> None:
        """Write down the requests that are over."""
        while True:
            await trio.sleep(SWEEP_S)
            self.write_down()

    def write_down(self) -> None:
        for exchange, (name, provider) in list(self._live.items()):
            if exchange.ended.is_set() or exchange.connection.closed.is_set():
                del self._live[exchange]
                hung_up = self._ns(exchange.hung_up_at) if exchange.hung_up_at is not None else 0
                asked = self._ns(exchange.received_at or exchange.started_at)
                print(*Entry(name, provider, asked, hung_up, exchange.sent_frames), file=self._journal)

    def _ns(self, at: float) -> int:
        return int(at * 1e9) + self._behind_ns

    async def outages(self) -> None:
        """Now and then a provider is gone for a moment: its port is closed, and its connections are reset."""
        while True:
            await trio.sleep(self._draw.uniform(0.5, 1.5) * OUTAGE_EVERY_S)
            if not self._is_calm and self._faults:
                fake = self._draw.choice(list(self.fakes.values()))
                fake.down()
                await trio.sleep(OUTAGE_S)
                await fake.up()

    def obey(self, command: str) -> dict[str, Any]:
        self._is_calm = {"calm": True, "storm": False}.get(command, self._is_calm)
        self.write_down()
        self._journal.flush()
        return {
            "open": sum(fake.open_sockets for fake in self.fakes.values()),
            "working": len(self._live),
            "seen": self.seen,
        }


def _server_side(certificate: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def main(options: argparse.Namespace) -> None:
    with Path(options.journal).open("w") as journal:
        trio.run(_serve, options, journal)


async def _serve(options: argparse.Namespace, journal: TextIO) -> None:
    providers = Providers(journal, random.Random(options.seed), options.faults, options.certificate)
    async with AsyncExitStack() as stack:
        for fake in providers.fakes.values():
            await stack.enter_async_context(fake)
        nursery = await stack.enter_async_context(trio.open_nursery())
        nursery.start_soon(providers.sweep)
        nursery.start_soon(providers.outages)
        _tell({name: {"kind": fake.kind, "endpoint": fake.endpoint} for name, fake in providers.fakes.items()})
        stdin = trio.lowlevel.FdStream(sys.stdin.fileno())
        async for data in stdin:
            _tell(providers.obey(data.decode().strip()))
        nursery.cancel_scope.cancel()


def _tell(value: object) -> None:
    sys.stdout.buffer.write(jsontext.dumps(value) + b"\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance.providers")
    parser.add_argument("--journal", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=float, default=0.1)
    parser.add_argument("--certificate", type=Path)
    main(parser.parse_args())
