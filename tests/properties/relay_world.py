"""A Linx whose client and providers are in memory, for one request with a fault at one step.

Everything between the two sides is real: connection, endpoints, faces, race, attempts, pool. ``run`` lets one client
ask and then looks at everything that may have stayed behind.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import msgspec
import trio

from linx.access import Access, Policy
from linx.app import faces_for
from linx.config.model import Config
from linx.core import jsontext
from linx.core.errors import ShuttingDown
from linx.endpoints import Endpoints
from linx.routing.router import Router
from linx.server.connection import Connection
from linx.server.limits import Shared
from linx.server.listener import Listener
from linx.upstream.pool import Pool
from tests.handlers.contexts import context_for
from tests.properties.memory_net import NARROW, ROOMY, End, Faults, Net, Watched
from tests.routing.world import has, provider
from tests.server.client import Answer, split_answers

if TYPE_CHECKING:
    from linx.upstream.dial import Dialer

Step = bytes | float | None
"""What a provider does: bytes to send, seconds of silence, or (None) it closes the connection."""
Script = Sequence[Step]
PEER = "127.0.0.1:5"
HANG_S = 300.0  # of the mock clock
PACE_S = 0.001  # after each piece of an answer, so that Linx reads it alone
CANCEL_S = 0.05  # within which a request ends whose client has gone
SETTLE_S = 3.0  # longer than a drain and a linger
LASTING = ("Pool.run", "Heartbeats.run", "Watch.watch", "HedgeWatch._watch")
"""Tasks of Linx that live as long as Linx itself."""


@dataclass(frozen=True)
class Scenario:
    """One request, and the providers that may answer it, in the order of their priority.

    ``scripts``: what each provider does with its first requests; after these it answers as ``usual`` says.
    ``read``: the text of an answer, whether it has its normal end, and whether it has an error.
    ``is_opaque``: Linx passes the answer on unread. It may know no error in its format, so that a failure tears the
    connection, and it does not know where the answer ends, so that an error may follow its last words.
    """

    name: str
    request: bytes
    kinds: Mapping[str, str]
    usual: Callable[[bytes], Script]
    text: str
    read: Callable[[bytes], tuple[str, bool, bool]]
    scripts: Mapping[str, Sequence[Script]] = field(default_factory=dict)
    routing: Mapping[str, Any] = field(default_factory=dict)
    is_stream: bool = False
    is_opaque: bool = False
    may_repeat: bool = True
    """May the request be sent to a second provider, also after the first has got its body?"""
    has_record: bool = True
    narrow: int = NARROW
    is_warm: bool = False
    """Is there a kept connection to the first provider?"""

    def __str__(self) -> str:
        return self.name


def post(path: str, body: Any, *fields: str, kind: str = "application/json") -> bytes:
    data = body if isinstance(body, bytes) else jsontext.dumps(body)
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Type: {kind}", f"Content-Length: {len(data)}"]
    return "\r\n".join([*lines, *fields, "", ""]).encode() + data


class Host:
    """One provider."""

    def __init__(self, scenario: Scenario, name: str) -> None:
        self.scripts = list(scenario.scripts.get(name, ()))
        self.requests = 0
        self._usual = scenario.usual

    async def serve(self, end: End) -> None:
        while request := await _read_request(end):
            self.requests += 1
            for step in self.scripts.pop(0) if self.scripts else self._usual(request):
                if step is None:
                    return
                if isinstance(step, float):
                    await trio.sleep(step)
                    continue
                await end.send(step)
                await trio.sleep(PACE_S)


async def _read_request(end: End) -> bytes:
    data = b""
    while True:
        head, blank, body = data.partition(b"\r\n\r\n")
        if blank:
            lower = head.lower()
            length = lower.partition(b"content-length: ")[2].partition(b"\r\n")[0]
            is_chunked = b"transfer-encoding: chunked" in lower
            if body.endswith(b"0\r\n\r\n") if is_chunked else len(body) >= int(length or b"0"):
                return data
        more = await end.recv()
        if not more:
            return b""
        data += more


@dataclass
class Outcome:
    """``verdict``: the answer was ``whole``, an ``error``, or ``torn``."""

    verdict: str
    text: str
    status: int
    steps: list[str]
    hit: str


class Errors(logging.Handler):
    """What Linx reports as its own bugs."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(record.getMessage() + (f": {record.exc_info[1]!r}" if record.exc_info else ""))


