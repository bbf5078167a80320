"""Shows what a client sees when a provider is slow, dead, limited or loading, or breaks off.

    python -m benchmarks.scenarios

Each scenario starts a Linx of its own, with real sockets and fake providers that misbehave in
one way. The table says what the client received and when. The tests run the same scenarios and
compare them with ``expect``.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h11
import trio

from linx.core import jsontext
from tests.e2e.http_client import Client
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes import scripted
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
USUAL = Answer()
HELLO = "Hello from the fake."
PAID = {"local": False, "price": {"prompt": 1, "completion": 2}}
NAMES = ("a", "b", "c")


@dataclass(frozen=True)
class Fake:
    """A provider of a scenario, and what it does with each request."""

    reply: Reply = USUAL
    kind: str = "openai"
    is_down: bool = False
    loads_s: float = 0.0
    context: int = 8192
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Expect:
    """What the client must see. ``word_s``: the first word comes between these seconds; None: no word may come."""

    outcome: str
    attempts: str | None
    word_s: tuple[float, float] | None = (0.0, 0.25)
    head_s: tuple[float, float] | None = None
    heartbeats: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    calls: Sequence[int] | None = None


@dataclass(frozen=True)
class Scenario:
    title: str
    fakes: Sequence[Fake]
    expect: Expect
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    routing: Mapping[str, Any] = field(default_factory=dict)
    before: int = 0
    """The number of requests that are sent before the request that is observed."""
    heartbeat_s: float = 15.0
    beside: int = 0
    """The number of requests that run when the observed request comes."""


@dataclass
class Seen:
    """What the client saw. Times are seconds since the request was sent."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    head_s: float = 0.0
    word_s: float | None = None
    end_s: float = 0.0
    heartbeats: int = 0
    body: bytes = b""
    is_whole: bool = False
    attempts: str | None = None

    @property
    def text(self) -> str:
        if self.body.startswith(b"{"):
            whole = jsontext.loads(self.body)
            return str(whole["choices"][0]["message"]["content"]) if "choices" in whole else ""
        frames = [line[6:] for line in self.body.split(b"\n") if line.startswith(b"data: {")]
        deltas = [choice["delta"] for frame in frames for choice in jsontext.loads(frame).get("choices", ())]
        return "".join(delta.get("content") or "" for delta in deltas)

    @property
    def outcome(self) -> str:
        """The answer in a few words."""
        if not self.is_whole:
            return "cut off"
        if self.status != 200:
            return f"{self.status} {jsontext.loads(self.body)['error']['code'] or ''}".strip()
        has_error, is_done = b'{"error"' in self.body, b"data: [DONE]" in self.body or self.body.startswith(b"{")
        if has_error and not is_done:
            return f"{len(self.text)} characters, then an error frame and no end"
        return "the whole answer" if self.text == HELLO and is_done and not has_error else f"odd: {self.body!r}"


