"""One WebSocket of a page, over a stream in memory: the handshake, what is sent, and why it is closed."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
import trio_websocket

from linx.dashboard import frames
from linx.dashboard.feed import UpgradeRequired, feed, handshake_in
from linx.dashboard.viewers import Viewer
from tests.dashboard.records import PAGE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
GOOD: dict[bytes, list[bytes]] = {
    b"upgrade": [b"websocket"],
    b"connection": [b"keep-alive, Upgrade"],
    b"sec-websocket-version": [b"13"],
    b"sec-websocket-key": [KEY],
}


class Asked:
    """The parts of a request that are looked at."""

    def __init__(self, method: str = "GET", *, has_body: bool = False, **changed: bytes | None) -> None:
        self.method = method
        self.has_body = has_body
        self.fields = dict(GOOD)
        for name, value in changed.items():
            self.fields[name.replace("_", "-").encode()] = [] if value is None else value.split(b";")

    def header_values(self, name: bytes) -> list[bytes]:
        return self.fields.get(name, [])

    def header(self, name: bytes) -> bytes | None:
        return next(iter(self.header_values(name)), None)


def test_a_handshake_that_the_library_answers() -> None:
    assert handshake_in(Asked()).count(KEY) == 1  # type: ignore[arg-type] # the parts that are looked at
    handshake_in(Asked(upgrade=b"WebSocket"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "asked",
    [
        Asked("HEAD"),
        Asked(has_body=True),
        Asked(upgrade=None),
        Asked(upgrade=b"h2c"),
        Asked(connection=b"close"),
        Asked(sec_websocket_version=b"8"),
        Asked(sec_websocket_version=b"13;13"),
        Asked(sec_websocket_key=None),
        Asked(sec_websocket_key=b"short"),
        Asked(sec_websocket_key=b"!" * 24),
        Asked(sec_websocket_key=KEY + b";" + KEY),
    ],
    ids=lambda asked: f"{asked.method} {[one for one in asked.fields.items() if one not in GOOD.items()]}",
)
def test_any_other_is_refused_with_words(asked: Any) -> None:
    with pytest.raises(UpgradeRequired) as refused:
        handshake_in(asked)
    assert refused.value.status == 426


@asynccontextmanager
async def open_page(viewer: Viewer) -> AsyncIterator[tuple[trio_websocket.WebSocketConnection, trio.CancelScope]]:
    """A page, and the scope in which the server's side runs."""
    ours, theirs = trio.testing.memory_stream_pair()
    numbers = iter(range(100))

    async def snapshot() -> bytes:
        return frames.text(b"snapshot %d" % next(numbers))

    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()

        async def serve() -> None:
            with scope:
                await feed(ours, viewer, snapshot)

        nursery.start_soon(serve)
        page = await opened(nursery, theirs)
        yield page, scope
        nursery.cancel_scope.cancel()


async def opened(nursery: trio.Nursery, stream: Any) -> trio_websocket.WebSocketConnection:
    """The page's side of ``stream``."""
    return await trio_websocket.wrap_client_stream(nursery, stream, "localhost", "/linx/events")


async def test_a_snapshot_then_changes_and_not_too_often(autojump_clock: object) -> None:
    viewer = Viewer(PAGE)
    async with open_page(viewer) as (page, _scope):
        assert await page.get_message() == "snapshot 0"
        begun = trio.current_time()
        for number in range(50):
            viewer.put("a", frames.text(b"%d" % number))
        assert await page.get_message() == "49"
        assert trio.current_time() - begun == pytest.approx(0.1, abs=0.02)
        viewer.refresh()
        assert await page.get_message() == "snapshot 1"
        await page.send_message("means nothing")
        await page.ping()


@pytest.mark.parametrize("why", ["it is closed", "Linx ends"])
async def test_the_code_says_why_it_is_closed(why: str) -> None:
    viewer = Viewer(PAGE)
    async with open_page(viewer) as (page, scope):
        await page.get_message()
        if why == "Linx ends":
            scope.cancel()
        else:
            viewer.close(frames.POLICY)
        with pytest.raises(trio_websocket.ConnectionClosed):
            await page.get_message()
        assert page.closed is not None
        assert page.closed.code == (1001 if why == "Linx ends" else 1008)


async def test_it_ends_when_the_page_leaves() -> None:
    viewer = Viewer(PAGE)
    ours, theirs = trio.testing.memory_stream_pair()

    async def snapshot() -> bytes:
        return frames.text(b"{}")

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed, ours, viewer, snapshot)
            page = await opened(nursery, theirs)
            await page.get_message()
            await page.aclose()


async def test_it_ends_when_the_connection_breaks() -> None:
    viewer = Viewer(PAGE)
    ours, theirs = trio.testing.memory_stream_pair()

    async def snapshot() -> bytes:
        return frames.text(b"{}")

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed, ours, viewer, snapshot)
            page = await opened(nursery, theirs)
            await page.get_message()
            await theirs.aclose()
            viewer.put("a", frames.text(b"1"))


async def test_a_client_that_does_not_finish_the_handshake_is_left(autojump_clock: object) -> None:
    ours, _theirs = trio.testing.memory_stream_pair()

    async def snapshot() -> bytes:
        raise AssertionError("nobody is there")

    with trio.fail_after(60):
        await feed(ours, Viewer(PAGE), snapshot)
