"""A head that comes again: what is taken for it, and what never may be."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linx.http1.repeated_head import CONTENT_LENGTH, DATE, LONGEST, Fields, KnownHead

REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\n"
    b"Content-Type: application/json\r\nX-A:  b c \r\n\r\n"
)
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\n\r\n"
)
BARE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
KINDS = [
    pytest.param(REQUEST, CONTENT_LENGTH, b"12", id="request"),
    pytest.param(RESPONSE, DATE, b"Sun, 06 Nov 1994 08:49:37 GMT", id="response"),
]

# The forms once more, and in other words than the module's.
FORMS = {
    CONTENT_LENGTH: re.compile(rb"[1-9]\d?\d?\d?\d?\d?\d?\d?\d?\d?\d?\d?\d?\d?\d?\d?"),
    DATE: re.compile(rb"[A-Za-z]{3}, \d\d [A-Za-z]{3} \d\d\d\d \d\d:\d\d:\d\d [Gg][Mm][Tt]"),
}
NAMES = {CONTENT_LENGTH: b"content-length", DATE: b"date"}


def fields_of(head: bytes) -> Fields:
    lines = [line.partition(b":") for line in head[:-4].split(b"\r\n")[1:]]
    return [(name.lower(), value.strip(b" \t")) for name, _colon, value in lines]


def known_head(head: bytes, line: re.Pattern[bytes]) -> KnownHead:
    return KnownHead(head, fields_of(head), line)


def should_end_in(head: bytes, line: re.Pattern[bytes], data: bytes) -> int:
    """The same question, asked line by line."""
    end = data.find(b"\r\n\r\n") + 4
    if end < 4:
        return 0
    known, come = head[:-4].split(b"\r\n"), data[: end - 4].split(b"\r\n")
    if len(known) != len(come):
        return 0
    is_free = sum(name == NAMES[line] for name, _value in fields_of(head)) == 1
    for one, other in zip(known, come, strict=True):
        if one == other:
            continue
        (name, colon, value), (other_name, _, other_value) = one.partition(b": "), other.partition(b": ")
        has_form = FORMS[line].fullmatch(value) and FORMS[line].fullmatch(other_value)
        if not (is_free and colon and name.lower() == NAMES[line] and name == other_name and has_form):
            return 0
    return end


# --- what is the same head ---------------------------------------------------------------


@pytest.mark.parametrize("kind", [bytes, bytearray])
@pytest.mark.parametrize("behind", [b"", b"{}", b"\r\n", REQUEST, RESPONSE, b"\x00"])
@pytest.mark.parametrize(("head", "line", "value"), [*KINDS, pytest.param(BARE, CONTENT_LENGTH, b"", id="bare")])
def test_the_same_bytes(
    head: bytes, line: re.Pattern[bytes], value: bytes, behind: bytes, kind: type[bytes | bytearray]
) -> None:
    known = known_head(head, line)
    for _ in range(2):
        assert known.end_in(kind(head + behind)) == len(head)
        assert known.value == value
        assert known.fields() == fields_of(head)


@pytest.mark.parametrize(
    ("head", "line", "old", "values"),
    [
        (REQUEST, CONTENT_LENGTH, b"12", [b"1", b"9", b"13", b"120", b"1" * 16, b"9" * 16]),
        (
            RESPONSE,
            DATE,
            b"Sun, 06 Nov 1994 08:49:37 GMT",
            [b"Mon, 07 Nov 1994 08:49:38 GMT", b"Xyz, 99 Abc 0000 99:99:99 GMT", b"Sun, 06 Nov 1994 08:49:37 GMT"],
        ),
    ],
)
def test_another_value(head: bytes, line: re.Pattern[bytes], old: bytes, values: list[bytes]) -> None:
    known = known_head(head, line)
    for value in values:
        again = head.replace(old, value, 1)
        assert known.end_in(again + b"{}") == len(again)
        assert known.value == value
        assert known.fields() == fields_of(again)
        assert type(known.value) is bytes


@pytest.mark.parametrize(
    "value",
    [
        b"", b"0", b"00", b"012", b"+12", b"-12", b"1" * 17, b"9" * 40, b" 12", b"12 ", b"12\t", b"\t12", b"1 2",
        b"1_2", b"0x12", b"12, 12", b"12;", b"12\x00", b"12\r", b"12\n", b"\xb2", b"12.0", b"1e2", b"12\r\n 3",
        b"12\r\nContent-Length: 12", b"12\r\n", b"12\r\n\r\n", b"chunked", b"\xef\xbc\x91", b"12\nX: y",
    ],
)  # fmt: skip
def test_a_length_of_another_form(value: bytes) -> None:
    assert known_head(REQUEST, CONTENT_LENGTH).end_in(REQUEST.replace(b"12", value, 1)) == 0


@pytest.mark.parametrize(
    "value",
    [
        b"", b"now", b"0", b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994",
        b"Sun, 6 Nov 1994 08:49:37 GMT", b"Sun, 06 Nov 94 08:49:37 GMT", b"Sun, 06 Nov 1994 08:49:37 UTC",
        b"Sun, 06 Nov 1994 08:49:37 +0000", b"Sun, 06 Nov 1994 08:49 GMT", b"Sun, 06 Nov 1994 08:49:37",
        b"Sun, 06 Nov 1994 08:49:37 GMT ", b" Sun, 06 Nov 1994 08:49:37 GMT", b"Sun, 06 Nov 1994 08:49:37 GMT\r\n x",
        b"Sun,  06 Nov 1994 08:49:37 GMT", b"Sun, 06 Nov 1994 08:49:37 GMT\x00", b"Sun, 06 Nov 1994 08:49:37 GMT\r",
        b"Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT", b"Sun, 06 N\xf6v 1994 08:49:37 GMT",
    ],
)  # fmt: skip
def test_a_date_of_another_form(value: bytes) -> None:
    other = RESPONSE.replace(b"Sun, 06 Nov 1994 08:49:37 GMT", value, 1)
    assert known_head(RESPONSE, DATE).end_in(other) == 0


@pytest.mark.parametrize(("head", "line", "value"), KINDS)
def test_a_torn_head(head: bytes, line: re.Pattern[bytes], value: bytes) -> None:
    known, other = known_head(head, line), head.replace(value, value[::-1] if line is CONTENT_LENGTH else value)
    for end in range(len(head)):
        assert known.end_in(head[:end]) == known.end_in(bytearray(other[:end])) == 0
    assert known.end_in(other) == len(other)


@pytest.mark.parametrize(("head", "line", "value"), KINDS)
def test_any_other_byte(head: bytes, line: re.Pattern[bytes], value: bytes) -> None:
    known, start = known_head(head, line), head.find(value)
    count = 0
    for place in range(len(head)):
        for byte in range(256):
            if byte == head[place]:
                continue
            data = bytearray(head)
            data[place] = byte
            come = bytes(data[start : start + len(value)])
            is_known = start <= place < start + len(value) and bool(FORMS[line].fullmatch(come))
            assert known.end_in(data) == (len(head) if is_known else 0), bytes(data)
            if is_known:
                count += 1
                assert known.value == come
    assert count > 15


@pytest.mark.parametrize(("head", "line", "value"), KINDS)
def test_a_byte_more_or_less(head: bytes, line: re.Pattern[bytes], value: bytes) -> None:
    known = known_head(head, line)
    for place in range(len(head)):
        fewer = head[:place] + head[place + 1 :] + b"{}"
        assert known.end_in(fewer) == should_end_in(head, line, fewer)
        for more in (b"\r", b"\n", b"\r\n", b" ", b"0", b"1", b"\x00", b"\r\n ", b":", b"\r\nContent-Length: 1"):
            data = head[:place] + more + head[place:]
            assert known.end_in(data) == should_end_in(head, line, data), data


LINES = st.sampled_from(
    [
        b"Content-Length: 12", b"content-length: 7", b"Content-Length: 012", b"Content-Length:12", b"X: y", b" folded",
        b"Content-Length: 0", b"X-Content-Length: 12", b"X: Content-Length: 12", b"Transfer-Encoding: chunked",
        b"Date: Sun, 06 Nov 1994 08:49:37 GMT", b"date: Mon, 07 Nov 1994 08:49:37 GMT", b"Date: now", b"Date:",
        b"X: Date: Sun, 06 Nov 1994 08:49:37 GMT", b"Last-Modified-Date: Sun, 06 Nov 1994 08:49:37 GMT",
    ]
)  # fmt: skip
EDITS = st.lists(
    st.tuples(st.integers(0, 200), st.integers(0, 3), st.sampled_from([b"", b"1", b"0", b"\r\n", b" ", b"X: y\r\n"])),
    max_size=2,
)


@settings(max_examples=600, deadline=None)
@given(st.lists(LINES, max_size=5), st.lists(LINES, max_size=5), EDITS, st.sampled_from([CONTENT_LENGTH, DATE]))
def test_the_same_answer_as_line_by_line(
    lines: list[bytes], others: list[bytes], edits: list[tuple[int, int, bytes]], line: re.Pattern[bytes]
) -> None:
    head = b"\r\n".join([b"GET / HTTP/1.1", *lines, b"", b""])
    known = known_head(head, line)
    for come in (lines, others, [*lines[:2], *others[:1], *lines[3:]]):
        data = b"\r\n".join([b"GET / HTTP/1.1", *come, b"", b"{}"])
        for place, size, piece in edits:
            data = data[: place % len(data)] + piece + data[place % len(data) + size :]
        end = should_end_in(head, line, data)
        assert known.end_in(data) == end
        if end:
            assert known.fields() == fields_of(data[:end])


# --- what is the field -------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        [b"Content-Length: 12", b"Content-Length: 12"],
        [b"Content-Length: 12", b"content-length:12"],
        [b"Content-Length:12", b"Content-Length: 12"],
        [b"Content-Length: 12", b"X: y", b"CONTENT-LENGTH: 0"],
    ],
)
def test_of_a_field_that_stands_twice_every_byte_must_be_the_same(lines: list[bytes]) -> None:
    head = b"\r\n".join([b"POST / HTTP/1.1", *lines, b"", b""])
    known = known_head(head, CONTENT_LENGTH)
    assert known.end_in(head) == len(head)
    assert known.value == b""
    assert known.end_in(head.replace(b"12", b"13", 1)) == 0
    assert known.end_in(head.replace(b"12", b"13")) == 0


@pytest.mark.parametrize(
    "head",
    [
        b"POST /Content-Length: 12 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /?content-length:%2012 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"content-length: 12\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nX-A: Content-Length: 12\r\n\r\n",
        b"POST / HTTP/1.1\r\nX-Content-Length: 12\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length-X: 12\r\n\r\n",
        b"POST / HTTP/1.1\r\nX-A: b\nContent-Length: 12\r\n\r\n",
        b"POST / HTTP/1.1\r\nX-A: b\rContent-Length: 12\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length : 12\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length:12\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length:  12\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 12 \r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 0\r\nX-A: 12\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent_Length: 12\r\n\r\n",
    ],
)
def test_what_only_looks_like_the_field(head: bytes) -> None:
    known = known_head(head, CONTENT_LENGTH)
    assert known.end_in(head + b"{}") == len(head)
    assert (known.value, known.fields()) == (b"", fields_of(head))
    for value in (b"13", b"1", b"0", b"123"):
        assert known.end_in(head.replace(b"12", value)) == 0
    other = head.replace(b": 0", b": 5")
    assert known.end_in(other) == (len(head) if other == head else 0)


def test_the_field_beside_what_looks_like_it() -> None:
    head = (
        b"POST /Content-Length: 12 HTTP/1.1\r\nX-A: content-length: 12\r\nX-Content-Length: 12\r\n"
        b"Content-Length: 12\r\nX-B: Content-Length: 12\r\n\r\n"
    )
    known = known_head(head, CONTENT_LENGTH)
    again = head.replace(b"\r\nContent-Length: 12", b"\r\nContent-Length: 345")
    assert known.end_in(again) == len(again)
    assert known.value == b"345"
    assert known.fields() == fields_of(again)
    parts = head.split(b"12")
    assert len(parts) == 6
    for place in range(5):
        other = b"12".join(parts[: place + 1]) + b"13" + b"12".join(parts[place + 1 :])
        assert (known.end_in(other) != 0) is (place == 3)


def test_a_field_that_was_left_out_has_no_other_value() -> None:
    """Whoever read the head did not keep the field: then nothing is known of it."""
    known = KnownHead(RESPONSE, [each for each in fields_of(RESPONSE) if each[0] != b"date"], DATE)
    assert known.end_in(RESPONSE) == len(RESPONSE)
    assert known.end_in(RESPONSE.replace(b"06", b"07")) == 0


@pytest.mark.parametrize("name", [b"content-length", b"CONTENT-LENGTH", b"cOnTeNt-LeNgTh"])
def test_the_name_in_any_case_but_always_the_same(name: bytes) -> None:
    head = REQUEST.replace(b"Content-Length", name)
    known = known_head(head, CONTENT_LENGTH)
    again = head.replace(b"12", b"3456")
    assert known.end_in(again) == len(again)
    assert known.fields() == fields_of(again)
    assert known.end_in(REQUEST) == 0


@pytest.mark.parametrize("place", [0, 1, 3])
def test_the_field_in_any_place(place: int) -> None:
    lines = [b"Host: a", b"X: y", b"Z: 12"]
    lines.insert(place, b"Content-Length: 12")
    head = b"\r\n".join([b"POST / HTTP/1.1", *lines, b"", b""])
    again = head.replace(b"Length: 12", b"Length: 7")
    known = known_head(head, CONTENT_LENGTH)
    assert known.end_in(again + b"7") == len(again)
    assert known.fields() == fields_of(again)
    assert known.fields()[place] == (b"content-length", b"7")


# --- what is told of it ------------------------------------------------------------------


def test_the_fields_of_the_heads_before_stay_as_they_are() -> None:
    first = fields_of(REQUEST)
    known = KnownHead(REQUEST, first, CONTENT_LENGTH)
    told = []
    for value in (b"12", b"3", b"456"):
        assert known.end_in(REQUEST.replace(b"12", value, 1))
        told.append(known.fields())
    assert first == fields_of(REQUEST)
    assert [dict(fields)[b"content-length"] for fields in told] == [b"12", b"3", b"456"]
    told[1].clear()
    assert known.fields() == told[2]
    assert known.end_in(REQUEST)
    assert known.fields() == fields_of(REQUEST)


def test_the_buffer_may_be_cut_afterwards() -> None:
    """A match that kept hold of the buffer would make that an error."""
    known, buffer = known_head(REQUEST, CONTENT_LENGTH), bytearray(REQUEST * 2 + REQUEST.replace(b"12", b"7"))
    values = []
    while end := known.end_in(buffer):
        values.append(known.value)
        del buffer[:end]
    assert values == [b"12", b"12", b"7"]
    assert not buffer


def test_how_long_a_head_may_be_is_for_others_to_say() -> None:
    head = REQUEST[:-2] + b"X-Long: " + b"a" * LONGEST + b"\r\n\r\n"
    again = head.replace(b"12", b"3")
    assert known_head(head, CONTENT_LENGTH).end_in(again) == len(again)
