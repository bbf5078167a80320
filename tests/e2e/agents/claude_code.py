"""Claude Code 2.1.197: Messages, recorded with thinking, effort and the system message in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from tests.e2e.agents.heard import CalledTool, Heard, JsonObject, named_events
from tests.e2e.agents.offered import CLAUDE_CODE, DIALECT, described

if TYPE_CHECKING:
    from tests.e2e.http_client import Answer

_CACHED = {"type": "ephemeral"}
_BETAS = (
    *("claude-code-20250219", "interleaved-thinking-2025-05-14", "thinking-token-count-2026-05-13"),
    *("context-management-2025-06-27", "prompt-caching-scope-2026-01-05", "mid-conversation-system-2026-04-07"),
    "effort-2025-11-24",
)
# 150 characters, as recorded.
_USER = jsontext.dumps(
    {"device_id": "6c" * 32, "account_uuid": "", "session_id": "0b627949-c879-402d-a032-f196da030df2"}
).decode()


class ClaudeCode:
    path = "/v1/messages?beta=true"
    ends = ("tool_use", "end_turn")

    def __init__(self) -> None:
        self.headers = {
            "anthropic-version": "2023-06-01",
            "anthropic-beta": ",".join(_BETAS),
            "x-app": "cli",
            "x-claude-code-session-id": "0b627949-c879-402d-a032-f196da030df2",
        }
        reminder = "<system-reminder>\nThe folder's notes come with the task.\n</system-reminder>"
        self._messages: list[JsonObject] = [
            {"role": "user", "content": [_text(reminder), _text("Mend the test that fails. MARK-FIRST")]},
            {"role": "system", "content": "Kinds of helpers for the Agent tool:\n- claude: for anything. MARK-MIDDLE"},
        ]

    def body(self, model: str) -> JsonObject:
        rules = "\nYou are an agent that mends software. MARK-SYSTEM " + "Work in small steps and test each. " * 60
        return {
            "model": model,
            "messages": _with_breakpoint(self._messages),
            "system": [
                _text("x-anthropic-billing-header: cc_version=2.1.197.9aa; cc_entrypoint=sdk-cli;"),
                {**_text("You are an agent for the terminal."), "cache_control": _CACHED},
                {**_text(rules), "cache_control": _CACHED},
            ],
            "tools": [
                {"name": name, "description": described(name, what), "input_schema": {"$schema": DIALECT, **schema}}
                for name, (what, schema) in CLAUDE_CODE.items()
            ],
            "metadata": {"user_id": _USER},
            "max_tokens": 32_000,
            "thinking": {"type": "adaptive"},
            "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            "output_config": {"effort": "high"},
            "stream": True,
        }

    def hear(self, answer: Answer) -> Heard:
        heard = Heard()
        blocks: list[JsonObject] = []
        for event in named_events(answer):
            match event["type"]:
                case "content_block_start":
                    assert event["index"] == len(blocks)
                    blocks.append({**event["content_block"], "arguments": ""})
                case "content_block_delta":
                    _add(blocks[event["index"]], event["delta"])
                case "message_delta":
                    heard.end = event["delta"]["stop_reason"]
                case "error":
                    raise AssertionError(event)
        for block in blocks:
            arguments = block.pop("arguments")
            if block["type"] == "tool_use":
                block["input"] = jsontext.loads(arguments.encode() or b"{}")
                heard.calls.append(CalledTool(block["id"], block["name"], arguments or "{}"))
            heard.text += block.get("text", "")
            heard.reasoning += block.get("thinking", "")
        self._messages.append({"role": "assistant", "content": blocks})
        return heard

    def give_results(self, heard: Heard, mark: str) -> None:
        results: list[JsonObject] = [
            {"tool_use_id": call.id, "type": "tool_result", "content": f"{mark} of {call.name}", "is_error": False}
            for call in heard.calls
        ]
        if mark.endswith("7"):  # a reminder beside the results, which is the user's text behind a tool's message
            results.append(_text(f"<system-reminder>\nThe list of tasks is empty. {mark}-REMINDER\n</system-reminder>"))
        self._messages.append({"role": "user", "content": results})

    def say(self, text: str) -> None:
        self._messages.append({"role": "user", "content": [_text(text)]})
        self._messages.append({"role": "system", "content": f"A skill was added. {text}-SYSTEM"})


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _add(block: JsonObject, delta: JsonObject) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "input_json_delta":
            block["arguments"] += delta["partial_json"]
        case kind:
            raise AssertionError(kind)


def _with_breakpoint(messages: list[JsonObject]) -> list[JsonObject]:
    """The last block of the user is where the cache ends."""
    copied: list[Any] = [dict(message) for message in messages]
    last = next(message for message in reversed(copied) if message["role"] == "user")
    last["content"] = [*last["content"][:-1], {**last["content"][-1], "cache_control": _CACHED}]
    return copied
