"""Known tools: what is read and made the short way is what is read and made the long way, and little is kept."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from linx.core import jsontext, known_tools
from linx.core.known_tools import LEAST, MOST_BYTES, MOST_KEPT, KnownTools


def tools(number: int = 0, size: int = LEAST) -> bytes:
    """A list of tools with a bit of everything, ``number`` being how it differs from others."""
    words = b"w%d " % number * (size // 3)
    return (
        b'[{"type":"function","function":{"name":"f%d","parameters":{"a":[1,2.50,-0.0,1e3,null,true],"tools":[],'
        % number
        + b'"big":123456789012345678901234567890,"twice":1,"twice":"\\u00e9\\ud83d\\ude00"}}}, "%b" ]' % words
    )


BODIES = {
    "last": b'{"model":"m","messages":[],"tools":%b}',
    "first": b'{"tools":%b,"model":"m"}',
    "spaces": b' {\n "model": "m",\r\n\t"tools": \n %b , "n": 9223372036854775808 } ',
    "surrogate": b'{"model":"\\ud83d","tools":%b}',
    "twice": b'{"tools":[1],"tools":%b}',
    "replaced": b'{"tools":%b,"tools":[1]}',
    "in a tool": b'{"a":{"tools":%b}}',
    "in a list": b'[{"tools":%b}]',
    "key with a quote": b'{"a\\"tools":%b,"tools":1}',
    "key with a backslash": b'{"a\\\\","tools":%b}',
    "word in a text": b'{"a":"\\"tools\\":","tools":%b,"b":"x\\"tools\\":[1]"}',
    "escaped key": b'{"tool\\u0073":%b}',
    "other list later": b'{"tools":%b,"a":{"tools":[1]}}',
    "more behind": b'{"tools":%b 1}',
    "no end": b'{"tools":%b',
    "two texts": b'{"tools":%b}{}',
    "text before": b'{"x"tools":%b}',
    "not UTF-8 before": b'{"a":"\xff","tools":%b}',
    "not UTF-8": b'{"tools":%b,"a":"\xff"}',
    "number too large": b'{"tools":%b,"a":1e999}',
}


def read(load: Any, data: bytes) -> str:
    try:
        return repr(load(data))
    except jsontext.InvalidJSON as error:
        return f"refused: {error}"


@pytest.mark.parametrize("body", BODIES)
def test_the_short_way_reads_what_the_long_way_reads(body: str) -> None:
    store = KnownTools()
    for _ in range(3):
        store.loads(BODIES["last"] % tools())
    data = BODIES[body] % tools()
    for _ in range(5):
        assert read(store.loads, data) == read(jsontext.loads_strict, data)


def test_one_byte_makes_another_list() -> None:
    store, text = KnownTools(), tools()
    for _ in range(3):
        store.loads(BODIES["last"] % text)
    for at in range(0, len(text), 7):
        for byte in (b"9", b'"', b"]", b" ", b"\\"):
            data = BODIES["last"] % (text[:at] + byte + text[at + 1 :])
            assert read(store.loads, data) == read(jsontext.loads_strict, data)


@pytest.mark.parametrize("depth", range(jsontext.MAX_DEPTH - 4, jsontext.MAX_DEPTH + 3))
def test_known_tools_are_no_deeper_than_others(depth: int) -> None:
    deep = b"[%b%b,%b]" % (b"[" * depth, b"]" * depth, b'"%b"' % (b"x" * LEAST))
    store = KnownTools()
    for body in ("last", "in a tool", "last"):
        for _ in range(3):
            assert read(store.loads, BODIES[body] % deep) == read(jsontext.loads_strict, BODIES[body] % deep)


def test_a_list_that_comes_again_is_read_no_more() -> None:
    store, data = KnownTools(), BODIES["last"] % tools()
    once, twice, thrice = (store.loads(data)["tools"] for _ in range(3))
    assert once == twice == thrice
    assert once is not twice is thrice
    assert store.loads(BODIES["first"] % tools())["tools"] is thrice


def test_a_list_inside_another_does_not_hide_it() -> None:
    """Responses has namespaces of tools, with a list each."""
    store = KnownTools()
    inner = b'[{"type":"namespace","tools":%b},{"type":"namespace","tools":%b}]' % (tools(1), tools(2))
    data = BODIES["last"] % inner
    read_values = [store.loads(data) for _ in range(8)]
    assert all(repr(value) == repr(jsontext.loads_strict(data)) for value in read_values)
    assert read_values[-1]["tools"] is read_values[-2]["tools"]


def test_short_lists_and_large_bodies_are_read_as_always() -> None:
    store = KnownTools()
    short = BODIES["last"] % b'[{"type":"function"}]'
    large = BODIES["last"][:-1] % tools() + b',"a":"%b"}' % (b"x" * jsontext.LARGE)
    for data in (short, large):
        assert len({id(each) for each in [store.loads(data)["tools"] for _ in range(5)]}) == 5


@pytest.mark.parametrize("size", [LEAST, MOST_BYTES // 16])
def test_few_lists_are_kept(size: int) -> None:
    store = KnownTools()
    bodies = [BODIES["last"] % tools(number, size) for number in range(MOST_KEPT + 5)]
    first = [store.loads(bodies[0])["tools"] for _ in range(3)][2]
    held = [store.loads(data)["tools"] for data in bodies for _ in range(3)]
    assert store.loads(bodies[-1])["tools"] is held[-1]
    assert store.loads(bodies[0])["tools"] is not first
    assert store.derived(first, str) == str(first)
    assert len(store._lists) <= MOST_KEPT
    assert sum(len(known.text) for known in store._lists) <= MOST_BYTES
    assert store._by_id.keys() == {id(known.value) for known in store._lists}


def test_a_list_that_never_comes_again_is_seldom_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = list[bytes]()
    first_value = jsontext.first_value

    def look(data: bytes) -> bytes | None:
        looks.append(data)
        return first_value(data)

    monkeypatch.setattr(jsontext, "first_value", look)
    store = KnownTools()
    for number in range(100):
        text = tools()[:-3] + b'%d"]' % number  # they differ at their end
        assert store.loads(BODIES["last"] % text) == jsontext.loads_strict(BODIES["last"] % text)
    assert len(looks) == 12  # at 2, 4, 8, 16, 32, 64, and each time at the list within a tool


@pytest.mark.parametrize("spaces", [0, 1, 63, 64, 100_000])
def test_the_spaces_before_a_list(spaces: int) -> None:
    store, data = KnownTools(), b'{"tools":%b%b}' % (b" " * spaces, tools())
    for _ in range(3):
        assert read(store.loads, data) == read(jsontext.loads_strict, data)


class Maker:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, given: list[Any]) -> list[Any]:
        self.calls += 1
        return [each for each in given if isinstance(each, dict)]


def test_what_is_made_of_known_tools_is_made_once() -> None:
    store, data = KnownTools(), BODIES["last"] % tools()
    known = [store.loads(data)["tools"] for _ in range(3)][2]
    make, again = Maker(), Maker()
    made = store.derived(known, make)
    assert made == make(known)
    assert store.derived(store.loads(data)["tools"], make) is made
    assert store.derived(store.derived(known, make), again) is store.derived(made, again)
    assert (make.calls, again.calls) == (2, 1)
    stranger = copy.deepcopy(known)
    assert store.derived(stranger, make) is not store.derived(stranger, make)


def test_what_cannot_be_made_is_told_each_time() -> None:
    store, data = KnownTools(), BODIES["last"] % tools()
    known = [store.loads(data)["tools"] for _ in range(3)][2]

    def refuse(_tools: list[Any]) -> list[Any]:
        raise ValueError("tools[0]")

    for _ in range(2):
        with pytest.raises(ValueError, match="tools"):
            store.derived(known, refuse)


@pytest.mark.parametrize("beside", [1, "\u2028", "é", "\ud83d", 2**70, float("nan"), jsontext.Raw(b"[1.0]")])
def test_known_tools_are_written_as_any_others(beside: Any) -> None:
    store, data = KnownTools(), BODIES["last"] % tools()
    known = [store.loads(data)["tools"] for _ in range(3)][2]
    stranger = copy.deepcopy(known)
    assert store.written(stranger) is stranger
    written = {"tools": store.written(known), "a": beside}
    assert jsontext.loads(jsontext.dumps(written)) == jsontext.loads(jsontext.dumps({"tools": stranger, "a": beside}))
    if not isinstance(beside, str) or beside != "\ud83d":
        assert jsontext.dumps(written)[-20:] == jsontext.dumps({"tools": stranger, "a": beside})[-20:]


def test_the_process_has_one_store() -> None:
    data = BODIES["last"] % tools(77)
    known = [known_tools.loads(data)["tools"] for _ in range(3)][2]
    assert known_tools.derived(known, Maker()) == known[:1]
    assert known_tools.written(known) is known_tools.written(known)
