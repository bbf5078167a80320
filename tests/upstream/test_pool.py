"""Borrowing, giving back, and what must never happen to a connection in between."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio

from linx.core.addresses import Origin
from linx.core.attempt_errors import AttemptError, ConnectFailed, Garbled, NotLocal, Reset, StreamBroken
from linx.upstream.dial import Dialer
from linx.upstream.permit import Permit, Reach
from linx.upstream.pool import Pool, Sending
from tests.fakes.internet import Internet
from tests.upstream.cancelling import cancelled_at_each_step, open_files, until
from tests.upstream.permits import anywhere
from tests.upstream.scripted import LAST_CHUNK, OK, STREAM_HEAD, Script, chunk, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

GET = Sending(b"GET", b"/")
POST = Sending(b"POST", b"/v1/chat/completions", ((b"Authorization", b"Bearer canary-key"),), b'{"model": "m"}')
AGAIN: Script = ["read", OK, "again"]
FRAMES = [chunk(b"data: %d\n\n" % number) for number in range(5)]


@asynccontextmanager
async def running(**settings: float) -> AsyncIterator[Pool]:
    pool = Pool(Dialer({}), **settings)  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        await nursery.start(pool.run)
        yield pool
        nursery.cancel_scope.cancel()
    assert repr(pool) == "Pool: 0 active, 0 idle"


async def whole(pool: Pool, origin: Origin, sending: Sending = POST) -> bytes:
    with await pool.open(anywhere(origin), sending) as exchange:
        body = await exchange.read_all(1_000_000)
        exchange.finish()
    return body


async def test_a_connection_is_used_again() -> None:
    async with serving(AGAIN) as server, running() as pool:
        exchange = await pool.open(anywhere(server.origin), POST)
        assert repr(pool) == "Pool: 1 active, 0 idle"
        assert exchange.origin is server.origin
        assert await exchange.read_all(10) == b"{}"
        exchange.finish()
        exchange.finish()
        exchange.close()
        assert repr(pool) == "Pool: 0 active, 1 idle"
        for _ in range(3):
            assert await whole(pool, server.origin) == b"{}"
        assert server.connections == 1
        assert server.requests[0] == (
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: " + server.origin.authority.encode() + b"\r\n"
            b'Authorization: Bearer canary-key\r\nContent-Length: 14\r\n\r\n{"model": "m"}'
        )
        assert "canary" not in repr(POST)


async def test_two_at_once_are_two_connections_and_two_origins_share_none() -> None:
    async with serving(AGAIN) as one, serving(AGAIN) as other, running() as pool:
        first = await pool.open(anywhere(one.origin), GET)
        second = await pool.open(anywhere(one.origin), GET)
        third = await pool.open(anywhere(other.origin), GET)
        assert repr(pool) == "Pool: 3 active, 0 idle"
        for exchange in (first, second, third):
            await exchange.read_all(10)
            exchange.finish()
        assert repr(pool) == "Pool: 0 active, 3 idle"
        assert (one.connections, other.connections) == (2, 1)
        await whole(pool, other.origin)
        assert repr(pool) == "Pool: 0 active, 3 idle"
        pool.close_idle()
        await until(lambda: not one.open and not other.open)


async def test_leaving_the_block_closes_at_once() -> None:
    async with serving(["read", STREAM_HEAD, FRAMES[0], "stall"]) as server, running() as pool:
        with await pool.open(anywhere(server.origin), POST) as exchange:
            assert await exchange.read() == b"data: 0\n\n"
        assert repr(pool) == "Pool: 0 active, 0 idle"
        with pytest.raises(StreamBroken, match="Linx closed the connection"):
            await exchange.read()
        await until(lambda: not server.open)


async def test_closed_by_another_task_while_reading() -> None:
    async with serving(["read", STREAM_HEAD, "stall"]) as server, running() as pool:
        exchange = await pool.open(anywhere(server.origin), POST)
        async with trio.open_nursery() as nursery:

            async def reader() -> None:
                with pytest.raises(StreamBroken):
                    await exchange.read()

            nursery.start_soon(reader)
            await trio.testing.wait_all_tasks_blocked(0.01)
            exchange.close()
        assert repr(pool) == "Pool: 0 active, 0 idle"


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        OK.replace(b"HTTP/1.1", b"HTTP/1.0"),
        OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
    ],
)
async def test_not_kept(answer: bytes) -> None:
    async with serving(["read", answer, "stall"]) as server, running() as pool:
        for _ in range(2):
            assert await whole(pool, server.origin) == b"{}"
            assert repr(pool) == "Pool: 0 active, 0 idle"
        assert server.connections == 2


async def test_a_failure_after_the_answer_began_is_not_tried_again() -> None:
    scripts: list[Script] = [["read", OK, "read", b"HTTP/1.1 2", "close"], AGAIN]
    async with serving(*scripts) as server, running() as pool:
        await whole(pool, server.origin)
        with pytest.raises(Reset, match="in the middle"):
            await pool.open(anywhere(server.origin), POST)
        assert repr(pool) == "Pool: 0 active, 0 idle"
        assert server.connections == 1


@pytest.mark.parametrize("ending", ["close", "reset"])
async def test_a_stale_connection_is_tried_once_more_on_a_new_one(ending: str) -> None:
    """The server takes the second request and closes without a byte: it had given up on the connection."""
    scripts: list[Script] = [["read", OK, "read", ending], AGAIN]  # type: ignore[list-item]
    async with serving(*scripts) as server, running() as pool:
        assert await whole(pool, server.origin) == b"{}"
        assert await whole(pool, server.origin) == b"{}"
        assert server.connections == 2
        assert repr(pool) == "Pool: 0 active, 1 idle"


async def test_a_new_connection_is_not_tried_again() -> None:
    async with serving(["read", "close"]) as server, running() as pool:
        with pytest.raises(Reset, match="before it answered"):
            await pool.open(anywhere(server.origin), POST)
        assert server.connections == 1


async def test_only_one_more_try_even_with_many_idle() -> None:
    stale: Script = ["read", OK, "read", "close"]
    async with serving(stale, stale, ["read", "close"]) as server, running() as pool:
        pair = [await pool.open(anywhere(server.origin), POST) for _ in range(2)]
        for exchange in pair:
            await exchange.read_all(10)
            exchange.finish()
        with pytest.raises(Reset):
            await pool.open(anywhere(server.origin), POST)
        assert server.connections == 3
        assert len(server.requests) == 4
        assert repr(pool) == "Pool: 0 active, 1 idle"


async def test_a_stream_that_was_begun_is_not_sent_twice() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"

    async with serving(["read", OK, "head", "close"], AGAIN) as server, running() as pool:
        await whole(pool, server.origin)
        with pytest.raises(Reset):
            await pool.open(anywhere(server.origin), Sending(b"POST", b"/", stream=pieces()))
        assert server.connections == 1
        assert await whole(pool, server.origin, Sending(b"POST", b"/", stream=pieces(), length=1)) == b"{}"
        assert server.requests[-1].endswith(b"Content-Length: 1\r\n\r\na")


async def test_an_idle_connection_that_became_readable_is_not_used() -> None:
    late = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
    async with serving(["read", OK, 0.001, late, "stall"], AGAIN) as server, running() as pool:
        await whole(pool, server.origin)
        (idle,) = pool._idle[server.origin]
        await until(idle.connection.transport.is_readable)
        exchange = await pool.open(anywhere(server.origin), POST)
        assert exchange.status == 200
        assert server.connections == 2
        exchange.close()


async def test_an_idle_connection_grows_old(autojump_clock: trio.testing.MockClock) -> None:
    autojump_clock.autojump_threshold = 0.02
    async with serving(AGAIN) as server:
        pool = Pool(Dialer({}), idle_s=60)  # not run: only borrowing looks at the age
        await whole(pool, server.origin)
        await trio.sleep(59)
        await whole(pool, server.origin)
        assert server.connections == 1
        await trio.sleep(60.5)
        await whole(pool, server.origin)
        assert server.connections == 2
        pool.close_idle()


async def test_the_reaper(autojump_clock: trio.testing.MockClock) -> None:
    autojump_clock.autojump_threshold = 0.02
    dies: Script = ["read", OK, 2.0, "close"]
    async with serving(dies, AGAIN) as server, running(idle_s=60) as pool:
        pair = [await pool.open(anywhere(server.origin), POST) for _ in range(2)]
        for exchange in pair:
            await exchange.read_all(10)
            exchange.finish()
        assert repr(pool) == "Pool: 0 active, 2 idle"
        await trio.sleep(8)
        assert repr(pool) == "Pool: 0 active, 1 idle"
        await trio.sleep(60)
        assert repr(pool) == "Pool: 0 active, 0 idle"
        await until(lambda: not server.open)


async def test_no_more_idle_than_allowed() -> None:
    async with serving(AGAIN) as server, running(max_idle_per_origin=2) as pool:
        exchanges = [await pool.open(anywhere(server.origin), POST) for _ in range(4)]
        for exchange in exchanges:
            await exchange.read_all(10)
            exchange.finish()
        assert repr(pool) == "Pool: 0 active, 2 idle"
        await until(lambda: server.open == 2)


async def test_a_missing_last_chunk_is_drained_and_the_connection_kept() -> None:
    late: Script = ["read", STREAM_HEAD, FRAMES[0], 0.01, FRAMES[1] + LAST_CHUNK, "again"]
    async with serving(late) as server, running() as pool:
        exchange = await pool.open(anywhere(server.origin), POST)
        assert await exchange.read() == b"data: 0\n\n"
        exchange.finish()
        assert repr(pool) == "Pool: 0 active, 0 idle, 1 draining"
        await until(lambda: repr(pool) == "Pool: 0 active, 1 idle")
        await whole(pool, server.origin)
        assert server.connections == 1


async def test_a_drain_is_bounded_in_time(autojump_clock: trio.testing.MockClock) -> None:
    autojump_clock.autojump_threshold = 0.02
    async with serving(["read", STREAM_HEAD, FRAMES[0], "stall"]) as server, running() as pool:
        exchange = await pool.open(anywhere(server.origin), POST)
        await exchange.read()
        exchange.finish()
        await trio.sleep(0.5)
        assert repr(pool) == "Pool: 0 active, 0 idle, 1 draining"
        await trio.sleep(1)
        assert repr(pool) == "Pool: 0 active, 0 idle"
        await until(lambda: not server.open)


@pytest.mark.parametrize(
    "rest",
    [
        [chunk(b"x" * 3000) * 100, "stall"],  # too much
        [b"5\r\nab", "close"],
        [b"5\r\nab", "reset"],
        [b"nonsense\r\n", "stall"],
        [LAST_CHUNK + b"x", "stall"],
    ],
)
async def test_a_drain_that_ends_badly_closes(rest: Script) -> None:
    async with serving(["read", STREAM_HEAD, FRAMES[0], 0.001, *rest]) as server, running() as pool:
        exchange = await pool.open(anywhere(server.origin), POST)
        await exchange.read()
        exchange.finish()
        await until(lambda: repr(pool) == "Pool: 0 active, 0 idle" and not server.open)


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n", STREAM_HEAD + b"11171\r\n"],
)
async def test_a_long_rest_is_not_drained(head: bytes) -> None:
    async with serving(["read", head, b"a", "stall"]) as server, running() as pool:
        exchange = await pool.open(anywhere(server.origin), POST)
        assert await exchange.read() == b"a"
        exchange.finish()
        assert repr(pool) == "Pool: 0 active, 0 idle"


async def test_closing_while_draining_and_without_a_nursery() -> None:
    async with serving(["read", STREAM_HEAD, FRAMES[0], "stall"]) as server:
        async with running() as pool:
            exchange = await pool.open(anywhere(server.origin), POST)
            exchange.finish()
            exchange.close()
            assert repr(pool) == "Pool: 0 active, 0 idle"
            exchange = await pool.open(anywhere(server.origin), POST)
            exchange.finish()  # still draining when the pool ends
        exchange = await pool.open(anywhere(server.origin), POST)
        exchange.finish()
        assert repr(pool) == "Pool: 0 active, 0 idle"
        await until(lambda: not server.open)


async def test_nothing_is_kept_after_the_end() -> None:
    pool = Pool(Dialer({}))
    async with serving(AGAIN) as server:
        async with trio.open_nursery() as nursery:
            await nursery.start(pool.run)
            exchange = await pool.open(anywhere(server.origin), POST)
            nursery.cancel_scope.cancel()
        assert repr(pool) == "Pool: 1 active, 0 idle"
        await exchange.read_all(10)
        exchange.finish()
        assert repr(pool) == "Pool: 0 active, 0 idle"
        await until(lambda: not server.open)


async def test_failures_leave_nothing_behind() -> None:
    before = open_files()
    pool = Pool(Dialer({}))
    async with serving(["close"]) as server:
        gone = server.origin
    with pytest.raises(ConnectFailed):
        await pool.open(anywhere(gone), POST)
    for script, kind in ((["read", b"SSH-2.0\r\n"], Garbled), (["read", "reset"], Reset)):
        async with serving(script) as server:  # type: ignore[arg-type]
            with pytest.raises(kind):
                await pool.open(anywhere(server.origin), POST)
    async with serving(["read", OK.replace(b"Type: ", b"Encoding: ")]) as server:
        with pytest.raises(Garbled, match="cannot undo"):
            await pool.open(anywhere(server.origin), POST)
    with pytest.raises(ConnectFailed, match="was not sent"):
        await pool.open(anywhere(gone), Sending(b"POST", b"/", ((b"X", b"\n"),)))
    assert repr(pool) == "Pool: 0 active, 0 idle"
    assert open_files() == before


@pytest.mark.parametrize("body", [b"small", b"x" * 300_000])
async def test_cancelled_at_every_step(body: bytes) -> None:
    script: Script = ["read", STREAM_HEAD, *FRAMES[:2], LAST_CHUNK, "again"]
    async with serving(script) as server, running() as pool:
        before = open_files()
        sending = Sending(b"POST", b"/", body=body)

        async def operation() -> None:
            exchange = await pool.open(anywhere(server.origin), sending)
            with exchange:
                while await exchange.read():
                    pass
                exchange.finish()

        for kept in (False, True):
            steps = 0
            async for _ in cancelled_at_each_step(operation):
                steps += 1
                assert repr(pool) in ("Pool: 0 active, 0 idle", "Pool: 0 active, 1 idle")
                if not kept:
                    pool.close_idle()
                else:
                    await whole(pool, server.origin)
            assert steps > 3
        assert await whole(pool, server.origin) == b"data: 0\n\ndata: 1\n\n"
        pool.close_idle()
        await until(lambda: not server.open)
        assert open_files() == before


@pytest.mark.parametrize("seed", range(2))
async def test_a_storm_of_cancellations(seed: int) -> None:
    """Many requests, most of them cancelled anywhere: nothing leaks and no answer goes astray."""
    dice = random.Random(seed)
    requests = 600

    async def handle(stream: trio.SocketStream) -> None:
        try:
            data = b""
            while True:
                while b"\r\n\r\n" not in data:
                    more = bytes(await stream.receive_some())
                    if not more:
                        return
                    data += more
                request, _, data = data.partition(b"\r\n\r\n")
                number = request.split(b" ")[1]
                mood = dice.random()
                if mood < 0.05:
                    return
                await stream.send_all(STREAM_HEAD)
                for _ in range(3):
                    if mood < 0.5:
                        await trio.sleep(dice.random() * 0.001)
                    await stream.send_all(chunk(number + b";"))
                if 0.05 < mood < 0.1:
                    return
                await stream.send_all(LAST_CHUNK)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            stream.socket.close()

    async with running() as pool, trio.open_nursery() as nursery:
        listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        nursery.start_soon(trio.serve_listeners, handle, [listener])
        origin = Origin("http", "127.0.0.1", listener.socket.getsockname()[1])
        before = open_files()
        left = iter(range(requests))
        outcomes = {"whole": 0, "failed": 0, "cancelled": 0}

        async def ask(number: int) -> str:
            wanted = b"/%d" % number
            try:
                with await pool.open(anywhere(origin), Sending(b"GET", wanted)) as exchange:
                    body = b""
                    while data := await exchange.read():
                        body += data
                        assert body == (wanted + b";") * body.count(b";")
                        if dice.random() < 0.1:
                            exchange.finish()
                            return "whole"
                    assert body == (wanted + b";") * 3
                    exchange.finish()
                    return "whole"
            except AttemptError:
                return "failed"

        async def client() -> None:
            for number in left:
                outcome = "cancelled"
                with trio.move_on_after(dice.random() * 0.01 if dice.random() < 0.7 else 5):
                    outcome = await ask(number)
                outcomes[outcome] += 1

        async with trio.open_nursery() as clients:
            for _ in range(30):
                clients.start_soon(client)
        await until(lambda: "draining" not in repr(pool))
        assert repr(pool).startswith("Pool: 0 active")
        assert min(outcomes.values()) > 0
        pool.close_idle()
        await until(lambda: open_files() == before)
        succeeded = 0
        while succeeded < 50:
            succeeded += await ask(1_000_000) == "whole"
        nursery.cancel_scope.cancel()


# --- how near the peer must be ---


async def test_a_kept_connection_remembers_where_its_peer_is() -> None:
    async with serving(AGAIN, AGAIN) as server, running() as pool:
        port = server.origin.port
        origin = Origin("http", "gpu.lan", port)
        with Internet() as internet:
            internet.names["gpu.lan"] = ["203.0.113.7"]
            internet.hosts["203.0.113.7"] = "127.0.0.1"
            await whole(pool, origin)
            assert repr(pool) == "Pool: 0 active, 1 idle"
            with pytest.raises(NotLocal):
                await pool.open(Permit(origin, Reach.LOCAL), POST)
            assert len(server.requests) == 1
            assert repr(pool) == "Pool: 0 active, 0 idle"
            internet.names["gpu.lan"] = ["127.0.0.1"]
            for reach in (Reach.LOCAL, Reach.ANY, Reach.LOCAL):  # a near one is good for all
                with await pool.open(Permit(origin, reach), POST) as exchange:
                    assert exchange.connection.reach is Reach.LOCAL
                    await exchange.read_all(10)
                    exchange.finish()
            assert server.connections == 2


async def test_what_went_through_a_proxy_is_not_lent_where_no_proxy_may_be() -> None:
    async with serving(["head", b"HTTP/1.1 200 OK\r\n\r\n", *AGAIN], AGAIN) as server:
        origin = Origin("http", "gpu.example.com", server.origin.port)
        pool = Pool(Dialer({"HTTP_PROXY": f"http://127.0.0.1:{server.origin.port}"}))
        with Internet() as internet:
            internet.names["gpu.example.com"] = ["203.0.113.7"]
            internet.hosts["203.0.113.7"] = "127.0.0.1"
            await whole(pool, origin)
            assert internet.dialled == ["127.0.0.1"]
            with await pool.open(Permit(origin, Reach.DIRECT), POST) as exchange:
                await exchange.read_all(10)
                exchange.finish()
            assert internet.dialled == ["127.0.0.1", "203.0.113.7"]
        pool.close_idle()


async def test_the_headers_of_a_permit_go_out_with_the_request() -> None:
    async with serving(AGAIN) as server, running() as pool:
        with await pool.open(Permit(server.origin, Reach.LOCAL, ((b"x-linx-local-only", b"true"),)), POST) as exchange:
            await exchange.read_all(10)
            exchange.finish()
        await whole(pool, server.origin)
        assert [b"x-linx-local-only: true" in one for one in server.requests] == [True, False]
