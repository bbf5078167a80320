"""The server as a whole: binding, accepting, its bounds, its end."""

from __future__ import annotations

import ast
import contextlib
import errno
import json
import logging
import math
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
import trio.lowlevel
import trio.testing

import linx.server
from linx.core.errors import HangUp
from linx.server import listen
from linx.server.limits import Limits
from linx.server.listen import Server
from linx.server.sockets import open_sockets
from tests.server.client import GET, connected, echo, post, serving
from tests.waiting import HANG_S, within

if TYPE_CHECKING:
    from linx.server.reply import Reply
    from linx.server.request import Request


async def waiting(request: Request, reply: Reply) -> None:
    """Streams one frame and waits; tells why it was stopped."""
    reply.on_error = lambda problem: problem.message.encode()
    reply.start(200, b"text/plain")
    await reply.send(b"one")
    await trio.sleep_forever()


# --- binding ---------------------------------------------------------------------------


async def test_a_taken_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(OSError) as caught:
            await Server(echo, Limits()).listen("127.0.0.1", taken.getsockname()[1])
        assert caught.value.errno == errno.EADDRINUSE


async def test_a_name_that_is_nobodys() -> None:
    with pytest.raises(OSError):
        await Server(echo, Limits()).listen("203.0.113.1", 0)


# --- accepting -------------------------------------------------------------------------


async def test_many_clients_at_once() -> None:
    async with serving(echo) as (server, port):

        async def one() -> None:
            async with connected(port) as client:
                await client.send(GET)
                assert (await client.answer()).status == 200

        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(one)
        with within(2):
            while server.connections:
                await trio.lowlevel.checkpoint()


async def test_what_a_handler_is_told() -> None:
    seen: list[Request] = []

    async def handler(request: Request, reply: Reply) -> None:
        seen.append(request)
        await reply.whole(200, b"{}")

    async with serving(handler) as (_server, port), connected(port) as client:
        await client.send(post(b"", b"X-A: b", path=b"/p?k=secret"))
        await client.answer()
        (request,) = seen
        assert (request.method, request.path, request.query, request.host) == ("POST", "/p", "k=secret", b"localhost")
        assert (request.listener, request.header(b"x-a"), request.header(b"x-c")) == ("local", b"b", None)
        assert request.has_any(frozenset((b"x-none", b"x-a")))
        assert not request.has_any(frozenset((b"x-c", b"X-A")))
        assert request.peer.startswith("127.0.0.1:")
        assert (len(request.id), request.has_body, request.content_length) == (32, False, 0)
        assert "secret" not in repr(request)


async def test_too_many_connections_are_told_so() -> None:
    async with serving(echo, Limits(max_connections=1)) as (server, port):
        async with connected(port) as first:
            await first.send(GET)
            await first.answer()
            async with connected(port) as second:
                await second.send(GET)
                answer = await second.answer()
                assert (answer.status, answer.fields[b"connection"]) == (503, b"close")
                assert answer.fields[b"retry-after"]
                assert json.loads(answer.body)["error"]["code"] == "overloaded"
        server.limits = Limits()
        async with connected(port) as third:
            await third.send(GET)
            assert (await third.answer()).status == 200


async def test_a_connection_that_fails_hurts_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async def handler(request: Request, reply: Reply) -> None:
        if request.path == "/bug":
            raise ExceptionGroup("several", [ValueError()])
        await echo(request, reply)

    async with serving(handler) as (_server, port), connected(port) as healthy:
        async with connected(port) as client:
            await client.send(GET.replace(b"GET /", b"GET /bug"))
            assert (await client.answer()).status == 500
        await healthy.send(GET)
        assert (await healthy.answer()).status == 200


