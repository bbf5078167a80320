from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.dialects.openai.surrogates import Surrogates
from tests.dialects.openai.help import call, frame, tools

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

HEAD, TAIL, BOTH = "\ud83d", "\ude00", "\N{GRINNING FACE}"


def deltas(*frames: JsonObject) -> list[Any]:
    surrogates = Surrogates()
    mended = [surrogates.mend(item)["choices"][0]["delta"] for item in frames]
    assert not surrogates.waiting
    return mended


@pytest.mark.parametrize("key", ["content", "reasoning_content", "reasoning", "refusal"])
def test_halves_join_across_frames(key: str) -> None:
    assert deltas(frame({key: "a" + HEAD}), frame({key: ""}), frame({key: TAIL + "b"})) == [
        {key: "a"},
        {key: ""},
        {key: BOTH + "b"},
    ]


def test_a_half_waits_for_a_delta_of_its_own_kind_and_choice() -> None:
    frames = [
        frame({"content": HEAD}),
        frame({"reasoning": HEAD}),
        frame({"content": HEAD}, index=1),
        frame({"reasoning": TAIL}),
        frame({"content": TAIL}),
        frame({"content": TAIL}, index=1),
    ]
    texts = ["", "", "", BOTH, BOTH, BOTH]
    assert [next(iter(delta.values())) for delta in deltas(*frames)] == texts


def test_halves_in_tool_arguments() -> None:
    fragments = [tools(call(n, "x", "f", '{"a":"' + HEAD)) for n in (0, 1)]
    fragments += [tools(call(n, args=TAIL + '"}')) for n in (0, 1)]
    mended = deltas(*fragments)
    assert [delta["tool_calls"][0]["function"]["arguments"] for delta in mended[2:]] == [BOTH + '"}'] * 2


def test_a_half_without_its_other_half_becomes_a_replacement_character() -> None:
    assert deltas(frame({"content": TAIL + "a" + HEAD}), frame({}, "stop")) == [
        {"content": "\ufffda"},
        {"content": "\ufffd"},
    ]
    assert deltas(frame({"content": HEAD}, "stop")) == [{"content": "\ufffd"}]


def test_anything_may_stand_anywhere() -> None:
    surrogates = Surrogates()
    odd: list[JsonObject] = [
        {},
        {"choices": None},
        {"choices": [None, 5, {}, {"delta": 5}]},
        {"choices": [{"index": [], "delta": {"content": 5, "tool_calls": 5}}]},
        {"choices": [{"delta": {"tool_calls": [5, {}, {"function": 5}, {"index": {}, "function": {}}]}}]},
    ]
    assert [surrogates.mend(item) for item in odd] == odd
