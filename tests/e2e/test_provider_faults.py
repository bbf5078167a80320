"""Providers that cannot be found, cannot be reached, or break while they are asked; over real sockets.

Each fault before the first content is invisible while another provider is left, and has a clear text where none is.
What a provider answers wrongly is in ``test_fallback``, ``test_corpus`` and ``test_odd_answers``.
"""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import struct
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.http1.transport import SocketTransport
from linx.upstream import connection
from tests.e2e.http_client import Answer as Got
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import LinxProcess, config_for, linx_here
from tests.fakes import scripted
from tests.fakes.catalogue import Model
from tests.fakes.internet import Internet
from tests.fakes.provider import FakeProvider, closed_port
from tests.fakes.scripted import Answer
from tests.test_app import port_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from trio.testing import MockClock

    from linx.app import App
    from linx.providers.health import Health

PATH = "/v1/chat/completions"
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
HELLO = "Hello from the fake."
FAR, ELSEWHERE = "api.far.example", "203.0.113.7"
both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


def said(answer: Got) -> str:
    if answer.body.startswith(b"{"):
        return str(answer.json["choices"][0]["message"]["content"])
    return answer.text


def attempts_of(app: App) -> list[Any]:
    """The attempts of the last request."""
    return list(app.context.telemetry.finished[-1].attempts)


def health_of(app: App, name: str) -> Health:
    return next(one.health for one in app.context.providers if one.name == name)


@contextlib.asynccontextmanager
async def before_a_good_one(
    endpoint: str, folder: Path, hedge_s: float | None = None
) -> AsyncIterator[tuple[App, FakeProvider]]:
    """Linx with a provider ``bad`` at ``endpoint``, asked first, and a good one."""
    section = {"kind": "openai", "endpoint": endpoint, "models": ["m"], "api_key": "k" * 16}
    async with FakeProvider("openai", ["m"]) as good:
        config = config_for(good, names=("good",), providers={"bad": section}, routing={"hedge": {"after": hedge_s}})
        config["routing"] |= {"provider_priority": ["bad", "good"], "cost_optimization": False}
        async with linx_here(config, folder) as app:
            for provider in app.context.providers:
                provider.health.reachable = None  # Linx has not noticed yet
                provider.health.consecutive_failures = 0
            yield app, good


# --- names ---

NAME_FAULTS: dict[str, tuple[OSError, str]] = {
    "nx": (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "there is no such name"),
    "servfail": (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "does not answer"),
    # What glibc makes of an answer without an address (nss/getaddrinfo.c): no empty list ever comes out of it.
    "empty": (socket.gaierror(socket.EAI_NODATA, "No address associated with hostname"), "has no address"),
}


@both_ways
@pytest.mark.parametrize("name", [FAR, "gpu.lan"], ids=["far", "near"])
@pytest.mark.parametrize("fault", NAME_FAULTS)
async def test_a_name_that_is_not_found(fault: str, name: str, stream: bool, tmp_path: Path) -> None:
    with Internet() as internet:
        internet.troubles[name], words = NAME_FAULTS[fault]
        async with before_a_good_one(f"https://{name}/v1", tmp_path) as (app, _good):
            answer = await ask(port_of(app), PATH, {**CHAT, "stream": stream})
            assert answer.headers["x-linx-attempts"] == "bad=dns, good=ok"
            assert said(answer) == HELLO
            assert health_of(app, "bad").consecutive_failures == 1
            private = {"x-linx-local-only": "true"} if name == "gpu.lan" else {}
            last = await ask(port_of(app), PATH, {**CHAT, "model": "bad/m", "stream": stream}, headers=private)
            assert (last.status, last.json["error"]["code"]) == (502, "upstream_dns")
            assert f"cannot find the host '{name}'" in last.json["error"]["message"]
            assert words in last.json["error"]["message"]


SILENT_NAMES = """
import socket, time
real = socket.getaddrinfo
def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
    name = host.decode() if isinstance(host, bytes) else host
    if name == "{far}" and not flags & socket.AI_NUMERICHOST:
        time.sleep(30)
    return real(host, port, family, type, proto, flags)
socket.getaddrinfo = getaddrinfo
"""


