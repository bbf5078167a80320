"""Tools that take free text, as functions and back."""

from __future__ import annotations

import time

import pytest

from linx.core import jsontext
from linx.dialects.shared.free_text_tools import INPUT, FreeTextCalls, function_of, to_arguments, to_text

PATCH = '*** Begin Patch\n*** Update File: a.py\n@@\n-x = {"a": "b"}\n+y = "\\\\"\n*** End Patch\n'
NAMES = frozenset(("ApplyPatch",))


def test_a_grammar_is_told_in_the_description() -> None:
    tool = {"description": "Edit.", "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}}
    made = function_of(tool, "ApplyPatch", "tools[0]")["function"]
    assert made["name"] == "ApplyPatch"
    assert made["parameters"] == INPUT
    assert made["description"] == "Edit.\n\nThe input has to match this lark grammar:\nstart: x"
    assert "description" not in function_of({}, "n", "tools[0]")["function"]


def test_texts_and_arguments_are_turned_into_each_other() -> None:
    assert to_text(to_arguments(PATCH)) == PATCH
    assert to_arguments('{"input":"x"}') == '{"input":"x"}'
    assert to_arguments('{"input":5}') == '{"input":"{\\"input\\":5}"}'


@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        ('{"input":"x"}', "x"),
        ('{"input":""}', ""),
        ("{}", ""),
        ("", ""),
        ('{"patch":"x"}', '{"patch":"x"}'),
        ('{"input":5}', '{"input":5}'),
        ("*** Begin", "*** Begin"),
    ],
)
def test_the_text_for_a_custom_tool_is_what_the_model_meant(arguments: str, made: str) -> None:
    assert to_text(arguments) == made


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("text", [PATCH, "", "}", '"}', "\\", '\\"}', "{}", "ü☃\U0001f600"])
def test_pieces_of_any_size_give_the_text_once(size: int, text: str) -> None:
    arguments = jsontext.dumps({"input": text}).decode()
    calls = FreeTextCalls(NAMES)
    pieces = [arguments[at : at + size] for at in range(0, len(arguments), size)]
    told = [calls.piece(0, 1, "ApplyPatch" if at == 0 else None, piece) for at, piece in enumerate(pieces)]
    assert "".join(piece or "" for piece in told) == text
    assert [piece for piece in told if piece] == ([text] if text else [])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("*** Begin Patch", "*** Begin Patch"),
        ('{"input":"x","n":1}', "x"),
        ('{"input":"x","n":{"a":[]}}', "x"),
        ('{"input":["x"]}', '{"input":["x"]}'),
        ('{"input":"cut', '{"input":"cut'),
        ('{"input":"x"} ', "x"),
        ("null", "null"),
        ("", ""),
    ],
)
def test_what_never_became_arguments_comes_with_the_end(arguments: str, text: str) -> None:
    """As ``to_text`` has it for a whole answer."""
    calls = FreeTextCalls(NAMES)
    told = [calls.piece(0, 1, "ApplyPatch" if at == 0 else None, piece) for at, piece in enumerate(arguments or [""])]
    calls.piece(1, 1, "ApplyPatch", "of another choice")
    assert "".join(piece or "" for piece in told) + calls.rest(0).get(1, "") == text == to_text(arguments)
    assert calls.rest(0) == {}


def test_what_follows_whole_arguments_is_no_part_of_the_text() -> None:
    calls = FreeTextCalls(NAMES)
    assert [calls.piece(0, 0, "ApplyPatch", '{"input":"x"}'), calls.piece(0, 0, None, "}")] == ["x", ""]
    assert calls.rest(0) == {}


def test_other_calls_pass() -> None:
    calls = FreeTextCalls(NAMES)
    assert calls.piece(0, 0, "read_file", '{"path":') is None
    assert calls.piece(0, 0, None, '"a"}') is None
    assert calls.piece(0, 1, "ApplyPatch", "") == ""
    assert calls.piece(1, 1, None, "") is None, "of another choice"


def test_a_long_text_full_of_braces_takes_no_time() -> None:
    arguments = jsontext.dumps({"input": 'x = {"a": {"b": "c"}}\n' * 20_000}).decode()
    calls = FreeTextCalls(NAMES)
    began = time.perf_counter()
    calls.piece(0, 0, "ApplyPatch", "")
    for at in range(0, len(arguments), 4):
        calls.piece(0, 0, None, arguments[at : at + 4])
    assert time.perf_counter() - began < 5
