"""How each dialect asks for an answer, and what its answers say. One row for each way to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.endurance.plan import TOOL, Plan
from linx.core import jsontext

Body = Mapping[str, Any]
_SCHEMA = {"type": "object", "properties": {"request": {"type": "string"}, "number": {"type": "integer"}}}
_FUNCTION = {"name": TOOL, "description": "looks up", "parameters": _SCHEMA}


@dataclass
class Said:
    """What an answer says. ``is_ended``: it has its dialect's normal end; ``has_error``: it has an error."""

    text: str = ""
    calls: dict[Any, str] = field(default_factory=dict)
    """Arguments of tool calls by the dialect's index."""
    is_ended: bool = False
    has_error: bool = False

    def call(self, index: Any, more: str) -> None:
        self.calls[index] = self.calls.get(index, "") + more


@dataclass(frozen=True)
class Face:
    """``streamed`` and ``whole`` add a piece of an answer to what was said."""

    path: str
    body: Callable[[Plan], Body]
    tools: Body
    streamed: Callable[[Said, Any], None]
    whole: Callable[[Said, Any], None]
    split: Callable[[bytes], Iterator[Any]]
    is_failure_torn: bool = False
    """Does the connection close after an error in a stream, without an end of the body?"""

    def request(self, plan: Plan, *, is_stream: bool) -> Body:
        return {"model": "m", "stream": is_stream, **self.body(plan), **(self.tools if plan.calls else {})}

    def read(self, body: bytes, *, is_stream: bool) -> Said:
        said = Said()
        if is_stream:
            for piece in self.split(body):
                self.streamed(said, piece)
        else:
            piece = jsontext.loads(body)
            said.has_error, said.is_ended = bool(piece.get("error")), True
            self.whole(said, piece)
        return said


def _events(body: bytes) -> Iterator[Any]:
    """The data of the whole SSE events; a rest without its blank line is none."""
    for event in body.split(b"\n\n")[:-1]:
        data = b"\n".join(line[6:] for line in event.split(b"\n") if line.startswith(b"data: "))
        if data:
            yield {"done": True} if data == b"[DONE]" else jsontext.loads(data)


def _lines(body: bytes) -> Iterator[Any]:
    for line in body.split(b"\n")[:-1]:
        if line:
            yield jsontext.loads(line)


# --- OpenAI ---


def _messages(plan: Plan) -> Body:
    return {"messages": [{"role": "user", "content": plan.prompt}]}


def _chat_piece(said: Said, piece: Any) -> None:
    said.has_error |= "error" in piece
    said.is_ended |= "done" in piece
    for choice in piece.get("choices", ()):
        said.text += choice["delta"].get("content") or ""
        for call in choice["delta"].get("tool_calls") or ():
            said.call(call["index"], call["function"].get("arguments", ""))


def _chat_whole(said: Said, answer: Any) -> None:
    message = answer["choices"][0]["message"]
    said.text = message.get("content") or ""
    said.calls = {n: call["function"]["arguments"] for n, call in enumerate(message.get("tool_calls") or ())}


def _completion_piece(said: Said, piece: Any) -> None:
    said.has_error |= "error" in piece
    said.is_ended |= "done" in piece
    said.text += "".join(choice["text"] for choice in piece.get("choices", ()))


def _completion_whole(said: Said, answer: Any) -> None:
    said.text = answer["choices"][0]["text"]


# --- Responses ---


def _responses_piece(said: Said, piece: Any) -> None:
    kind = piece.get("type", "")
    said.has_error |= kind in ("error", "response.failed")
    said.is_ended |= kind in ("response.completed", "response.incomplete")
    if kind == "response.output_text.delta":
        said.text += piece["delta"]
    elif kind == "response.function_call_arguments.delta":
        said.call(piece["output_index"], piece["delta"])


def _responses_whole(said: Said, answer: Any) -> None:
    for number, item in enumerate(answer["output"]):
        if item["type"] == "message":
            said.text += "".join(part["text"] for part in item["content"])
        elif item["type"] == "function_call":
            said.call(number, item["arguments"])


# --- Anthropic ---


def _anthropic_piece(said: Said, piece: Any) -> None:
    said.has_error |= piece["type"] == "error"
    said.is_ended |= piece["type"] == "message_stop"
    delta = piece.get("delta", {})
    if delta.get("type") == "text_delta":
        said.text += delta["text"]
    elif delta.get("type") == "input_json_delta":
        said.call(piece["index"], delta["partial_json"])


def _anthropic_whole(said: Said, answer: Any) -> None:
    for number, block in enumerate(answer["content"]):
        if block["type"] == "text":
            said.text += block["text"]
        elif block["type"] == "tool_use":
            said.call(number, jsontext.dumps(block["input"]).decode())


# --- Ollama ---


def _ollama_piece(said: Said, piece: Any) -> None:
    said.has_error |= "error" in piece
    said.is_ended |= piece.get("done") is True
    message = piece.get("message", {})
    said.text += message.get("content", "") + piece.get("response", "")
    for call in message.get("tool_calls") or ():
        said.call(len(said.calls), jsontext.dumps(call["function"]["arguments"]).decode())


_TOOLS = {"tools": [{"type": "function", "function": _FUNCTION}]}
FACES = (
    Face("/v1/chat/completions", _messages, _TOOLS, _chat_piece, _chat_whole, _events),
    Face("/v1/completions", lambda plan: {"prompt": plan.prompt}, {}, _completion_piece, _completion_whole, _events),
    Face(
        "/v1/responses",
        lambda plan: {"input": plan.prompt, "store": False},  # kept answers would take up to 64 MB
        {"tools": [{"type": "function", **_FUNCTION}]},
        _responses_piece,
        _responses_whole,
        _events,
    ),
    Face(
        "/v1/messages",
        lambda plan: {"max_tokens": 4000, **_messages(plan)},
        {"tools": [{"name": TOOL, "input_schema": _SCHEMA}]},
        _anthropic_piece,
        _anthropic_whole,
        _events,
    ),
    Face("/api/chat", _messages, _TOOLS, _ollama_piece, _ollama_piece, _lines, is_failure_torn=True),
    Face(
        "/api/generate",
        lambda plan: {"prompt": plan.prompt},
        {},
        _ollama_piece,
        _ollama_piece,
        _lines,
        is_failure_torn=True,
    ),
)
