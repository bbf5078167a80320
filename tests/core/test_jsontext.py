from __future__ import annotations

import json
import math
import random
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linx.core import jsontext, jsontext_pieces
from linx.core.jsontext import MAX_DEPTH, InvalidJSON


def nested(depth: int, inside: bytes = b"") -> bytes:
    return b"[" * depth + inside + b"]" * depth


# --- reading a provider's ---


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": [1, 2.5, "x", null, true]}', {"a": [1, 2.5, "x", None, True]}),
        (b'"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
        (b'"a\\ud83d"', "a\ufffd"),
        (b'"\\ude00a"', "\ufffda"),
        (b'{"\\ud83d": "\\ud83d"}', {"\ufffd": "\ufffd"}),
        (b"[NaN, Infinity, -Infinity, 1e999, -1e999]", [None] * 5),
        (b'["\\ud83d", 123456789012345678901234567890]', ["\ufffd", 123456789012345678901234567890]),
        (b"\xef\xbb\xbf[1]", [1]),
        (b'"a\xff\xfeb"', "a\ufffd\ufffdb"),
        (b'"a\x00\nb"', "a\x00\nb"),
        (nested(MAX_DEPTH, b"NaN"), None),
    ],
)
def test_loads_forgives_what_the_sender_meant(data: bytes, value: Any) -> None:
    read = jsontext.loads(data)
    assert read == value or data.startswith(b"[[")
    jsontext.dumps(read)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b'{"a":1} x', b"{'a':1}", b"nope", b'"a', b"[1,]", b"\xff", b"9" * 5000 + b"x", nested(5000, b"NaN")],
)
def test_loads_refuses_what_is_no_json(data: bytes) -> None:
    with pytest.raises(InvalidJSON):
        jsontext.loads(data)


def test_halves_may_be_kept_for_one_who_mends_them() -> None:
    read = jsontext.loads(b'["\\ud83d", "\\ude00", NaN]', keep_surrogates=True)
    assert read == ["\ud83d", "\ude00", None]
    assert jsontext.scrub(read[0] + read[1]) == "\N{GRINNING FACE}"
    assert jsontext.scrub(read) == ["\ufffd", "\ufffd", None]


def test_loads_plain_raises_value_error() -> None:
    assert jsontext.loads_plain(b"[1]") == [1]
    with pytest.raises(ValueError):
        jsontext.loads_plain(b'"\\ud83d"')


# --- reading a client's ---


@pytest.mark.parametrize(
    "data",
    [
        b"", b" \n\t ", b'{"a":1', b'{"a":1} x', b"\x0c{}", b"\x00", b'"a\xff"',
        b'"\xed\xa0\xbd\xed\xb8\x80"', b'"\xe2\x82"',
        b'"\xf5\x80\x80\x80"', b'"a\x01b"', b'"a\nb"', b"NaN", b"[Infinity]", b"[-Infinity]", b"[1e999]", b"01", b"0x1",
        b"+1", b"{'a':1}", b"[1/*c*/]", b"[1,]", b'"\\x6d"', b'"\\u12"', b'"\\u+123"', b'{"a":1,}',
        b'"' + b'\\"' * 40000,
        '{"a":1}'.encode("utf-16-le"), '{"a":1}'.encode("utf-16-be"), b"\xef\xbb\xbf[1]", b'["\\ud83d", NaN]',
        b'["\\ud83d", 01]', b'{"seed":' + b"9" * 5000 + b"}", nested(MAX_DEPTH + 1),
        b'{"a":' * 20000 + b"1" + b"}" * 20000,
    ],
)  # fmt: skip
def test_loads_strict_refuses(data: bytes) -> None:
    with pytest.raises(InvalidJSON):
        jsontext.loads_strict(data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b' {"a": -0.0} ', {"a": -0.0}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b"[99999999999999999999999]", [99999999999999999999999]),
        (b"[9223372036854775807, 18446744073709551616]", [9223372036854775807, 18446744073709551616]),
        (b'["\\ud83d", "\\ude00\\ud83d", "x"]', ["\ufffd", "\ufffd\ufffd", "x"]),
        (b'{"\\ud800": 1}', {"\ufffd": 1}),
        (b'"a\\u0000b"', "a\x00b"),
        (b'"' + b"[{" * 1000 + b'"', "[{" * 1000),
        (b'"' + b'\\"[' * 1000 + b'"', '"[' * 1000),
        (b"[" + b"[],{}," * 1000 + b"1]", [*([[], {}] * 1000), 1]),
    ],
)
def test_loads_strict_takes(data: bytes, value: Any) -> None:
    read = jsontext.loads_strict(data)
    assert read == value
    assert type(read) is type(value)


