"""An answer in the client's own dialect, read for what it says and kept as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core.chat import Chunk, Dialect, JsonObject, ToolDelta, Usage
from linx.dialects.shared.event_decoder import EventDecoder
from linx.dialects.shared.messages_usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Callable

ANTHROPIC, RESPONSES = Dialect.ANTHROPIC, Dialect.RESPONSES


def untranslated_decoder(dialect: Dialect) -> EventDecoder:
    """Each event becomes one chunk, which holds the event itself."""
    return EventDecoder(_Reader(dialect))


class _Reader:
    """See ``EventReader``."""

    def __init__(self, dialect: Dialect) -> None:
        self.ends = _ENDS
        self._dialect = dialect
        self._read = _READERS[dialect]
        self._usage: Usage | None = None

    def read(self, kind: str, event: JsonObject) -> list[Chunk]:
        chunk = Chunk(source=event, dialect=self._dialect)
        self._usage = self._read(kind, event, chunk, self._usage)
        if chunk.finish is not None:
            chunk.usage = self._usage
        return [chunk]

    def error_in(self, kind: str, event: JsonObject) -> object | None:
        if kind == "error":
            return event.get("error") or event
        if kind == "response.failed":
            response = event.get("response")
            error = response.get("error") if isinstance(response, dict) else None
            return error or "the answer failed"
        return None


_ENDS = frozenset(("message_stop", "response.completed", "response.incomplete"))


def _read_messages(kind: str, event: JsonObject, chunk: Chunk, usage: Usage | None) -> Usage | None:
    if kind == "message_start":
        return read_usage(_dict(event.get("message")).get("usage"), usage)
    if kind == "content_block_start":
        block = _dict(event.get("content_block"))
        if block.get("type") not in ("text", "thinking"):
            chunk.tools = [_tool(event, block.get("id"), block.get("name"), "")]
    elif kind == "content_block_delta":
        delta = _dict(event.get("delta"))
        if delta.get("type") == "text_delta":
            chunk.text = _text(delta.get("text"))
        elif delta.get("type") == "thinking_delta":
            chunk.reasoning = _text(delta.get("thinking"))
        elif delta.get("type") == "input_json_delta":
            chunk.tools = [_tool(event, None, None, _text(delta.get("partial_json")))]
    elif kind == "message_delta":
        if _dict(event.get("delta")).get("stop_reason"):
            chunk.finish = "stop"
        return read_usage(event.get("usage"), usage)
    return usage


def _read_responses(kind: str, event: JsonObject, chunk: Chunk, usage: Usage | None) -> Usage | None:
    if kind == "response.output_text.delta":
        chunk.text = _text(event.get("delta"))
    elif kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
        chunk.reasoning = _text(event.get("delta"))
    elif kind == "response.refusal.delta":
        chunk.refusal = _text(event.get("delta"))
    elif kind == "response.output_item.added":
        item = _dict(event.get("item"))
        if item.get("type") not in ("message", "reasoning"):
            chunk.tools = [_tool(event, item.get("call_id"), item.get("name"), "")]
    elif kind in _ENDS:
        chunk.finish = "stop"
        given = _dict(_dict(event.get("response")).get("usage"))
        return Usage(
            _count(given, "input_tokens"),
            _count(given, "output_tokens"),
            _count(_dict(given.get("input_tokens_details")), "cached_tokens"),
            _count(_dict(given.get("output_tokens_details")), "reasoning_tokens"),
            _cost(given),
        )
    return usage


_READERS: dict[str, Callable[[str, JsonObject, Chunk, Usage | None], Usage | None]] = {
    ANTHROPIC: _read_messages,
    RESPONSES: _read_responses,
}


def _tool(event: JsonObject, call_id: Any, name: Any, arguments: str) -> ToolDelta:
    index = event.get("index", event.get("output_index"))
    return ToolDelta(index if type(index) is int else 0, _text(call_id) or None, _text(name) or None, arguments)


def _dict(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(holder: JsonObject, key: str) -> int:
    value = holder.get(key)
    return value if type(value) is int and value > 0 else 0


def _cost(given: JsonObject) -> float | None:
    cost = given.get("cost")
    return float(cost) if isinstance(cost, int | float) and not isinstance(cost, bool) and cost >= 0 else None
