"""What h11 accepts and Linx must refuse by itself, as the server refuses it over a socket: a row for each gap.

h11 is a careful library, but it follows the standard where the standard is kind; the names of the cases in
``tests/corpus`` say which of them h11 0.16 lets through (``h11_gap``). Each row has requests of its own, so
that no gap depends on the sample that the corpus is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trio

from linx.server.limits import Limits
from tests.server.client import CHUNKED, GET, Client, connected, echo, post, serving

CORPUS: dict[str, dict[str, Any]] = {
    case["id"]: case for case in json.loads((Path(__file__).parents[1] / "corpus/bad_requests.json").read_bytes())
}
LIMITS = Limits(max_body=64 * 1024)


def get(*fields: bytes, line: bytes = b"GET / HTTP/1.1", host: bytes = b"localhost") -> bytes:
    return b"\r\n".join([line, b"Host: " + host, *fields, b"", b""])


def chunks(wire: bytes) -> bytes:
    return CHUNKED + wire


SMUGGLED = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"

GAPS: dict[str, tuple[int, list[bytes]]] = {
    "both-lengths": (
        400,
        [
            get(b"Content-Length: 5", b"Transfer-Encoding: chunked") + SMUGGLED,
            get(b"Transfer-Encoding: chunked", b"Content-Length: 0") + SMUGGLED,
            get(b"Transfer-Encoding: chunked", b"Content-Length: 5", b"Connection: close") + SMUGGLED,
        ],
    ),
    "odd-lengths": (
        400,
        [
            get(b"Content-Length: 5", b"Content-Length: 5") + b"hello",
            *(
                get(b"Content-Length: " + value) + b"hello"
                for value in (b"5, 5", b"5,5", b"05", b"00", b"0" * 20 + b"5")
            ),
            get(b"Content-Length: " + b"9" * 20),
        ],
    ),
    "coding-in-1.0": (400, [get(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0") + SMUGGLED]),
    "underscore-twins": (
        400,
        [
            get(b"Content_Length: 44") + GET,
            get(b"Transfer_Encoding: chunked") + SMUGGLED,
            get(b"Content-Length: 0", b"transfer_encoding: chunked") + SMUGGLED,
        ],
    ),
    "bare-lf": (
        400,
        [
            GET.replace(b"\r\n", b"\n"),
            b"GET / HTTP/1.1\nHost: localhost\r\n\r\n",
            get(b"X: a\nTransfer-Encoding: chunked") + SMUGGLED,
            b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\n\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\n\n",
            get(b"X: a\rb"),
            chunks(b"0\r\nX: a\nY: b\r\n\r\n"),
            chunks(b"1\r\nZ\r\n0\r\n\n"),
        ],
    ),
    "folded-fields": (
        400,
        [
            get(b"X: a\r\n b"),
            get(b"X: a\r\n\tb"),
            get(b"Authorization: Bearer\r\n x"),
            get(b"Transfer-Encoding:\r\n chunked") + SMUGGLED,
            b"GET / HTTP/1.1\r\nHost:\r\n localhost\r\n\r\n",
            get(b" "),
        ],
    ),
    "control-bytes": (
        400,
        [get(b"X: a%cb" % byte) for byte in (*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F)],
    ),
    "versions": (
        505,
        [get(line=b"GET / HTTP/" + version) for version in (b"0.9", b"1.2", b"1.9", b"2.0", b"3.0", b"9.9")]
        + [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.2\r\n\r\n"],
    ),
    "chunk-extensions": (
        400,
        [
            chunks(b"1;" + extension + b"\r\nZ\r\n0\r\n\r\n")
            for extension in (b"", b"a\rb", b"a\x00", b"a=\x1b", b"a=", b";a", b"a b", b"a" * 17_000)
        ]
        + [chunks((b"1;a=" + b"b" * 200 + b"\r\nZ\r\n") * 90)],
    ),
    "chunk-sizes": (
        400,
        [
            chunks(size + b"\r\nZ\r\n0\r\n\r\n")
            for size in (b"1 ", b"1\t", b"0" * 19 + b"1", b"1" + b"0" * 19, b"+1", b"0x1")
        ],
    ),
    "trailers": (
        400,
        [
            chunks(b"0\r\n" + name + b": 5\r\n\r\n")
            for name in (b"Content-Length", b"Transfer-Encoding", b"Host", b"Authorization", b"Content_Length")
        ]
        + [chunks(b"0\r\n" + b"X: y\r\n" * 101 + b"\r\n"), chunks(b"0\r\nX: " + b"y" * 17_000 + b"\r\n\r\n")],
    ),
    "head-size": (
        431,
        [get(b"X: " + b"a" * 40_000), get(b"X: " + b"a" * 200_000), get(*[b"X: " + b"a" * 1000] * 40)],
    ),
    "field-count": (431, [get(*[b"X: y"] * 100), get(*[b"X:"] * 4000)]),
    "target-size": (414, [get(line=b"GET /" + b"a" * size + b" HTTP/1.1") for size in (8192, 9000, 60_000)]),
    "method-size": (400, [get(line=b"A" * 33 + b" / HTTP/1.1"), get(line=b"A" * 4000 + b" / HTTP/1.1"), b"A" * 70_000]),
    "hosts": (
        400,
        [
            get(host=host)
            for host in (b"localhost/evil", b"localhost?a", b"localhost#a", b"a@localhost", b"a, evil", b"[::1", b"")
        ],
    ),
    "targets": (
        400,
        [
            get(line=b"GET " + target + b" HTTP/1.1")
            for target in (b"!", b"/#a", b"a", b"*", b"http://evil/", b"http://u@localhost/", b"localhost:80")
        ],
    ),
    "connect": (405, [get(line=b"CONNECT evil:443 HTTP/1.1"), get(line=b"CONNECT localhost HTTP/1.1")]),
    "expectations": (417, [post(b"hello", b"Expect: 200-ok"), post(b"hello", b"Expect: 100-continue, x")]),
    "twice": (
        400,
        [
            get(name + b": a", name.lower() + b": a")
            for name in (b"Host", b"Authorization", b"X-Api-Key", b"Origin", b"Content-Type")
        ],
    ),
    "body-size": (
        413,
        [
            post(b"x" * 65_537),
            get(b"Content-Length: 1" + b"0" * 12),
            chunks(b"10001\r\nZ"),
            chunks(b"F" * 16 + b"\r\nZ"),
        ],
    ),
}
"""By gap: the status of the answer, and requests that h11, or a server that asks h11 alone, would accept."""

HELD_ELSEWHERE = {
    "read-ahead": ("server/test_wire.py", "test_a_pipelining_flood_is_left_in_the_clients_buffer"),
    "one-byte-chunks": ("http1/test_chunked.py", "test_many_small_chunks_are_cheap"),
    "slow-heads": ("server/test_connection.py", "test_the_head_has_one_deadline"),
    "slow-bodies": ("server/test_connection.py", "test_a_body_that_drips"),
    "routes": ("e2e/test_edges.py", "test_methods_and_paths"),
    "upgrades": ("server/test_gaps.py", "test_an_upgrade_is_ignored"),
}
"""The gaps that no answer to a bad request shows: file and test."""
FAMILIES = {
    "wire-cl-te": "both-lengths", "wire-te-cl": "both-lengths", "wire-cl-te-connclose": "both-lengths",
    "wire-cl-dup-same": "odd-lengths", "wire-cl-list-same": "odd-lengths",
    "wire-cl-underscore-name": "underscore-twins", "wire-te-obsfold": "folded-fields",
    "wire-te-http10": "coding-in-1.0",
    "chunk-ext-bare-cr": "chunk-extensions", "chunk-ext-ctl": "chunk-extensions", "chunk-ext-empty": "chunk-extensions",
    "chunk-ext-badtoken": "chunk-extensions", "chunk-ext-sum": "chunk-extensions", "chunk-size-trail-sp": "chunk-sizes",
    "chunk-size-trail-tab": "chunk-sizes", "chunk-end-lf": "bare-lf", "chunk-trailer-bare-lf": "bare-lf",
    "chunk-trailer-obsfold": "folded-fields", "chunk-trailer-ctl": "control-bytes", "chunk-trailer-cl": "trailers",
    "chunk-trailer-te": "trailers", "chunk-trailer-40k": "trailers", "line-lf-all": "bare-lf",
    "line-obsfold": "folded-fields", "line-ws-line": "folded-fields", "line-value-del": "control-bytes",
    "line-value-esc": "control-bytes", "line-ver-09": "versions", "line-ver-20-nohost": "versions",
    "line-ver-99": "versions", "line-ver-12-nohost": "versions", "limit-target-9k": "target-size",
    "limit-method-4k": "method-size", "limit-header-40k": "head-size", "limit-body-chunked-70k": "body-size",
    "limit-body-cl-70k": "body-size",
}  # fmt: skip
"""The wire and limit cases of the corpus that h11 0.16 accepts, and the gap that each shows."""


def test_every_gap_of_the_corpus_has_a_row() -> None:
    gaps = {name for name, case in CORPUS.items() if case["h11_gap"] and case["layer"] in ("wire", "limit")}
    assert gaps - set(FAMILIES) == set()
    assert set(FAMILIES.values()) <= set(GAPS)


@pytest.mark.parametrize("gap", HELD_ELSEWHERE)
def test_a_gap_held_elsewhere_has_its_test(gap: str) -> None:
    file, name = HELD_ELSEWHERE[gap]
    assert f"def {name}(" in (Path(__file__).parents[1] / file).read_text()


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("size", [0, 4096, 1], ids=["one-write", "4KiB", "bytewise"])
async def test_refused_and_closed(gap: str, size: int) -> None:
    """One answer, then the end: nothing behind the bad bytes is read as a request."""
    status, wires = GAPS[gap]
    async with serving(echo, LIMITS) as (_server, port):
        with trio.fail_after(20):
            for wire in wires:
                if (size == 4096 and len(wire) <= size) or (size == 1 and len(wire) > 500):
                    continue
                async with connected(port) as client:
                    assert await said(client, wire, size) == [status], wire[:200]
            async with connected(port) as client:
                await client.send(GET)
                assert (await client.answer()).status == 200


async def said(client: Client, wire: bytes, size: int) -> list[int]:
    """The statuses of all answers up to the close."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.send, wire, size)
        answers = await client.answers(99)
        nursery.cancel_scope.cancel()
    return [answer.status for answer in answers]


@pytest.mark.parametrize("field", [b"Upgrade: h2c", b"Upgrade: websocket", b"Upgrade: TLS/1.0"])
async def test_an_upgrade_is_ignored(field: bytes) -> None:
    async with serving(echo) as (_server, port), connected(port) as client:
        await client.send(get(b"Connection: Upgrade", field) + GET)
        with trio.fail_after(20):
            assert [answer.status for answer in await client.answers(2)] == [200, 200]
