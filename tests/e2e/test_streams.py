"""What happens while an answer is on its way: heartbeats, reloads, loops, hang-ups, a slow client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core import jsontext
from tests.e2e.http_client import Answer as Got
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import config_for, linx_here
from tests.e2e.openai_sdk import ask_sdk
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider, closed_port
from tests.fakes.scripted import Answer
from tests.waiting import within

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

    from linx.app import App

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
STREAM = {**CHAT, "stream": True}
PATH = "/v1/chat/completions"
BEATS: dict[str, Any] = {"server": {"heartbeat_s": 0.1}}


def port_of(app: App) -> int:
    return app.bound[0][1]


def comments(answer: Got) -> int:
    """How many comment frames came."""
    return sum(frame.startswith(b":") for frame in answer.body.split(b"\n\n"))


# --- heartbeats ---


@pytest.mark.parametrize("kind", ["openai", "ollama"])
async def test_a_silent_provider_is_bridged_by_comments(kind: Any, autojump_clock: MockClock, tmp_path: Path) -> None:
    async with FakeProvider(kind, ["m"]) as fake, linx_here(config_for(fake, **BEATS), tmp_path) as app:
        fake.next(Answer(first_s=0.45))
        async with Client(port_of(app)) as client:
            started = trio.current_time()
            await client.send("POST", PATH, STREAM)
            head = await client.event()
            assert head.status_code == 200
            assert trio.current_time() - started < 0.35
            headers = {bytes(name).decode(): bytes(value).decode() for name, value in head.headers}
            assert headers["content-type"] == "text/event-stream"
            assert "x-linx-provider" not in headers
            assert "x-linx-attempts" not in headers  # nobody has won yet
            data = b""
            while type(event := await client.event()).__name__ == "Data":
                data += bytes(event.data)
        answer = Got(200, headers, data, True)
        assert 3 <= comments(answer) <= 5
        assert answer.text == "Hello from the fake."
        assert answer.events[-1] == "[DONE]"
        assert data.startswith(b": linx\n\n")


async def test_a_pause_in_mid_answer_is_bridged_too(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake, **BEATS), tmp_path) as app:
        fake.next(Answer(tokens=["a", "b"], interval_s=0.35))
        answer = await ask(port_of(app), PATH, STREAM)
        told = await ask_sdk(port_of(app), stream=True)
    assert answer.headers["x-linx-provider"] == "openai1"
    assert answer.text == "ab"
    assert comments(answer) >= 2
    assert told.text == "Hello from the fake."


HEAD = scripted.Send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
LATE = scripted.Sleep(0.3)


@pytest.mark.parametrize(
    "reply",
    [
        scripted.Whole(500, b"{}", head_s=0.3),
        scripted.Raw([HEAD, LATE, scripted.Reset()]),
        scripted.Raw([HEAD, LATE, scripted.Send(b'data: {"error":{"message":"late"}}\n\n'), scripted.Close()]),
        scripted.Raw([HEAD, scripted.Send(b": hi\n\n"), LATE, scripted.Send(b"data: [DONE]\n\n"), scripted.Close()]),
    ],
    ids=["500", "reset", "error", "empty"],
)
async def test_fallback_goes_on_after_a_heartbeat(reply: Any, autojump_clock: MockClock, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("ollama", ["m"]) as good:
        bad.next(reply)
        async with linx_here(config_for(bad, good, **BEATS), tmp_path) as app:
            answer = await ask(port_of(app), PATH, STREAM)
            record = next(iter(app.context.telemetry.finished))
    assert answer.status == 200
    assert comments(answer) >= 1
    assert answer.text == "Hello from the fake."
    assert answer.events[-1] == "[DONE]"
    assert len([event for event in answer.events if isinstance(event, dict) and "error" in event]) == 0
    assert (record.provider, len(record.attempts)) == ("ollama2", 2)


async def test_an_error_after_a_heartbeat_is_in_band(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake, **BEATS), tmp_path) as app:
        fake.next(scripted.Whole(401, b'{"error":{"message":"no"}}', head_s=0.3))
        answer = await ask(port_of(app), PATH, STREAM)
        fake.next(scripted.Whole(500, b"{}", head_s=0.3))
        told = await ask_sdk(port_of(app), stream=True)
    assert (answer.status, answer.is_whole) == (200, True)
    assert comments(answer) >= 1
    (event,) = answer.events
    assert event["error"]["code"] == "upstream_auth"
    assert told.status is None
    assert "openai1" in (told.error or "")


async def test_who_asked_for_no_stream_gets_no_heartbeat(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake, **BEATS), tmp_path) as app:
        fake.next(Answer(first_s=0.3))
        answer = await ask(port_of(app), PATH, CHAT)
    assert answer.json["choices"][0]["message"]["content"] == "Hello from the fake."


async def test_a_hang_up_during_heartbeats_ends_the_providers_work(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake, **BEATS), tmp_path) as app:
        fake.next(scripted.hang())
        async with Client(port_of(app)) as client:
            await client.send("POST", PATH, STREAM)
            await client.event()
            call = await fake.received()
        with within(0.2):
            await call.hung_up.wait()
        with within(1):
            while app.context.heartbeats.streams:
                await trio.sleep(0.01)


# --- reload ---


async def test_a_running_answer_keeps_its_provider_over_a_reload(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as old, FakeProvider("openai", ["m"]) as new:
        old.default = Answer(tokens=list("abcdefghij"), interval_s=0.03)
        new.default = Answer(tokens=["new"])
        async with linx_here(config_for(old, names=("one",)), tmp_path) as app, Client(port_of(app)) as client:
            await client.send("POST", PATH, STREAM)
            await old.received()
            config = config_for(new, names=("one",), providers={"one": {"model_mappings": {"extra": "m"}}})
            (tmp_path / "config.json").write_bytes(jsontext.dumps(config))
            answer = await ask(port_of(app), "/linx/reload", method="POST")
            assert (answer.status, answer.json["problem"]) == (200, None)
            assert {one["id"] for one in (await ask(port_of(app), "/v1/models")).json["data"]} >= {"extra"}
            other = await ask(port_of(app), PATH, {**CHAT, "model": "extra"})
            assert other.json["choices"][0]["message"]["content"] == "new"
            running = await client.answer()
            assert running.text == "abcdefghij"
            assert running.events[-1] == "[DONE]"
            assert (len(old.calls), len(new.calls)) == (1, 1)
            # and one that is taken out altogether
            await client.send("POST", PATH, STREAM)
            await new.received(2)
            (tmp_path / "config.json").write_bytes(jsontext.dumps(config_for(old, names=("two",))))
            assert (await ask(port_of(app), "/linx/reload", method="POST")).status == 200
            assert (await client.answer()).text == "new"
            names = [one["name"] for one in (await ask(port_of(app), "/v1/providers/status")).json["data"]]
            assert "one" not in names


async def test_a_key_that_is_changed_counts_for_new_requests(tmp_path: Path) -> None:
    first, second = "first-key-0123456789", "second-key-0123456789"
    async with FakeProvider("openai", ["m"]) as fake:
        fake.default = Answer(tokens=list("abcdef"), interval_s=0.03)
        async with (
            linx_here(config_for(fake, server={"api_key": first}), tmp_path) as app,
            Client(port_of(app)) as client,
        ):
            await client.send("POST", PATH, STREAM, {"x-api-key": first})
            await fake.received()
            (tmp_path / "config.json").write_bytes(jsontext.dumps(config_for(fake, server={"api_key": second})))
            await ask(port_of(app), "/linx/reload", method="POST", headers={"x-api-key": first})
            assert (await ask(port_of(app), "/v1/models", headers={"x-api-key": first})).status == 401
            assert (await ask(port_of(app), "/v1/models", headers={"x-api-key": second})).status == 200
            assert (await client.answer()).text == "abcdef"


async def test_a_reload_that_fails_changes_nothing_and_says_why(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        (tmp_path / "config.json").write_bytes(b'{"ollama": {"enpoint": "x"}}')
        answer = await ask(port_of(app), "/linx/reload", method="POST")
        assert answer.status == 200
        assert "enpoint" in answer.json["problem"]
        assert (await ask(port_of(app), PATH, CHAT)).status == 200
        own = f"http://127.0.0.1:{port_of(app)}/v1"
        bad = config_for(providers={"loop": {"kind": "openai", "endpoint": own}})
        (tmp_path / "config.json").write_bytes(jsontext.dumps(bad))
        answer = await ask(port_of(app), "/linx/reload", method="POST")
        assert "providers.loop.endpoint" in answer.json["problem"]
        assert (await ask(port_of(app), PATH, CHAT)).status == 200


# --- loops ---


def chained(name: str, port: int, **more: Any) -> dict[str, Any]:
    return {name: {"kind": "openai", "endpoint": f"http://127.0.0.1:{port}/v1", "models": ["m"], **more}}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_two_that_lead_to_each_other_answer_508(stream: bool, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    second_port = closed_port()
    first_config = config_for(providers=chained("second", second_port))
    async with linx_here(first_config, tmp_path / "a", wait_for_models=False) as first:
        second_config = config_for(server={"port": second_port}, providers=chained("first", port_of(first)))
        async with linx_here(second_config, tmp_path / "b", wait_for_models=False) as second:
            answer = await ask(port_of(first), PATH, {**CHAT, "stream": stream})
            assert answer.status == 508, answer.body
            assert answer.json["error"]["code"] == "loop_detected"
            # The first also lists the request that came round, which it has refused.
            assert [one.status for one in first.context.telemetry.finished] == [508, 508]
            assert len(second.context.telemetry.finished) == 1
            assert all(one.health.consecutive_failures == 0 for one in first.context.providers)


async def test_several_in_a_row_are_fine(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    async with FakeProvider("ollama", ["m"]) as fake, linx_here(config_for(fake), tmp_path / "a") as inner:
        async with linx_here(config_for(providers=chained("inner", port_of(inner))), tmp_path / "b") as outer:
            for stream in (True, False):
                told = await ask_sdk(port_of(outer), stream=stream)
                assert told.said == ("Hello from the fake.", "", [], "stop")
                assert told.usage == (9, 5)
    hops = fake.calls[0].headers["x-linx-hop"].split(", ")
    assert hops == [outer.context.instance.decode(), inner.context.instance.decode()]


async def test_a_loop_falls_over_to_somebody_who_answers(tmp_path: Path) -> None:
    """The provider leads back here under a name that the start could not know."""
    async with FakeProvider("openai", ["m"]) as good:
        port = closed_port()

        async def forward(stream: trio.SocketStream) -> None:
            async with await trio.open_tcp_stream("127.0.0.1", port) as onward, stream, trio.open_nursery() as nursery:
                for source, sink in ((stream, onward), (onward, stream)):
                    nursery.start_soon(pump, source, sink, nursery.cancel_scope)

        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        around: int = listener.socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, forward, [listener])
            config = config_for(
                good,
                names=("good",),
                server={"port": port},
                providers=chained("loop", around, model_mappings={"only": "only"}),
            )
            config["routing"]["provider_priority"] = ["loop", "good"]
            async with linx_here(config, tmp_path) as app:
                answer = await ask(port_of(app), PATH, CHAT)
                assert answer.status == 200
                assert answer.headers["x-linx-attempts"] == "loop=http_508, good=ok"
                assert len(good.calls) == 1
                answer = await ask(port_of(app), PATH, {**CHAT, "model": "only"})
                assert answer.status == 508
                assert "leads" in answer.json["error"]["message"] or "loop" in answer.json["error"]["message"]
            nursery.cancel_scope.cancel()


async def pump(source: trio.SocketStream, sink: trio.SocketStream, scope: trio.CancelScope) -> None:
    try:
        async for data in source:
            await sink.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    scope.cancel()


# --- one slow client, many quick ones ---


async def test_a_client_that_does_not_read_holds_up_nobody(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(Answer(tokens=["x" * 4096] * 20000))
        async with Client(port_of(app)) as slow:
            await slow.send("POST", PATH, STREAM)
            call = await fake.received()
            for _ in range(5):
                assert (await ask(port_of(app), PATH, STREAM)).text == "Hello from the fake."
            sent = call.sent_frames
            assert sent < 15000  # the provider is held back, not buffered
            assert not call.ended.is_set()
        with within(0.5):
            await call.hung_up.wait()


async def test_requests_in_one_breath_are_answered_in_order(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = Answer(interval_s=0.01)
        async with Client(port_of(app)) as client:
            body = jsontext.dumps(STREAM)
            head = (
                b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            )
            one = head % (PATH.encode(), len(body)) + body
            await client.stream.send_all(
                one * 2 + b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            got = b""
            with trio.fail_after(5):
                async for data in client.stream:
                    got += data
        assert got.count(b"HTTP/1.1 200 OK") == 3
        assert got.count(b"data: [DONE]") == 2
        assert got.rstrip().endswith(b"}")
