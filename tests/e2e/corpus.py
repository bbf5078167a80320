"""Plays the corpus of bad requests against a running Linx, in the profile of a case or in another one.

A case is data (``tests/corpus/bad_requests.json``). Its expectation holds for one profile; ``moved`` makes
the same request valid in another profile, so that only what is wrong with it decides: the key is added, and
the Host is the name that the listener answers to.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from linx.core import jsontext

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.fakes.provider import FakeProvider

REQUESTS: list[dict[str, Any]] = jsontext.loads(
    (Path(__file__).parent.parent / "corpus" / "bad_requests.json").read_bytes()
)
KEY = "linx-test-key-0123456789abcdef"
TUNNEL_NAME = "abc123.lhr.life"
SERVERS: dict[str, dict[str, Any]] = {
    "open": {},
    "key": {"api_key": KEY},
    "small": {"max_body_mb": 0.0625, "head_timeout_s": 1, "body_timeout_s": 1, "keep_alive_s": 1},
}
OPEN = "open"
_EVERYWHERE = dict.fromkeys(("wire", "limit", "timing", "header", "json", "schema", "route", "browser"), OPEN)
LAYERS: dict[str, dict[str, str]] = {
    "open": _EVERYWHERE,
    "key": _EVERYWHERE,
    "small": _EVERYWHERE,
    "tunnel": {**_EVERYWHERE, "auth": "key"},
}
"""For each profile the layers whose cases are played there too, and the profile that these cases were written for."""
CUT = ("wire", "limit")
"""The layers whose verdict must not depend on the sizes of the writes."""
MAX_BYTEWISE = 500
"""Larger cases are read byte by byte in tests/server/test_corpus.py, without sockets."""
AFTERTHOUGHT_S = 0.05  # for a second answer that should not come
QUIET_S = 1.0  # an answer that has not begun by then, on loopback, waits for something
PATIENCE_S = 30.0  # every case is answered or closed, so any bound finds a case that is not
AT_ONCE = 16

SMALL_BODY = 64 * 1024
_HOST = b"Host: localhost\r\n"
_HOST_LINE = re.compile(rb"^Host:[^\r\n]*\r\n", re.MULTILINE)
_BEARER = b"Authorization: Bearer " + KEY.encode() + b"\r\n"


def raw_of(case: dict[str, Any]) -> bytes:
    for key in ("raw_b64", "raw_z_b64"):
        if key in case:
            data = base64.b64decode(case[key])
            return zlib.decompress(data) if "_z_" in key else data
    parts = []
    for part in case["raw_parts"]:
        if isinstance(part, str):
            parts.append(base64.b64decode(part))
        else:
            parts.append(base64.b64decode(part["repeat_b64"]) * int(part["times"]))
    return b"".join(parts)


def cases_for(profile: str) -> list[dict[str, Any]]:
    """The cases that mean something in ``profile``, as they are sent there."""
    layers = LAYERS[profile]
    return [
        case if case["profile"] == profile else _moved(case, profile)
        for case in REQUESTS
        if case["profile"] == profile or (case["layer"] in layers and case["profile"] in (OPEN, layers[case["layer"]]))
    ]


def _moved(case: dict[str, Any], profile: str) -> dict[str, Any]:
    raw, expect = raw_of(case), case["expect"]
    if profile == "small":
        return {**case, "expect": f"{expect}|413"} if len(raw) > SMALL_BODY else case
    if _is_about_strangers(case):
        # Where there is a key, a page or another name may ask beforehand (204) what it may send, and needs the key.
        return {**case, "expect": f"{_without_success(expect)}204|401|403|421"}
    # The second request of a pipeline is a request of its own; one that is smuggled in a body must keep its length.
    count = 0 if case["id"] == "line-pipelined-two" else 1
    if profile == "tunnel":
        raw = raw.replace(_HOST, b"Host: " + TUNNEL_NAME.encode() + b"\r\n", count or -1)
        if b"/api/tunnel/" in raw.partition(b"\r\n")[0]:
            expect += "|403"  # nothing of the management is served there
    if case["profile"] != "key":
        raw = _HOST_LINE.sub(lambda line: line[0] + _BEARER, raw, count=count)
    return {**case, "raw_b64": base64.b64encode(raw).decode(), "expect": expect}


def _is_about_strangers(case: dict[str, Any]) -> bool:
    """Is it about a web page or about another name for this machine, which a key would let in?"""
    return bool(case["layer"] == "browser" or case["id"].startswith("host-"))


def _without_success(expect: str) -> str:
    return "".join(f"{way}|" for way in expect.split("|") if way != "200")


def in_writes(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The case in one write and, where the sizes of writes could matter, in writes of 4 KiB and of one byte."""
    if case["layer"] not in CUT or case.get("send"):
        return [case]
    length = len(raw_of(case))
    sizes = [4096] * (length > 4096) + [1] * (length <= MAX_BYTEWISE)
    return [case, *({**case, "send": {"chunk": size, "delay_ms": 0}} for size in sizes)]