def test_depth_is_bounded_exactly() -> None:
    assert jsontext.loads_strict(nested(MAX_DEPTH)) is not None
    assert not jsontext.too_deep(nested(MAX_DEPTH))
    assert jsontext.too_deep(nested(MAX_DEPTH + 1))
    assert jsontext.too_deep(nested(3), 2)
    assert not jsontext.too_deep(b'{"a":[{"b":"[[["}]}', 3)
    assert jsontext.too_deep(b"[" * 300)
    assert not jsontext.too_deep(b"]" * 10 + b"[]" * 300)
    assert not jsontext.too_deep(nested(20), 20)
    assert jsontext.too_deep(nested(20), 19)  # deeper than the levels that are taken off one by one
    assert [jsontext.too_deep(b"[{}]", limit) for limit in (0, 1, 2)] == [True, True, False]
    assert not jsontext.too_deep(rb'["\\", "\"[[", "\\\"[["]', 1)
    assert jsontext.too_deep(rb'["\\", [], "\"]"]', 1)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 2_000_000,
        b'{"a":' * 400_000,
        b'"' + b'\\"' * 1_000_000,
        b'["' + b"[" * 2_000_000,
        b"[" * 1_000_000 + b"]" * 1_000_000,
        (b"[" * 250 + b"]" * 250 + b",") * 4000,
        b"[" * 300 + b'""' * 1_000_000,
    ],
)
def test_the_check_of_depth_takes_linear_time(data: bytes) -> None:
    start = time.process_time()
    jsontext.too_deep(data)
    assert time.process_time() - start < 2


def test_a_text_of_too_many_values_is_refused_before_it_is_read() -> None:
    many = jsontext.MOST_MARKS
    jsontext.check_weight(b"[" + b"0," * (many - 1) + b"0]")
    jsontext.check_weight(b'["' + b"a" * many + b'"]')
    for heavy in (b"[" + b"0," * many + b"0]", b"[" * (many + 1) + b"]" * many, b'""' * 8 * many):
        with pytest.raises(jsontext.TooManyValues):
            jsontext.check_weight(heavy)
    with pytest.raises(InvalidJSON, match="deep"):
        jsontext.check_weight(nested(MAX_DEPTH + 1))


def test_the_texts_on_one_line_are_bounded() -> None:
    assert len(jsontext.split_values(b"{}" * jsontext.MOST_GLUED)) == jsontext.MOST_GLUED
    with pytest.raises(jsontext.TooManyValues):
        jsontext.split_values(b"{}" * (jsontext.MOST_GLUED + 1))
    with pytest.raises(InvalidJSON):
        jsontext.split_values(b'{"a":"' + b"a" * jsontext.LONGEST_GLUED + b'"}{}')


def test_a_long_number_is_looked_for_in_linear_time() -> None:
    assert jsontext.has_long_number(b'{"a":1234567890123456789}')
    data = b"123456789012345678 " * 500_000
    began = time.process_time()
    assert not jsontext.has_long_number(data)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("length", [17, 18, 19, 20, 40])
def test_a_long_number_is_found_wherever_it_is_in_a_long_text(length: int) -> None:
    number, filling = b"7" * length, b"ab12-" * 2000
    for place in (*range(40), *range(len(filling) - 20, len(filling))):
        data = filling[:place] + b"," + number + b"," + filling[place:]
        assert jsontext.has_long_number(data) == (length >= 19)
    assert jsontext.has_long_number(number + b"," + filling) == (length >= 19)
    assert jsontext.has_long_number(filling + b"," + number) == (length >= 19)


