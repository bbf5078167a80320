"""The bad requests that the server alone decides about, over real sockets, however they are cut."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import trio

from linx.core.errors import RequestError
from linx.http1.chunked import ChunkScanner, FramingError
from linx.server.gate import Gate
from linx.server.limits import Limits
from tests.server.client import GET, Client, connected, echo, serving

# These want a route or a content type refused, which is not the server's business.
ELSEWHERE = {"hdr-method-override", "hdr-ct-utf16"}
PROFILES = {
    "open": Limits(),
    "small": Limits(head_timeout_s=0.25, body_timeout_s=0.25, keep_alive_s=0.25, max_body=64 * 1024),
}
CORPUS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "corpus/bad_requests.json").read_bytes())
CASES = [
    case
    for case in CORPUS
    if case["layer"] in ("wire", "limit", "timing", "header")
    and case["profile"] in PROFILES
    and case["id"] not in ELSEWHERE
]
MAX_BYTEWISE = 500  # bytes; longer cases are read byte by byte without a socket, which costs far less


def sizes(case: dict[str, Any]) -> list[int]:
    """How large the writes of a case are; 0 is all at once."""
    length = len(base64.b64decode(case["raw_b64"]))
    if case.get("send") or not length:
        return [0]
    return [0, *([4096] if length > 4096 else []), *([1] if length <= MAX_BYTEWISE else [])]


def is_long(case: dict[str, Any]) -> bool:
    return len(base64.b64decode(case["raw_b64"])) > MAX_BYTEWISE


def test_there_are_cases() -> None:
    assert len(CASES) > 120


def verdict(wire: bytes, size: int) -> tuple[str, bytes, bytes]:
    """What gate and scanner say of a request that comes in reads of ``size`` bytes: the end, the payload, the rest."""
    gate, buffer, scanner, payload = Gate(), bytearray(), None, bytearray()
    for start in range(0, len(wire), size):
        data = wire[start : start + size]
        try:
            if scanner is None:
                buffer += data
                head = gate.take(buffer)
                if head is None:
                    continue
                if not head.is_chunked:
                    return f"head of {len(head.raw)}", b"", bytes(buffer) + wire[start + size :]
                scanner, data = ChunkScanner(), bytes(buffer)
            payload += scanner.feed(data)
        except RequestError as problem:
            return str(problem.status), b"", b""
        except FramingError:
            return "no chunks", b"", b""
        if scanner.is_done:
            return "body", bytes(payload), scanner.rest + wire[start + size :]
    return "incomplete", bytes(payload), b""


@pytest.mark.parametrize("case", [case for case in CASES if is_long(case)], ids=lambda case: case["id"])
def test_a_long_request_byte_by_byte(case: dict[str, Any]) -> None:
    raw = base64.b64decode(case["raw_b64"])
    assert verdict(raw, 1) == verdict(raw, 4096) == verdict(raw, len(raw))


@pytest.mark.parametrize(
    ("case", "size"), [pytest.param(case, size, id=f"{case['id']}-{size}") for case in CASES for size in sizes(case)]
)
async def test_a_bad_request(case: dict[str, Any], size: int) -> None:
    raw = base64.b64decode(case["raw_b64"])
    manner = case.get("send") or {}
    async with serving(echo, PROFILES[case["profile"]]) as (_server, port):
        with trio.fail_after(5):
            async with connected(port) as client:
                outcome = await play(case, client, raw, manner.get("chunk", size), manner.get("delay_ms", 0) / 1000)
            assert outcome in allowed(case), case["why"]
            async with connected(port) as healthy:
                await healthy.send(GET)
                assert (await healthy.answer()).status == 200


def allowed(case: dict[str, Any]) -> set[tuple[str, ...]]:
    return {tuple(part for part in way.split("+") if part != "close") for way in case["expect"].split("|")}


async def play(case: dict[str, Any], client: Client, raw: bytes, size: int, delay_s: float) -> tuple[str, ...]:
    """The statuses that came; asserts what holds for every case."""
    async with trio.open_nursery() as nursery:

        async def write() -> None:
            await client.send(raw, size, delay_s)
            if case.get("half_close"):
                assert isinstance(client.stream, trio.SocketStream)
                await client.stream.send_eof()

        nursery.start_soon(write)
        count = len(case["expect"].split("|")[0].split("+"))
        answers = await client.answers(count)
        if case["then"] == "close":
            await client.until_eof()
        nursery.cancel_scope.cancel()
    assert len(answers) <= case["max_responses"]
    for answer in answers:
        assert answer.is_whole
        assert answer.fields[b"x-content-type-options"] == b"nosniff"
        if answer.status != 200:
            assert len(answer.body) < 2048
            assert answer.body.isascii()
            assert set(json.loads(answer.body)["error"]) == {"message", "type", "param", "code"}
            assert len(answer.fields[b"x-request-id"]) == 32
            assert case["then"] != "close" or answer.fields[b"connection"] == b"close"
    return tuple(str(answer.status) for answer in answers)
