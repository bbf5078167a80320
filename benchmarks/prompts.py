"""The requests of the workloads. Their prompt says what the provider answers: see ``benchmarks/go/plan.go``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.setting import CHAT, MODEL
from linx.core import jsontext

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.setting import Fields

_LINE = 'The quick brown fox said "nothing" and\njumped. '
_TURN = _LINE * (4096 // len(_LINE))
TOOLS, MESSAGES = 50, 200

# What openai-python 1.x sends (its _base_client.py: default_headers, platform_headers, _build_headers) through httpx.
SDK: Fields = (
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Connection", "keep-alive"),
    ("Accept", "application/json"),
    ("User-Agent", "OpenAI/Python 1.109.1"),
    ("X-Stainless-Lang", "python"),
    ("X-Stainless-Package-Version", "1.109.1"),
    ("X-Stainless-OS", "Linux"),
    ("X-Stainless-Arch", "x64"),
    ("X-Stainless-Runtime", "CPython"),
    ("X-Stainless-Runtime-Version", "3.12.3"),
    ("Authorization", "Bearer sk-benchmark-0123456789abcdef0123456789abcdef"),
    ("X-Stainless-Async", "false"),
    ("x-stainless-retry-count", "0"),
    ("x-stainless-read-timeout", "600"),
)


@dataclass(frozen=True)
class Plan:
    """What the provider is asked for: frames, the microseconds between two, bytes more in each, frames in one write."""

    frames: int
    interval_us: int = 0
    size: int = 0
    burst: int = 1
    is_changing: bool = False
    """Other fields than the text change with each frame."""

    @property
    def words(self) -> str:
        change = " change=1" if self.is_changing else ""
        return f"frames={self.frames} interval={self.interval_us} size={self.size} burst={self.burst}{change}"


Body = dict[str, Any]


def chat(plan: Plan, *, stream: bool, model: str = MODEL, more: int = 0) -> Body:
    """A short question. The prompt is ``more`` bytes longer, so that two requests need not be the same."""
    messages = [{"role": "user", "content": plan.words + "." * more}]
    return {"model": model, "stream": stream, "messages": messages}


def long_chat(plan: Plan, size: int, *, stream: bool, model: str = MODEL, more: int = 0) -> Body:
    """A conversation of about ``size`` bytes, in messages of 4 KB."""
    turns = size // len(jsontext.dumps(_TURN))
    roles = ("assistant", "user")
    messages = [{"role": "user", "content": plan.words + "." * more}]
    messages += [{"role": roles[number % 2], "content": _TURN} for number in range(turns)]
    if turns % 2:
        messages.append({"role": "user", "content": "go on"})
    return {"model": model, "stream": stream, "messages": messages}


def agent(plan: Plan, *, model: str = MODEL, more: int = 0) -> Body:
    """What a coding agent sends late in its work: 50 tools, 200 messages with calls and results, 125 KB."""
    messages: list[Body] = [{"role": "system", "content": "You are a careful engineer. " + _LINE * 60}]
    for number in range((MESSAGES - 2) // 3):
        call = {"name": f"tool_{number % TOOLS}", "arguments": f'{{"path":"src/part_{number}.py","line":{number}}}'}
        messages += [
            {"role": "user", "content": f"Step {number}: " + _LINE * 4},
            {
                "role": "assistant",
                "content": "I shall look. " + _LINE * 2,
                "tool_calls": [{"id": f"call_{number:08}", "type": "function", "function": call}],
            },
            {"role": "tool", "tool_call_id": f"call_{number:08}", "content": _LINE * 10},
        ]
    messages.append({"role": "user", "content": plan.words + "." * more})
    properties = {
        name: {"type": kind, "description": f"The {name} that is meant, as precisely as it is known. {_LINE}"}
        for name, kind in (("path", "string"), ("line", "integer"), ("text", "string"), ("limit", "integer"))
    }
    schema = {"type": "object", "properties": properties, "required": ["path"], "additionalProperties": False}
    tools = [
        {"type": "function", "function": {"name": f"tool_{number}", "description": _LINE * 6, "parameters": schema}}
        for number in range(TOOLS)
    ]
    options = {"include_usage": True}
    return {
        "model": model, "stream": True, "stream_options": options, "temperature": 0, "tools": tools,
        "messages": messages,
    }  # fmt: skip


def _messages(plan: Plan, stream: bool) -> Body:
    return {"stream": stream, "messages": [{"role": "user", "content": plan.words}]}


FACES: Mapping[str, tuple[str, Callable[[Plan, bool], Body]]] = {
    "openai": (CHAT, _messages),
    "ollama": ("/api/chat", _messages),
    "generate": ("/api/generate", lambda plan, stream: {"stream": stream, "prompt": plan.words}),
    "anthropic": ("/v1/messages", lambda plan, stream: {**_messages(plan, stream), "max_tokens": 999}),
    "responses": ("/v1/responses", lambda plan, stream: {"stream": stream, "input": plan.words}),
}
"""Each of Linx's faces: its path, and a request."""


def http(port: int, path: str, body: Body, fields: Sequence[tuple[str, str]] = ()) -> bytes:
    """A whole HTTP request."""
    data = jsontext.dumps(body)
    head = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Content-Type: application/json"]
    head += [f"{name}: {value}" for name, value in fields]
    head.append(f"Content-Length: {len(data)}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + data
