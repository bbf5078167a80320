"""Cursor's backend: chat completions with nested tools, and a body of Responses that wants chat chunks.

The fields are those that gateways saw (codex-pooler#351: model, messages, stream, tools, user, stream_options;
litellm#34029 and CLIProxyAPI#658: ``input`` and flat tools, a custom tool with a grammar among them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.agents.heard import CalledTool, Heard, JsonObject
from tests.e2e.agents.offered import CURSOR, described

if TYPE_CHECKING:
    from tests.e2e.http_client import Answer

_SYSTEM = "You are a coding assistant in an editor. MARK-SYSTEM " + "Read before you write; keep edits small. " * 60
_USER = "google-oauth2|user_01HZX3V9" + "0123456789abcdef" * 3


def _heard(answer: Answer) -> Heard:
    heard = Heard()
    events = answer.events
    assert events[-1] == "[DONE]", events[-1]
    for event in events[:-1]:
        assert "error" not in event, event
        for choice in event["choices"]:
            delta = choice["delta"]
            heard.text += delta.get("content") or ""
            heard.reasoning += delta.get("reasoning_content") or ""
            heard.end = choice["finish_reason"] or heard.end
            for call in delta.get("tool_calls") or ():
                _add(heard.calls, call)
    return heard


def _add(calls: list[CalledTool], call: JsonObject) -> None:
    function = call.get("custom") or call.get("function") or {}
    if call.get("id"):
        assert call["index"] == len(calls)
        calls.append(CalledTool(call["id"], function["name"], ""))
    calls[call["index"]].arguments += function.get("arguments") or function.get("input") or ""


class CursorChat:
    path = "/v1/chat/completions"
    ends = ("tool_calls", "stop")

    def __init__(self) -> None:
        self.headers = {"user-agent": "Cursor/2.4"}
        self._messages: list[JsonObject] = [
            {"role": "system", "content": _SYSTEM},
            {"role": "system", "content": "The user's rules. MARK-MIDDLE"},
            {"role": "user", "content": "<open_file>\na.py\n</open_file>"},
            {"role": "user", "content": [{"type": "text", "text": "Mend the test that fails. MARK-FIRST"}]},
        ]

    def body(self, model: str) -> JsonObject:
        return {
            "model": model,
            "messages": list(self._messages),
            "tools": [
                {
                    "type": "function",
                    "function": {"name": name, "description": described(name, what), "parameters": schema},
                }
                for name, (what, schema) in CURSOR.items()
            ],
            "temperature": 0.6,
            "top_p": 0.95,
            "max_tokens": 16_000,
            "frequency_penalty": 0,
            "user": _USER,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def hear(self, answer: Answer) -> Heard:
        heard = _heard(answer)
        message: JsonObject = {"role": "assistant", "content": heard.text or None}
        if heard.reasoning:
            message["reasoning_content"] = heard.reasoning
        if heard.calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in heard.calls
            ]
        self._messages.append(message)
        return heard

    def give_results(self, heard: Heard, mark: str) -> None:
        for call in heard.calls:
            self._messages.append({"role": "tool", "tool_call_id": call.id, "content": f"{mark} of {call.name}"})
        if mark.endswith("7"):
            self._messages.append({"role": "user", "content": f"<linter>\nno errors\n</linter> {mark}-REMINDER"})

    def say(self, text: str) -> None:
        self._messages.append({"role": "system", "content": f"The mode is the same. {text}-SYSTEM"})
        self._messages.append({"role": "user", "content": text})


class CursorResponses:
    path = "/cursor/v1/chat/completions"
    ends = ("tool_calls", "stop")

    def __init__(self) -> None:
        self.headers = {"user-agent": "Cursor/2.4"}
        self._input: list[JsonObject] = [
            {"role": "system", "content": _SYSTEM},
            {"role": "developer", "content": "The user's rules. MARK-MIDDLE"},
            {"role": "user", "content": [{"type": "input_text", "text": "Mend the test that fails. MARK-FIRST"}]},
        ]

    def body(self, model: str) -> JsonObject:
        return {
            "model": model,
            "input": list(self._input),
            "tools": [
                *(
                    {"type": "function", "name": name, "description": described(name, what), "parameters": schema}
                    for name, (what, schema) in CURSOR.items()
                ),
                {"type": "custom", "name": "ApplyPatch", "description": described("ApplyPatch", "Change files.")},
            ],
            "include": ["reasoning.encrypted_content"],
            "reasoning": {"effort": "medium", "summary": "auto"},
            "text": {"format": {"type": "text"}, "verbosity": "medium"},
            "store": False,
            "stream": True,
            "stream_options": {"include_usage": True},
            "prompt_cache_retention": "24h",
            "metadata": {"cursorConversationId": "9f2c"},
            "user": _USER,
        }

    def hear(self, answer: Answer) -> Heard:
        heard = _heard(answer)
        if heard.text:
            said = [{"type": "output_text", "text": heard.text}]
            self._input.append({"role": "assistant", "content": said})
        self._input += [
            {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
            for call in heard.calls
        ]
        return heard

    def give_results(self, heard: Heard, mark: str) -> None:
        for call in heard.calls:
            output = f"{mark} of {call.name}"
            self._input.append({"type": "function_call_output", "call_id": call.id, "output": output})

    def say(self, text: str) -> None:
        self._input.append({"role": "developer", "content": f"The mode is the same. {text}-SYSTEM"})
        self._input.append({"role": "user", "content": [{"type": "input_text", "text": text}]})
