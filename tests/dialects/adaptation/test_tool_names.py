"""Names of tools that a server does not take."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linx.core.chat import Adapted, Chunk, Dialect, ToolDelta
from linx.dialects.adaptation.row import BodyFormat
from linx.dialects.adaptation.table import adapt, next_adaptation
from linx.dialects.adaptation.tool_names import TOOL_NAMES
from tests.dialects.adaptation.shapes import refusals

LONG = "mcp__plugin_chrome-devtools-mcp_chrome-devtools__performance_analyze_insight"  # Qwen3-VL#2069
OTHER = LONG[:-1] + "s"
PATTERN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")
WORDS = {
    # OpenAI and DeepSeek: ida-pro-mcp#129, llama_index#16093, zed#57531
    "too long": "Invalid 'tools[43].function.name': string too long. Expected a string with maximum length 64, but "
    "got a string with length 71 instead.",
    "pattern": "Invalid 'tools[11].function.name': string does not match pattern. Expected a string that matches the "
    "pattern '^[a-zA-Z0-9_-]+$'.",
    "history": "Invalid 'messages[2].tool_calls[0].function.name': string does not match pattern. Expected a string "
    "that matches the pattern '^[a-zA-Z0-9_-]+$'.",
    "old": "'fs.read' does not match '^[a-zA-Z0-9_-]{1,64}$' - 'tools.0.function.name'",
    # gemini-cli#6704, cline#7339
    "gemini": "* GenerateContentRequest.tools[0].function_declarations[37].name: Invalid function name. Must start "
    "with a letter or an underscore. Must be alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or "
    "dashes (-), with a maximum length of 64.",
    # Mistral's chat API
    "mistral": "Function name was fs.read but must be a-z, A-Z, 0-9, or contain underscores and dashes, with a maximum "
    "length of 64.",
    "anthropic": "tools.12.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    # Alibaba's Qwen: Qwen3-VL#2069
    "qwen": "<400> InternalError.Algo.InvalidParameter: The length of the tool name cannot exceed 64.",
}


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}


def chat(*names: str, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [], "tools": [tool(name) for name in names], **more}


def names_of(body: Any) -> list[str]:
    return [one["function"]["name"] for one in body["tools"]]


@pytest.mark.parametrize("which", WORDS)
def test_a_refused_name_is_recognised_in_every_shape(which: str) -> None:
    length = "128" if which == "anthropic" else "64"
    for refusal in refusals(WORDS[which]):
        found = next_adaptation(refusal, BodyFormat.CHAT, chat("fs.read", "ok"), ())
        assert found == Adapted("tool_names", length)
        assert next_adaptation(refusal, BodyFormat.CHAT, chat("ok"), ()) is None


def test_a_tool_that_is_not_there_is_no_name_that_is_refused() -> None:
    for refusal in refusals("The model called a function that does not exist"):
        assert next_adaptation(refusal, BodyFormat.CHAT, chat("fs.read"), ()) is None


def test_long_names_stay_apart_and_alike_over_the_turns() -> None:
    asked = chat(LONG, OTHER, "ok")
    before = copy.deepcopy(asked)
    changed = TOOL_NAMES.change(asked, "64")
    first, second, third = names_of(changed)
    assert third == "ok"
    assert first != second
    assert all(PATTERN.fullmatch(name) for name in (first, second))
    assert first.startswith("mcp__plugin_")
    assert first.endswith("performance_analyze_insight")
    assert asked == before
    again = chat("new", OTHER, LONG, messages=[{"role": "user", "content": "more"}])
    assert names_of(TOOL_NAMES.change(again, "64")) == ["new", second, first]


def test_odd_characters_give_way_and_taken_names_are_kept_free() -> None:
    changed = TOOL_NAMES.change(chat("fs.read", "fs/read", "fs_read", "1st", "web search", "ünï"), "64")
    names = names_of(changed)
    assert len(set(names)) == 6
    assert all(PATTERN.fullmatch(name) for name in names)
    assert names[2] == "fs_read"
    assert names[4] == "web_search"


def test_tools_choice_and_history_are_renamed_alike() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "fs.read", "arguments": "{}"}}
    asked = chat(
        "fs.read",
        tool_choice={"type": "function", "function": {"name": "fs.read"}},
        messages=[
            {"role": "user", "content": "fs.read", "name": "fs.read"},
            {"role": "assistant", "tool_calls": [call, {**call, "function": {"name": "gone.tool"}}]},
            {"role": "tool", "tool_call_id": "1", "name": "fs.read", "content": "fs.read"},
        ],
    )
    before = copy.deepcopy(asked)
    changed = TOOL_NAMES.change(asked, "64")
    assert names_of(changed) == ["fs_read"]
    assert changed["tool_choice"]["function"]["name"] == "fs_read"
    assert changed["messages"][0] is asked["messages"][0]
    assert [one["function"]["name"] for one in changed["messages"][1]["tool_calls"]] == ["fs_read", "gone_tool"]
    assert changed["messages"][2]["name"] == "fs_read"
    assert changed["messages"][2]["content"] == "fs.read"
    assert asked == before


def test_the_other_formats_too() -> None:
    messages = {
        "tools": [{"name": "fs.read", "input_schema": {}}, {"type": "web_search_20250305", "name": "web.search"}],
        "tool_choice": {"type": "tool", "name": "fs.read"},
        "messages": [{"role": "assistant", "content": [{"type": "tool_use", "name": "fs.read", "input": {}}]}],
    }
    changed = TOOL_NAMES.change(messages, "64")
    assert [one["name"] for one in changed["tools"]] == ["fs_read", "web.search"]
    assert changed["tool_choice"]["name"] == "fs_read"
    assert changed["messages"][0]["content"][0]["name"] == "fs_read"
    responses = {
        "tools": [{"type": "function", "name": "fs.read"}],
        "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "fs.read"}]},
        "input": [{"type": "function_call", "name": "fs.read"}, {"role": "user", "content": "x"}, "text"],
    }
    changed = TOOL_NAMES.change(responses, "64")
    assert changed["tools"][0]["name"] == changed["input"][0]["name"] == "fs_read"
    assert changed["tool_choice"]["tools"][0]["name"] == "fs_read"
    ollama = {
        "tools": [tool("fs.read")],
        "messages": [
            {"role": "assistant", "tool_calls": [{"function": {"name": "fs.read", "arguments": {}}}]},
            {"role": "tool", "tool_name": "fs.read", "content": ""},
        ],
    }
    changed = TOOL_NAMES.change(ollama, "64")
    assert changed["messages"][0]["tool_calls"][0]["function"]["name"] == changed["messages"][1]["tool_name"]
    old = {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"tools": [tool("fs.read")]}}}
    assert TOOL_NAMES.change(old, "64")["tool_choice"]["allowed_tools"]["tools"] == [tool("fs_read")]


def called(name: str) -> Chunk:
    source = {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"name": name}}]}}]}
    return Chunk(tools=[ToolDelta(0, "1", name)], source=source, dialect=Dialect.OPENAI)


@pytest.mark.parametrize("bent", ["", "functions."])
def test_the_answer_gets_the_clients_name_back(bent: str) -> None:
    asked = chat(LONG, OTHER, "fs.read")
    restores: list[Any] = []
    changed = adapt(asked, [Adapted("tool_names", "64")], restores)
    for original, sent in zip((LONG, OTHER, "fs.read"), names_of(changed), strict=True):
        chunk = called(bent + sent)
        restores[0](chunk)
        assert chunk.tools is not None
        assert chunk.tools[0].name == original
        assert chunk.source == called(original).source
    plain = Chunk(text="fs_read", source={"choices": [{"delta": {"content": "fs_read"}}]}, dialect=Dialect.OPENAI)
    restores[0](plain)
    assert plain.text == "fs_read"


def test_nothing_is_restored_where_nothing_was_changed() -> None:
    restores: list[Any] = []
    asked = chat("ok")
    assert adapt(asked, [Adapted("tool_names", "64")], restores) is asked
    assert restores == []


@given(st.lists(st.text(min_size=1, max_size=90), max_size=8, unique=True), st.integers(24, 128))
def test_any_names_become_good_ones_that_differ(names: list[str], length: int) -> None:
    changed = names_of(TOOL_NAMES.change(chat(*names), str(length)))
    assert len(set(changed)) == len(names)
    for name in changed:
        assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_-]*", name)
        assert len(name) <= length
