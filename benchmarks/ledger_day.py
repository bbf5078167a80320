"""A day of traffic through a real Linx that is killed three times: is the ledger what the providers have counted?

    python -m benchmarks.ledger_day                     100,000 requests
    python -m benchmarks.ledger_day --requests 300      fewer; tests/benchmarks has them

Clients of three dialects ask a local provider and two paid ones, streamed and whole; some answers fail over to the next
provider, and some clients leave in the middle. Each provider counts what it has answered in full. Linx is killed (-9)
after each quarter: the first and the third time a moment after the last answer, so that nothing may be missing, the
second time in full work, so that what ended within the last second may be. Requests, tokens and money must agree to the
last one otherwise.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import trio

from linx.core import jsontext
from tests.e2e.linx_process import LinxProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

CLIENTS = 24
QUIET_S = 1.5  # before a kill after which nothing may be missing
LOST_S = 1.0  # what ended so long before any other kill is in the ledger
PRICE = {"prompt": 2.5, "completion": 10.0}
MILLION = 1_000_000
LEAVES_AFTER = 2048  # bytes of an answer that has no end
KILLS = (True, False, True)
"""For each kill: is it waited for quiet?"""


class Counted(NamedTuple):
    """What somebody has counted: answers, tokens, and money in millionths of a cent, so that sums are exact."""

    answers: int = 0
    prompt: int = 0
    completion: int = 0
    microcents: int = 0

    def plus(self, other: Counted) -> Counted:
        return Counted(*(one + two for one, two in zip(self, other, strict=True)))

    def minus(self, other: Counted) -> Counted:
        return Counted(*(one - two for one, two in zip(self, other, strict=True)))


NOTHING = Counted()


def in_microcents(usd: float) -> int:
    return round(usd * 100 * MILLION)


@dataclass
class Provider:
    """A server of OpenAI's dialect, which counts what it has answered in full."""

    name: str
    bills: bool = False
    """Does it say what an answer costs, as OpenRouter does?"""
    usd: Mapping[str, float] | None = None
    """USD for a million tokens, where it does not."""
    dice: random.Random = field(default_factory=lambda: random.Random(15))
    counted: Counted = NOTHING
    port: int = 0

    async def serve(self, *, task_status: trio.TaskStatus[Self]) -> None:
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, self._converse, 0, host="127.0.0.1"))
            self.port = listeners[0].socket.getsockname()[1]
            task_status.started(self)

    async def _converse(self, stream: trio.SocketStream) -> None:
        rest = b""
        try:
            while True:
                head, rest = await _until(stream, rest, b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
                while len(rest) < length:
                    rest += await _more(stream)
                body, rest = rest[:length], rest[length:]
                if head.startswith(b"GET"):
                    models = [{"id": name, "object": "model"} for name in (self.name, "any")]
                    await stream.send_all(_response(200, jsontext.dumps({"object": "list", "data": models})))
                else:
                    await self._answer(stream, jsontext.loads(body))
        except (trio.BrokenResourceError, trio.ClosedResourceError, EOFError):
            await trio.aclose_forcefully(stream)

    async def _answer(self, stream: trio.SocketStream, asked: Any) -> None:
        words = asked["messages"][0]["content"]
        if words == f"fails at {self.name}":
            await stream.send_all(_response(500, b'{"error":{"message":"no"}}'))
            return
        await stream.send_all(_HEAD)
        while words == "leaves":
            await stream.send_all(_chunk(_frame({"content": "word " * 20})))
            await trio.sleep(0.001)
        prompt, completion = self.dice.randrange(1, 4000), self.dice.randrange(1, 600)
        usage: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": completion}
        usd = 0.0
        if self.bills:
            usage["cost"] = usd = self.dice.randrange(1, 90_000) / MILLION
        elif self.usd is not None:
            usd = (prompt * self.usd["prompt"] + completion * self.usd["completion"]) / MILLION
        frames = [_frame({"role": "assistant", "content": "An answer."}), _frame({}, "stop"), _usage_frame(usage)]
        await stream.send_all(_chunk(b"".join([*frames, b"data: [DONE]\n\n"])) + b"0\r\n\r\n")
        self.counted = self.counted.plus(Counted(1, prompt, completion, in_microcents(usd)))


_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _frame(delta: Mapping[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": dict(delta), "finish_reason": finish}
    return b"data: " + jsontext.dumps({**_OBJECT, "choices": [choice]}) + b"\n\n"


def _usage_frame(usage: Mapping[str, Any]) -> bytes:
    return b"data: " + jsontext.dumps({**_OBJECT, "choices": [], "usage": dict(usage)}) + b"\n\n"


_OBJECT = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "any"}


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _response(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _more(stream: trio.SocketStream) -> bytes:
    data = await stream.receive_some(65536)
    if not data:
        raise EOFError
    return bytes(data)


async def _until(stream: trio.SocketStream, data: bytes, end: bytes) -> tuple[bytes, bytes]:
    while end not in data:
        data += await _more(stream)
    before, _end, after = data.partition(end)
    return before + end, after


# --- clients ---------------------------------------------------------------------------


def _openai(model: str, text: str, is_stream: bool) -> tuple[str, Any]:
    messages = [{"role": "user", "content": text}]
    return "/v1/chat/completions", {"model": model, "messages": messages, "stream": is_stream, "max_tokens": 600}


def _anthropic(model: str, text: str, is_stream: bool) -> tuple[str, Any]:
    _path, body = _openai(model, text, is_stream)
    return "/v1/messages", body


def _ollama(model: str, text: str, is_stream: bool) -> tuple[str, Any]:
    messages = [{"role": "user", "content": text}]
    return "/api/chat", {"model": model, "messages": messages, "stream": is_stream}


FACES: Sequence[Callable[[str, str, bool], tuple[str, Any]]] = (_openai, _anthropic, _ollama)
AGENTS = ("OpenAI/Python 1.99", "claude-cli/1.0.0", "ollama-python/0.5")


@dataclass
class Day:
    """The traffic, and what has become of it."""

    requests: int
    port: int = 0
    sent: int = 0
    answered: int = 0
    running: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    dice: random.Random = field(default_factory=lambda: random.Random(16))
    until: int = 0
    """So many requests are sent before the next pause."""

    async def client(self) -> None:
        """One connection after the other, until the day is over."""
        while self.sent < self.requests:
            if self.sent >= self.until:
                await trio.sleep(0.01)
                continue
            try:
                stream = await trio.open_tcp_stream("127.0.0.1", self.port)
                async with stream:
                    while self.sent < self.until:
                        if not await self._ask(stream):
                            break
            except (OSError, trio.BrokenResourceError, EOFError):
                await trio.sleep(0.01)  # it was killed

    async def _ask(self, stream: trio.SocketStream) -> bool:
        """False where the connection cannot be used again."""
        self.sent += 1
        self.running += 1
        try:
            kind, is_stream = self.dice.randrange(len(FACES)), self.dice.random() < 0.5
            model = self.dice.choice(("home", "paid", "router", "any"))
            leaves = self.dice.random() < 0.02
            text = "leaves" if leaves else "fails at paid" if self.dice.random() < 0.1 else "an ordinary prompt"
            path, body = FACES[kind](model, text, is_stream or leaves)
            data = jsontext.dumps(body)
            head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\nuser-agent: {AGENTS[kind]}\r\n"
            head += f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
            await stream.send_all(head.encode() + data)
            if leaves:
                size = 0
                while size < LEAVES_AFTER:
                    size += len(await _more(stream))
                return False
            await self._read(stream)
        finally:
            self.running -= 1
        return True

    async def _read(self, stream: trio.SocketStream) -> None:
        head, data = await _until(stream, b"", b"\r\n\r\n")
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            while not data.endswith(b"0\r\n\r\n"):
                data += await _more(stream)
        else:
            length = int(lower.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            while len(data) < length:
                data += await _more(stream)
        status = int(head[9:12])
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.answered += status == 200


# --- the comparison ----------------------------------------------------------------------


def in_ledger(path: Path, names: Sequence[str]) -> dict[str, Counted]:
    """What the ledger has of each provider, by its rows; its sums of days must be the same."""
    connection = sqlite3.connect(path)
    try:
        found = {}
        for name in names:
            answered = "provider = ? AND prompt_tokens IS NOT NULL"
            count, prompt, completion = connection.execute(
                f"SELECT count(*), sum(prompt_tokens), sum(completion_tokens) FROM requests WHERE {answered}",  # noqa: S608 - names of this file
                (name,),
            ).fetchone()
            costs = connection.execute("SELECT cost_usd FROM requests WHERE provider = ?", (name,))
            microcents = sum(in_microcents(usd) for (usd,) in costs if usd)
            found[name] = Counted(count, prompt or 0, completion or 0, microcents)
            of_days = connection.execute(
                "SELECT sum(prompt_tokens), sum(completion_tokens), sum(cost_usd) FROM days WHERE provider = ?", (name,)
            ).fetchone()
            assert of_days[:2] == (prompt, completion), (name, of_days)
            assert abs((of_days[2] or 0) * 100 * MILLION - microcents) < max(100, microcents / 1e6), (name, of_days)
        return found
    finally:
        connection.close()


@dataclass
class Verdict:
    """What the day has shown. ``lost``: by provider, what the ledger lacks since the kill in full work.

    ``most_lost``: how many answers it may lack, those that were running then, and those of the last second.
    """

    day: Day
    seconds: float
    counted: dict[str, Counted]
    ledger: dict[str, Counted]
    lost: dict[str, Counted]
    most_lost: int
    problems: list[str]
    ledger_bytes: int

    def lines(self) -> list[str]:
        found = [
            f"{self.day.sent:,} requests in {self.seconds:.0f} s ({self.day.sent / self.seconds:,.0f} a second), "
            f"{self.day.answered:,} answered; statuses {self.day.statuses}; three kill -9; "
            f"the ledger has {self.ledger_bytes / MILLION:.1f} MB",
            f"{'':8}{'answers':>20}{'prompt tokens':>28}{'answer tokens':>28}{'USD':>28}",
        ]
        for name, counted in self.counted.items():
            pairs = zip(counted, self.ledger[name], strict=True)
            cells = [f"{one:,} = {two:,}" for one, two in pairs]
            cells[3] = f"{counted.microcents / 1e8:,.6f} = {self.ledger[name].microcents / 1e8:,.6f}"
            found.append(f"{name:8}{cells[0]:>20}{cells[1]:>28}{cells[2]:>28}{cells[3]:>28}")
        lost = sum(one.answers for one in self.lost.values())
        found.append(
            f"The kill in full work has lost {lost} answers; {self.most_lost} were running, or had ended within "
            f"{LOST_S:g} s before it"
        )
        return found + [f"PROBLEM: {problem}" for problem in self.problems]


class Trial:
    """The providers, the Linx that runs now, and what they have counted."""

    def __init__(self, requests: int, folder: Path) -> None:
        self.day = Day(requests)
        self.folder = folder
        self.path = folder / "ledger.db"
        self.providers = [Provider("home"), Provider("paid", usd=PRICE), Provider("router", bills=True)]
        self.names = [one.name for one in self.providers]
        self.lost = dict.fromkeys(self.names, NOTHING)
        self.most_lost = 0
        self.problems: list[str] = []

    def config(self) -> dict[str, Any]:
        sections = {
            one.name: {
                "kind": "openrouter" if one.bills else "openai",
                "endpoint": f"http://127.0.0.1:{one.port}/v1",
                "api_key": "the-key-of-a-provider",
                "local": one.name == "home",
                "models": ["any", one.name],
                **({"price": dict(one.usd)} if one.usd else {}),
            }
            for one in self.providers
        }
        return {
            "providers": sections,
            "routing": {
                "provider_priority": ["paid", "router", "home"],
                "cost_optimization": False,
                "hedge": {"after": None},
                "budget": {"monthly_usd": 1_000_000},
            },
            "server": {"port": 0},
            "ledger": {"path": str(self.path)},
        }

    def counted(self) -> dict[str, Counted]:
        return {one.name: one.counted for one in self.providers}

    async def run(self) -> Verdict:
        started = time.monotonic()
        async with trio.open_nursery() as nursery:
            for one in self.providers:
                await nursery.start(one.serve)
            for _ in range(CLIENTS):
                nursery.start_soon(self.day.client)
            part = self.day.requests // (len(KILLS) + 1)
            for number, is_quiet in enumerate(KILLS, 1):
                async with self._linx() as linx:
                    await self._until(linx, part * number, is_quiet=is_quiet)
                    linx.process.kill()
                    self.day.until = 0
                    await linx.process.wait()
                    await self._all_back()
                self._compare(f"after kill {number}", is_quiet=is_quiet)
            async with self._linx() as linx:
                await self._until(linx, self.day.requests, is_quiet=True)
            nursery.cancel_scope.cancel()
        self._compare("at the end", is_quiet=True)
        size = self.path.stat().st_size
        seconds = time.monotonic() - started
        ledger = in_ledger(self.path, self.names)
        return Verdict(self.day, seconds, self.counted(), ledger, self.lost, self.most_lost, self.problems, size)

    def _linx(self) -> LinxProcess:
        return LinxProcess(self.config(), self.folder, "--log-level", "warning")

    async def _until(self, linx: LinxProcess, sent: int, *, is_quiet: bool) -> None:
        """Traffic, until so many requests were sent; then quiet, or full work."""
        day = self.day
        day.port, day.until = linx.port, sent if is_quiet else day.requests
        snapshots: list[tuple[float, int]] = []
        while day.sent < sent:
            snapshots.append((trio.current_time(), day.answered))
            await trio.sleep(0.02)
        if is_quiet:
            await self._all_back()
            await trio.sleep(QUIET_S)
            return
        before = [answered for at, answered in snapshots if trio.current_time() - at >= LOST_S]
        self.most_lost = day.answered - (before[-1] if before else 0) + day.running

    async def _all_back(self) -> None:
        """Until no client waits for an answer."""
        while self.day.running:  # noqa: ASYNC110 - the requests would have to wake somebody each
            await trio.sleep(0.01)

    def _compare(self, when: str, *, is_quiet: bool) -> None:
        ledger = in_ledger(self.path, self.names)
        missing = {name: counted.minus(ledger[name]) for name, counted in self.counted().items()}
        if is_quiet:
            for name in self.names:
                if missing[name] != self.lost[name]:
                    counted = self.counted()[name]
                    self.problems.append(f"{when}: {name} has counted {counted}, the ledger {ledger[name]}")
            return
        self.lost = missing
        if any(number < 0 for one in missing.values() for number in one):
            self.problems.append(f"{when}: the ledger has more than was counted: {missing}")
        if sum(one.answers for one in missing.values()) > self.most_lost:
            self.problems.append(
                f"{when}: the ledger lacks {missing}, and at most {self.most_lost} answers may be lost"
            )


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=100_000)
    requests = options.parse_args().requests
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= dict.fromkeys(("XDG_STATE_HOME", "XDG_CONFIG_HOME"), folder)
        verdict = trio.run(Trial(requests, Path(folder)).run)
    print("\n".join(verdict.lines()))
    return 1 if verdict.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