async def test_a_silent_name_server_holds_up_no_other_name_and_no_end(tmp_path: Path) -> None:
    """What a lookup of the system does when its name server is silent: it blocks a thread, and cannot be stopped."""
    (tmp_path / "sitecustomize.py").write_text(SILENT_NAMES.format(far=FAR))
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    far = {"kind": "openai", "endpoint": f"https://{FAR}/v1", "models": ["m"]}
    async with FakeProvider("openai", ["m"]) as good:
        config = config_for(good, names=("good",), providers={"bad": far, "good": {"models": ["m"]}})
        config["providers"]["good"]["endpoint"] = f"http://localhost:{good.port}/v1"
        config["routing"] = {"provider_priority": ["bad", "good"], "cost_optimization": False}
        config["routing"]["hedge"] = {"after": 0.05, "budget": 1}
        async with LinxProcess(config, tmp_path, env=env) as linx:
            answers: list[Got] = []

            async def one(stream: bool) -> None:
                answers.append(await ask(linx.port, PATH, {**CHAT, "stream": stream}))

            async with trio.open_nursery() as nursery:
                for number in range(60):  # more than trio has threads
                    nursery.start_soon(one, bool(number % 2))
            assert {answer.headers.get("x-linx-attempts") for answer in answers} == {"bad=lost, good=ok"}
            assert {said(answer) for answer in answers} == {HELLO}
            linx.process.terminate()
            with trio.fail_after(5):
                assert await linx.process.wait() == 0


# --- connecting ---


@both_ways
async def test_a_closed_port_costs_a_moment_and_counts_once(stream: bool, tmp_path: Path) -> None:
    async with before_a_good_one(f"http://127.0.0.1:{closed_port()}/v1", tmp_path) as (app, _good):
        health, costs = health_of(app, "bad"), []
        for count in range(1, 13):
            health.reachable, health.cooling_until = None, 0.0
            answer = await ask(port_of(app), PATH, {**CHAT, "stream": stream})
            assert answer.headers["x-linx-attempts"] == "bad=connect_failed, good=ok"
            first, second = attempts_of(app)
            costs.append(second.started - first.started)
            assert health.consecutive_failures == count
            assert (health.state(trio.current_time()) == "cooling") == (count >= 3)
        assert min(costs) < 0.01


