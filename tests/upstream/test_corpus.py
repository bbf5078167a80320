"""Every scripted answer of the corpus, at the level of one connection.

What is no HTTP is refused, what is torn is never taken for whole, and everything else
gives the body that h11 finds in it, however the bytes are cut.
"""

from __future__ import annotations

from typing import Any

import h11
import pytest
import trio

from linx.core.attempt_errors import AttemptError, ConnectFailed, Garbled, Reset, StreamBroken
from linx.upstream.connection import UpstreamConnection
from linx.upstream.dial import Dialer
from linx.upstream.permit import Reach
from linx.upstream.pool import Pool, Sending
from linx.upstream.request_head import request_head
from linx.upstream.response import Response
from tests.upstream.permits import anywhere
from tests.upstream.scripted import Pieces, cases, script_of, serving

LIMIT = 32 * 1024 * 1024
POST = Sending(b"POST", b"/v1/chat/completions", ((b"Content-Type", b"application/json"),), b"{}")
CASES = {case["id"]: case for case in cases()}

FAILS: dict[str, type[AttemptError]] = {
    "conn-close-at-accept": Reset,
    "conn-rst-at-accept": Reset,
    "conn-close-after-request": Reset,
    "head-not-http": Garbled,
    "head-html": Garbled,
    "head-tls-alert": Garbled,
    "head-h2-settings": Garbled,
    "head-icy": Garbled,
    "head-http20": Garbled,
    "head-status-099": Garbled,
    "head-status-999": Garbled,
    "head-bare-lf": Garbled,
    "head-cl-te": Garbled,
    "head-cl-dup-diff": Garbled,
    "head-cl-neg": Garbled,
    "head-cl-huge": Garbled,
    "head-te-gzip": Garbled,
    "head-te-double": Garbled,
    "head-te-10": Garbled,
    "head-big-80k": Garbled,
    "head-truncated": Reset,
    "head-1xx-flood": Garbled,
    "json-br": Garbled,
    "json-huge": Garbled,
    "json-gzip-bomb": Garbled,
    "json-gzip-lie": Garbled,
    "json-chunk-cut": StreamBroken,
    "json-chunk-noterm": StreamBroken,
    "sse-cut-chunk": StreamBroken,
    "sse-no-terminator": StreamBroken,
    "sse-rst-before-first": StreamBroken,
}
STALLS = {"sse-stall-mid", "sse-stall-before"}
GZIP_SIZE = 50_000_000


def wire(case: dict[str, Any]) -> bytes:
    return b"".join(step for step in script_of(case) if isinstance(step, bytes))


def body_by_h11(data: bytes) -> bytes:
    reader = h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Content-Length", "0")]))
    reader.send(h11.EndOfMessage())
    reader.receive_data(data)
    reader.receive_data(b"")
    body = b""
    while True:
        event = reader.next_event()
        if isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return body


async def ask(transport: Pieces) -> Response:
    connection = UpstreamConnection(transport, "provider:1", Reach.LOCAL)
    head = await connection.ask(
        request_head(POST.method, POST.target, "provider", POST.headers, 2), b"{}", None, 2, is_head=False
    )
    return Response(connection, head)


async def verdict(transport: Pieces) -> bytes | type[AttemptError]:
    try:
        return await (await ask(transport)).read_all(LIMIT)
    except AttemptError as error:
        return type(error)


@pytest.mark.parametrize("name", [name for name in CASES if name not in STALLS])
async def test_the_whole_body_or_an_error(name: str) -> None:
    expected: bytes | type[AttemptError] = FAILS.get(name) or body_by_h11(wire(CASES[name]))
    if name == "json-deflate":
        expected = b'{"id": "c1"'
    pool = Pool(Dialer({}))
    async with serving(script_of(CASES[name])) as server:
        try:
            with await pool.open(anywhere(server.origin), POST) as exchange:
                found: bytes | type[AttemptError] = await exchange.read_all(LIMIT)
                exchange.finish()
        except AttemptError as error:
            found = type(error)
        if name == "json-deflate":
            assert isinstance(found, bytes)
            found = found[:11]
        if name == "conn-rst-at-accept" and found is ConnectFailed:
            found = Reset  # The reset came in the instant in which the connection was opened.
        assert found == expected
        if CASES[name]["pool"] != "any":
            kept = 1 if CASES[name]["pool"] == "reuse" else 0
            if name == "conn-unsolicited-408":
                await server.closed.wait()
                assert pool._borrow(server.origin, Reach.ANY, trio.current_time()) is None
            else:
                assert repr(pool) == f"Pool: 0 active, {kept} idle"
        pool.close_idle()


@pytest.mark.parametrize("name", sorted(STALLS))
async def test_a_stall_stays_open(name: str) -> None:
    pool = Pool(Dialer({}))
    async with serving(script_of(CASES[name])) as server:
        with await pool.open(anywhere(server.origin), POST) as exchange:
            with trio.move_on_after(0.02) as limit:
                await exchange.read_all(LIMIT)
            assert limit.cancelled_caught
        await server.closed.wait()


def small() -> list[str]:
    return [name for name, case in CASES.items() if name not in STALLS and 0 < len(wire(case)) < 1200]


def ending(name: str) -> Pieces:
    return Pieces([], then="reset" if name == "sse-rst-before-first" else "close")


@pytest.mark.parametrize("name", small())
async def test_the_cut_changes_nothing(name: str) -> None:
    data = wire(CASES[name])
    whole = ending(name)
    whole.pieces = [data]
    expected = await verdict(whole)
    drip = ending(name)
    drip.pieces = [bytes((byte,)) for byte in data]
    assert await verdict(drip) == expected
    for cut in range(1, len(data), 1 if len(data) < 400 else 7):
        torn = ending(name)
        torn.pieces = [data[:cut], data[cut:]]
        assert await verdict(torn) == expected, cut