async def exchange(port: int, case: dict[str, Any], *, patience: float) -> tuple[bytes, bool]:
    """Everything Linx says to a case, and whether it closed the connection."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    got = bytearray()
    closed = False

    async def write(raw: bytes) -> None:
        try:
            how = case.get("send")
            if how:
                for start in range(0, len(raw), how["chunk"]):
                    await stream.send_all(raw[start : start + how["chunk"]])
                    await trio.sleep(how["delay_ms"] / 1000)
            else:
                await stream.send_all(raw)
            if case.get("half_close"):
                await stream.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write, raw_of(case))
        try:
            while True:
                with trio.move_on_after(AFTERTHOUGHT_S if is_answered(bytes(got), case) else patience) as scope:
                    data = await stream.receive_some(65536)
                if scope.cancelled_caught:
                    break
                if not data:
                    closed = True
                    break
                got += data
        except trio.BrokenResourceError:
            closed = True
        nursery.cancel_scope.cancel()
    await trio.aclose_forcefully(stream)
    return bytes(got), closed


def is_answered(got: bytes, case: dict[str, Any]) -> bool:
    """Is all there that may come, but for a close or one answer too many?"""
    if not got or case["then"] == "close":
        return False
    try:
        return len(answers_in(got)) >= len(case["expect"].partition("|")[0].split("+"))
    except (AssertionError, ValueError, KeyError):
        return False


def answers_in(data: bytes) -> list[tuple[int, bytes]]:
    """(status, body) of each answer; bodies are told apart by their framing."""
    found = []
    while data:
        head, blank, rest = data.partition(b"\r\n\r\n")
        assert blank, f"a torn head: {data[:200]!r}"
        status = int(head.split(b" ", 2)[1])
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if status < 200:
            data = rest
            continue
        if fields.get(b"transfer-encoding") == b"chunked":
            body, end, rest = rest.partition(b"0\r\n\r\n")
            assert end
        elif b"content-length" in fields:
            length = int(fields[b"content-length"])
            body, rest = rest[:length], rest[length:]
        else:
            body, rest = rest, b""
        found.append((status, body))
        data = rest
    return found


def verdict(case: dict[str, Any], answers: list[tuple[int, bytes]], closed: bool) -> str | None:
    """What is wrong with an outcome, if anything."""
    seen = "+".join(str(status) for status, _body in answers) or ("close" if closed else "nothing")
    expect: str = case["expect"]
    if expect.endswith("*"):
        allowed = {"+".join([expect[:-1]] * count) for count in range(1, case["max_responses"] + 1)}
    else:
        allowed = set(expect.split("|"))
    if seen not in allowed:
        said = repr(answers[-1][1][:150]) if answers else ""
        return f"{case['id']}: expected {expect}, saw {seen} {said} ({case['why']})"
    if len(answers) > case["max_responses"]:
        return f"{case['id']}: {len(answers)} answers"
    if case["then"] == "close" and not closed:
        return f"{case['id']}: the connection stayed open"
    for status, body in answers:
        if status >= 400 and not case["id"].startswith("head-"):
            if len(body) > 2048 or not body.isascii():
                return f"{case['id']}: error body of {len(body)} bytes"
            error = jsontext.loads(body)["error"]
            if not isinstance(error, str) and set(error) != {"message", "type", "param", "code"}:
                return f"{case['id']}: {body!r}"
        if status == 500:
            return f"{case['id']}: a 500"
    return None


@dataclass
class Played:
    """What came of several cases."""

    wrong: list[str] = field(default_factory=list)
    seen: dict[str, set[str]] = field(default_factory=dict)
    """By the id of a case: the statuses of its answers, and "close", for each way of writing it."""
    answers: Counter[int] = field(default_factory=Counter)
    """How many answers had each status."""

    def note(self, case: dict[str, Any], data: bytes, closed: bool) -> None:
        try:
            answers = answers_in(data)
            problem = verdict(case, answers, closed)
        except (AssertionError, ValueError, KeyError, jsontext.InvalidJSON) as error:
            self.wrong.append(f"{case['id']}: cannot read {data[:300]!r}: {error!r}")
            return
        if problem:
            self.wrong.append(problem)
        statuses = [str(status) for status, _body in answers]
        self.seen.setdefault(case["id"], set()).add("+".join(statuses) or "close")
        self.answers.update(status for status, _body in answers)


async def play(port: int, cases: Iterable[dict[str, Any]]) -> Played:
    """Play the cases, AT_ONCE at a time, each over a connection of its own."""
    played = Played()
    left = iter(cases)

    async def work() -> None:
        for case in left:
            data, closed = await exchange(port, case, patience=PATIENCE_S)
            played.note(case, data, closed)

    async with trio.open_nursery() as nursery:
        for _ in range(AT_ONCE):
            nursery.start_soon(work)
    return played


async def judge(profile: str, port: int, fake: FakeProvider) -> None:
    """Play all cases of ``profile``, and assert what holds for all of them together."""
    cases = cases_for(profile)
    before = len(fake.calls)
    played = await play(port, [way for case in cases for way in in_writes(case)])
    assert not played.wrong, f"{len(played.wrong)} of {len(cases)}:\n" + "\n".join(played.wrong)
    differ = {name: seen for name, seen in played.seen.items() if len(seen) > 1}
    assert not differ, f"the sizes of the writes matter: {differ}"
    # A client that hangs up after its request may have been sent to the provider, and counts for no answer.
    gone = sum("close" in case["expect"] for case in cases)
    assert len(fake.calls) - before <= played.answers[200] + gone
