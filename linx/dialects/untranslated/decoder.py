"""Reads an answer in the client's own dialect, as far as the gate, the counters and the records need it.

Each event of the provider becomes one chunk, whose ``source`` is the event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core.chat import Chunk, Dialect, JsonObject, ToolDelta, Usage
from linx.dialects.failures.meaning import failed_end
from linx.dialects.shared.event_decoder import EventDecoder
from linx.dialects.shared.messages_usage import read_usage
from linx.dialects.shared.reported import count_of, usd_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linx.dialects.shared.event_decoder import EventReader

ANTHROPIC, RESPONSES = Dialect.ANTHROPIC, Dialect.RESPONSES


def untranslated_decoder(dialect: Dialect) -> EventDecoder:
    """A decoder for the answers of a provider that speaks ``dialect``."""
    return EventDecoder(_READERS[dialect]())


class _MessagesReader:
    """Anthropic's Messages. See ``EventReader``."""

    ends = frozenset(("message_stop",))

    def __init__(self) -> None:
        self._usage: Usage | None = None

    def read(self, kind: str, event: JsonObject) -> list[Chunk]:
        chunk = Chunk(source=event, dialect=ANTHROPIC)
        if kind == "content_block_delta":
            _read_delta(event, chunk)
        elif kind == "content_block_start":
            block = _dict(event.get("content_block"))
            if block.get("type") not in ("text", "thinking"):
                chunk.tools = [_tool(event.get("index"), block.get("id"), block.get("name"))]
        elif kind == "message_start":
            self._usage = read_usage(_dict(event.get("message")).get("usage"), self._usage)
        elif kind == "message_delta":
            self._usage = read_usage(event.get("usage"), self._usage)
            reason = _dict(event.get("delta")).get("stop_reason")
            if (failure := failed_end(reason)) is not None:
                raise failure
            if reason:
                chunk.finish, chunk.usage = "stop", self._usage
        return [chunk]

    def error_in(self, kind: str, event: JsonObject) -> object | None:
        return (event.get("error") or event) if kind == "error" else None


def _read_delta(event: JsonObject, chunk: Chunk) -> None:
    delta = _dict(event.get("delta"))
    kind = delta.get("type")
    if kind == "text_delta":
        chunk.text = _text(delta.get("text"))
    elif kind == "thinking_delta":
        chunk.reasoning = _text(delta.get("thinking"))
    elif kind == "input_json_delta":
        chunk.tools = [_tool(event.get("index"), None, None, _text(delta.get("partial_json")))]


class _ResponsesReader:
    """OpenAI's Responses. See ``EventReader``."""

    ends = frozenset(("response.completed", "response.incomplete"))

    def read(self, kind: str, event: JsonObject) -> list[Chunk]:
        chunk = Chunk(source=event, dialect=RESPONSES)
        if kind == "response.output_text.delta":
            chunk.text = _text(event.get("delta"))
        elif kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
            chunk.reasoning = _text(event.get("delta"))
        elif kind == "response.refusal.delta":
            chunk.refusal = _text(event.get("delta"))
        elif kind == "response.output_item.added":
            item = _dict(event.get("item"))
            if item.get("type") not in ("message", "reasoning"):
                chunk.tools = [_tool(event.get("output_index"), item.get("call_id"), item.get("name"))]
        elif kind in self.ends:
            response = _dict(event.get("response"))
            if (failure := failed_end(response.get("status"))) is not None:
                raise failure
            usage = _dict(response.get("usage"))
            chunk.finish, chunk.usage = "stop", _responses_usage(usage)
        return [chunk]

    def error_in(self, kind: str, event: JsonObject) -> object | None:
        if kind == "error":
            return event.get("error") or event
        if kind in ("response.failed", "response.cancelled"):
            return _dict(event.get("response")).get("error") or "the answer failed"
        return None


_READERS: Mapping[Dialect, Callable[[], EventReader]] = {ANTHROPIC: _MessagesReader, RESPONSES: _ResponsesReader}


def _responses_usage(usage: JsonObject) -> Usage:
    return Usage(
        _count(usage, "input_tokens"),
        _count(usage, "output_tokens"),
        _count(_dict(usage.get("input_tokens_details")), "cached_tokens"),
        _count(_dict(usage.get("output_tokens_details")), "reasoning_tokens"),
        usd_of(usage.get("cost")),
    )


def _tool(index: Any, call_id: Any, name: Any, arguments: str = "") -> ToolDelta:
    return ToolDelta(index if type(index) is int else 0, _text(call_id) or None, _text(name) or None, arguments)


def _dict(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(holder: JsonObject, key: str) -> int:
    return count_of(holder.get(key)) or 0