@contextlib.contextmanager
def black_hole(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A port whose queue of connections is full: the kernel drops each further SYN."""
    with contextlib.ExitStack() as sockets:
        silent = sockets.enter_context(socket.socket())
        silent.bind((host, port))
        silent.listen(0)
        port = silent.getsockname()[1]
        for _ in range(3):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex((host, port))
        yield port


@both_ways
@pytest.mark.parametrize("where", ["near", "far"])
async def test_a_port_that_never_answers(where: str, stream: bool, autojump_clock: MockClock, tmp_path: Path) -> None:
    with black_hole() as port, Internet() as internet:
        internet.names[FAR] = [ELSEWHERE]
        internet.hosts[ELSEWHERE] = "127.0.0.1"
        host, limit_s = ("127.0.0.1", 3) if where == "near" else (FAR, 5)
        async with before_a_good_one(f"http://{host}:{port}/v1", tmp_path) as (app, _good):
            before = trio.current_time()
            answer = await ask(port_of(app), PATH, {**CHAT, "stream": stream})
            assert answer.headers["x-linx-attempts"] == "bad=timeout, good=ok"
            assert trio.current_time() - before == pytest.approx(limit_s, abs=0.1)
            last = await ask(port_of(app), PATH, {**CHAT, "model": "bad/m"})
            assert (last.status, last.json["error"]["code"]) == (504, "upstream_timeout")
            assert f"{host}:{port} did not take a connection within {limit_s} seconds" in last.json["error"]["message"]


@both_ways
async def test_a_port_that_never_answers_is_hedged(stream: bool, autojump_clock: MockClock, tmp_path: Path) -> None:
    with black_hole() as port:
        async with before_a_good_one(f"http://127.0.0.1:{port}/v1", tmp_path, hedge_s=0.25) as (app, _good):
            before = trio.current_time()
            answer = await ask(port_of(app), PATH, {**CHAT, "stream": stream})
            assert answer.headers["x-linx-attempts"] == "bad=lost, good=ok"
            assert trio.current_time() - before == pytest.approx(0.25, abs=0.05)


@both_ways
@pytest.mark.parametrize("is_private", [False, True], ids=["", "local_only"])
@pytest.mark.parametrize(("first", "most_s"), [("::1", 0.05), ("127.0.0.2", 2.05)], ids=["refused", "silent"])
async def test_the_first_of_two_addresses_is_broken(
    first: str, most_s: float, is_private: bool, stream: bool, autojump_clock: MockClock, tmp_path: Path
) -> None:
    """``localhost`` is ::1 and 127.0.0.1, and most servers listen on the second alone."""
    async with FakeProvider("openai", ["m"]) as fake:
        with Internet() as internet, black_hole("127.0.0.2", fake.port):
            internet.names["localhost"] = [first, "127.0.0.1"]
            config = config_for(fake, routing={"local_only": is_private})
            config["providers"]["openai1"]["endpoint"] = f"http://localhost:{fake.port}"
            async with linx_here(config, tmp_path) as app:
                app.pool.close_idle()
                before = trio.current_time()
                answer = await ask(port_of(app), PATH, {**CHAT, "stream": stream})
                assert answer.headers["x-linx-attempts"] == "openai1=ok"
                # RFC 8305 gives a silent address 250 ms. Where the answer must stay local, Linx gives it a second, and
                # makes two connections: it asks first whether the provider is a Linx.
                assert trio.current_time() - before <= most_s
                assert first in internet.dialled


@both_ways
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "169.254.1.7", "fe80::7"])
async def test_a_far_name_that_leads_to_this_machine(address: str, stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as trap:
        with Internet() as internet:
            internet.names[FAR] = [address]
            internet.hosts[address] = "::ffff:127.0.0.1" if ":" in address else "127.0.0.1"
            async with before_a_good_one(f"http://{FAR}:{trap.port}/v1", tmp_path) as (app, _good):
                answer = await ask(port_of(app), PATH, {**CHAT, "stream": stream})
                assert answer.headers["x-linx-attempts"] == "bad=connect_failed, good=ok"
                last = await ask(port_of(app), PATH, {**CHAT, "model": "bad/m"})
                assert (last.status, last.json["error"]["code"]) == (502, "upstream_unreachable")
                assert "is refused as DNS rebinding" in last.json["error"]["message"]
        assert trap.requests == []


async def test_a_peer_elsewhere_is_watched_by_the_kernel(tmp_path: Path) -> None:
    """A peer that has vanished is noticed after 30 s of silence and three probes, 10 s apart."""
    options = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 3, socket.TCP_USER_TIMEOUT: 60000}
    async with FakeProvider("openai", ["m"]) as far:
        far.default = Answer(first_s=30)
        with Internet() as internet:
            internet.names[FAR] = [ELSEWHERE]
            internet.hosts[ELSEWHERE] = "127.0.0.1"
            config = config_for(far, providers={"openai1": {"endpoint": f"http://{FAR}:{far.port}/v1"}})
            async with linx_here(config, tmp_path) as app, Client(port_of(app)) as client:
                await client.send("POST", PATH, CHAT)
                await far.received()
                socks = [each for each in gc.get_objects() if isinstance(each, SocketTransport)]
                peers = [each.sock for each in socks if each.sock.fileno() >= 0 and is_to(each.sock, far.port)]
                assert peers
                for sock in peers:
                    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                    assert {each: sock.getsockopt(socket.IPPROTO_TCP, each) for each in options} == options


def is_to(sock: socket.socket, port: int) -> bool:
    try:
        return bool(sock.getpeername()[1] == port)
    except OSError:
        return False


# --- while the request is sent ---

LARGE: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "x" * 8_000_000}]}


async def read_some(stream: trio.SocketStream, count: int = 65536) -> None:
    while count > 0:
        count -= len(await stream.receive_some(count))


async def answer_early(stream: trio.SocketStream) -> None:
    """A front that refuses a body by its length, as nginx does: it answers and closes, and the rest stays unread."""
    await read_some(stream)
    body = b'{"error":{"message":"the body is too large for this server","type":"invalid_request_error"}}'
    await stream.send_all(
        b"HTTP/1.1 413 Request Entity Too Large\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )


async def reset_early(stream: trio.SocketStream) -> None:
    await read_some(stream)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def stop_reading(stream: trio.SocketStream) -> None:
    await read_some(stream)
    await trio.sleep_forever()


@contextlib.asynccontextmanager
async def served_by(handler: Any) -> AsyncIterator[int]:
    """A port where ``handler`` serves each connection, and closes it when it returns."""

    async def serve(stream: trio.SocketStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            if await stream.receive_some(4) == b"GET ":
                await stream.send_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            else:
                await handler(stream)
        stream.socket.close()

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


@both_ways
async def test_a_refusal_while_the_request_is_sent_is_read(stream: bool, tmp_path: Path) -> None:
    async with served_by(answer_early) as port:
        async with before_a_good_one(f"http://127.0.0.1:{port}/v1", tmp_path) as (app, _good):
            last = await ask(port_of(app), PATH, {**LARGE, "model": "bad/m", "stream": stream})
            assert last.status == 413
            assert "the body is too large for this server" in last.json["error"]["message"]
            assert last.headers["x-linx-attempts"] == "bad=http_413"
            assert health_of(app, "bad").consecutive_failures == 0


@both_ways
async def test_a_reset_while_the_request_is_sent(stream: bool, tmp_path: Path) -> None:
    async with served_by(reset_early) as port:
        async with before_a_good_one(f"http://127.0.0.1:{port}/v1", tmp_path) as (app, good):
            good.models = [Model("m", context_length=None)]
            answer = await ask(port_of(app), PATH, {**LARGE, "stream": stream})
            assert answer.headers["x-linx-attempts"] == "bad=reset, good=ok"
            assert said(answer) == HELLO
            assert good.calls[0].json["messages"] == LARGE["messages"]


@both_ways
async def test_a_provider_that_stops_reading(stream: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert connection.SEND_STALL_S == 60
    monkeypatch.setattr(connection, "SEND_STALL_S", 0.2)
    async with served_by(stop_reading) as port:
        async with before_a_good_one(f"http://127.0.0.1:{port}/v1", tmp_path) as (app, good):
            good.models = [Model("m", context_length=None)]
            answer = await ask(port_of(app), PATH, {**LARGE, "stream": stream})
            assert answer.headers["x-linx-attempts"] == "bad=timeout, good=ok"
            assert said(answer) == HELLO


# --- slowness, which is no fault ---

FRAMES = b"".join(
    b'data: {"choices":[{"index":0,"delta":%b,"finish_reason":%b}]}\n\n' % parts
    for parts in ((b'{"content":"Hello"}', b"null"), (b"{}", b'"stop"'))
)
SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
DONE = b"data: [DONE]\n\n"
SLOW = {"head": (b"", SSE, FRAMES + DONE), "body": (SSE, FRAMES, DONE)}
"""What comes at once, then byte by byte, then at once."""


@both_ways
@pytest.mark.parametrize("which", ["head", "body"])
async def test_a_byte_a_second_is_waited_for(
    which: str, stream: bool, autojump_clock: MockClock, tmp_path: Path
) -> None:
    first, slow, rest = SLOW[which]
    drips = [step for byte in slow for step in (scripted.Sleep(1), scripted.Send(bytes([byte])))]
    steps = [scripted.Send(first), *drips, scripted.Send(rest)]
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(scripted.Raw(steps))
        async with linx_here(config_for(fake, server={"heartbeat_s": 30}), tmp_path) as app:
            before = trio.current_time()
            answer = await ask(port_of(app), PATH, {**CHAT, "stream": stream})
            assert said(answer) == "Hello"
            assert answer.is_whole
            assert trio.current_time() - before > len(slow) - 1


@both_ways
async def test_a_head_of_a_byte_a_second_is_hedged(stream: bool, autojump_clock: MockClock, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as slow:
        slow.default = scripted.slow_head()
        async with before_a_good_one(slow.endpoint, tmp_path, hedge_s=0.25) as (app, _good):
            answer = await ask(port_of(app), PATH, {**CHAT, "stream": stream})
            assert answer.headers["x-linx-attempts"] == "bad=lost, good=ok"
            with trio.fail_after(1):
                await slow.until(lambda: slow.calls[0].hung_up.is_set())


# --- what a provider wants to be remembered ---


@both_ways
@pytest.mark.parametrize("kind", ["openai", "openrouter"])
async def test_a_cookie_is_neither_kept_nor_passed_on(kind: Any, stream: bool, tmp_path: Path) -> None:
    """Both send Set-Cookie with everything, as the real ones behind Cloudflare do."""
    async with FakeProvider(kind, ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        for _ in range(3):
            answer = await ask(port_of(app), PATH, {**CHAT, "stream": stream})
            assert answer.status == 200
            assert "set-cookie" not in answer.headers
        assert len(fake.calls) == 3
        assert not [one for one in fake.requests if "cookie" in one.headers]