TORN = Answer(cut=3, after="close")
SILENT = Answer(first_s=30)
SCENARIOS = (
    Scenario("all is well", [Fake(), Fake()], Expect("the whole answer", "a=ok")),
    Scenario(
        "dead: its port is closed", [Fake(is_down=True), Fake()], Expect("the whole answer", "a=connect_failed, b=ok")
    ),
    Scenario(
        "dead: it resets before a byte", [Fake(scripted.reset()), Fake()], Expect("the whole answer", "a=reset, b=ok")
    ),
    Scenario(
        "dead: everybody",
        [Fake(is_down=True), Fake(scripted.status(500))],
        Expect("502 upstream_unreachable", "a=connect_failed, b=http_500", None, headers={"x-should-retry": "false"}),
    ),
    Scenario(
        "slow: silent for 30 s, hedged after 0.3 s",
        [Fake(SILENT), Fake()],
        Expect("the whole answer", "a=lost, b=ok", (0.3, 0.55)),
        routing={"hedge": {"after": 0.3}},
    ),
    Scenario(
        "slow: the other one costs money, so no hedge",
        [Fake(Answer(first_s=0.8)), Fake(settings=PAID)],
        Expect("the whole answer", "a=ok", (0.8, 1.05), calls=[1, 0]),
        routing={"hedge": {"after": 0.1}},
    ),
    Scenario(
        "slow: given up after first_token_timeout_s 0.4",
        [Fake(SILENT), Fake(settings=PAID)],
        Expect("the whole answer", "a=timeout, b=ok", (0.4, 0.65)),
        routing={"first_token_timeout_s": 0.4},
    ),
    Scenario(
        "slow: 0.9 s of prompt processing, heartbeat_s 0.25",
        [Fake(Answer(first_s=0.9))],
        Expect("the whole answer", None, (0.9, 1.15), (0.25, 0.45), heartbeats=2),
        heartbeat_s=0.25,
    ),
    Scenario(
        "slow, then dead: heartbeats, a reset at 0.6 s",
        [Fake(scripted.Raw([scripted.Sleep(0.6), scripted.Reset()])), Fake()],
        Expect("the whole answer", None, (0.6, 0.85), (0.25, 0.45), heartbeats=1),
        heartbeat_s=0.25,
    ),
    Scenario(
        "dying: torn after the second word",
        [Fake(TORN), Fake()],
        Expect("10 characters, then an error frame and no end", "a=ok", calls=[1, 0]),
    ),
    Scenario(
        "dying: the same, no stream was asked for",
        [Fake(TORN), Fake()],
        Expect("the whole answer", "a=reset, b=ok"),
        body={"stream": False},
    ),
    Scenario(
        "torn: in the first frame", [Fake(scripted.torn(20)), Fake()], Expect("the whole answer", "a=reset, b=ok")
    ),
    Scenario(
        "torn: a role, and then the end",
        [Fake(scripted.role_only()), Fake()],
        Expect("the whole answer", "a=empty, b=ok"),
    ),
    Scenario(
        "garbled: HTML with a 200", [Fake(scripted.html()), Fake()], Expect("the whole answer", "a=bad_response, b=ok")
    ),
    Scenario(
        "an error inside a 200",
        [Fake(scripted.error_in_200()), Fake()],
        Expect("the whole answer", "a=error_event, b=ok"),
    ),
    Scenario(
        "limited: 429 for 20 s",
        [Fake(scripted.status(429, retry_after="20")), Fake()],
        Expect("the whole answer", "a=http_429, b=ok"),
    ),
    Scenario(
        "limited: the request after that",
        [Fake(scripted.status(429, retry_after="20")), Fake()],
        Expect("the whole answer", "b=ok", calls=[1, 2]),
        before=1,
    ),
    Scenario(
        "limited: everybody, for 20 and 7 s",
        [Fake(scripted.status(429, retry_after="20")), Fake(scripted.status(503, retry_after="7"))],
        Expect("429 rate_limit_exceeded", None, None, headers={"retry-after": "7"}, calls=[1, 1]),
        before=1,
    ),
    Scenario(
        "no credit: 402",
        [Fake(scripted.status(402, "no credit")), Fake()],
        Expect("the whole answer", "a=http_402, b=ok"),
    ),
    Scenario(
        "a key that is refused: 401",
        [Fake(scripted.status(401)), Fake()],
        Expect("the whole answer", "a=http_401, b=ok"),
    ),
    Scenario(
        "loading for 1 s, nobody else",
        [Fake(kind="llamacpp", loads_s=1.0)],
        Expect("the whole answer", None, (0.9, 2.2), (0.25, 0.45), heartbeats=2),
        heartbeat_s=0.25,
    ),
    Scenario(
        "loading, another one is ready", [Fake(kind="llamacpp", loads_s=30), Fake()], Expect("the whole answer", "b=ok")
    ),
    Scenario(
        "loading for 1 s, the other one is dead",
        [Fake(kind="llamacpp", loads_s=1.0), Fake(is_down=True)],
        Expect("the whole answer", None, (0.9, 2.2), (0.25, 0.45), heartbeats=2),
        heartbeat_s=0.25,
    ),
    Scenario(
        "full: max_concurrent 1, the other takes 0.5 s",
        [Fake(Answer(first_s=0.5), settings={"max_concurrent": 1})],
        Expect("the whole answer", None, (0.8, 1.3), heartbeats=2),
        beside=1,
        heartbeat_s=0.25,
    ),
    Scenario(
        "full: max_concurrent 1, an equal one is free",
        [Fake(Answer(first_s=0.5), settings={"max_concurrent": 1}), Fake()],
        Expect("the whole answer", "b=ok"),
        beside=1,
        routing={"provider_priority": [["a", "b"]]},
    ),
    Scenario(
        "too long for it: on to a larger context only",
        [
            Fake(scripted.status(400, "maximum context length is 8192"), "openrouter", context=8192),
            Fake(kind="openrouter", context=4096),
            Fake(kind="openrouter", context=32768),
        ],
        Expect("the whole answer", "a=http_400, c=ok", calls=[1, 0, 1]),
    ),
    Scenario(
        "a bad request: 400",
        [Fake(scripted.status(400, "messages must alternate")), Fake()],
        Expect("400", "a=http_400", None, calls=[1, 0]),
    ),
    Scenario(
        "private: the local one is dead, a remote one is well",
        [Fake(is_down=True), Fake(settings={"local": False})],
        Expect("502 upstream_unreachable", "b=not_asked(local_only), a=connect_failed", None, calls=[0, 0]),
        headers={"x-linx-local-only": "true"},
    ),
    Scenario(
        "private: there is only a remote one",
        [Fake(settings={"local": False})],
        Expect("503 no_local_provider", None, None, headers={"x-should-retry": "false"}, calls=[0]),
        headers={"x-linx-local-only": "true"},
    ),
)


