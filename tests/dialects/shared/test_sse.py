from __future__ import annotations

import time

import pytest

from linx.core.attempt_errors import Garbled
from linx.dialects.base import MAX_FRAME
from linx.dialects.shared.sse import MAX_LINES, Event, SSEDecoder

WIRE = b': hello\n\ndata: {"a":1}\n\nevent: ping\ndata: x\ndata: y\nid: 7\nretry: 5\n\ndata:\xf0\x9f\x98\x80\n\n'
EVENTS = [(b"", b'{"a":1}'), (b"ping", b"x\ny"), (b"", b"\xf0\x9f\x98\x80")]


def read(*parts: bytes) -> list[Event]:
    decoder = SSEDecoder()
    events: list[Event] = []
    for part in parts:
        events += decoder.feed(part)
    events += decoder.end()
    assert decoder.problem is None
    return events


def read_all_ways(wire: bytes) -> list[Event]:
    events = read(wire)
    assert read(*(wire[n : n + 1] for n in range(len(wire)))) == events
    for cut in range(len(wire) + 1):
        assert read(wire[:cut], wire[cut:]) == events
    return events


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_and_every_cut(end: bytes) -> None:
    assert read_all_ways(WIRE.replace(b"\n", end)) == EVENTS


@pytest.mark.parametrize(
    ("wire", "events"),
    [
        (b"\xef\xbb\xbfdata: a\n\n", [(b"", b"a")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),  # only the first BOM is one
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [(b"", b"a")]),
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [(b"", b"a"), (b"", b"b"), (b"", b"c")]),
        (b"data: a\r\r\ndata: b\n\n", [(b"", b"a"), (b"", b"b")]),
        (b"data:a\n\ndata:  b\n\n", [(b"", b"a"), (b"", b" b")]),
        (b"data\n\n", [(b"", b"")]),
        (b"data: a\ndata\ndata: b\n\n", [(b"", b"a\n\nb")]),
        (b"\n\n\ndata: a\n\n\n\n\ndata: b\n\n\n", [(b"", b"a"), (b"", b"b")]),
        (b": one\n: two\n\n:\n\n", []),
        (b": one\ndata: a\n\n", [(b"", b"a")]),
        (b"event: ping\n\ndata: a\n\n", [(b"", b"a")]),  # an event without data is none, and its name is gone
        (b"event: a\nevent: b\ndata: c\n\n", [(b"b", b"c")]),
        (b"data: a\nevent:late\n\n", [(b"late", b"a")]),
        (b"id: 1\n\nretry: 2\n\nwhatever: 3\n\nword\n\n", []),
        (b" data: a\n\nDATA: b\n\n", []),
        (b'error: {"code":500}\n\n', [(b"error", b'{"code":500}')]),
        (b'data: a\nerror:{"code":500}\n\n', [(b"", b"a"), (b"error", b'{"code":500}')]),
        (b"error: not json\n\n", []),
        (b"data: a\n\ndata: b", [(b"", b"a"), (b"", b"b")]),
        (b"data: a\n", [(b"", b"a")]),
        (b"data: a\xe2\x80\xa8b\xc2\x85c\x0bd\n\n", [(b"", b"a\xe2\x80\xa8b\xc2\x85c\x0bd")]),
        (b"", []),
        (b"\xef\xbb", []),
    ],
)
def test_the_rules_of_the_standard_and_the_habits_of_servers(wire: bytes, events: list[Event]) -> None:
    assert read_all_ways(wire) == events


def test_a_cr_at_the_end_of_a_read_ends_its_event_at_once() -> None:
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\r\r") == [(b"", b"a")]
    assert decoder.feed(b"") == []
    assert decoder.feed(b"\ndata: b\n\n") == [(b"", b"b")]


def test_an_event_over_the_limit_is_garbled_and_those_before_it_are_not_lost() -> None:
    decoder = SSEDecoder(limit=10)
    assert decoder.feed(b"data: a\n\ndata: 0123456789") == [(b"", b"a")]
    problem = decoder.problem
    assert isinstance(problem, Garbled)
    decoder.feed(b"more")
    assert decoder.problem is problem


def test_an_endless_line_is_bounded() -> None:
    decoder = SSEDecoder()
    block = b"x" * 65536
    reads = 0
    while decoder.problem is None:
        assert decoder.feed(block) == []
        reads += 1
    assert reads == MAX_FRAME // 65536 + 1
    assert "16 MiB" in str(decoder.problem)


def test_a_frame_of_many_megabytes_in_small_pieces_takes_linear_time() -> None:
    def seconds(size: int) -> float:
        decoder = SSEDecoder()
        start = time.process_time()
        decoder.feed(b"data: ")
        for _ in range(size // 512):
            assert decoder.feed(b"x" * 512) == []
        events = decoder.feed(b"\n\n")
        assert [len(data) for _name, data in events] == [size]
        return time.process_time() - start

    # Quadratic would be 64 times as long for 8 times as much; the allowance is for a busy machine.
    assert seconds(8 << 20) < 30 * seconds(1 << 20) + 0.5


@pytest.mark.parametrize(
    ("data", "frame"),
    [
        (b'data: {"a":1}\n\n', b'{"a":1}'),
        (b"data: \n\n", b""),
        (b"data: x\r\n\r\n", None),
        (b"data: x\r\n\n", None),
        (b"data: x\n", None),
        (b"data: x\n\ndata: y\n\n", None),
        (b"data: x\ndata: y\n\n", None),
        (b"data:x\n\n", None),
        (b"event: x\n\n", None),
        (b": data: x\n\n", None),
        (b"data: x\n\n\n", None),
        (b"\n\n", None),
        (b"", None),
    ],
)
def test_a_read_that_is_one_plain_frame(data: bytes, frame: bytes | None) -> None:
    decoder = SSEDecoder()
    assert decoder.only_frame(data) is None, "a BOM may come first"
    decoder.feed(b": hello\n\n")
    assert decoder.only_frame(data) == frame
    if frame is not None:
        assert decoder.feed(data) == [(b"", frame)]


def test_what_continues_a_torn_event_is_no_frame_of_its_own() -> None:
    decoder = SSEDecoder()
    decoder.feed(b": hello\n\ndata: a")
    assert decoder.only_frame(b"data: x\n\n") is None
    assert decoder.feed(b"data: x\n\n") == [(b"", b"adata: x")]
    decoder.feed(b"data: b\n\r")
    assert decoder.only_frame(b"data: x\n\n") is None, "the LF of that CR may come first"


def test_the_lines_of_an_event_are_bounded() -> None:
    for line in (b": c\n", b"data: x\n"):
        decoder = SSEDecoder()
        assert decoder.feed(line * (MAX_LINES - 1) + b"data: y\n\n") != []
        assert decoder.problem is None
        assert decoder.feed(line * (MAX_LINES + 1) + b"data: y\n\n") == []
        assert isinstance(decoder.problem, Garbled)
