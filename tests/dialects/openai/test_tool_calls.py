from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from linx.core.attempt_errors import Garbled
from linx.dialects.openai.tool_calls import MAX_CALLS, MAX_KEYS, MAX_LOOK, ToolCalls
from tests.dialects.openai.help import call

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

Fragments = list[Any]
F, G = '{"a": 1}', '{"b": 2}'


def run(*deltas: Fragments, finish: str = "tool_calls") -> list[tuple[str, str, str]]:
    """The calls as a client glues them together, which must be the same by both roads."""
    numbers = itertools.count()
    calls = ToolCalls(lambda: str(next(numbers)))
    glued: dict[int, list[str]] = {}
    from_fragments: dict[int, list[str]] = {}
    for fragments in deltas:
        pieces, kept = calls.add(fragments)
        for delta in pieces:
            entry = glued.setdefault(delta.index, ["", "", ""])
            entry[0] += delta.id or ""
            entry[1] += delta.name or ""
            entry[2] += delta.arguments
        for fragment in kept:
            _glue(from_fragments.setdefault(fragment["index"], ["", "", ""]), fragment)
    assert from_fragments == glued
    for delta in calls.finish(finish):
        entry = glued.setdefault(delta.index, ["", "", ""])
        entry[0] += delta.id or ""
        entry[1] += delta.name or ""
        entry[2] += delta.arguments
    assert list(glued) == list(range(len(glued)))
    return [(entry[0], entry[1], entry[2]) for entry in glued.values()]


def _glue(entry: list[str], fragment: JsonObject) -> None:
    body = fragment.get("custom") or fragment["function"]
    entry[0] += fragment.get("id", "")
    entry[1] += body.get("name", "")
    entry[2] += body.get("arguments", "") + body.get("input", "")


@pytest.mark.parametrize(
    ("deltas", "calls"),
    [
        # as it should be
        ([[call(0, "x", "f", "")], [call(0, args='{"a"')], [call(0, args=": 1}")]], [("x", "f", F)]),
        ([[call(0, "x", "f", F)], [call(1, "y", "g", G)]], [("x", "f", F), ("y", "g", G)]),
        ([[call(0, "x", "f", "{"), call(1, "y", "g", "{")], [call(1, args="}"), call(0, args="}")]],
         [("x", "f", "{}"), ("y", "g", "{}")]),
        # indices that count from 1, have gaps, or run backwards
        ([[call(1, "x", "f", F)], [call(7, "y", "g", G)], [call(3, "z", "h", F)]],
         [("x", "f", F), ("y", "g", G), ("z", "h", F)]),
        # the same index for all
        ([[call(0, "x", "f", F)], [call(0, "y", "f", F)]], [("x", "f", F), ("y", "f", F)]),
        ([[call(0, "x", "f", F), call(0, "y", "g", G)]], [("x", "f", F), ("y", "g", G)]),
        ([[call(0, "", "f", F)], [call(0, "", "g", G)]], [("call_0", "f", F), ("call_1", "g", G)]),
        ([[call(0, None, "f", F), call(0, None, "f", F)]], [("call_0", "f", F), ("call_1", "f", F)]),
        ([[call(0, None, "f", F)], [call(0, None, "f", G)]], [("call_0", "f", F), ("call_1", "f", G)]),
        # no index
        ([[call(None, "x", "f", "{")], [call(None, "x", None, "}")]], [("x", "f", "{}")]),
        ([[call(None, "x", "f", "{")], [call(args="}")]], [("x", "f", "{}")]),
        ([[call(None, "x", "f", F)], [call(None, "y", "g", G)]], [("x", "f", F), ("y", "g", G)]),
        ([[call(None, "x", "f", "{")], [call(None, "y", "g", "{")], [call(None, "x", None, "}")],
          [call(None, "y", None, "}")]], [("x", "f", "{}"), ("y", "g", "{}")]),
        ([[call(name="f", args=F)], [call(name="g", args=G)]], [("call_0", "f", F), ("call_1", "g", G)]),
        ([[call(name="f", args=F)], [call(name="f", args=F)]], [("call_0", "f", F), ("call_1", "f", F)]),
        ([[call(name="f", args=F), call(name="f", args=F)]], [("call_0", "f", F), ("call_1", "f", F)]),
        ([[call(None, "x", "f", "{")], [call(None, "y", None, "}")]], [("x", "f", "{}")]),  # a new id on each piece
        ([[call("0", "x", "f", "{")], [call(True, args="}")]], [("x", "f", "{}")]),  # type: ignore[arg-type]
        # ids and names repeated
        ([[call(0, "x", "f", "{")], [call(0, "x", "f", "}")]], [("x", "f", "{}")]),
        ([[call(0, None, "f", '{"a"')], [call(0, None, "f", ": 1")], [call(0, None, "f", "}")]], [("call_0", "f", F)]),
        ([[call(0, None, "f", '{"a":')], [call(0, None, "f", "{}")], [call(0, None, "f", "}")]],
         [("call_0", "f", '{"a":{}}')]),
        ([[call(0, None, "f", F)], [call(0, None, "f", "")]], [("call_0", "f", F)]),
        ([[call(0, None, "f", "[1")], [call(0, None, "f", "{}]")]], [("call_0", "f", "[1{}]")]),
        ([[call(0, None, "f", "{x}")], [call(0, None, "f", "{}")]], [("call_0", "f", "{x}{}")]),
        ([[call(0, "x", "f", "{")], [call(0, "y", None, "}")]], [("x", "f", "{}")]),
        # id first, name later
        ([[call(0, "x", None, "{")], [call(0, None, "f", "}")]], [("x", "f", "{}")]),
        ([[call(0, "x")], [call(0, "x", "f", "")], [call(0, None, None, F)]], [("x", "f", F)]),
        ([[call(0, None, "f", "{")], [call(0, "x", None, "}")]], [("call_0", "f", "{}")]),
        # no name at all
        ([[call(0, "x", None, F)]], [("x", "", F)]),
        # arguments that are no string
        ([[call(0, "x", "f", {"a": 1})]], [("x", "f", '{"a":1}')]),
        ([[call(0, "x", "f", {})]], [("x", "f", "{}")]),
        ([[call(0, "x", "f", [1])]], [("x", "f", "[1]")]),
        # none
        ([[call(0, "x", "f")]], [("x", "f", "{}")]),
        ([[call(0, "x", "f", "")], [call(1, "y", "g", G)]], [("x", "f", "{}"), ("y", "g", G)]),
        ([[5, None, "x"]], []),
    ],
)  # fmt: skip
def test_calls_however_they_come(deltas: list[Fragments], calls: list[tuple[str, str, str]]) -> None:
    assert run(*deltas) == calls