async def play(scenario: Scenario, folder: Path) -> tuple[Seen, list[int]]:
    """Run a scenario. Returns what the client saw, and the number of calls of each provider."""
    async with AsyncExitStack() as stack:
        fakes = []
        for one in scenario.fakes:
            fake = FakeProvider(one.kind, [Model("m", context_length=one.context)])  # type: ignore[arg-type]
            fakes.append(await stack.enter_async_context(fake))
            fake.default = one.reply
            fake.loading = bool(one.loads_s)
        names = NAMES[: len(fakes)]
        config = config_for(
            *fakes,
            names=names,
            providers={name: dict(one.settings) for name, one in zip(names, scenario.fakes, strict=True)},
            routing={"hedge": {"after": None}, **scenario.routing},
            server={"heartbeat_s": scenario.heartbeat_s},
        )
        for name, one in zip(names, scenario.fakes, strict=True):
            # The server is down or loading and cannot list its model, so the config names it.
            config["providers"][name]["models"] = ["m"] if one.is_down or one.loads_s else []
        app = await stack.enter_async_context(linx_here(config, folder))
        port = app.bound[0][1]
        for fake, one in zip(fakes, scenario.fakes, strict=True):
            if one.is_down:
                fake.down()
                # Linx has not noticed yet that the provider is down.
                app.context.providers[fakes.index(fake)].health.reachable = None
        for _ in range(scenario.before):
            await ask(port, scenario)
        async with trio.open_nursery() as nursery:
            for _ in range(scenario.beside):
                nursery.start_soon(ask, port, scenario)
                await fakes[0].received()
            for fake, one in zip(fakes, scenario.fakes, strict=True):
                if one.loads_s:
                    nursery.start_soon(_load, fake, one.loads_s)
            seen = await ask(port, scenario)
            nursery.cancel_scope.cancel()
        return seen, [len(fake.calls) for fake in fakes]


async def _load(fake: FakeProvider, seconds: float) -> None:
    await trio.sleep(seconds)
    fake.loading = False


async def ask(port: int, scenario: Scenario) -> Seen:
    """Send one request, and note when each part of the answer comes."""
    seen = Seen()
    async with Client(port) as client:
        start = time.perf_counter()
        await client.send("POST", "/v1/chat/completions", {**CHAT, **scenario.body}, dict(scenario.headers))
        response = await client.event()
        seen.head_s = time.perf_counter() - start
        seen.status = response.status_code
        seen.headers = {name.decode(): value.decode() for name, value in response.headers}
        seen.attempts = seen.headers.get("x-linx-attempts")
        try:
            while not isinstance(event := await client.event(), h11.EndOfMessage):
                data = bytes(event.data)
                seen.body += data
                seen.heartbeats += data.startswith(b":")
                if (
                    seen.word_s is None
                    and seen.status == 200
                    and (seen.text if data.startswith(b"data: {") else data[:1] == b"{")
                ):
                    seen.word_s = time.perf_counter() - start
            seen.is_whole = True
        except h11.RemoteProtocolError:
            pass
        seen.end_s = time.perf_counter() - start
    return seen


def problems(seen: Seen, calls: Sequence[int], expect: Expect, slack_s: float = 0.0) -> list[str]:
    """The differences between what the client saw and what it must see."""
    found = []
    if seen.outcome != expect.outcome:
        found.append(f"outcome: {seen.outcome}")
    if expect.attempts is not None and seen.attempts != expect.attempts:
        found.append(f"attempts: {seen.attempts}")
    if (seen.word_s is None) != (expect.word_s is None):
        found.append(f"first word: {seen.word_s}")
    for what, value, bounds in (("first word", seen.word_s, expect.word_s), ("head", seen.head_s, expect.head_s)):
        if bounds is not None and value is not None and not bounds[0] - 0.02 <= value <= bounds[1] + slack_s:
            found.append(f"{what} at {value:.3f} s")
    if seen.heartbeats < expect.heartbeats:
        found.append(f"{seen.heartbeats} heartbeats")
    found += [
        f"{name}: {seen.headers.get(name)}" for name, value in expect.headers.items() if seen.headers.get(name) != value
    ]
    if expect.calls is not None and list(calls) != list(expect.calls):
        found.append(f"calls: {list(calls)}")
    return found


async def main() -> None:
    print("| scenario | what the client saw | attempts | head | first word | end | heartbeats |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: |")
    for scenario in SCENARIOS:
        with tempfile.TemporaryDirectory() as folder:
            seen, calls = await play(scenario, Path(folder))
        word = "" if seen.word_s is None else f"{seen.word_s * 1000:.0f} ms"
        wrong = "".join(f" **{problem}**" for problem in problems(seen, calls, scenario.expect))
        more = "".join(
            f", {name}: {seen.headers[name]}" for name in ("retry-after", "x-should-retry") if name in seen.headers
        )
        print(
            f"| {scenario.title} | {seen.outcome}{more}{wrong} | {seen.attempts or ''} | {seen.head_s * 1000:.0f} ms "
            f"| {word} | {seen.end_s * 1000:.0f} ms | {seen.heartbeats or ''} |"
        )


if __name__ == "__main__":
    trio.run(main)
