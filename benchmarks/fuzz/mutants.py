"""Mutates the bad requests of the corpus and compares how Linx, h11 and Node's llhttp read each mutant.

python -m benchmarks.fuzz.mutants [--cases 50000] [--seed 1]

A mutant is a stream of writes over one connection. There are thirteen kinds of mutation, those of the HTTP Garden
(narfindustries/http-garden, tools/mutations.py). The rule: where two parsers read something else, it is Linx that
refuses. So for each request that Linx accepts, another parser has read the same request at the same place, or has
refused the stream there; and where Linx waits for more, no other parser has read a further request. The sizes of the
writes may make no difference to Linx. A mutant that breaks the rule is printed and ends the run.

llhttp is left out where there is no ``node``.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import h11

from linx.core.errors import RequestError
from linx.http1.chunked import ChunkScanner, FramingError
from linx.server.cross_check import cross_check
from linx.server.gate import MAX_HEAD, Gate
from linx.server.head import FirstHeads, LastHead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

CASES = 50_000
BATCH = 5000
_CORPUS = Path(__file__).parents[2] / "tests" / "corpus" / "bad_requests.json"
_LLHTTP = Path(__file__).with_name("llhttp.js")
_LONGEST_SEED = 2000  # bytes; the few longer cases are about limits, which the other parsers do not share

Writes = list[bytes]
_REQUESTS = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n0123456789",
    b"POST / HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\n01234\r\n5;a=b\r\n56789\r\n0\r\nX: y\r\n\r\n",
)
_FIELDS = (
    b"Content-Length: 0", b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", b": ",
    b"Test: ", b"Connection: close", b"Connection: keep-alive", b"Host: other", b"Content-Length : 5",
    b"Transfer_Encoding: chunked", b" folded", b"Transfer-Encoding:\x0bchunked", b"Content-Length: +5",
)  # fmt: skip
_BYTES = (b"\r\n", b"\r", b"\n", b"\x00", b":", b"\t", b" ", b"0", b";", b",", b"\x0b", b"\xff")
_METHODS = (b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"get", b"G T", b"")


class Broken(Exception):
    """Two parsers disagree and Linx does not refuse."""


@dataclass
class Reading:
    """What a parser made of a stream: its requests as (method, target, body), and how it ended."""

    requests: list[tuple[bytes, bytes, bytes]]
    end: str
    """refused; open: it waits for more; closed: the last request asked for that; left: HTTP ended with an Upgrade."""


# --- mutations ---


def _at(chance: random.Random, writes: Writes, change: Callable[[bytes, int], bytes]) -> Writes:
    """Change a byte of a write; ``change`` gets the write and the place."""
    number = chance.randrange(len(writes))
    old = writes[number]
    return [*writes[:number], change(old, chance.randrange(len(old) + 1)), *writes[number + 1 :]]


def _in_head(chance: random.Random, writes: Writes, change: Callable[[list[bytes]], list[bytes]]) -> Writes:
    """Change the lines of the head of a request; ``change`` gets the lines without the blank line."""
    number = chance.randrange(len(writes))
    head, blank, rest = writes[number].partition(b"\r\n\r\n")
    return [*writes[:number], b"\r\n".join(change(head.split(b"\r\n"))) + blank + rest, *writes[number + 1 :]]


def _field(chance: random.Random, lines: list[bytes], removed: int, added: int) -> list[bytes]:
    place = chance.randrange(1, len(lines) + 1)
    return [*lines[:place], *(chance.choice(_FIELDS) for _ in range(added)), *lines[place + removed :]]


def _method(chance: random.Random, lines: list[bytes]) -> list[bytes]:
    return [chance.choice(_METHODS) + b" " + lines[0].partition(b" ")[2], *lines[1:]]


def _request(chance: random.Random, writes: Writes, removed: int, added: int) -> Writes:
    place = chance.randrange(len(writes) + (not removed))
    changed = [*writes[:place], *(chance.choice(_REQUESTS) for _ in range(added)), *writes[place + removed :]]
    return changed or [chance.choice(_REQUESTS)]


def _joined(chance: random.Random, writes: Writes) -> Writes:
    place = chance.randrange(len(writes))
    return [*writes[:place], b"".join(writes[place : place + 2]), *writes[place + 2 :]]


def _shifted(chance: random.Random, writes: Writes) -> Writes:
    place = chance.randrange(len(writes))
    both = b"".join(writes[place : place + 2])
    cut = chance.randrange(len(both) + 1)
    return [*writes[:place], both[:cut], both[cut:], *writes[place + 2 :]]


MUTATIONS: Mapping[str, Callable[[random.Random, Writes], Writes]] = {
    "delete a byte": lambda chance, old: _at(chance, old, lambda data, at: data[:at] + data[at + 1 :]),
    "replace a byte": lambda chance, old: _at(
        chance, old, lambda data, at: data[:at] + chance.randbytes(1) + data[at + 1 :]
    ),
    "insert a byte": lambda chance, old: _at(chance, old, lambda data, at: data[:at] + chance.randbytes(1) + data[at:]),
    "insert a meaningful byte": lambda chance, old: _at(
        chance, old, lambda data, at: data[:at] + chance.choice(_BYTES) + data[at:]
    ),
    "insert a field": lambda chance, old: _in_head(chance, old, lambda lines: _field(chance, lines, 0, 1)),
    "replace a field": lambda chance, old: _in_head(chance, old, lambda lines: _field(chance, lines, 1, 1)),
    "delete a field": lambda chance, old: _in_head(chance, old, lambda lines: _field(chance, lines, 1, 0)),
    "replace the method": lambda chance, old: _in_head(chance, old, lambda lines: _method(chance, lines)),
    "insert a request": lambda chance, old: _request(chance, old, 0, 1),
    "replace a request": lambda chance, old: _request(chance, old, 1, 1),
    "delete a request": lambda chance, old: _request(chance, old, 1, 0),
    "join two writes": _joined,
    "shift a boundary": _shifted,
}


def seeds() -> list[bytes]:
    """The wire and limit cases of the corpus, and a few good requests."""
    cases = json.loads(_CORPUS.read_bytes())
    raws = [base64.b64decode(case["raw_b64"]) for case in cases if case["layer"] in ("wire", "limit", "header")]
    return [*_REQUESTS, *(raw for raw in raws if 0 < len(raw) <= _LONGEST_SEED)]


def mutant(chance: random.Random, raws: Sequence[bytes], counts: Counter[str]) -> Writes:
    writes = [chance.choice(raws), *([chance.choice(raws)] if chance.random() < 0.4 else [])]
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        kind = chance.choice(tuple(MUTATIONS))
        counts[kind] += 1
        writes = MUTATIONS[kind](chance, writes)
    return writes


# --- the parsers ---


def read_by_linx(writes: Iterable[bytes]) -> Reading:
    requests: list[tuple[bytes, bytes, bytes]] = []
    buffer, last, gate = bytearray(), LastHead(FirstHeads()), Gate()
    head, scanner, body = None, None, b""
    try:
        for data in writes:
            buffer += data
            while True:
                if head is None:
                    head = last.take(buffer)
                    if head is None:
                        head = gate.take(buffer)
                        if head is None:
                            break
                        cross_check(head)
                        last.keep(head)
                    gate, body = Gate(), b""
                    scanner = ChunkScanner() if head.is_chunked else None
                if scanner is not None:
                    body += scanner.feed(bytes(buffer))
                    buffer.clear()
                    if not scanner.is_done:
                        break
                    buffer += scanner.rest
                else:
                    length = head.content_length or 0
                    if len(buffer) < length:
                        break
                    body = bytes(buffer[:length])
                    del buffer[:length]
                requests.append((head.method, head.target, body))
                if not head.keeps_alive:
                    return Reading(requests, "closed")
                head = None
    except (RequestError, FramingError):
        return Reading(requests, "refused")
    return Reading(requests, "open")


def read_by_h11(data: bytes) -> Reading:
    requests: list[tuple[bytes, bytes, bytes]] = []
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
    if data:  # h11 takes empty data for the end of the connection
        parser.receive_data(data)
    request, body = None, b""
    try:
        while True:
            event = parser.next_event()
            if isinstance(event, h11.Request):
                request, body = event, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                requests.append((request.method, request.target, body))
                parser.send(h11.Response(status_code=404, headers=[("content-length", "0")]))
                parser.send(h11.EndOfMessage())
                if parser.our_state is not h11.DONE:
                    return Reading(requests, "closed")
                parser.start_next_cycle()
            else:
                return Reading(requests, "open")
    except h11.RemoteProtocolError:
        return Reading(requests, "refused")


def read_by_llhttp(streams: Sequence[bytes]) -> list[Reading]:
    node = shutil.which("node")
    if node is None:
        return []
    told = subprocess.run(
        [node, "--no-deprecation", str(_LLHTTP)],
        input=b"".join(b"%d\n%b" % (len(data), data) for data in streams),
        stdout=subprocess.PIPE,
        check=True,
    )
    found = []
    for line in told.stdout.splitlines():
        reading = json.loads(line)
        requests = [
            (method.encode("latin-1"), target.encode("latin-1"), body.encode("latin-1"))
            for method, target, body in reading["requests"]
        ]
        found.append(Reading(requests, reading["end"]))
    if len(found) != len(streams):
        raise RuntimeError(f"llhttp has read {len(found)} of {len(streams)} streams")
    return found


# --- the comparison ---


def compare(ours: Reading, theirs: Reading) -> str | None:
    """How the two disagree although Linx does not refuse; None if they do not."""
    for number, request in enumerate(ours.requests):
        if number >= len(theirs.requests):
            return None if theirs.end in ("refused", "left") else f"request {number} is {request!r} to Linx alone"
        if theirs.requests[number] != request:
            return f"request {number} is {request!r} to Linx, and not {theirs.requests[number]!r}"
    if ours.end == "open" and len(theirs.requests) > len(ours.requests):
        return f"Linx waits, and does not see {theirs.requests[len(ours.requests)]!r}"
    return None


def run(cases: int, seed: int) -> Counter[str]:
    """Compare ``cases`` mutants; returns counts of what happened. Raises Broken."""
    chance = random.Random(seed)
    counts: Counter[str] = Counter()
    raws = seeds()
    while cases > 0:
        mutants = [mutant(chance, raws, counts) for _ in range(min(BATCH, cases))]
        cases -= len(mutants)
        streams = [b"".join(writes) for writes in mutants]
        llhttp = read_by_llhttp(streams)
        for number, (writes, data) in enumerate(zip(mutants, streams, strict=True)):
            ours = read_by_linx(writes)
            if ours != read_by_linx([data]) or (len(data) < 500 and ours != read_by_linx(_bytes(data))):
                raise Broken(f"how it is cut into writes matters: {writes!r}")
            others = {"h11": read_by_h11(data), **({"llhttp": llhttp[number]} if llhttp else {})}
            counts[f"Linx: {ours.end}"] += 1
            counts["Linx: requests"] += len(ours.requests)
            for name, theirs in others.items():
                if problem := compare(ours, theirs):
                    raise Broken(f"{name}: {problem}\n{data!r}")
                counts[f"{name}: requests"] += len(theirs.requests)
                if len(theirs.requests) < len(ours.requests):
                    counts[f"{name}: stricter than Linx"] += 1
                elif theirs.requests != ours.requests:
                    counts[f"{name}: reads on where Linx refuses or closes"] += 1
    return counts


def _bytes(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz.mutants")
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    started = time.monotonic()
    try:
        counts = run(options.cases, options.seed)
    except Broken as problem:
        print(problem, file=sys.stderr)
        return 1
    for what, count in sorted(counts.items()):
        print(f"{count:9,} {what}")
    took_s = time.monotonic() - started
    print(f"{options.cases:,} mutants of seed {options.seed} in {took_s:.0f} s: Linx refuses where parsers differ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
