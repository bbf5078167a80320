"""Cursor's agent: nested functions beside a flat custom ApplyPatch, at every kind of provider, there and back.

The tools are as captured in gateways (litellm#34029, sub2api#5861, codex-proxy#707). Cursor reads
``tool_call.function.name`` of every call and hands ``function.arguments`` to its parser of patches as it is; it fails
at a call of the type custom, and returns in the history what it got (codex-proxy#708).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Call, Whole

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.catalogue import Kind

GRAMMAR = 'start: begin_patch hunk end_patch\nbegin_patch: "*** Begin Patch" LF\nend_patch: "*** End Patch" LF?\n'
PATCH = '*** Begin Patch\n*** Update File: a.py\n@@\n-x = {"a": "b"}\n+y = 1\n*** End Patch\n'
READ_SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
APPLY_PATCH = {
    "type": "custom",
    "name": "ApplyPatch",
    "description": "Use this tool to edit files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": GRAMMAR},
}
READ = {"name": "read_file", "description": "Read a file.", "parameters": READ_SCHEMA}
SHAPES: dict[str, dict[str, Any]] = {
    "chat": {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Mend it."}]},
            {
                "role": "assistant",
                "content": [],
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "ApplyPatch", "arguments": PATCH}},
                    {"id": "call_2", "type": "function", "function": {"name": "read_file", "arguments": "{}"}},
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "Done."},
            {"role": "tool", "tool_call_id": "call_2", "content": []},
            {"role": "user", "content": "Again."},
        ],
        "tools": [{"type": "function", "function": READ}, APPLY_PATCH],
    },
    "responses": {
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Mend it."}]},
            {"type": "function_call", "call_id": "call_1", "name": "ApplyPatch", "arguments": PATCH},
            {"type": "function_call_output", "call_id": "call_1", "output": "Done."},
            {"type": "custom_tool_call", "call_id": "call_3", "name": "ApplyPatch", "input": PATCH},
            {"type": "custom_tool_call_output", "call_id": "call_3", "output": "Done."},
            {"role": "user", "content": "Again."},
        ],
        "tools": [{"type": "function", "function": READ}, APPLY_PATCH],
    },
}


@pytest.mark.parametrize("kind", ["openai", "openrouter", "llamacpp", "ollama", "anthropic"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_apply_patch_is_a_function_there_and_a_patch_here(
    kind: Kind, shape: str, stream: bool, tmp_path: Path
) -> None:
    async with FakeProvider(kind, ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(Answer((), calls=[Call("ApplyPatch", {"input": PATCH}), Call("read_file", {"path": "a.py"})]))
        choice = {"type": "custom", "name": "ApplyPatch"}
        body = {"model": "m", "stream": stream, "tool_choice": choice, **SHAPES[shape]}
        answer = await ask(app.bound[0][1], "/v1/chat/completions", body)
        assert answer.status == 200, answer.body
        (sent,) = fake.calls
    tools = {tool.get("function", tool)["name"]: tool.get("function", tool) for tool in sent.json["tools"]}
    schema = tools["ApplyPatch"].get("parameters") or tools["ApplyPatch"]["input_schema"]
    assert list(schema["properties"]) == ["input"]
    assert GRAMMAR.strip() in tools["ApplyPatch"]["description"]
    assert jsontext.dumps({"input": PATCH}).decode() in _arguments_of(sent.json["messages"])
    assert not any(message.get("content") == [] for message in sent.json["messages"])
    calls = _streamed(answer.events) if stream else answer.json["choices"][0]["message"]["tool_calls"]
    assert [call["type"] for call in calls] == ["function", "function"]
    assert [call["function"]["name"] for call in calls] == ["ApplyPatch", "read_file"]
    assert calls[0]["function"]["arguments"] == PATCH
    assert jsontext.loads(calls[1]["function"]["arguments"].encode()) == {"path": "a.py"}


@pytest.mark.parametrize("arguments", ["*** Begin Patch", '{"input":"*** Begin Patch","n":1}'], ids=["bare", "more"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_a_patch_that_is_written_in_another_way_is_not_lost(arguments: str, stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(Answer((), calls=[Call("ApplyPatch", arguments), Call("read_file", {})]))
        answer = await ask(app.bound[0][1], "/v1/chat/completions", {"model": "m", "stream": stream, **SHAPES["chat"]})
    calls = _streamed(answer.events) if stream else answer.json["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == ["*** Begin Patch", "{}"]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_a_call_of_the_type_custom_is_a_function_s_for_the_client(stream: bool, tmp_path: Path) -> None:
    """A gateway that knows the model's own tool may answer so, whatever it was asked."""
    head = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "ApplyPatch", "input": "*** Begin"}}
    rest = {"index": 0, "custom": {"input": " Patch"}}
    steps: list[tuple[dict[str, Any], str | None]] = [
        ({"tool_calls": [head]}, None),
        ({"tool_calls": [rest]}, None),
        ({}, "tool_calls"),
    ]
    frames = [{"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]} for delta, finish in steps]
    told = b"".join(b"data: %b\n\n" % jsontext.dumps(frame) for frame in frames) + b"data: [DONE]\n\n"
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(Whole(200, told, "text/event-stream"))
        answer = await ask(app.bound[0][1], "/v1/chat/completions", {"model": "m", "stream": stream, **SHAPES["chat"]})
    (call,) = _streamed(answer.events) if stream else answer.json["choices"][0]["message"]["tool_calls"]
    assert (call["type"], call["function"]) == ("function", {"name": "ApplyPatch", "arguments": "*** Begin Patch"})


def _arguments_of(messages: list[Any]) -> list[str]:
    """The arguments of all calls of a history as JSON text, in whichever dialect."""
    found = []
    for message in messages:
        content = message.get("content")
        blocks = content if isinstance(content, list) else []
        given = [call["function"]["arguments"] for call in message.get("tool_calls") or ()]
        given += [block["input"] for block in blocks if block["type"] == "tool_use"]
        found += [one if isinstance(one, str) else jsontext.dumps(one).decode() for one in given]
    return found


def _streamed(events: list[Any]) -> list[Any]:
    calls: list[Any] = []
    for event in events[:-1]:
        for choice in event["choices"]:
            for piece in choice["delta"].get("tool_calls", ()):
                if piece["index"] == len(calls):
                    calls.append({"type": piece["type"], "function": {"name": "", "arguments": ""}})
                function = calls[piece["index"]]["function"]
                function["name"] += piece["function"].get("name") or ""
                function["arguments"] += piece["function"].get("arguments") or ""
    assert events[-1] == "[DONE]"
    return calls
