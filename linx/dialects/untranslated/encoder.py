"""A client's own dialect on both sides: Anthropic's Messages or OpenAI's Responses, untranslated.

For providers with ``native: true``. Each event of the provider becomes one chunk, which
says as much of it as the gate, the counters and the records need, and holds the event
itself; to the client it goes out as it came, but for the model's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.chat import Chunk, ToolDelta, Usage
from linx.core.errors import AttemptError, EmptyAnswer, Garbled, StreamBroken
from linx.dialects.anthropic.errors import error_object
from linx.dialects.base import status_of
from linx.dialects.failures.meaning import event_failure
from linx.dialects.shared.sse import SSEDecoder
from linx.dialects.untranslated.fold import whole_message, whole_response
from linx.dialects.untranslated.provider_request import messages_body, responses_body

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linx.core.chat import Answer, ChatRequest, JsonObject, Stamp
    from linx.core.errors import LinxError
    from linx.dialects.base import Encoder, Face

__all__ = ["ANTHROPIC", "RESPONSES", "NativeDecoder", "NativeEncoder", "NativeFace", "messages_body", "responses_body"]

ANTHROPIC, RESPONSES = "anthropic", "responses"
"""The two dialects, as ``ChatRequest.dialect`` names them."""
_COMMENT = b": linx\n\n"
_PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_MAX_ERROR = 64 * 1024  # bytes of a JSON answer that came in place of a stream


class NativeDecoder:
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


# --- what an event says ---------------------------------------------------------------


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


# --- toward the client ----------------------------------------------------------------


class NativeFace:
    """A face whose answers may come from a provider of the same dialect; all else is ``face``'s."""

    def __init__(self, face: Face) -> None:
        self.face = face
        self.name = face.name
        self.stream_type = face.stream_type

    def parse(self, body: JsonObject) -> ChatRequest:
        return self.face.parse(body)

    def encoder(self, chat: ChatRequest, stamp: Stamp) -> NativeEncoder:
        return NativeEncoder(chat, lambda: self.face.encoder(chat, stamp))

    def whole(self, chat: ChatRequest, answer: Answer, stamp: Stamp) -> JsonObject:
        if answer.dialect != self.name:
            return self.face.whole(chat, answer, stamp)
        fold = whole_message if self.name == ANTHROPIC else whole_response
        return {**fold(answer.sources), "model": chat.model}

    def error_body(self, problem: LinxError, request_id: str) -> JsonObject:
        return self.face.error_body(problem, request_id)

    def status_of(self, problem: LinxError) -> int:
        return status_of(self.face, problem)


class NativeEncoder:
    """See ``base.Encoder``. Who answers is known with the first chunks, and only then how."""

    def __init__(self, chat: ChatRequest, translator: Callable[[], Encoder]) -> None:
        self._model = chat.model
        self._dialect = chat.dialect
        self._may_translate = bool(chat.body.get("messages"))
        self._make = translator
        self._translator: Encoder | None = None
        self._is_native: bool | None = None
        self._response: JsonObject = {}
        self._sequence = 0
        self._is_over = False

    def frames(self, chunks: Sequence[Chunk]) -> bytes:
        if self._is_native is None and chunks:
            self._is_native = chunks[0].dialect == self._dialect
        if not self._is_native:
            return self._translated().frames(chunks)
        out = []
        for chunk in chunks:
            event = chunk.source or {}
            kind = event["type"]
            if self._dialect == ANTHROPIC:
                if kind == "message_start":
                    if self._translator is not None:
                        continue  # a heartbeat has sent one
                    self._rename(event.get("message"))
            else:
                self._look(event)
            out.append(b"event: %b\ndata: %b\n\n" % (kind.encode("utf-8", "replace"), jsontext.dumps(event)))
        return b"".join(out)

    def heartbeat(self) -> bytes:
        if self._is_over:
            return b""
        if self._is_native is False or (self._dialect == ANTHROPIC and self._may_translate and not self._is_native):
            return self._translated().heartbeat()
        if self._is_native and self._dialect == ANTHROPIC:
            return _PING
        # The beginning of a response may still come from the provider, with an id of its own.
        return _COMMENT

    def error(self, problem: LinxError) -> bytes:
        if self._is_over:
            return b""
        if not self._is_native and self._may_translate:
            return self._translated().error(problem)
        self._is_over = True
        if self._dialect == ANTHROPIC:
            event: JsonObject = {"type": "error", "error": error_object(problem)}
        else:
            error = {"code": problem.code or "server_error", "message": problem.message}
            response = {**self._response, "status": "failed", "error": error}
            event = {"type": "response.failed", "sequence_number": self._sequence, "response": response}
        return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), jsontext.dumps(event))

    def end(self) -> bytes:
        return b"" if self._is_native or self._is_over else self._translated().end()

    def _translated(self) -> Encoder:
        if self._translator is None:
            self._translator = self._make()
        return self._translator

    def _look(self, event: JsonObject) -> None:
        response = event.get("response")
        self._rename(response)
        if isinstance(response, dict):
            self._response = response
        number = event.get("sequence_number")
        self._sequence = number + 1 if type(number) is int else self._sequence + 1

    def _rename(self, holder: Any) -> None:
        if isinstance(holder, dict) and "model" in holder:
            holder["model"] = self._model
