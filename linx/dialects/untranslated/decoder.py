"""An answer in the client's own dialect, read for what it says and kept as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.chat import Chunk, JsonObject, ToolDelta, Usage
from linx.core.errors import AttemptError, EmptyAnswer, Garbled, StreamBroken
from linx.dialects.failures.meaning import event_failure
from linx.dialects.shared.sse import SSEDecoder

if TYPE_CHECKING:
    from collections.abc import Callable

ANTHROPIC, RESPONSES = "anthropic", "responses"
"""The two dialects, as ``ChatRequest.dialect`` names them."""

_MAX_ERROR = 64 * 1024  # bytes of a JSON answer that came in place of a stream


class UntranslatedDecoder:
    """See ``base.Decoder``."""

    def __init__(self, dialect: str) -> None:
        self.problem: AttemptError | None = None
        self.done = False
        self._dialect = dialect
        self._read = _READERS[dialect]
        self._events = SSEDecoder()
        self._body = bytearray()  # of an answer that is one JSON text
        self._is_sse: bool | None = None
        self._has_begun = False
        self._has_finished = False
        self._usage: Usage | None = None

    def feed(self, data: bytes) -> list[Chunk]:
        chunks: list[Chunk] = []
        if self.done or self.problem is not None:
            return chunks
        if self._is_sse is None:
            data = data.lstrip(b" \t\r\n\xef\xbb\xbf")
            if not data:
                return chunks
            self._is_sse = data[:1] not in b"{[<"
        if not self._is_sse:
            self._body += data[: _MAX_ERROR - len(self._body)]
            return chunks
        for name, text in self._events.feed(data):
            self._event(name, text, chunks)
            if self.done or self.problem is not None:
                return chunks
        self.problem = self._events.problem
        return chunks

    def end(self) -> list[Chunk]:
        chunks: list[Chunk] = []
        if self.done or self.problem is not None:
            return chunks
        for name, text in self._events.end():
            self._event(name, text, chunks, is_last=True)
        if self.done or self.problem is not None:
            return chunks
        if self._has_finished:
            self.done = True
        elif self._has_begun:
            self.problem = StreamBroken("ended its answer in the middle")
        elif self._body:
            self.problem = _of_json(bytes(self._body))
        else:
            self.problem = EmptyAnswer("ended its answer without saying anything")
        return chunks

    def _event(self, name: bytes, text: bytes, chunks: list[Chunk], *, is_last: bool = False) -> None:
        if text.strip() == b"[DONE]":
            return  # some send it here too, and clients of this dialect trip over it
        try:
            if jsontext.too_deep(text):
                raise jsontext.InvalidJSON("nested too deep")
            event = jsontext.loads(text)
        except jsontext.InvalidJSON:
            event = None
        if not isinstance(event, dict):
            if not is_last:
                self.problem = Garbled("sent an event that is not JSON")
            return
        kind = event.get("type")
        if not isinstance(kind, str):
            kind = event["type"] = name.decode("utf-8", "replace")
        problem = self._error_in(kind, event)
        if problem is not None:
            self.problem = problem
            return
        chunk = Chunk(source=event, dialect=self._dialect)
        self._usage = self._read(kind, event, chunk, self._usage)
        if chunk.is_meaningful:
            self._has_begun = True
        if chunk.finish is not None:
            self._has_finished = True
            chunk.usage = self._usage
        chunks.append(chunk)
        self.done = kind in _ENDS

    def _error_in(self, kind: str, event: JsonObject) -> AttemptError | None:
        if kind == "error":
            return event_failure(event.get("error") or event)
        if kind == "response.failed":
            response = event.get("response")
            error = response.get("error") if isinstance(response, dict) else None
            return event_failure(error or "the answer failed")
        return None


_ENDS = frozenset(("message_stop", "response.completed", "response.incomplete"))


def _of_json(body: bytes) -> AttemptError:
    """What it means that one JSON text came where a stream was asked for."""
    try:
        value = jsontext.loads(body)
    except jsontext.InvalidJSON:
        return Garbled("sent a text instead of an event stream")
    error = value.get("error") if isinstance(value, dict) else None
    return event_failure(error) if error else Garbled("sent one JSON object instead of an event stream")


def _read_messages(kind: str, event: JsonObject, chunk: Chunk, usage: Usage | None) -> Usage | None:
    if kind == "message_start":
        return _messages_usage(_dict(event.get("message")).get("usage"), usage)
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
        return _messages_usage(event.get("usage"), usage)
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


def _messages_usage(given: Any, before: Usage | None) -> Usage | None:
    """Counts are cumulative, and what an event leaves out stays as it was."""
    if not isinstance(given, dict):
        return before
    usage = before or Usage()
    if "input_tokens" in given:
        usage.cached = _count(given, "cache_read_input_tokens")
        written = _count(given, "cache_creation_input_tokens")
        usage.prompt = _count(given, "input_tokens") + usage.cached + written
    usage.completion = _count(given, "output_tokens") or usage.completion
    usage.cost_usd = _cost(given) or usage.cost_usd
    return usage


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
