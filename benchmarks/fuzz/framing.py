"""Compares how Linx and h11 read HTTP, with a million random cases for both sides of Linx.

python -m benchmarks.fuzz.framing [--cases 1000000] [--seed 1]

Linx has parsers of its own for heads and chunked bodies, and uses only h11's parser for heads
(``linx/http1/h11_heads.py``). Here all of h11, with its state machine, reads the same bytes.
For each case:

- what Linx accepts, h11 accepts too, with the same fields, framing, payload and rest;
- for a head that passes Linx's gate, h11's parser alone gives the same result as all of h11;
- how the bytes are cut into reads makes no difference;
- the head before on the same connection makes no difference either, although a head that
  repeats it is not checked again.

The cases are whole messages with a few random faults, since every parser refuses random bytes
at the first byte. A case that breaks a rule is printed and ends the run.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import h11

from benchmarks.fuzz.choices import Broken
from linx.core.attempt_errors import Garbled
from linx.core.errors import BadRequest, RequestError
from linx.core.kept_bodies import CREDENTIALS
from linx.http1.chunked import ChunkScanner, FramingError
from linx.http1.h11_heads import HeadRefused, read_response
from linx.http1.repeated_head import LONGEST
from linx.server.cross_check import cross_check
from linx.server.gate import MAX_HEAD, Gate
from linx.server.head import FirstHeads, Head, LastHead
from linx.upstream.response_head import LastResponseHead, ResponseHead, check_head, read_head

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CASES = 1_000_000
_FAULTS = (
    b"\r", b"\n", b"\r\n", b"\n\r", b"\r\n ", b"\r\n\t", b"\x00", b"\x0b", b"\x0c", b"\x7f", b"\x80", b"\xff", b" ",
    b"\t", b":", b"::", b",", b";", b"=", b'"', b"\\", b"0", b"+1", b"-1", b"0x1", b"1_0", b"f", b"F", b"chunked",
    b"close",
    b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: a\r\n",
    b"X-A: b\r\n", b"\r\n\r\n",
)  # fmt: skip
_METHODS = (b"GET", b"POST", b"HEAD", b"OPTIONS", b"DELETE", b"PUT", b"get", b"CONNECT", b"P OST", b"")
_TARGETS = (b"/", b"/v1/chat/completions", b"/a?b=c", b"*", b"http://localhost/a", b"/%00", b"/a b", b"a", b"/#x", b"")
_NAMES = (
    b"Host", b"Content-Length", b"content-length", b"Transfer-Encoding", b"Connection", b"X-A", b"Expect", b"X_B",
    b"Content_Length", b"Accept", b"Content-Type", b"Set-Cookie", b"Trailer", b"Upgrade", b"X A", b"Date", b"",
)  # fmt: skip
_VALUES = (
    b"localhost", b"0", b"3", b"12", b"012", b"3, 3", b"3,4", b"+3", b"99999999999999999999", b"chunked", b"Chunked",
    b"gzip, chunked", b"identity", b"close", b"keep-alive", b"keep-alive, close", b"100-continue", b"a b", b" a ",
    b"\ta",
    b"", b"caf\xe9", b"a\x00b", b"127.0.0.1:80", b"[::1]", b"a,b", b"Sunday, 06-Nov-94 08:49:37 GMT",
    b"Sun, 06 Nov 1994 08:49:37 GMT",
)  # fmt: skip
_USUAL = (
    b"Content-Length: 3", b"Transfer-Encoding: chunked", b"transfer-encoding:Chunked", b"Connection: close", b"X-A: b",
    b"Accept: */*", b"Content-Type: application/json", b"User-Agent:  a  (b) ", b"X-Empty:", b"Expect: 100-continue",
    b"content-length: 71", b"Date: Sun, 06 Nov 1994 08:49:37 GMT", b"date: Mon, 07 Nov 1994 18:09:07 GMT",
)  # fmt: skip
_LENGTHS = (
    b"7", b"12", b"345", b"9" * 16, b"0", b"012", b"1" * 17, b"+3", b"-3", b"3_0", b"3 ", b" 3", b"", b"3, 3", b"0x3",
    b"\xb2", b"3\x00", b"chunked",
)  # fmt: skip
_DATES = (
    b"Tue, 08 Dec 2026 23:59:60 GMT", b"Xyz, 99 Abc 0000 99:99:99 GMT", b"tue, 08 dec 2026 23:59:00 gmt",
    b"Tue Nov  8 08:49:37 1994", b"Tue, 8 Nov 1994 08:49:37 GMT", b"Tue, 08 Nov 1994 08:49:37 GMT+1", b"", b"now",
    b"Tue, 08 Nov 1994 08:49:37 GMT ", b"Tue, 08 Nov\x001994 08:49:37 GMT", b"Tue, 08 Nov 1994 08:49:37",
)  # fmt: skip
_LINES = (
    b"Content-Length: 3", b"content-length: 71", b"Transfer-Encoding: chunked", b" folded", b"Host: a", b"X-A: b",
    b"Connection: close", b"Date: Sun, 06 Nov 1994 08:49:37 GMT", b"Content-Encoding: gzip", b"", b"no field",
)  # fmt: skip
_STATUSES = (b"200 OK", b"200", b"200 ", b"204 No Content", b"304 X", b"404 Not Found", b"500 \xff", b"99 X", b"600 X",
             b"2000 X", b"100 Continue", b"101 X")  # fmt: skip
_SIZES = (b"%x", b"%x", b"%X", b"0%x", b"000000%x", b"+%x", b" %x", b"0x%x", b"%x ", b"%x\t", b"-%x", b"0_%x")
_EXTENSIONS = (
    b"", b"", b"", b"", b";a", b";a=b", b';a="b c"', b"; a=b", b";", b";a=", b" ", b"\t", b';a="\\""', b";\xff",
)  # fmt: skip
_TRAILERS = (
    b"", b"", b"", b"X-A: b\r\n", b"X-A:b\r\nX-C: d\r\n", b"Content-Length: 3\r\n", b"X A: b\r\n", b" X: y\r\n",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz.framing")
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
    print(f"{options.cases:,} cases of seed {options.seed} in {time.monotonic() - started:.0f} s: the same verdicts")
    return 0


def run(cases: int, seed: int) -> Counter[str]:
    """Try ``cases`` cases, a quarter of each sort; returns how many were accepted and refused. Raises Broken."""
    chance = random.Random(seed)
    counts: Counter[str] = Counter()
    sorts: tuple[tuple[str, Callable[[random.Random], bytes], Callable[[bytes, random.Random], int]], ...] = (
        ("request heads", request_head, try_request),
        ("response heads", response_head, try_response),
        ("chunked requests", chunked_body, try_chunked_request),
        ("chunked responses", chunked_body, try_chunked_response),
    )
    for number in range(cases):
        name, make, judge = sorts[number % len(sorts)]
        data = make(chance)
        try:
            accepted = judge(data, chance)
        except Exception as problem:
            raise Broken(f"{name}, case {number} of seed {seed}: {problem!r}\n{data!r}") from problem
        counts[f"{name} {'accepted' if accepted else 'refused'}"] += 1
        if accepted > 1:
            counts[f"{name} known again with another value"] += accepted - 1
    return counts


# --- cases ---


def request_head(chance: random.Random) -> bytes:
    # The first values of each list are right, and are chosen most of the time.
    line = b"%s %s %s" % (_often(chance, _METHODS, 4), _often(chance, _TARGETS, 3), _often(chance, _VERSIONS, 1))
    fields = [] if chance.random() < 0.1 else [b"Host: localhost"]
    return _faulty(chance, b"\r\n".join((line, *fields, *_fields(chance), b"", b"")))


def response_head(chance: random.Random) -> bytes:
    line = b"%s %s" % (_often(chance, _VERSIONS, 2), _often(chance, _STATUSES, 6))
    return _faulty(chance, b"\r\n".join((line, *_fields(chance), b"", b"")))


_VERSIONS = (b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b"")


def chunked_body(chance: random.Random) -> bytes:
    parts = []
    for _ in range(chance.randrange(5)):
        payload = chance.randbytes(chance.choice((1, 2, 9, 10, 15, 16, 17, 200, 3000)))
        size = _often(chance, _SIZES, 5) % len(payload)
        parts.append(size + _often(chance, _EXTENSIONS, 4) + b"\r\n" + payload + b"\r\n")
    parts.append(chance.choice((b"0", b"0", b"0", b"00", b"0;a=b")) + b"\r\n" + _often(chance, _TRAILERS, 5) + b"\r\n")
    parts.append(chance.choice((b"", b"", b"GET / HTTP/1.1\r\n", b"\r\n", b"x")))
    return _faulty(chance, b"".join(parts))


def _fields(chance: random.Random) -> list[bytes]:
    made = []
    for _ in range(chance.randrange(5)):
        if chance.random() < 0.7:
            made.append(chance.choice(_USUAL))
            continue
        space = chance.choice((b" ", b" ", b" ", b"", b"\t", b"  "))
        made.append(chance.choice(_NAMES) + b":" + space + chance.choice(_VALUES))
    return made


def _often(chance: random.Random, choices: Sequence[bytes], good: int) -> bytes:
    return chance.choice(choices[:good] if chance.random() < 0.9 else choices)


def _faulty(chance: random.Random, data: bytes) -> bytes:
    for _ in range(chance.choice((0, 0, 0, 0, 1, 1, 3))):
        start = chance.randrange(len(data) + 1)
        if chance.random() < 0.3:  # at the end of a line, where most rules apply
            start = max(0, data.find(b"\r\n", start))
        stop = start + chance.choice((0, 0, 1, 1, 2, 8))
        data = data[:start] + chance.choice((b"", *_FAULTS)) + data[stop:]
    return data


def _again(chance: random.Random, head: bytes, name: bytes, values: Sequence[bytes]) -> list[bytes]:
    """Data that may follow ``head`` on its connection: the same head, with another value, another line, or faults."""
    field = re.compile(rb"(\r\n%s:[ \t]*)[^\r\n]*" % name, re.IGNORECASE)
    value = _often(chance, values, 4)
    other = field.sub(lambda found: found[1] + value, head, count=1)
    lines = head.split(b"\r\n")
    place = chance.randrange(len(lines) - 1)
    lines[place : place + chance.randrange(2)] = chance.choice(((), (chance.choice(_LINES),), (lines[place],) * 2))
    comes = [head, other, b"\r\n".join(lines), _faulty(chance, chance.choice((head, other)))]
    if chance.random() < 0.2:
        comes.append(other[: chance.randrange(len(other))])
    return [data + chance.choice((b"", b"", b"{}", b"\r\n", head)) for data in comes]


def _cut(data: bytes, chance: random.Random) -> list[bytes]:
    if chance.random() < 0.2 and len(data) < 300:
        return [data[at : at + 1] for at in range(len(data))]
    places = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(4)))
    return [data[start:stop] for start, stop in zip([0, *places], [*places, len(data)], strict=True)]


# --- heads of requests ---


def try_request(data: bytes, chance: random.Random) -> int:
    """The number of accepted heads: this head, and repeats of it with another value."""
    head = _gate([data])
    other = _gate(_cut(data, chance))
    if (head is None) != (other is None) or (head and other and _meaning(head) != _meaning(other)):
        raise Broken("how it is cut into reads matters")
    if head is None:
        return 0
    _check_request(head)
    firsts = FirstHeads()
    last = LastHead(firsts)
    last.keep(head)
    fields, accepted = head.fields.copy(), 1
    for data in _again(chance, head.raw, b"content-length", _LENGTHS):
        try:
            accepted += _try_second(data, head, chance.choice((last, LastHead(firsts))), chance)
        except Broken as problem:
            raise Broken(f"{problem}, behind another head: {data!r}") from None
    if head.fields != fields:
        raise Broken("a head behind it changes its fields")
    return accepted


def _check_request(head: Head) -> None:
    theirs = _whole_h11(head.raw)
    try:
        cross_check(head)
        is_right = True
    except BadRequest:
        is_right = False
    # h11 turns the value of Transfer-Encoding into lower case.
    ours = [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in head.received]
    has_body = head.is_chunked or bool(head.content_length)
    agrees = theirs == (head.method, head.target, b"1.0" if head.is_http10 else b"1.1", ours, has_body)
    if is_right != agrees:
        raise Broken(f"h11's parser says {is_right}, all of h11 says {theirs!r}")
    if not agrees:
        raise Broken(f"the gate lets through what h11 reads as {theirs!r}")


def _try_second(data: bytes, first: Head, last: LastHead, chance: random.Random) -> bool:
    """Raise Broken unless ``data`` is read alike after ``first``, on its connection or a later one, and alone.

    Returns whether it was recognised as ``first`` with another value.
    """
    reads = _cut(data, chance)
    ours, left, is_known = _take(reads, last)
    fresh, fresh_left, _ = _take(reads, LastHead(FirstHeads()))
    if not isinstance(ours, Head) or not isinstance(fresh, Head):
        if ours != fresh or left != fresh_left:
            raise Broken(f"{ours!r} instead of {fresh!r}")
        return False
    if _meaning(ours) != _meaning(fresh) or left != fresh_left:
        raise Broken(f"it is {_meaning(ours)} instead of {_meaning(fresh)}")
    if is_known:
        _check_request(fresh)
    elif ours.raw == first.raw and len(first.raw) <= LONGEST and CREDENTIALS.isdisjoint(dict(first.received)):
        raise Broken("it is the same head and was not known")
    return is_known and ours.raw != first.raw


def _take(reads: Sequence[bytes], last: LastHead) -> tuple[Head | str | None, bytes, bool]:
    """What a connection reads: a head or the reason for its refusal, the bytes after it, whether it was recognised."""
    gate, buffer = Gate(), bytearray()
    for number, data in enumerate(reads):
        buffer += data
        try:
            known = last.take(buffer)
            head = known or gate.take(buffer)
        except RequestError as problem:
            return f"{problem.status} {problem}", b"", False
        if head:
            return head, bytes(buffer) + b"".join(reads[number + 1 :]), known is not None
    return None, bytes(buffer), False


def _gate(reads: Sequence[bytes]) -> Head | None:
    head = _take(reads, LastHead(FirstHeads()))[0]
    return head if isinstance(head, Head) else None


def _meaning(head: Head) -> tuple[object, ...]:
    return (
        head.raw, head.method, head.target, head.path, head.query, head.is_http10, head.host, head.fields,
        head.is_chunked, head.content_length, head.expect, head.keeps_alive,
    )  # fmt: skip


def _whole_h11(raw: bytes) -> tuple[object, ...] | None:
    reader = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
    try:
        reader.receive_data(raw)
        event = reader.next_event()
        has_body = reader.next_event() is h11.NEED_DATA
    except h11.RemoteProtocolError:
        return None
    if not isinstance(event, h11.Request):
        return None
    return event.method, event.target, event.http_version, list(event.headers), has_body


# --- heads of responses ---

_NOWHERE = "nowhere:1"


def try_response(data: bytes, chance: random.Random) -> int:
    """The number of accepted heads: this head, and repeats of it with another date."""
    first = _read(data)
    if first is None:
        return 0
    head = data[: len(data) - len(first.ahead)]
    last = LastResponseHead()
    last.keep(head, first)
    fields, accepted = first.headers.copy(), 1
    for data in _again(chance, head, b"date", _DATES):
        again = last.find(data)
        if again is None:
            if data.startswith(head) and len(head) <= LONGEST:
                raise Broken(f"it is the same head and was not known: {data!r}")
            continue
        fresh = _read(data)
        if again != fresh:
            raise Broken(f"behind another head {data!r} is {again!r} instead of {fresh!r}")
        accepted += not data.startswith(head)
    if first.headers != fields:
        raise Broken("a head behind it changes its fields")
    return accepted


def _read(data: bytes) -> ResponseHead | None:
    """The head of a response as Linx reads it; None if Linx refuses it. Raises Broken if h11 reads it otherwise."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[: end + 4]
    try:
        if check_head(head, _NOWHERE) < 200:
            return None
    except Garbled:
        return None
    # For every head that passes the gate, h11's parser must agree with all of h11, even if Linx then refuses the head.
    theirs = _check_parser(head)
    try:
        ours = read_head(head, data[end + 4 :], _NOWHERE, is_head=False)
    except Garbled:
        return None
    if theirs is None:
        raise Broken("h11 refuses it")
    fields = [(name, value) for name, value in theirs.headers if not re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", value)]
    if theirs.status_code != ours.status or fields != ours.headers:
        raise Broken(f"h11 reads {theirs!r}")
    lengths = [int(value) for name, value in fields if name == b"content-length"]
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    if ours.status not in (204, 304) and (bool(codings), lengths[:1]) != (
        ours.is_chunked,
        [] if ours.length is None else [ours.length],
    ):
        raise Broken(f"it is framed in another way: {theirs!r}")
    return ours


def _check_parser(head: bytes) -> h11.Response | None:
    """What all of h11 reads. Raises Broken unless its parser alone reads the same."""
    try:
        parsed = read_response(head)
        mine: tuple[object, ...] | None = (parsed.status, parsed.http_version, parsed.fields)
    except HeadRefused:
        mine = None
    reader = h11.Connection(h11.CLIENT)
    reader.receive_data(head)
    try:
        event = reader.next_event()
    except h11.RemoteProtocolError:
        event = None
    whole = event if isinstance(event, h11.Response) else None
    theirs = None if whole is None else (whole.status_code, whole.http_version, list(whole.headers))
    if mine != theirs:
        raise Broken(f"h11's parser reads {mine!r}, all of h11 {theirs!r}")
    return whole


# --- chunked bodies ---

_POST = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
_OK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def try_chunked_request(data: bytes, chance: random.Random) -> bool:
    reader = h11.Connection(h11.SERVER)
    reader.receive_data(_POST)
    reader.next_event()
    return _compare_bodies(reader, data, chance)


def try_chunked_response(data: bytes, chance: random.Random) -> bool:
    reader = h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    reader.send(h11.EndOfMessage())
    reader.receive_data(_OK)
    reader.next_event()
    return _compare_bodies(reader, data, chance)


def _compare_bodies(reader: h11.Connection, data: bytes, chance: random.Random) -> bool:
    whole = _scan([data])
    if whole != _scan(_cut(data, chance)):
        raise Broken("how it is cut into reads matters")
    if whole is None:
        return False
    payload, rest, is_done = whole
    read = bytearray()
    if data:  # h11 takes empty data for the end of the connection
        reader.receive_data(data)
    while True:
        try:
            event = reader.next_event()
        except h11.RemoteProtocolError as problem:
            raise Broken(f"h11 refuses it: {problem}") from None
        if not isinstance(event, h11.Data):
            break
        read += event.data
    if bytes(read) != payload or (type(event) is h11.EndOfMessage) != is_done:
        raise Broken(f"h11 reads {bytes(read)[:100]!r} and then {event!r}")
    if is_done and reader.trailing_data[0] != rest:
        raise Broken(f"h11 leaves {reader.trailing_data[0]!r}")
    return is_done


def _scan(reads: Sequence[bytes]) -> tuple[bytes, bytes, bool] | None:
    """The payload, the rest, and whether the body is complete; None if the body is refused."""
    scanner = ChunkScanner()
    payload = b""
    try:
        for data in reads:
            payload += scanner.feed(data)
    except FramingError:
        return None
    return payload, scanner.rest, scanner.is_done


if __name__ == "__main__":
    sys.exit(main())
