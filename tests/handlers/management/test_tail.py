"""``GET /linx/tail``: who may follow, what is sent, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from linx.core import jsontext
from linx.core.request_feed import MAX_FOLLOWERS
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here

if TYPE_CHECKING:
    from pathlib import Path

    from linx.app import App


def port_of(app: App) -> int:
    return app.bound[0][1]


async def until_followers(app: App, count: int) -> None:
    with trio.fail_after(10):
        while len(app.context.feed._followers) != count:
            await trio.sleep(0.005)


async def test_each_request_is_a_line_until_the_follower_leaves(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        stream = await trio.open_tcp_stream("127.0.0.1", port_of(app))
        async with stream:
            await stream.send_all(b"GET /linx/tail HTTP/1.1\r\nhost: localhost\r\n\r\n")
            await until_followers(app, 1)
            await ask(port_of(app), "/nowhere?key=not-shown")
            got = b""
            with trio.fail_after(10):
                while b"}\n" not in got:
                    got += await stream.receive_some()
            assert b"content-type: application/x-ndjson" in got
            line = next(one for one in got.splitlines() if one.startswith(b"{"))
            assert jsontext.loads(line)["path"] == "/nowhere"
            await stream.send_all(b"x")
            stream.socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
        await until_followers(app, 0)
        assert not app.context.telemetry.running


async def test_no_other_origin_may_follow(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        answer = await ask(port_of(app), "/linx/tail", headers={"origin": "http://elsewhere.example"})
        assert answer.status == 403
        assert (await ask(port_of(app), "/v1/linx/tail")).status == 404
        assert (await ask(port_of(app), "/linx/tail", method="POST")).status == 405


async def test_head_tells_that_it_is_there(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        stream = await trio.open_tcp_stream("127.0.0.1", port_of(app))
        async with stream:
            await stream.send_all(b"HEAD /linx/tail HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            with trio.fail_after(10):
                got = b"".join([data async for data in stream])
        assert got.startswith(b"HTTP/1.1 200 ")
        assert b"content-type: application/x-ndjson" in got


async def test_too_many_followers(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        for _ in range(MAX_FOLLOWERS):
            app.context.feed.follow()
        assert (await ask(port_of(app), "/linx/tail")).status == 503
