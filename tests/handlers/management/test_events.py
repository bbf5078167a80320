"""``/linx/events`` over real sockets: what a page is told, who may listen, and how it ends."""

from __future__ import annotations

import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio
import trio_websocket

from linx.core import jsontext
from linx.dashboard.viewers import MOST_VIEWERS
from tests.dashboard.records import PAGE
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here, write_config
from tests.fakes.provider import FakeProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest

    from linx.app import App

KEY = "linx-key-0123456789"
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}


@asynccontextmanager
async def page_at(app: App, path: str = "/linx/events", **headers: str) -> AsyncIterator[Any]:
    extra = [(name.encode(), value.encode()) for name, value in headers.items()]
    port = app.bound[0][1]
    with trio.fail_after(20):
        async with trio_websocket.open_websocket(
            "127.0.0.1", port, path, use_ssl=False, extra_headers=extra, max_message_size=1 << 24
        ) as page:
            yield page
        await page._stream.aclose()  # the library leaves it open where the server has closed


async def told(page: Any, kind: str, **fields: Any) -> Any:
    """The next message of a kind; of a request, one that has such fields."""
    while True:
        message = jsontext.loads((await page.get_message()).encode())
        inner = message.get(kind)
        if message["type"] == kind and (not fields or all(inner[name] == value for name, value in fields.items())):
            return message


async def refusal(app: App, path: str, **headers: str) -> int:
    """The status with which a handshake is refused; asked without the library, whose client leaves its socket open."""
    asked = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    asked["sec-websocket-key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    return (await ask(app.bound[0][1], path, headers={**asked, **headers})).status


async def until_closed(page: Any) -> int:
    """The code with which it was closed."""
    with contextlib.suppress(trio_websocket.ConnectionClosed):
        while True:
            await page.get_message()
    return int(page.closed.code)


async def test_a_snapshot_and_then_each_change(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        before = await ask(app.bound[0][1], "/v1/chat/completions", CHAT)
        async with page_at(app) as page:
            shown = await told(page, "snapshot")
            assert set(shown) == {
                *("type", "now", "version", "address", "needs_key", "capture", "providers", "requests", "tunnel"),
                *("config", "series", "totals", "ledger", "budget"),
            }
            assert [one["id"] for one in shown["requests"]] == [before.headers["x-request-id"]]
            assert shown["providers"][0]["name"] == "openai1"
            assert {"queued", "loaded", "budget", "price_known"} <= set(shown["providers"][0])
            assert (shown["needs_key"], shown["capture"], shown["tunnel"]["status"]) == (False, True, "stopped")
            answer = await ask(app.bound[0][1], "/v1/chat/completions", CHAT)
            message = await told(page, "request", phase="done")
            assert message["request"]["id"] == answer.headers["x-request-id"]
            assert (message["request"]["streamed"], message["request"]["has_body"]) == (5, True)
            await told(page, "totals", requests=2)


async def test_a_refused_request_is_seen_as_well(tmp_path: Path) -> None:
    async with (
        FakeProvider("openai", ["m"]) as fake,
        linx_here(config_for(fake), tmp_path) as app,
        page_at(app) as page,
    ):
        await told(page, "snapshot")
        answer = await ask(app.bound[0][1], "/v1/chat/completions", {**CHAT, "messages": 1})
        assert answer.status == 400
        message = await told(page, "request", phase="failed")
        assert message["request"]["status"] == 400
        await ask(app.bound[0][1], "/v1/nowhere")
        listed = (await ask(app.bound[0][1], "/linx/requests")).json["data"]
        assert [one["path"] for one in listed] == ["/v1/chat/completions"]


async def test_a_page_of_another_origin_is_refused(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        port = app.bound[0][1]
        for origin in ("http://evil.example", f"https://127.0.0.1:{port}", "null", "app://obsidian.md"):
            assert await refusal(app, "/linx/events", origin=origin) == 403
        async with page_at(app, Origin=f"http://127.0.0.1:{port}") as page:
            await told(page, "snapshot")


async def test_fields_that_the_library_cannot_read_are_not_shown_to_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """wsproto decodes Host as IDNA and lists as ASCII, takes one protocol of Upgrade, and h11 16 KiB of a head."""
    async with linx_here(config_for(), tmp_path) as app:
        for odd in (
            {"Host": "xn--a.localhost"},
            {"Sec-WebSocket-Protocol": "\xff"},
            {"Sec-WebSocket-Extensions": "\xff"},
            {"Connection": "upgrade, \xff"},
            {"Upgrade": "h2c, websocket"},
            {"X-Long": "x" * 31_000},
        ):
            asked = {"Host": "localhost", "Connection": "upgrade", "Upgrade": "websocket", **odd}
            asked |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
            lines = ["GET /linx/events HTTP/1.1", *(f"{name}: {value}" for name, value in asked.items()), "", ""]
            with trio.fail_after(10):
                async with await trio.open_tcp_stream("127.0.0.1", app.bound[0][1]) as stream:
                    await stream.send_all("\r\n".join(lines).encode("latin-1"))
                    assert (await stream.receive_some()).startswith(b"HTTP/1.1 101 "), odd
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_it_needs_the_key_and_a_reload_that_takes_the_key_away_closes_it(tmp_path: Path) -> None:
    config = config_for(server={"api_key": [KEY, "another-key-0123456789"]})
    async with linx_here(config, tmp_path) as app:
        assert await refusal(app, "/linx/events") == 401
        assert await refusal(app, "/k/wrong/linx/events") == 401
        async with (
            page_at(app, f"/k/{KEY}/linx/events") as page,
            page_at(app, "/linx/events", Authorization="Bearer another-key-0123456789") as other,
        ):
            shown = await page.get_message()
            assert KEY not in shown
            assert jsontext.loads(shown.encode())["needs_key"] is True
            await told(other, "snapshot")
            config["server"]["api_key"] = "another-key-0123456789"
            write_config(tmp_path / "config.json", config)
            await app.reload()
            assert await until_closed(page) == 1008
            await told(other, "snapshot")  # the config has changed
            await other.ping()
            config["server"]["api_key"] = [{"name": "now-limited", "key": "another-key-0123456789", "models": ["m"]}]
            write_config(tmp_path / "config.json", config)
            await app.reload()
            assert await until_closed(other) == 1008
            assert await refusal(app, "/k/another-key-0123456789/linx/events") == 403


async def test_so_many_pages_and_no_more(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        joined = [app.dashboard.hub.join(PAGE) for _ in range(MOST_VIEWERS)]
        assert await refusal(app, "/linx/events") == 503
        assert joined[0] is not None
        app.dashboard.hub.leave(joined[0])
        async with page_at(app) as page:
            await told(page, "snapshot")
        for viewer in joined[1:]:
            assert viewer is not None
            app.dashboard.hub.leave(viewer)
        with trio.fail_after(5):
            while len(app.dashboard.hub.viewers):
                await trio.sleep(0.01)


async def test_an_open_page_is_no_running_request_when_linx_ends(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app, page_at(app) as page:
        await told(page, "snapshot")
        assert app.server.requests_running == 0
        with trio.fail_after(5):
            await app.server.drain(30)
        assert await until_closed(page) == 1001


async def test_without_a_handshake_the_path_says_what_it_is(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        answer = await ask(app.bound[0][1], "/linx/events")
        assert (answer.status, answer.headers["upgrade"]) == (426, "websocket")
        assert (await ask(app.bound[0][1], "/linx/events", {})).status == 405