async def test_out_of_files(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    failures = 0

    class Poor(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            nonlocal failures
            if failures < 5:
                failures += 1
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    monkeypatch.setattr(listen, "_ACCEPT_PAUSE_S", 0.001)
    (plain,) = await open_sockets("127.0.0.1", 0)
    poor = Poor(fileno=plain.detach())
    poor.setblocking(False)
    server = Server(echo, Limits())
    with caplog.at_level(logging.ERROR):
        async with trio.open_nursery() as nursery:
            await nursery.start(server.serve_on, [poor], "tunnel")
            async with connected(poor.getsockname()[1]) as client:
                await client.send(GET)
                assert (await client.answer()).status == 200
            nursery.cancel_scope.cancel()
    assert failures == 5
    assert len(caplog.records) == 1, "one line a minute"


def test_every_connection_is_guarded() -> None:
    """trio ends the server for one exception: only tasks that catch them all may run a connection."""
    folder = Path(linx.server.__file__).parent
    calls = [
        (path.name, node.attr)
        for path in sorted(folder.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("serve", "pump")
    ]
    assert sorted(calls) == [("connection.py", "pump"), ("connection.py", "pump"), ("connection.py", "serve")]


# --- a second listener -----------------------------------------------------------------


async def test_a_second_listener_has_its_own_name_handler_and_end() -> None:
    async def tell(request: Request, reply: Reply) -> None:
        await reply.whole(200, request.listener.encode())

    server = Server(echo, Limits())
    ((_host, port),) = await server.listen("127.0.0.1", 0)
    (other,) = await open_sockets("127.0.0.1", 0)
    other_port = other.getsockname()[1]
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        async with connected(port) as local:
            scope = trio.CancelScope()

            async def tunnel(task_status: trio.TaskStatus[None]) -> None:
                with scope:
                    await server.serve_on([other], "tunnel", tell, task_status=task_status)

            await nursery.start(tunnel)
            async with connected(other_port) as client:
                await client.send(GET)
                assert (await client.answer()).body == b"tunnel"
                assert server.connections == 2
                scope.cancel()
                assert await client.until_eof() == b""
            with within(2):
                while other.fileno() >= 0:
                    await trio.lowlevel.checkpoint()
            await local.send(GET)
            assert (await local.answer()).body == b"GET / 0"
        nursery.cancel_scope.cancel()


# --- the end ---------------------------------------------------------------------------


async def test_drain_closes_the_idle_and_waits_for_the_busy() -> None:
    go = trio.Event()

    async def handler(request: Request, reply: Reply) -> None:
        await go.wait()
        await reply.whole(200, b"{}")

    async with serving(handler) as (server, port), connected(port) as idle, connected(port) as busy:
        await busy.send(GET)
        while not server.requests_running:
            await trio.lowlevel.checkpoint()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.drain, math.inf)
            with within(0.1):
                assert await idle.until_eof() == b""
            with pytest.raises(OSError):
                await trio.open_tcp_stream("127.0.0.1", port)
            assert server.requests_running == 1
            go.set()
            answer = await busy.answer()
            assert (answer.status, answer.fields[b"connection"]) == (200, b"close")
            await busy.stream.aclose()


async def test_a_request_that_has_arrived_when_the_server_ends_is_answered() -> None:
    """Many wait unread on kept connections, one on a connection that is not accepted yet, and one is about to come."""
    async with serving(echo) as (server, port), contextlib.AsyncExitStack() as stack:
        kept = [await stack.enter_async_context(connected(port)) for _ in range(20)]
        for client in kept:
            await client.send(GET)
            assert (await client.answer()).status == 200
        await trio.testing.wait_all_tasks_blocked(0.01)

        async def end() -> None:
            """No task of the server gets a turn between the requests and the end of accepting."""
            for client in kept:
                assert isinstance(client.stream, trio.SocketStream)
                os.write(client.stream.socket.fileno(), GET)
            for sock in (first, late):
                sock.connect(("127.0.0.1", port))
            first.sendall(GET)
            await server.drain(math.inf)

        with socket.socket() as first, socket.socket() as late, trio.fail_after(HANG_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(end)
                await trio.sleep(0.01)
                late.sendall(GET)
                for client in kept:
                    answer = await client.answer()
                    assert (answer.status, answer.fields[b"connection"]) == (200, b"close")
                    await client.stream.aclose()
                for sock in (first, late):
                    said = await trio.to_thread.run_sync(read_all, sock)
                    assert said.startswith(b"HTTP/1.1 200 ")
                    assert b"connection: close\r\n" in said
                    sock.close()


def read_all(sock: socket.socket) -> bytes:
    sock.settimeout(HANG_S)
    return b"".join(iter(lambda: sock.recv(65536), b""))


async def test_a_server_that_leaves_answers_on_and_keeps_no_connection() -> None:
    async with serving(echo) as (server, port), connected(port) as kept:
        await kept.send(GET)
        assert b"connection" not in (await kept.answer()).fields
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.leave, math.inf)
            await trio.testing.wait_all_tasks_blocked(0.01)
            async with connected(port) as fresh:
                for client in (kept, fresh):
                    await client.send(GET)
                    answer = await client.answer()
                    assert (answer.status, answer.fields[b"connection"]) == (200, b"close")
                    assert await client.until_eof() == b""
            server.hurry()  # ends the waiting


async def test_after_the_grace_the_busy_are_stopped() -> None:
    async with serving(waiting) as (server, port), connected(port) as client:
        await client.send(post(b""))
        await client.read()
        with within(2):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server.drain, 0.01)
                answer = await client.answer()
                assert answer.is_whole
                assert answer.body.startswith(b"oneLinx is shutting down")
                await client.stream.aclose()
        assert server.connections == 0


async def test_hurry() -> None:
    async with serving(waiting) as (server, port), connected(port) as client:
        await client.send(post(b""))
        await client.read()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.drain, math.inf)
            await trio.testing.wait_all_tasks_blocked(0.01)
            with within(2):
                server.hurry()
                await client.answer()
            await client.stream.aclose()


async def test_who_does_not_stop_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stubborn(request: Request, reply: Reply) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(listen, "_LAST_WORDS_S", 0.01)
    async with serving(stubborn) as (server, port), connected(port) as client:
        await client.send(GET)
        while not server.requests_running:
            await trio.lowlevel.checkpoint()
        with within(2):
            await server.drain(0)
        assert (server.connections, server.requests_running) == (0, 0)


async def test_an_open_upgrade_does_not_hold_up_a_drain() -> None:
    async def handler(request: Request, reply: Reply) -> None:
        stream = request.upgrade()
        try:
            await stream.receive_some()
            await trio.sleep_forever()
        finally:
            with pytest.raises(HangUp):
                await reply.whole(500, b"{}")

    async with serving(handler) as (server, port), connected(port) as client:
        await client.send(GET)
        while not server.connections or server.requests_running:
            await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked(0.01)
        async with trio.open_nursery() as nursery:
            with within(1):
                nursery.start_soon(server.drain, math.inf)
                assert await client.until_eof() == b"", "no HTTP answer goes into another protocol"
                await client.stream.aclose()
