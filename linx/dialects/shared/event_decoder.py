"""Reads a provider's stream of server-sent events whose data are JSON objects with a ``type``.

Anthropic's Messages and OpenAI's Responses stream in this way. An EventReader, which is handed in, knows what the
events of one dialect mean; how a stream begins, fails and ends is the same for both, and is decided here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from linx.core import jsontext
from linx.core.attempt_errors import AttemptError, EmptyAnswer, Garbled, StreamBroken
from linx.dialects.failures.meaning import event_failure
from linx.dialects.failures.reading import reported_error
from linx.dialects.shared.sse import SSEDecoder

if TYPE_CHECKING:
    from linx.core.chat import Chunk, JsonObject

_SHORT = 2 * jsontext.MAX_DEPTH  # bytes; a text of at most so many cannot be nested too deep
_MAX_ERROR = 64 * 1024  # bytes that are kept of a JSON answer in place of a stream


class EventReader(Protocol):
    """Reads the events of one dialect."""

    ends: frozenset[str]
    """The types of the events that end a stream."""

    def read(self, kind: str, event: JsonObject) -> list[Chunk]:
        """The chunks in an event; ``kind`` is its type. Raises AttemptError for an event that breaks the dialect."""

    def error_in(self, kind: str, event: JsonObject) -> object | None:
        """The error that the event reports; None if it reports no error."""


class EventDecoder:
    """See ``base.Decoder``."""

    def __init__(self, reader: EventReader) -> None:
        self.problem: AttemptError | None = None
        self.done = False
        self._reader = reader
        self._events = SSEDecoder()
        self._body = bytearray()  # the answer, if it is one JSON text and no stream
        self._is_sse: bool | None = None  # None until the first byte
        self._has_begun = False
        self._has_finished = False

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
        event: object
        try:
            if len(text) > _SHORT:
                jsontext.check_weight(text)
            event = jsontext.loads(text)
        except jsontext.InvalidJSON as refused:
            event = refused
        if not isinstance(event, dict):
            self.problem = _misread(event, text, is_last=is_last)
            return
        kind = event.get("type")
        if not isinstance(kind, str):
            kind = event["type"] = name.decode("utf-8", "replace")
        if not kind.isprintable():
            # For a client of the same dialect it becomes the event's name, where a line end would begin another line.
            self.problem = Garbled("sent an event whose type is no name")
            return
        error = self._reader.error_in(kind, event)
        if error is not None:
            self.problem = event_failure(error)
            return
        try:
            made = self._reader.read(kind, event)
        except AttemptError as problem:
            self.problem = problem
            return
        for chunk in made:
            if chunk.is_meaningful:
                self._has_begun = True
            if chunk.finish is not None:
                self._has_finished = True
        chunks += made
        self.done = kind in self._reader.ends


def _misread(event: object, text: bytes, *, is_last: bool) -> AttemptError | None:
    """The problem with an event that is no object; None for one that may be passed over."""
    if isinstance(event, jsontext.TooManyValues):
        return Garbled(f"sent an event of {event}")
    # Some providers send OpenAI's end mark here too, which clients of these dialects do not expect.
    return None if is_last or text.strip() == b"[DONE]" else Garbled("sent an event that is not JSON")


def _of_json(body: bytes) -> AttemptError:
    """The error for an answer that is one JSON text in place of a stream."""
    try:
        value = jsontext.loads(body)
    except jsontext.InvalidJSON:
        return Garbled("sent a text instead of an event stream")
    error = reported_error(value) if isinstance(value, dict) else None
    return event_failure(error) if error is not None else Garbled("sent one JSON object instead of an event stream")
