"""Reads streamed answers of the Messages API for clients of every other dialect.

What a block says becomes chunks as it comes; what only Anthropic can read (signed and redacted thoughts) becomes one
entry of ``reasoning_details`` at the block's end, text and signature together, in a frame of the OpenAI dialect:
that is how opaque reasoning travels through every client and comes back with its history.

Tools that Anthropic runs itself are left out, calls and results: no client of another dialect can have asked for
them, and the text around tells what they found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from linx.core import jsontext
from linx.core.attempt_errors import Garbled
from linx.core.chat import Chunk, JsonObject, ToolDelta, Usage
from linx.dialects.base import MAX_FRAME
from linx.dialects.failures.meaning import failed_end
from linx.dialects.openai.frames import DIALECT
from linx.dialects.shared.event_decoder import EventDecoder
from linx.dialects.shared.messages_usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Callable

FORMAT = "anthropic-claude-v1"
"""What OpenRouter calls reasoning details of this shape."""
MAX_CALLS = 1024
_FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""A reason that is not here, and means no failure, counts as stop."""


def anthropic_decoder(new_id: Callable[[], str]) -> EventDecoder:
    """``new_id`` gives random hex for calls without an id."""
    return EventDecoder(_Reader(new_id))


class _Block:
    """A block that is open. ``call`` is a tool call's number, None for anything else."""

    __slots__ = ("call", "has_arguments", "input", "signature", "size", "thoughts")

    def __init__(self) -> None:
        self.call: int | None = None
        self.has_arguments = False
        self.input: JsonObject = {}
        self.thoughts: list[str] | None = None
        self.signature: list[str] = []
        self.size = 0


class _Reader:
    """See ``EventReader``."""

    ends = frozenset(("message_stop",))

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._blocks: dict[Any, _Block] = {}
        self._calls = 0
        self._usage: Usage | None = None

    def error_in(self, kind: str, event: JsonObject) -> object | None:
        return (event.get("error") or event) if kind == "error" else None

    def read(self, kind: str, event: JsonObject) -> list[Chunk]:
        read = self._events.get(kind)
        return read(self, event) if read is not None else []

    def _message_start(self, event: JsonObject) -> list[Chunk]:
        self._usage = read_usage(_dict(event.get("message")).get("usage"), self._usage)
        return [Chunk(usage=self._usage)] if self._usage is not None else []

    def _block_start(self, event: JsonObject) -> list[Chunk]:
        given = _dict(event.get("content_block"))
        block = self._blocks[_place(event)] = _Block()
        match given.get("type"):
            case "text":
                return _text_chunks(given.get("text"))
            case "thinking":
                block.thoughts = []
                return self._think(block, given.get("thinking")) + self._sign(block, given.get("signature"))
            case "redacted_thinking" if _text(given.get("data")):
                return [_detail({"type": "reasoning.encrypted", "data": given["data"]}, _place(event))]
            case "tool_use":
                if self._calls >= MAX_CALLS:
                    raise Garbled(f"sent more than {MAX_CALLS} tool calls")
                block.call, self._calls = self._calls, self._calls + 1
                block.input = _dict(given.get("input"))
                call_id = _text(given.get("id")) or f"toolu_{self._new_id()}"
                return [Chunk(tools=[ToolDelta(block.call, call_id, _text(given.get("name")))])]
        return []

    def _block_delta(self, event: JsonObject) -> list[Chunk]:
        delta = _dict(event.get("delta"))
        block = self._blocks.get(_place(event))
        match delta.get("type"):
            case "text_delta":
                return _text_chunks(delta.get("text"))
            case "thinking_delta" if block is not None:
                return self._think(block, delta.get("thinking"))
            case "signature_delta" if block is not None:
                return self._sign(block, delta.get("signature"))
            case "input_json_delta" if block is not None and block.call is not None:
                text = _text(delta.get("partial_json"))
                if text:
                    block.has_arguments = True
                    return [Chunk(tools=[ToolDelta(block.call, arguments=text)])]
        return []

    def _block_stop(self, event: JsonObject) -> list[Chunk]:
        block = self._blocks.pop(_place(event), None)
        if block is None:
            return []
        if block.call is not None and not block.has_arguments:
            # Most send the input in pieces; an empty one, and some servers' whole one, stands in the beginning.
            return [Chunk(tools=[ToolDelta(block.call, arguments=jsontext.dumps(block.input).decode())])]
        signature = "".join(block.signature)
        if block.thoughts is None or not signature:
            return []
        thought = {"type": "reasoning.text", "text": "".join(block.thoughts), "signature": signature}
        return [_detail(thought, _place(event))]

    def _message_delta(self, event: JsonObject) -> list[Chunk]:
        self._usage = read_usage(event.get("usage"), self._usage)
        delta = _dict(event.get("delta"))
        reason = delta.get("stop_reason")
        if not isinstance(reason, str) or not reason:
            return []
        if (failure := failed_end(reason)) is not None:
            raise failure
        finish = _FINISHES.get(reason, "stop")
        if finish == "stop" and self._calls:
            finish = "tool_calls"
        explanation = _text(_dict(delta.get("stop_details")).get("explanation")) if reason == "refusal" else ""
        return [Chunk(refusal=explanation, finish=finish, usage=self._usage)]

    def _think(self, block: _Block, given: Any) -> list[Chunk]:
        text = _text(given)
        if not text or block.thoughts is None:
            return []
        self._keep(block, block.thoughts, text)
        return [Chunk(reasoning=text)]

    def _sign(self, block: _Block, given: Any) -> list[Chunk]:
        if text := _text(given):
            self._keep(block, block.signature, text)
        return []

    @staticmethod
    def _keep(block: _Block, pieces: list[str], text: str) -> None:
        block.size += len(text)
        if block.size > MAX_FRAME:
            raise Garbled(f"sent a thought of more than {MAX_FRAME >> 20} MiB")
        pieces.append(text)

    # A table of the class, since one of bound methods would keep each reader alive in a circle.
    _events: ClassVar[dict[str, Callable[[_Reader, JsonObject], list[Chunk]]]] = {
        "message_start": _message_start,
        "content_block_start": _block_start,
        "content_block_delta": _block_delta,
        "content_block_stop": _block_stop,
        "message_delta": _message_delta,
    }


def _detail(detail: JsonObject, place: Any) -> Chunk:
    """An entry of reasoning details in a frame of its own; ``index`` is the block's place in the answer."""
    entry = {**detail, "format": FORMAT, "index": place if type(place) is int else 0}
    choice = {"index": 0, "delta": {"reasoning_details": [entry]}, "logprobs": None, "finish_reason": None}
    return Chunk(source={"choices": [choice]}, dialect=DIALECT)


def _text_chunks(given: Any) -> list[Chunk]:
    text = _text(given)
    return [Chunk(text)] if text else []


def _place(event: JsonObject) -> Any:
    place = event.get("index")
    return place if type(place) is int else None


def _dict(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