def test_a_call_cut_off_gets_no_arguments_made_up() -> None:
    assert run([call(0, "x", "f", "")], finish="length") == [("x", "f", "")]


def test_what_a_fragment_has_of_its_own_stays() -> None:
    calls = ToolCalls(str)
    fragment = {**call(3, "x", "f", "{}"), "type": "", "extra_content": {"google": {"thought_signature": "s"}}}
    odd = {"index": 4, "id": "y", "function": "none"}
    deltas, kept = calls.add([fragment, odd])
    assert [delta.index for delta in deltas] == [0]  # the other one has no name yet
    assert kept == [
        {
            "index": 0,
            "id": "x",
            "type": "function",
            "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "s"}},
        }
    ]


def test_a_custom_call_keeps_its_form() -> None:
    first = {"index": 0, "id": "x", "type": "custom", "custom": {"name": "patch", "input": "ab"}}
    more = {"index": 0, "custom": {"input": "cd"}}
    assert run([first], [more]) == [("x", "patch", "abcd")]


def test_a_call_that_never_says_its_name_is_not_kept_for_ever() -> None:
    calls = ToolCalls(str)
    assert calls.add([call(0, "x", None, "a" * MAX_LOOK)]) == ([], [])
    deltas, _kept = calls.add([call(0, None, None, "b")])
    assert [(delta.id, delta.name, delta.arguments) for delta in deltas] == [("x", "", "a" * MAX_LOOK + "b")]
    assert [delta.arguments for delta in calls.add([call(0, args="c"), call(0, args="d")])[0]] == ["c", "d"]


def test_long_arguments_are_not_looked_through_again_and_again() -> None:
    long = '{"a":"' + "x" * MAX_LOOK + '"}'
    assert run([call(0, None, "f", long)], [call(0, None, "f", "{}")]) == [("call_0", "f", long + "{}")]


def test_calls_are_bounded() -> None:
    calls = ToolCalls(str)
    calls.add([call(index, "x", "f", "") for index in range(MAX_CALLS)])
    with pytest.raises(Garbled):
        calls.add([call(MAX_CALLS, "x", "f", "")])


def test_the_pieces_in_one_frame_are_bounded() -> None:
    piece = {"index": 0, "function": {"name": "f", "arguments": ""}}
    with pytest.raises(Garbled, match="pieces"):
        ToolCalls(lambda: "0").add([dict(piece) for _ in range(MAX_CALLS + 1)])


def test_a_new_id_on_every_piece_is_not_kept_for_ever() -> None:
    calls = ToolCalls(lambda: "0")
    for number in range(MAX_KEYS + 100):
        calls.add([{"id": f"id{number}", "function": {"name": "f" if number == 0 else "", "arguments": "x"}}])
    assert len(calls._by_key) == MAX_KEYS
    assert len(calls._calls) == 1