@pytest.mark.parametrize("longest", [18, 19])
def test_a_long_number_is_looked_for_as_in_the_whole_text(longest: int) -> None:
    chance = random.Random(19)
    for _ in range(100):
        runs = [*(chance.randrange(19) for _ in range(chance.choice((20, 300)))), longest]
        chance.shuffle(runs)
        data = b".".join(b"1" * run + b"-" * chance.randrange(7) for run in runs) + b" " * 8192
        assert jsontext.has_long_number(data) == (longest == 19)


@pytest.mark.parametrize("depth", range(MAX_DEPTH - 6, MAX_DEPTH + 4))
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
def test_the_depth_of_a_long_text_is_bounded_as_that_of_a_short_one(opening: bytes, closing: bytes, depth: int) -> None:
    times = depth // (opening.count(b"[") + opening.count(b"{"))
    for inside in (b"", b"[" * (depth % 2) + b"]" * (depth % 2)):
        short = opening * times + (inside or b"1") + closing * times
        long = short[:-1] + b" " * 10_000 + short[-1:]
        if jsontext.too_deep(short):
            for data in (short, long):
                with pytest.raises(InvalidJSON, match="deep"):
                    jsontext.loads_strict(data)
        else:
            assert jsontext.loads_strict(long) == jsontext.loads_strict(short)


def test_a_long_text_keeps_its_large_integers_exact() -> None:
    for number in (2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**30):
        data = b'{"a":[%d],"b":"%b"}' % (number, b"text " * 3000)
        assert jsontext.loads_strict(data)["a"] == [number]
        assert type(jsontext.loads_strict(data)["a"][0]) is int


# --- writing ---


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ({"a": [1, None, "é"]}, '{"a":[1,null,"é"]}'.encode()),
        ("a\u2028b\u2029c\u0085d", b'"a\\u2028b\\u2029c\\u0085d"'),
        ("\x0b\x0c\x1c\n", b'"\\u000b\\f\\u001c\\n"'),
        ({"a": 2**70}, b'{"a":1180591620717411303424}'),
        ({"a": "\ud83d"}, '{"a":"\ufffd"}'.encode()),
        ({5: ("x", math.nan, math.inf)}, b'{"5":["x",null,null]}'),
        ([2**70, "\u2028"], b'[1180591620717411303424,"\\u2028"]'),
    ],
)
def test_dumps(value: Any, data: bytes) -> None:
    assert jsontext.dumps(value) == data


def test_dumps_takes_whatever_may_come_in() -> None:
    for depth in (100, MAX_DEPTH):
        assert jsontext.dumps(jsontext.loads_strict(nested(depth))) == nested(depth)


def test_dumps_pretty() -> None:
    assert jsontext.dumps_pretty({"a": 1}) == b'{\n  "a": 1\n}\n'


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(Json)
def test_what_is_written_reads_the_same_and_stays_on_one_line(value: Any) -> None:
    data = jsontext.dumps(value)
    assert json.loads(data) == value
    assert len(data.decode().splitlines()) == 1
    assert jsontext.loads_strict(data) == value


# --- several values on one line ---


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        ('{"a":1}', [{"a": 1}]),
        ('{"a":1}{"b":2}\r\n\t [3]', [{"a": 1}, {"b": 2}, [3]]),
        ('"\\ud83d"NaN', ["\ufffd", None]),
    ],
)
def test_split_values(text: str, values: list[Any]) -> None:
    assert jsontext.split_values(text.encode()) == values


@pytest.mark.parametrize("text", ["x", '{"a":1}x', '{"a":1}{', "9" * 5000])
def test_split_values_refuses(text: str) -> None:
    with pytest.raises(InvalidJSON):
        jsontext.split_values(text.encode())


def test_loads_exact() -> None:
    assert jsontext.loads_exact(b"[18446744073709551616]") == [18446744073709551616]
    with pytest.raises(InvalidJSON):
        jsontext.loads_exact(b"9" * 5000)


