"""Codex 0.171: Responses without a store, recorded with reasoning, developer messages and a namespace of tools.

Models that Codex knows get ``instructions`` and the ``apply_patch`` tool with its grammar; both are here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from tests.e2e.agents.heard import CalledTool, Heard, JsonObject, named_events
from tests.e2e.agents.offered import CODEX, HELPERS, described

if TYPE_CHECKING:
    from tests.e2e.http_client import Answer

_THREAD = "01a2237f-5d05-7333-91d9-a40824ed39c9"
PATCH = "*** Begin Patch\n*** Update File: a.py\n@@\n-1\n+2\n*** End Patch"
_GRAMMAR = 'start: "*** Begin Patch" LF hunk+ "*** End Patch" LF?\nhunk: /.+/ LF\n%import common.LF'


class Codex:
    path = "/v1/responses"
    ends = ("response.completed", "response.completed")

    def __init__(self) -> None:
        self.headers = {"originator": "codex_exec", "session-id": _THREAD, "thread-id": _THREAD}
        self._input: list[JsonObject] = [
            _said("developer", "<skills>\nA skill is a folder with notes.\n</skills>", "Full access. MARK-MIDDLE"),
            _said("user", "<environment_context>\n  <shell>bash</shell>\n</environment_context>"),
            _said("user", "Mend the test that fails. MARK-FIRST"),
        ]

    def body(self, model: str) -> JsonObject:
        return {
            "model": model,
            "instructions": "You mend software in a terminal. MARK-SYSTEM " + "Plan, change, test, report. " * 60,
            "input": list(self._input),
            "tools": [
                *(_function(name, *tool) for name, tool in CODEX.items()),
                {
                    "type": "custom",
                    "name": "apply_patch",
                    "description": described("apply_patch", "Change files by a patch."),
                    "format": {"type": "grammar", "syntax": "lark", "definition": _GRAMMAR},
                },
                {
                    "type": "namespace",
                    "name": "multi_agent_v1",
                    "description": "Helpers.",
                    "tools": [_function(name, *tool) for name, tool in HELPERS.items()],
                },
                {"type": "web_search", "external_web_access": True},
            ],
            "tool_choice": "auto",
            "parallel_tool_calls": True,
            "reasoning": {"effort": "xhigh", "summary": "auto"},
            "text": {"verbosity": "low"},
            "store": False,
            "stream": True,
            "include": ["reasoning.encrypted_content"],
            "prompt_cache_key": _THREAD,
            "client_metadata": {"thread_id": _THREAD, "x-codex-window-id": f"{_THREAD}:0"},
        }

    def hear(self, answer: Answer) -> Heard:
        heard = Heard()
        events = named_events(answer)
        heard.end = events[-1]["type"]
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        for event in events:
            assert event["type"] not in ("response.failed", "error"), event
            if event["type"] == "response.output_item.done":
                self._keep(event["item"], heard)
        return heard

    def _keep(self, item: JsonObject, heard: Heard) -> None:
        match item["type"]:
            case "message":
                heard.text += "".join(part["text"] for part in item["content"])
            case "reasoning":
                heard.reasoning += "".join(part["text"] for part in item.get("content") or item["summary"])
            case "function_call":
                heard.calls.append(CalledTool(item["call_id"], item["name"], item["arguments"]))
            case "custom_tool_call":
                free_text = jsontext.dumps({"input": item["input"]}).decode()
                heard.calls.append(CalledTool(item["call_id"], item["name"], free_text))
            case kind:
                raise AssertionError(kind)
        kept = {name: value for name, value in item.items() if value is not None}
        if item["type"] == "reasoning":
            kept["content"] = None  # what was shown is not sent back, but for the summary
        self._input.append(kept)

    def give_results(self, heard: Heard, mark: str) -> None:
        for call in heard.calls:
            kind = "custom_tool_call_output" if call.name == "apply_patch" else "function_call_output"
            output = f"Process exited with code 0\n{mark} of {call.name}"
            self._input.append({"type": kind, "id": f"fco_{call.id}", "call_id": call.id, "output": output})

    def say(self, text: str) -> None:
        self._input.append(_said("developer", f"The approval policy is the same. {text}-SYSTEM"))
        self._input.append(_said("user", text))


def _said(role: str, *texts: str) -> JsonObject:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text} for text in texts]}


def _function(name: str, what: str, schema: JsonObject) -> JsonObject:
    return {
        "type": "function",
        "name": name,
        "description": described(name, what),
        "strict": False,
        "parameters": schema,
    }
