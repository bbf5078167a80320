"""Long silences and long answers under the mock clock: real sockets, hours in a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import h11
import pytest
import trio

from linx.providers import catalog
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

    from linx.providers.health import Health

MESSAGES = [{"role": "user", "content": "hi"}]
CHAT: dict[str, Any] = {"model": "m", "messages": MESSAGES, "stream": True}
FACES = {
    "openai": ("/v1/chat/completions", CHAT, b": ", b"data: [DONE]"),
    "ollama": ("/api/chat", CHAT, b'"content":""', b'"done":true'),
    "generate": ("/api/generate", {"model": "m", "prompt": "hi"}, b'"response":""', b'"done":true'),
    "anthropic": ("/v1/messages", {**CHAT, "max_tokens": 100}, b"event: ping", b"event: message_stop"),
    "responses": ("/v1/responses", {"model": "m", "input": "hi", "stream": True}, b": ", b"response.completed"),
}
TEN_MINUTES, TWO_HOURS, DAY = 600.0, 7200.0, 86400.0


async def watched(port: int, path: str, body: Any) -> tuple[list[tuple[float, bytes]], bool]:
    """What came and when, in seconds since the request."""
    async with Client(port) as client:
        start = trio.current_time()
        await client.send("POST", path, body)
        came = []
        response = await client.event()
        assert response.status_code == 200
        try:
            while not isinstance(event := await client.event(), h11.EndOfMessage):
                came.append((trio.current_time() - start, bytes(event.data)))
        except h11.RemoteProtocolError:
            return came, False
        return came, True


@pytest.mark.parametrize("kind", ["openai", "ollama"])
@pytest.mark.parametrize("face", FACES)
async def test_ten_minutes_of_silence(face: str, kind: Any, autojump_clock: MockClock, tmp_path: Path) -> None:
    path, body, heartbeat, end = FACES[face]
    async with FakeProvider(kind, ["m"]) as fake:
        fake.default = Answer(head_s=TEN_MINUTES)
        async with linx_here(config_for(fake), tmp_path) as app:
            came, is_whole = await watched(app.bound[0][1], path, body)
    assert is_whole
    beats = [(at, data) for at, data in came if at < TEN_MINUTES - 1]
    assert len(beats) == pytest.approx(TEN_MINUTES / 15, abs=4)
    assert all(heartbeat in data for _at, data in beats)
    gaps = [after - before for (before, _), (after, _) in zip([(0.0, b""), *beats], beats, strict=False)]
    assert max(gaps) <= 18
    told = b"".join(data for _at, data in came)
    assert end in told
    assert b'"error":{' not in told
    assert b"Hello" in told
    assert came[-1][0] == pytest.approx(TEN_MINUTES, abs=1)


async def test_a_day_of_silence(autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment at least every 15 s, so that no timer of an SDK, a tunnel or a NAT fires; and the whole answer."""
    monkeypatch.setattr(
        "linx.config.watch.INTERVAL_S", DAY
    )  # its looks at the file, in a thread, take most of the time
    monkeypatch.setattr("linx.core.watchdog.TICK_S", DAY)
    monkeypatch.setattr("linx.handlers.heartbeat.LONGEST_TICK_S", 15.0)
    async with FakeProvider("openai", ["m"]) as fake:
        fake.default = Answer(first_s=DAY)
        async with linx_here(config_for(fake), tmp_path) as app:
            came, is_whole = await watched(app.bound[0][1], "/v1/chat/completions", CHAT)
            assert len(fake.calls) == 1
            assert app.context.telemetry.finished[-1].phase == "done"
    assert is_whole
    beats = [at for at, data in came if data.startswith(b": ")]
    assert DAY / 18 <= len(beats) <= DAY / 15 + 1
    assert max(after - before for before, after in zip([0.0, *beats], [*beats, DAY], strict=True)) <= 18
    assert came[-1][1].endswith(b"data: [DONE]\n\n")
    assert came[-1][0] == pytest.approx(DAY, abs=1)


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0], ids=["an hour on", "an hour back"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_the_wall_clock_jumps(
    jump_s: float, stream: bool, autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every wait, pause and cool-down is measured with a clock that does not jump."""
    real, jumped = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + jumped[0])
    async with FakeProvider("openai", ["m"]) as fake, FakeProvider("openai", ["m"]) as paused:
        fake.default = Answer(first_s=20, interval_s=1)
        paused.next(scripted.status(429, retry_after="100"))
        config = config_for(paused, fake, names=("paused", "fake"), routing={"hedge": {"after": None}})
        async with linx_here(config, tmp_path) as app:
            port = app.bound[0][1]
            async with Client(port) as client:
                start = trio.current_time()
                await client.send("POST", "/v1/chat/completions", {**CHAT, "stream": stream})
                await fake.received()
                jumped[0] = jump_s
                answer = await client.answer()
            assert (answer.status, answer.is_whole) == (200, True)
            assert trio.current_time() - start == pytest.approx(24, abs=2)
            record = app.context.telemetry.finished[-1]
            assert record.phase == "done"
            assert record.ended is not None
            assert 0 < record.ended - record.started < 60
            assert [one.outcome for one in record.attempts] == ["http_429", "ok"]
            whole = {**CHAT, "stream": False}
            assert (await ask(port, "/v1/chat/completions", whole)).headers["x-linx-attempts"] == "fake=ok"
            assert 0 <= (await ask(port, "/v1/providers/status")).json["uptime_s"] < 120
            await trio.sleep(100)
            answer = await ask(port, "/v1/chat/completions", whole)
            assert answer.headers["x-linx-attempts"] == "paused=ok"


async def test_an_answer_of_two_hours(autojump_clock: MockClock, tmp_path: Path) -> None:
    words = ["word "] * 24
    async with FakeProvider("openai", ["m"]) as fake:
        fake.default = Answer(tokens=words, first_s=1, interval_s=TWO_HOURS / len(words))
        async with linx_here(config_for(fake), tmp_path) as app:
            came, is_whole = await watched(app.bound[0][1], "/v1/chat/completions", CHAT)
    assert is_whole
    assert sum(b'"content":"word "' in data for _at, data in came) == len(words)
    assert sum(data.startswith(b": ") for _at, data in came) > TWO_HOURS / 20
    assert came[-1][1].endswith(b"data: [DONE]\n\n")
    assert came[-1][0] == pytest.approx(TWO_HOURS - TWO_HOURS / len(words), rel=0.01)


async def test_fallback_after_ten_minutes_of_heartbeats(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as dying, FakeProvider("openai", ["m"]) as good:
        dying.default = scripted.Raw([scripted.Sleep(TEN_MINUTES), scripted.Reset()])
        config = config_for(dying, good, routing={"hedge": {"after": None}})
        async with linx_here(config, tmp_path) as app:
            came, is_whole = await watched(app.bound[0][1], "/v1/chat/completions", CHAT)
            attempts = (await ask(app.bound[0][1], "/linx/requests")).json["data"][0]["attempts"]
    assert is_whole
    assert [one["outcome"] for one in attempts] == ["reset", "ok"]
    assert len(dying.calls) == 1, "a server that has worked for ten minutes gets no second copy"
    assert b"".join(data for _at, data in came).endswith(b"data: [DONE]\n\n")


async def test_a_model_that_loads_for_five_minutes(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, trio.open_nursery() as nursery:
        fake.loading = True

        async def load() -> None:
            await trio.sleep(300)
            fake.loading = False

        config = config_for(fake, names=("a",), providers={"a": {"models": ["m"]}})
        async with linx_here(config, tmp_path) as app:
            assert app.context.providers[0].health.state(trio.current_time()) == "loading"
            nursery.start_soon(load)
            came, is_whole = await watched(app.bound[0][1], "/v1/chat/completions", CHAT)
    assert is_whole
    assert 299 < came[-1][0] < 305
    assert sum(data.startswith(b": ") for _at, data in came) >= 18
    assert len(fake.calls) < 320


# --- how soon a change is noticed -------------------------------------------------------


@pytest.mark.parametrize("kind", ["ollama", "openai", "llamacpp"])
async def test_a_provider_that_appears_later_is_found_within_15_s(
    kind: Any, autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with FakeProvider(kind, ["m"]) as fake:
        fake.down()
        async with linx_here(config_for(fake), tmp_path) as app:
            health = app.context.providers[0].health
            for _ in range(5):
                await trio.sleep(41.7)
                assert health.state(trio.current_time()) == "down"
                await fake.up()
                assert await _until_up(health) <= 15.2
                assert app.context.providers[0].listed("m")
                # It goes down just after a probe, in the calm minute, and a request finds out.
                fake.down()
                assert (await ask(app.bound[0][1], "/v1/chat/completions", CHAT)).status == 502
                await fake.up()
                assert await _until_up(health) <= 15.2
                fake.down()
                await ask(app.bound[0][1], "/v1/chat/completions", CHAT)


async def _until_up(health: Health) -> float:
    """How long it took, in seconds."""
    start = trio.current_time()
    while health.state(trio.current_time()) != "up":
        await trio.sleep(0.1)
    return trio.current_time() - start


async def test_what_is_well_is_left_in_peace(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path):
        await trio.sleep(3600)
    probes = len(fake.requests)
    assert 60 <= probes <= 60 / (1 - catalog.JITTER) + 2
