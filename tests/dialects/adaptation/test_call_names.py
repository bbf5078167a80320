"""The names of the tools that an answer calls, in chunks and in the frames behind them."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.chat import Chunk, Dialect, ToolDelta
from linx.dialects.adaptation.call_names import may_name_a_tool, rename_calls

SOURCES: dict[str, tuple[Dialect, Any, Any]] = {
    "chat": (
        Dialect.OPENAI,
        {"choices": [{"delta": {"tool_calls": [{"index": 0, "type": "function", "function": {"name": "f"}}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"index": 0, "type": "function", "function": {"name": "F"}}]}}]},
    ),
    "ollama": (
        Dialect.OLLAMA,
        {"message": {"tool_calls": [{"function": {"name": "f", "arguments": {"name": "f"}}}]}},
        {"message": {"tool_calls": [{"function": {"name": "F", "arguments": {"name": "f"}}}]}},
    ),
    "messages": (
        Dialect.ANTHROPIC,
        {"type": "content_block_start", "content_block": {"type": "tool_use", "name": "f", "input": {}}},
        {"type": "content_block_start", "content_block": {"type": "tool_use", "name": "F", "input": {}}},
    ),
    "responses, item": (
        Dialect.RESPONSES,
        {"type": "response.output_item.done", "item": {"type": "function_call", "name": "f"}},
        {"type": "response.output_item.done", "item": {"type": "function_call", "name": "F"}},
    ),
    "responses, arguments": (
        Dialect.RESPONSES,
        {"type": "response.function_call_arguments.done", "name": "f", "arguments": "{}"},
        {"type": "response.function_call_arguments.done", "name": "F", "arguments": "{}"},
    ),
    "responses, end": (
        Dialect.RESPONSES,
        {"response": {"output": [{"type": "message"}, {"type": "function_call", "name": "f"}]}},
        {"response": {"output": [{"type": "message"}, {"type": "function_call", "name": "F"}]}},
    ),
    "a server's own tool": (
        Dialect.ANTHROPIC,
        {"content_block": {"type": "server_tool_use", "name": "f"}},
        {"content_block": {"type": "server_tool_use", "name": "f"}},
    ),
    "oddities": (
        Dialect.OPENAI,
        {"choices": [None, {"delta": 5}, {"delta": {"tool_calls": [None, {}, {"function": {"name": 5}}]}}]},
        {"choices": [None, {"delta": 5}, {"delta": {"tool_calls": [None, {}, {"function": {"name": 5}}]}}]},
    ),
}


@pytest.mark.parametrize("case", SOURCES)
def test_each_place_of_a_name_is_changed(case: str) -> None:
    dialect, source, changed = SOURCES[case]
    chunk = Chunk(tools=[ToolDelta(0, "1", "f"), ToolDelta(0, arguments="{}")], source=source, dialect=dialect)
    rename_calls(chunk, str.upper)
    assert chunk.tools is not None
    assert [delta.name for delta in chunk.tools] == ["F", None]
    assert chunk.source == changed


def test_only_some_chunks_can_name_a_tool() -> None:
    assert may_name_a_tool(Chunk(tools=[]))
    assert may_name_a_tool(Chunk(dialect=Dialect.RESPONSES))
    assert not may_name_a_tool(Chunk(text="x", dialect=Dialect.OPENAI))