def test_dumps_ascii() -> None:
    assert jsontext.dumps_ascii({"a": "é\u2028\ud83d", "b": math.nan}) == b'{"a":"\\u00e9\\u2028\\ufffd","b":null}'


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b"5", None),
        (b'{"a":{"b":1},"c":[{"b":1},{"b":2}]}', None),
        (b'{"a":1,"a":2}', ("a",)),
        (b'{"x":[1,{"a":{"b":1,"b":2}}]}', ("x", 1, "a", "b")),
        (b'{"a":{"b":1,"b":2},"a":3}', ("a",)),
    ],
)
def test_repeated_key(data: bytes, path: Any) -> None:
    assert jsontext.repeated_key(data) == path


@pytest.mark.parametrize(
    ("item", "value"),
    [
        (rb'"\ud83d"', "\ufffd"),
        (rb'["\ud83d\ude00", "\ude00"]', ["\U0001f600", "\ufffd"]),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (b'{"a":-1.5e3,"a":2}', {"a": 2}),
    ],
)
def test_a_large_body_is_read_like_a_small_one(item: bytes, value: object) -> None:
    count = max(jsontext.MOST_MARKS // (1 + sum(map(item.count, b",[{"))), jsontext.LARGE // len(item)) + 2
    assert jsontext.loads_strict(b"[" + item + b"]") == [value]
    assert jsontext.loads_strict(b"[" + b",".join([item] * count) + b"]") == [value] * count


@pytest.mark.parametrize("item", [b"NaN", b'"\xff"', b"01", b'"\t"', b"[" * 256 + b"]" * 256])
def test_and_refused_like_one(item: bytes) -> None:
    for count in (0, 10_000, jsontext.MOST_MARKS // 2):  # a short text, a long one, and one that is read in pieces
        with pytest.raises(jsontext.InvalidJSON):
            jsontext.loads_strict(b"[" + b"[]        ," * count + item + b"]")


@pytest.mark.parametrize("space", [b"", b" \n"])
def test_a_large_body_that_is_one_string(space: bytes) -> None:
    text = "[{," * jsontext.LARGE
    assert jsontext.loads_strict(space + b'"%b"' % text.encode()) == text
    with pytest.raises(jsontext.InvalidJSON):
        jsontext.loads_strict(space + b'"%b' % text.encode())


def test_a_body_has_a_bound_that_is_not_its_size() -> None:
    with pytest.raises(jsontext.TooManyValues, match="lists and objects"):
        jsontext.loads_strict(b"[" + b"[]," * jsontext_pieces.MAX_CONTAINERS + b"[]]")


def test_dumps_in_pieces_is_dumps() -> None:
    value = {"a": ["\u2028\n" * 200_000, {"b": [1, None, "\ud83d"]}], "c": {}}
    assert jsontext.dumps_in_pieces(value) == jsontext.dumps(value)


@pytest.mark.parametrize("number", [b"1e400", b"-1e999"])
def test_a_number_out_of_range_beside_half_an_emoji(number: bytes) -> None:
    for text in (b"[%b]" % number, b'["\\ud800",%b]' % number):
        with pytest.raises(jsontext.InvalidJSON):
            jsontext.loads_strict(text)


def test_a_text_for_which_there_is_no_memory_is_not_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """orjson says so in a JSONDecodeError."""

    class Full:
        JSONDecodeError = orjson.JSONDecodeError

        @staticmethod
        def loads(data: bytes) -> object:
            raise orjson.JSONDecodeError("Not enough memory to allocate buffer for parsing", "", 0)

    monkeypatch.setattr(jsontext, "orjson", Full)
    with pytest.raises(MemoryError):
        jsontext.loads_strict(b"[1]")


def test_a_raw_value_is_written_as_it_came() -> None:
    value = {"a": [jsontext.Raw(b"[0.10, 1E2]"), 1]}
    assert jsontext.dumps(value) == b'{"a":[[0.10, 1E2],1]}'
    # Beside what orjson refuses, its numbers are read after all.
    assert (
        jsontext.dumps({**value, "b": 2**70, "c": "\ud800"})
        == b'{"a":[[0.1,100.0],1],"b":%d,"c":"\xef\xbf\xbd"}' % 2**70
    )
    assert jsontext.Raw(b"1") == jsontext.Raw(b"1") != jsontext.Raw(b"2")
    assert len({jsontext.Raw(b"1"), jsontext.Raw(b"1")}) == 1
    with pytest.raises(TypeError):
        jsontext.dumps({"a": object()})