class Lab:
    """One Linx, and the client's side of the connection to it."""

    def __init__(self, nursery: trio.Nursery, scenario: Scenario, faults: Faults, room: int) -> None:
        self.scenario = scenario
        self.faults = faults
        self.net = Net(nursery, faults, room)
        self.hosts = {name: Host(scenario, name) for name in scenario.kinds}
        self.net.servers = {f"{name}.test": host.serve for name, host in self.hosts.items()}
        providers = []
        for name, kind in scenario.kinds.items():
            one = has(provider(name, kind=kind, native=kind == "anthropic", usd=0.0), "m")
            one.health.reachable = True
            one.probed.set()
            providers.append(one)
        routing = msgspec.convert(
            {"provider_priority": list(scenario.kinds), **scenario.routing}, type(Config().routing)
        )
        config = Config(routing=routing)
        self.pool = Pool(cast("Dialer", self.net))
        self.context = context_for(config, Router(providers, routing), self.pool)
        faces = faces_for(config)
        self.shared = Shared()
        self.listener = Listener("local", Endpoints(self.context, Access(Policy()), lambda: faces))
        self.connection: Connection | None = None
        self.client: End | None = None
        self.scope = trio.CancelScope()
        self.gone_at = math.inf
        self._nursery = nursery
        self._room = room

    async def ask(self) -> bytes:
        """All that a client gets for the request, which it sends over a connection of its own."""
        ours, theirs = End.pair(self._room)
        self.client = ours
        connection = self.connection = Connection(
            Watched(theirs, "client", self.faults), self.listener, self.shared, PEER
        )
        over = trio.Event()
        data = b""
        self.scope = trio.CancelScope()

        async def attend() -> None:
            with self.scope:
                await connection.serve()
            over.set()

        async def send() -> None:
            with contextlib.suppress(OSError, trio.ClosedResourceError):
                await ours.send(self.scenario.request)

        self._nursery.start_soon(attend)
        self._nursery.start_soon(connection.pump)
        self._nursery.start_soon(send)
        with trio.fail_after(HANG_S):
            try:
                while more := await ours.recv():
                    data += more
                    answers, _rest = split_answers(data, False)
                    if answers:
                        break
            except (OSError, trio.ClosedResourceError):
                pass
            ours.close()
            await over.wait()
        self.connection = None
        late_s = trio.current_time() - self.gone_at
        assert late_s <= CANCEL_S, f"the request ran for {late_s:g} s after its client had gone"
        self.gone_at = math.inf
        assert theirs.is_closed, "the client's connection is still open"
        return data

    # --- what may happen at a step -----------------------------------------------------

    def stop(self, _name: str, _end: Watched | None) -> None:
        if self.connection is not None and self.connection.request is not None:
            self.connection.request.stop(ShuttingDown("Linx is shutting down; this request was cut short"))

    def kill(self, _name: str, _end: Watched | None) -> None:
        if self.connection is not None:
            self.connection.kill()

    def cancel(self, _name: str, _end: Watched | None) -> None:
        self.scope.cancel()

    def hang_up(self, _name: str, _end: Watched | None) -> None:
        if self.client is not None:
            self.client.close()
            self.gone_at = trio.current_time()

    def reset(self, name: str, end: Watched | None) -> None:
        self._break(name, end, ConnectionResetError())

    def broken(self, name: str, end: Watched | None) -> None:
        """As over TLS."""
        self._break(name, end, trio.BrokenResourceError())

    def fin(self, name: str, end: Watched | None) -> None:
        if end is None:
            self.net.refusing.add(name.removesuffix(" connect"))
        else:
            end.end.peer.close()

    def _break(self, name: str, end: Watched | None, problem: Exception) -> None:
        if end is None:
            self.net.refusing.add(name.removesuffix(" connect"))
        else:
            end.end.break_off(problem)

    # --- what must be so afterwards ----------------------------------------------------

    def check_nothing_left(self, requests: int) -> None:
        census, shared, telemetry = self.pool.census(), self.shared, self.context.telemetry
        assert (census["active"], census["draining"]) == (0, 0), census
        assert self.net.open == census["idle"], f"{self.net.open} connections open, {census}"
        assert (shared.bodies, shared.requests_running) == (0, 0), shared
        assert not self.context.heartbeats.streams
        assert not self.context.hedge_watch.watched
        assert not telemetry.running
        begun = sum(host.requests for host in self.hosts.values())
        assert len(telemetry.finished) <= requests
        assert telemetry.finished or not begun or not self.scenario.has_record
        for record in telemetry.finished:
            assert record.phase in ("done", "failed", "cancelled"), record.phase
            assert record.ended is not None
            outcomes = [attempt.outcome for attempt in record.attempts]
            assert all(outcomes), outcomes
            assert all(attempt.ended is not None for attempt in record.attempts)
            assert outcomes.count("ok") <= 1, outcomes
            assert record.phase != "done" or outcomes.count("ok") == 1 or not outcomes, outcomes
        for one in self.context.providers:
            assert one.slots.active == 0, f"{one.name} holds {one.slots.active} places"
            assert one.relaying == 0
            assert sum(one.counters.outcomes.values()) == one.counters.requests, one.counters
        left = [name for name in _tasks() if name.startswith("linx.") and not name.endswith(LASTING)]
        assert not left, f"tasks left: {left}"


