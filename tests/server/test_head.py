"""The last head of a connection, when it comes again with another Content-Length, and when not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linx.core.kept_bodies import CREDENTIALS
from linx.http1.repeated_head import LONGEST
from linx.server.head import MOST_FIRST, FirstHeads, Head, LastHead
from tests.server.test_gate import PIECES, get, parse, read, verdict

TWICE = get(
    b"Content-Length: 5", b"X-A:  b ", b"X_B: c", b"Expect: 100-continue", line=b"POST /v1/x?y=z HTTP/1.1", host=b"A:80"
)


def kept(wire: bytes) -> LastHead:
    last = LastHead(FirstHeads())
    last.keep(parse(wire))
    return last


def said(head: Head) -> dict[str, object]:
    """All of it but ``received``, which a repeated head does not have."""
    return {name: getattr(head, name) for name in Head.__struct_fields__ if name != "received"}


@pytest.mark.parametrize(
    "first",
    [
        TWICE,
        get(),
        get(b"Connection: close"),
        get(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.1"),
        get(b"Content-Length: 0", line=b"DELETE / HTTP/1.1"),
        get(line=b"OPTIONS * HTTP/1.1"),
        get(b"content-length: 5", line=b"POST http://localhost/a?b HTTP/1.1"),
        b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\n",
    ],
)
@pytest.mark.parametrize("length", [b"5", b"7", b"1234567890123456"])
def test_a_repeated_head_says_what_its_own_bytes_say(first: bytes, length: bytes) -> None:
    again = first.replace(b"ength: 5", b"ength: " + length)
    last, buffer = kept(first), bytearray(again + b"12345" + first)
    head = last.take(buffer)
    assert head is not None
    assert said(head) == said(parse(again))
    assert buffer == b"12345" + first
    del buffer[:5]
    third = last.take(buffer)
    assert third is not None
    assert said(third) == said(parse(first))
    assert said(head) == said(parse(again)), "what was told before stays"
    assert not buffer


@pytest.mark.parametrize("length", [b"0", b"05", b"+5", b"", b" 5", b"5 ", b"5, 5", b"1" * 17, b"5\x00", b"5\r\n 5"])
def test_another_form_of_the_length_is_for_the_gate(length: bytes) -> None:
    buffer = bytearray(TWICE.replace(b"ength: 5", b"ength: " + length))
    before = bytes(buffer)
    assert kept(TWICE).take(buffer) is None
    assert buffer == before


def test_a_torn_head_is_left_where_it_is() -> None:
    last, buffer = kept(TWICE), bytearray()
    assert last.take(buffer) is None
    for byte in TWICE[:-1]:
        buffer.append(byte)
        assert last.take(buffer) is None
    assert buffer == TWICE[:-1]
    buffer += TWICE[-1:] + b"x"
    assert last.take(buffer) is not None
    assert buffer == b"x"


def test_nothing_comes_again_at_first() -> None:
    for wire in (b"", b"\r\n\r\n", get()):
        assert LastHead(FirstHeads()).take(bytearray(wire)) is None


def test_a_head_longer_than_the_bound_is_not_kept() -> None:
    spare = LONGEST - len(get(b"X: "))
    for size, is_kept in ((spare, True), (spare + 1, False)):
        wire = get(b"X: " + b"a" * size)
        last = kept(get())
        last.keep(parse(wire))
        assert (last.take(bytearray(wire)) is not None) is is_kept
        assert last.take(bytearray(get())) is None, "only the last one is kept"


@settings(max_examples=500, deadline=None)
@given(
    st.lists(PIECES, max_size=4).map(b"".join),
    st.sampled_from([b"", b"Content-Length: 5\r\n", b"content-length: 71\r\n"]),
    st.lists(PIECES, max_size=2).map(b"".join),
    st.sampled_from([b"5", b"6", b"12", b"05", b"", b"5\r\nContent-Length: 5", b"5\r\n 5", b"0"]),
    st.data(),
)
def test_behind_another_head_the_verdict_is_the_same(
    before: bytes, field: bytes, after: bytes, length: bytes, data: st.DataObject
) -> None:
    start = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
    first = start + before + field + after + b"\r\n"
    if not isinstance(verdict(first), tuple):
        first = start + field + b"\r\n"
    head, _rest = read(first)
    assert head is not None
    last = LastHead(FirstHeads())
    last.keep(head)
    second = bytearray(first.replace(b": 5", b": " + length).replace(b": 71", b": " + length))
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(second)))
        second[place:place] = data.draw(PIECES)[:40]
    wire = bytes(second) + b"{}"
    if again := last.take(buffer := bytearray(wire)):
        fresh, rest = read(wire)
        assert fresh is not None
        assert said(again) == said(fresh)
        assert buffer == rest


# --- the first heads of connections ---


def begun(firsts: FirstHeads, wire: bytes) -> bool:
    """A new connection begins with ``wire``: is its head recognised? It is kept otherwise."""
    last, buffer = LastHead(firsts), bytearray(wire + b"rest")
    head = last.take(buffer)
    if head is None:
        last.keep(parse(wire))
        return False
    assert said(head) == said(parse(wire))
    assert buffer == b"rest"
    assert last.take(bytearray(wire)) is not None, "from now on it is the last head of this connection"
    return True


def test_the_first_head_of_another_connection_is_recognised_with_its_own_length() -> None:
    firsts = FirstHeads()
    assert not begun(firsts, TWICE)
    assert begun(firsts, TWICE)
    assert begun(firsts, TWICE.replace(b"ength: 5", b"ength: 4321"))
    assert not begun(FirstHeads(), TWICE), "another listener"


def test_a_head_that_comes_in_two_reads_is_recognised_at_its_end() -> None:
    firsts = FirstHeads()
    begun(firsts, TWICE)
    last, buffer = LastHead(firsts), bytearray(TWICE[:20])
    assert last.take(buffer) is None
    buffer += TWICE[20:]
    assert last.take(buffer) is not None
    assert not buffer


@pytest.mark.parametrize("name", sorted(CREDENTIALS), ids=bytes.decode)
def test_a_head_with_a_key_is_not_kept_beyond_its_connection(name: bytes) -> None:
    firsts, wire = FirstHeads(), get(name.upper() + b": secret-key-1234")
    assert not begun(firsts, wire)
    assert not begun(firsts, wire)
    assert not firsts._heads


def test_nor_is_a_head_with_a_key_in_front_of_its_path() -> None:
    firsts, wire = FirstHeads(), get(b"X: y").replace(b" / ", b" /k/secret-key-1234/v1/models ", 1)
    assert b"secret" in wire
    assert not begun(firsts, wire)
    assert not firsts._heads


def test_only_the_last_few_are_kept_and_a_later_head_of_a_connection_is_not() -> None:
    firsts = FirstHeads()
    wires = [get(b"X-Number: %d" % number) for number in range(MOST_FIRST + 1)]
    for wire in wires:
        assert not begun(firsts, wire)
    assert [begun(firsts, wire) for wire in wires[1:]] == [True] * MOST_FIRST
    last = LastHead(firsts)
    last.keep(parse(wires[1]))
    last.keep(parse(TWICE))
    assert not begun(firsts, TWICE)
