"""Reading and writing in pieces gives what one call gives, whatever the shape and wherever it is cut."""

from __future__ import annotations

import random
from typing import Any

import pytest

from linx.core import jsontext, jsontext_pieces
from linx.core.jsontext_pieces import Malformed, TooMany, dumps, loads


def read(text: bytes, depth: int = jsontext.MAX_DEPTH) -> Any:
    return loads(text, jsontext.loads_plain, depth)


def some_value(dice: random.Random, depth: int = 0) -> Any:
    kind = dice.random()
    if depth < 9 and kind < 0.25:
        return [some_value(dice, depth + 1) for _ in range(dice.choice([0, 1, 2, 3, 70]) if depth < 2 else 2)]
    if depth < 9 and kind < 0.5:
        keys = ["a", "", 'é"\\', f"c{dice.randrange(99)}"]
        return {dice.choice(keys): some_value(dice, depth + 1) for _ in range(dice.randrange(4))}
    scalars = [None, True, False, 0, -1.5e-7, 12345678901, "", 'x"\\\n', "中😀", "a" * dice.randrange(3000)]
    return dice.choice(scalars)


@pytest.mark.parametrize("step", [48, 300, 2**20])
def test_like_one_call(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsontext_pieces, "STEP", step)
    dice = random.Random(step)
    for number in range(60):
        value = {"k": [some_value(dice) for _ in range(dice.randrange(12))]}
        text = jsontext.dumps(value) if number % 3 else jsontext.dumps_pretty(value)
        assert read(text) == value
        # And what is spoiled by one byte is right or wrong as it is for one call.
        at = dice.randrange(len(text))
        spoiled = text[:at] + dice.choice([b"", b",", b"]", b"{", b'"', b"\\", b"0", b" "]) + text[at + 1 :]
        try:
            expected = jsontext.loads_plain(spoiled)
        except ValueError:
            with pytest.raises(Malformed):
                read(spoiled)
        else:
            assert read(spoiled) == expected


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"[1",
        b"[1,]",
        b"[,1]",
        b'{"a"}',
        b'{"a":}',
        b'{"a":1,}',
        b"{1:2}",
        b"[1] 2",
        b"[truex]",
        b"[01]",
        b"[-]",
        b'["a]',
        b'["\\u12"]',
        b"]",
        b"",
        b"7",
        b"[1}",
        b"[[1}]",
        b'["\xff"]',
        b"[NaN]",
    ],
)
def test_what_is_no_json(text: bytes) -> None:
    with pytest.raises(Malformed, match="byte"):
        read(text)


def test_nothing_at_all_in_the_outermost() -> None:
    assert read(b" [\n] ") == []
    assert read(b"{}") == {}
    for text in (b"[}", b"{]", b"[] []", b"{},"):
        with pytest.raises(Malformed, match="byte"):
            read(text)


def test_nothing_but_more_space_than_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsontext_pieces, "STEP", 16)
    space = b" " * 40
    text = b'[[%b], {%b}, {"a": [%b], "b": 1}, 2]' % (space, space, space)
    assert read(text) == [[], {}, {"a": [], "b": 1}, 2]


def test_depth_is_counted_from_the_outermost() -> None:
    assert read(b"[" * 40 + b"]" * 40, 40)
    with pytest.raises(Malformed, match="40 deep"):
        read(b"[" * 41 + b"]" * 41, 40)
    with pytest.raises(Malformed, match="40 deep"):
        read(b'{"a":' * 41 + b"1" + b"}" * 41, 40)


@pytest.mark.parametrize("unit", ["\n", "中", "😀", '\\"', "x" * 999 + "\t"])
def test_a_long_string(unit: str) -> None:
    value = {"a": unit * (1_500_000 // len(unit)), unit: 1}
    text = jsontext.dumps(value)
    assert read(text) == value
    escaped = jsontext.dumps_ascii(value)
    assert read(escaped) == value
    assert dumps(value, jsontext.dumps) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MAX_CONTAINERS", b"[" + b",".join([b"[]"] * 101) + b"]"),
        ("MAX_CONTAINERS", b"[" + b",".join([b'{"a":[[[[{}]]]]}'] * 20) + b"]"),
        ("MAX_VALUES", b"[" + b",".join([b"1"] * 101) + b"]"),
        ("MAX_VALUES", b"{" + b",".join(b'"%d":1' % key for key in range(51)) + b"}"),
    ],
)
def test_more_than_anybody_says(name: str, text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(text)
    monkeypatch.setattr(jsontext_pieces, name, 100)
    with pytest.raises(TooMany, match="more than"):
        read(text)


def test_written_like_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(7)
    values: list[Any] = [{"k": [some_value(dice) for _ in range(dice.randrange(12))]} for _ in range(40)]
    values += [{}, {"a": []}, {"a": {}, "b": "\u2028" * 99}]
    for size in (1, 40, 2000):
        monkeypatch.setattr(jsontext_pieces, "LONG_TEXT", size)
        for value in values:
            assert dumps(value, jsontext.dumps) == jsontext.dumps(value)


def test_no_call_gets_much_to_write() -> None:
    sizes = []

    def write(value: Any) -> bytes:
        text = jsontext.dumps(value)
        sizes.append(len(text))
        return text

    text = {"type": "text", "text": "x" * 3_000_000}
    messages = [{"role": "user", "content": [text]}, *({"role": "user", "content": "hello"} for _ in range(50_000))]
    value = {"model": "m", "messages": messages}
    assert dumps(value, write) == jsontext.dumps(value)
    assert max(sizes) < 2**21
    assert len(sizes) < 200


@pytest.mark.parametrize("value", [b"1", b"true", b"null", b'"text"', b"[1,2]", b"1." + b"0" * 300])
@pytest.mark.parametrize("before", [b'{"a":' + b" " * 200, b'{"' + b"k" * 200 + b'":', b'{"a"' + b" " * 200 + b":"])
def test_a_value_far_from_its_key(value: bytes, before: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsontext_pieces, "STEP", 100)
    text = before + value + b',"z":0}'
    assert jsontext_pieces.loads(text, jsontext.loads_plain, 9) == jsontext.loads_plain(text)
    with pytest.raises(jsontext_pieces.Malformed):
        jsontext_pieces.loads(before + b"tru" + b',"z":0}', jsontext.loads_plain, 9)