def _tasks() -> list[str]:
    root = trio.lowlevel.current_root_task()
    assert root is not None
    names, nurseries = [], list(root.child_nurseries)
    while nurseries:
        for task in nurseries.pop().child_tasks:
            names.append(task.name)
            nurseries += task.child_nurseries
    return names


def judge(scenario: Scenario, data: bytes) -> tuple[str, str, int]:
    """Verdict, text and status. Fails for an answer that looks whole and is not."""
    answers, _rest = split_answers(data, True)
    if not answers:
        return "torn", "", 0
    assert len(answers) == 1, answers
    (answer,) = answers
    assert answer.status != 500, answer
    if answer.status >= 400:
        if answer.is_whole:
            assert b"error" in answer.body, answer
        return ("error" if answer.is_whole else "torn"), "", answer.status
    return *_judge_good(scenario, answer), answer.status


def _judge_good(scenario: Scenario, answer: Answer) -> tuple[str, str]:
    if not answer.is_whole and not scenario.is_stream:
        return "torn", ""
    text, has_end, has_error = scenario.read(answer.body)
    assert not (has_end and has_error) or scenario.is_opaque, f"an end and an error: {answer}"
    assert scenario.text.startswith(text), f"{text!r} is not a beginning of {scenario.text!r}"
    assert text == scenario.text or not has_end, f"a normal end after {text!r}"
    if not answer.is_whole:
        # Ollama's clients overlook the error's line, so that the connection closes behind it.
        return ("error" if has_error else "torn"), text
    assert has_end or has_error, f"an answer without an end: {answer}"
    return ("whole" if has_end else "error"), text


async def run(scenario: Scenario, act: str = "", at: int = 0, room: int = ROOMY) -> Outcome:
    """One request with ``act`` at step ``at``, and all checks of what it leaves."""
    errors = Errors()
    logging.getLogger("linx").addHandler(errors)
    try:
        async with trio.open_nursery() as nursery:
            faults = Faults()
            lab = Lab(nursery, scenario, faults, room)
            nursery.start_soon(lab.listener.watch.watch)
            nursery.start_soon(lab.context.heartbeats.run, lab.context.heartbeat_s)
            await nursery.start(lab.pool.run)
            asked = 0
            if scenario.is_warm:
                await lab.ask()
                asked += 1
                faults.steps.clear()
            faults.at, faults.act = at, getattr(lab, act) if act else None
            data = await lab.ask()
            asked += 1
            steps = faults.steps.copy()
            faults.act = None
            verdict, text, status = judge(scenario, data)
            await trio.sleep(SETTLE_S)
            lab.check_nothing_left(asked)
            # The next request is answered as if nothing had happened.
            lab.net.refusing.clear()
            for host in lab.hosts.values():
                host.scripts.clear()
            again = judge(scenario, await lab.ask())
            assert again[:2] == ("whole", scenario.text), again
            await trio.sleep(SETTLE_S)
            lab.check_nothing_left(asked + 1)
            lab.pool.close_idle()
            assert lab.net.open == 0, "connections open that the pool does not know"
            nursery.cancel_scope.cancel()
    finally:
        logging.getLogger("linx").removeHandler(errors)
    assert not errors.found, errors.found
    return Outcome(verdict, text, status, steps, faults.hit)
