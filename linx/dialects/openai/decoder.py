"""Reads chat answers of OpenAI-shaped providers: OpenAI itself, OpenRouter, llama.cpp and the many alike.

This file turns bytes into frames, whatever way they are sent: as server-sent events, as one JSON text, with several
frames in one event, with a surrogate pair split over two frames. ``Choices`` turns frames into chunks.

The rule: a read that is one short event of plain JSON, as most reads are, is read without a detour; what is not
exactly that is read by ``_read``, which assumes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.attempt_errors import AttemptError, Garbled
from linx.dialects.base import MAX_FRAME
from linx.dialects.failures.meaning import event_failure
from linx.dialects.openai.choices import Choices
from linx.dialects.openai.surrogates import Surrogates
from linx.dialects.shared.sse import Event, SSEDecoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from linx.core.chat import Chunk, JsonObject

_BLANK = b" \t\r\n\xef\xbb\xbf"  # white space, and the bytes of a BOM
_SSE_STARTS = b":deir"  # comment, data, event, error, id, retry
_SHORT = 2 * jsontext.MAX_DEPTH  # bytes; a shorter text cannot be nested too deep


class OpenAIDecoder:
    """See ``base.Decoder``. ``new_id`` gives random hex for tool calls without an id.

    ``as_chat`` turns a frame of another dialect, which is much like a chat's, into a chat frame before it is read.
    """

    def __init__(self, new_id: Callable[[], str], as_chat: Callable[[JsonObject], JsonObject] | None = None) -> None:
        self.problem: AttemptError | None = None
        self.done = False
        self._as_chat = as_chat
        self._events = SSEDecoder()
        self._is_sse: bool | None = None  # None until the first byte that tells
        self._body = bytearray()  # of an answer that is one JSON text
        self._choices = Choices(new_id)
        self._surrogates = Surrogates()
        self._waiting = self._surrogates.waiting

    @property
    def is_converting(self) -> bool:
        """Are the provider's frames of another dialect than chat?"""
        return self._as_chat is not None

    @property
    def is_between_frames(self) -> bool:
        """Does the next byte begin a frame, and is nothing of the frames before kept for it?"""
        is_over = self.done or self.problem is not None
        return bool(self._is_sse) and not is_over and not self._waiting and self._events.is_between

    def feed(self, data: bytes) -> list[Chunk]:
        if self.done or self.problem is not None:
            return []
        chunks: list[Chunk] = []
        try:
            if self._is_sse is None:
                data = self._sniffed(data)
            if self._is_sse:
                text = self._events.only_frame(data) if len(data) <= _SHORT and not self._waiting else None
                if text is not None and self._as_chat is None:
                    try:
                        frame = jsontext.loads_plain(text)
                    except ValueError:
                        pass  # ``_read`` looks closer at the event
                    else:
                        self._choices.read(frame, chunks)
                        return chunks
                self._read(self._events.feed(data), chunks)
                if not self.done:
                    self.problem = self._events.problem
            elif self._is_sse is False:
                self._keep(data)
        except AttemptError as problem:
            self._fail(problem)
        return chunks

    def end(self) -> list[Chunk]:
        chunks: list[Chunk] = []
        if self.done or self.problem is not None:
            return chunks
        try:
            if self._body:
                self._read_body(bytes(self._body), chunks)
            elif self._is_sse:
                # A frame cut off by the EOF is no garbage; ``end_of_body`` says what its loss means.
                self._read(self._events.end(), chunks, is_last=True)
            if not self.done:
                self._choices.end_of_body(chunks)
                self.done = True
        except AttemptError as problem:
            self._fail(problem)
        return chunks

    def _sniffed(self, data: bytes) -> bytes:
        """``data`` from its first telling byte on: an answer to ``stream: true`` need not be a stream."""
        data = data.lstrip(_BLANK)
        if not data:
            return data
        first = data[:1]
        if first in b"{[":
            self._is_sse = False
        elif first in _SSE_STARTS:
            self._is_sse = True
        else:
            kind = "a page of HTML" if first == b"<" else "text"
            raise Garbled(f"sent {kind} instead of an event stream")
        return data

    def _keep(self, data: bytes) -> None:
        self._body += data
        if len(self._body) > MAX_FRAME:
            self._body.clear()
            raise Garbled(f"sent an answer of more than {MAX_FRAME >> 20} MiB in one piece")

    def _read(self, events: Iterable[Event], chunks: list[Chunk], *, is_last: bool = False) -> None:
        """Add the chunks of events; ``is_last``: the body ended within the last of them."""
        for name, text in events:
            if name == b"error":
                raise event_failure(_error_in(text))
            if text[:1] == b"[" and text.strip() == b"[DONE]":
                self._end_mark(chunks)
            else:
                try:
                    if len(text) > _SHORT:
                        jsontext.check_weight(text)
                    frame = jsontext.loads_plain(text)
                except jsontext.TooManyValues as problem:
                    raise Garbled(f"sent a frame of {problem}") from None
                except ValueError:
                    self._read_odd(name, text, chunks, is_last)
                else:
                    self._read_frame(frame, chunks)
            if self.done:
                return

    def _read_frame(self, frame: Any, chunks: list[Chunk]) -> None:
        if self._as_chat is not None and isinstance(frame, dict):
            frame = self._as_chat(frame)
        if self._waiting:
            frame = self._surrogates.mend(_object(frame))
        self._choices.read(frame, chunks)

    def _read_odd(self, name: bytes, text: bytes, chunks: list[Chunk], is_last: bool) -> None:
        """An event that is no plain JSON: blank, with half a surrogate pair or NaN, several values, or garbage."""
        text = text.strip()
        if not text:
            return
        if not jsontext.too_deep(text):
            try:
                value = jsontext.loads(text, keep_surrogates=True)
            except jsontext.InvalidJSON:
                pass
            else:
                frame = _object(value) if self._as_chat is None else self._as_chat(_object(value))
                self._choices.read(self._surrogates.mend(frame), chunks)
                return
            if b"\n" in text:  # frames on lines of their own, with no blank line between
                self._read(((b"", line) for line in text.split(b"\n")), chunks, is_last=is_last)
                return
            try:
                values = jsontext.split_values(text.removesuffix(b"[DONE]"), "replace")
            except jsontext.TooManyValues as problem:
                raise Garbled(f"sent {problem}") from None
            except jsontext.InvalidJSON:
                pass
            else:
                for value in values:
                    self._read_frame(value, chunks)
                if text.endswith(b"[DONE]"):
                    self._end_mark(chunks)
                return
        # An event of another name is none of this dialect's, and the last one of a body may just be cut off.
        if name in (b"", b"message") and not is_last:
            raise Garbled("sent an event that is not JSON")

    def _read_body(self, body: bytes, chunks: list[Chunk]) -> None:
        """A whole answer in one JSON text, read as a stream of one frame."""
        try:
            jsontext.check_weight(body)
            value = jsontext.loads(body)
        except jsontext.TooManyValues as problem:
            raise Garbled(f"sent an answer of {problem}") from None
        except jsontext.InvalidJSON:
            raise Garbled("sent an answer that is not JSON") from None
        frame = _object(value[0] if isinstance(value, list) and value else value)
        self._read_frame(frame, chunks)
        if "choices" not in frame:
            raise Garbled("sent JSON that is no chat answer")
        self._end_mark(chunks)

    def _end_mark(self, chunks: list[Chunk]) -> None:
        self._choices.end_mark(chunks)
        self.done = True

    def _fail(self, problem: AttemptError) -> None:
        """Keep the problem, but not where it arose: its traceback would hold this decoder, and the two a request."""
        problem.__context__ = None
        self.problem = problem.with_traceback(None)


def _error_in(text: bytes) -> object:
    """The error that an event of the name ``error`` tells of."""
    try:
        value = jsontext.loads(text)
    except jsontext.InvalidJSON:
        return text.decode("utf-8", "replace")
    return value["error"] if isinstance(value, dict) and value.get("error") else value


def _object(value: Any) -> JsonObject:
    """``value`` if it is an object; an empty one for the odd number or text that is sent as a frame."""
    return value if isinstance(value, dict) else {}
