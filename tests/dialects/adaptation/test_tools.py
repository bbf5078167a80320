"""Where the tools of a body are."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from linx.dialects.adaptation.tools import map_field, map_list, map_part, tool_name, tool_part, tools_of

CHAT = {"type": "function", "function": {"name": "f", "parameters": {}}}
CUSTOM = {"type": "custom", "custom": {"name": "f"}}
FLAT = {"type": "function", "name": "f", "parameters": {}}


@pytest.mark.parametrize("tool", [CHAT, CUSTOM, FLAT, {"name": "f", "input_schema": {}}])
def test_a_tool_has_its_name_where_its_format_has_it(tool: Any) -> None:
    before = copy.deepcopy(tool)
    assert tool_name(tool) == "f"
    renamed = map_part(tool, lambda part: {**part, "name": "g"})
    assert tool_name(renamed) == "g"
    assert renamed.keys() == tool.keys()
    assert tool == before
    assert map_part(tool, lambda part: part) is tool


def test_what_is_no_tool_has_no_name() -> None:
    assert [tool_name(value) for value in (None, 1, {}, {"name": 5})] == [None] * 4
    assert tool_part("x") is None
    assert map_part(None, lambda part: {}) is None
    assert tools_of({"tools": {}}) == []


def test_what_does_not_change_is_shared() -> None:
    items = [[1], [2]]
    assert map_list(items, lambda item: item) is items
    changed = map_list(items, lambda item: item if item == [1] else [3])
    assert changed == [[1], [3]]
    assert changed[0] is items[0]
    assert map_list("text", lambda item: None) == "text"
    body = {"a": 1}
    assert map_field(body, "b", lambda value: 2) is body
    assert map_field(body, "a", lambda value: value) is body
    assert map_field(body, "a", lambda value: 2) == {"a": 2}
    assert body == {"a": 1}
