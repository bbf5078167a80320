"""Reads chat answers of OpenAI-shaped providers: OpenAI itself, OpenRouter, llama.cpp and the many alike.

The rule: what leaves here is clean, so no encoder needs to know how providers deviate.
Every chunk has one choice or none. Its ``source`` is the provider's own frame, normalised
in place: one choice, no role, reasoning as ``reasoning_content``, tool calls in order, no
usage (that travels in the chunk), and a finish on a frame of its own with an empty delta.

Most frames of a stream are one piece of text and nothing else; they take a short way that
builds one object. Whatever is not exactly that takes the long way, which assumes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.chat import Chunk, JsonObject
from linx.core.errors import AttemptError, EmptyAnswer, Garbled, StreamBroken
from linx.dialects.base import MAX_FRAME
from linx.dialects.failures.meaning import event_failure
from linx.dialects.openai.frames import CHUNK, DIALECT, FINISHES, clean, timings_of, usage_of, usage_of_timings
from linx.dialects.openai.surrogates import Surrogates
from linx.dialects.openai.tool_calls import ToolCalls
from linx.dialects.shared.sse import Event, SSEDecoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_CHOICES = 1024  # OpenAI takes 128; whoever allows more is let through, whoever sends without end is not
_BLANK = b" \t\r\n\xef\xbb\xbf"  # white space, and the bytes of a BOM
_SSE_STARTS = b":deir"  # comment, data, event, error, id, retry
_DEEP = 2 * jsontext.MAX_DEPTH  # a text shorter than this cannot be too deep

_KNOWN_TOP = frozenset(
    ("id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", "provider", "error")
)
_PLAIN_FINISHES = ("stop", "length", "tool_calls")
_KNOWN_CHOICE = frozenset(("index", "delta", "finish_reason", "native_finish_reason", "logprobs", "error"))


class _Choice:
    """What is known of one choice so far."""

    __slots__ = ("calls", "is_finished", "is_open")

    def __init__(self, new_id: Callable[[], str]) -> None:
        self.calls = ToolCalls(new_id)
        self.is_open = False
        """Something was said, and no finish yet."""
        self.is_finished = False


class OpenAIDecoder:
    """See ``base.Decoder``. ``new_id`` gives random hex for calls without an id.

    ``as_chat`` turns a frame of another dialect, which is much like a chat's, into a chat frame before it is read.
    """

    def __init__(self, new_id: Callable[[], str], as_chat: Callable[[JsonObject], JsonObject] | None = None) -> None:
        self.problem: AttemptError | None = None
        self.done = False
        self._new_id = new_id
        self._as_chat = as_chat
        self._events = SSEDecoder()
        self._is_sse: bool | None = None  # None until the first byte that tells
        self._body = bytearray()  # of an answer that is one JSON text
        self._choices: dict[int, _Choice] = {}
        self._surrogates = Surrogates()
        self._waiting = self._surrogates.waiting
        self._has_usage = False

    @property
    def is_converting(self) -> bool:
        """Are the provider's frames of another dialect than chat?"""
        return self._as_chat is not None

    @property
    def is_between_frames(self) -> bool:
        """Is nothing kept of the reads before but what is known of the choices?"""
        is_over = self.done or self.problem is not None
        return bool(self._is_sse) and not is_over and not self._waiting and self._events.is_between

    def feed(self, data: bytes) -> list[Chunk]:
        if self.done or self.problem is not None:
            return []
        if self._is_sse is None:
            data = self._sniffed(data)
        chunks: list[Chunk] = []
        if self._is_sse:
            data_of_frame = self._events.only_frame(data) if len(data) <= _DEEP and not self._waiting else None
            if data_of_frame is not None:
                # A read that is one frame, too short to be too deep, goes straight to the JSON reader.
                try:
                    frame = jsontext.loads_plain(data_of_frame)
                except ValueError:
                    pass  # the long way knows what it is
                else:
                    if self._as_chat is None:
                        self._mended_frame(frame, chunks)
                    else:
                        self._frame(frame, chunks)
                    return chunks
            self._read(self._events.feed(data), chunks)
            if self.problem is None and not self.done:
                self.problem = self._events.problem
        elif self._is_sse is False:
            self._body += data
            if len(self._body) > MAX_FRAME:
                self._body.clear()
                self.problem = Garbled(f"sent an answer of more than {MAX_FRAME >> 20} MiB in one piece")
        return chunks

    def end(self) -> list[Chunk]:
        chunks: list[Chunk] = []
        if self.done or self.problem is not None:
            return chunks
        if self._body:
            self._read_body(bytes(self._body), chunks)
        elif self._is_sse:
            # A frame cut off by the EOF is not garbage: the rules below say what its loss means.
            self._read(self._events.end(), chunks, is_last=True)
        if self.done or self.problem is not None:
            return chunks
        choices = self._choices.values()
        if any(choice.is_open for choice in choices):
            self.problem = StreamBroken("ended its answer in the middle")
        elif any(choice.is_finished for choice in choices):
            self.done = True
        else:
            self.problem = EmptyAnswer("ended its answer without saying anything")
        return chunks

    # --- from bytes to frames ---

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
            self.problem = Garbled(f"sent {kind} instead of an event stream")
            return b""
        return data

    def _read(self, events: Iterable[Event], chunks: list[Chunk], *, is_last: bool = False) -> None:
        for name, data in events:
            if name == b"error":
                self._error_event(data)
            elif data[:1] == b"[" and data.strip() == b"[DONE]":
                self._end_mark(chunks)
            else:
                try:
                    if len(data) > _DEEP and jsontext.too_deep(data):
                        raise jsontext.InvalidJSON("nested too deep")
                    frame = jsontext.loads_plain(data)
                except ValueError:
                    self._read_odd(name, data, chunks, is_last)
                else:
                    self._frame(frame, chunks)
            if self.done or self.problem is not None:
                return

    def _read_odd(self, name: bytes, data: bytes, chunks: list[Chunk], is_last: bool) -> None:
        """A frame that is no plain JSON: blank, half an emoji, NaN, several values glued together, or garbage."""
        data = data.strip()
        if not data:
            return
        if not jsontext.too_deep(data):
            try:
                value = jsontext.loads(data, keep_surrogates=True)
            except jsontext.InvalidJSON:
                pass
            else:
                frame = _object(value) if self._as_chat is None else self._as_chat(_object(value))
                self._mended_frame(self._surrogates.mend(frame), chunks)
                return
            if b"\n" in data:  # frames on lines of their own, with no blank line between
                self._read(((b"", line) for line in data.split(b"\n")), chunks, is_last=is_last)
                return
            text, is_end = data.decode("utf-8", "replace"), data.endswith(b"[DONE]")
            try:
                values = jsontext.split_values(text.removesuffix("[DONE]"))
            except jsontext.InvalidJSON:
                pass
            else:
                for value in values:
                    self._frame(value, chunks)
                if is_end and self.problem is None and not self.done:
                    self._end_mark(chunks)
                return
        # Events of other names are none of this dialect's, and at EOF the frame may just be cut off.
        if name in (b"", b"message") and not is_last:
            self.problem = Garbled("sent an event that is not JSON")

    def _error_event(self, data: bytes) -> None:
        try:
            value = jsontext.loads(data)
        except jsontext.InvalidJSON:
            value = data.decode("utf-8", "replace")
        if isinstance(value, dict) and value.get("error"):
            value = value["error"]
        self.problem = event_failure(value)

    def _read_body(self, body: bytes, chunks: list[Chunk]) -> None:
        """A whole answer in one JSON text, read as a stream of one frame."""
        try:
            if jsontext.too_deep(body):
                raise jsontext.InvalidJSON("nested too deep")
            value = jsontext.loads(body)
        except jsontext.InvalidJSON:
            self.problem = Garbled("sent an answer that is not JSON")
            return
        frame = _object(value[0] if isinstance(value, list) and value else value)
        choices = frame.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and isinstance(message := choice.pop("message", None), dict):
                calls = message.get("tool_calls")
                for number, call in enumerate(calls if isinstance(calls, list) else ()):
                    if isinstance(call, dict):
                        call["index"] = number
                choice["delta"] = message
        self._frame(frame, chunks)
        if self.problem is None:
            if "choices" in frame:
                self._end_mark(chunks)
            else:
                self.problem = Garbled("sent JSON that is no chat answer")

    # --- from frames to chunks ---

    def _frame(self, frame: Any, chunks: list[Chunk]) -> None:
        if self._as_chat is not None and isinstance(frame, dict):
            frame = self._as_chat(frame)
        if self._waiting:
            frame = self._surrogates.mend(_object(frame))
        self._mended_frame(frame, chunks)

    def _mended_frame(self, frame: Any, chunks: list[Chunk]) -> None:
        # The short way: one choice, and of it one piece of text or of reasoning, or its finish, or nothing.
        try:
            choices = frame["choices"]
            if not choices and type(frame) is dict:
                self._any_frame(frame, chunks)
                return
            choice = choices[0]
            delta = choice["delta"]
            delta.pop("role", None)
            index = choice["index"]
            state = self._choices.get(index) or self._begun(index)
            is_plain = (
                len(choices) == 1
                and state is not None
                and not state.is_finished
                and choice.get("logprobs") is None
                and frame.get("usage") is None
                and "timings" not in frame
                and "error" not in frame
                and "error" not in choice
            )
            finish = choice["finish_reason"]
        except (KeyError, IndexError, TypeError, AttributeError):
            is_plain = False
        if is_plain and state is not None:
            if finish is None:
                if len(delta) == 1:
                    text = delta.get("content", "")
                    reasoning = delta.get("reasoning_content", "")
                    if type(text) is str and type(reasoning) is str and (text or reasoning):
                        state.is_open = True
                        # By position, which halves the cost of the commonest object there is.
                        chunks.append(Chunk(text, reasoning, "", None, None, index, None, None, None, frame, DIALECT))
                        return
                if not any(delta.values()) and frame.keys() <= _KNOWN_TOP and choice.keys() <= _KNOWN_CHOICE:
                    return  # it gave a role, or nothing
            elif finish in _PLAIN_FINISHES and not any(delta.values()):
                choice["delta"] = {}
                frame["object"] = CHUNK
                frame.pop("usage", None)
                self._close(index, state, finish, frame, chunks)
                return
        for item in frame if isinstance(frame, list) else (frame,):
            if isinstance(item, dict) and self.problem is None:
                self._any_frame(item, chunks)

    def _begun(self, index: Any) -> _Choice | None:
        """A choice seen for the first time, unless that is no number, or one too many."""
        if type(index) is not int or len(self._choices) >= MAX_CHOICES:
            return None
        state = self._choices[index] = _Choice(self._new_id)
        return state

    def _any_frame(self, frame: JsonObject, chunks: list[Chunk]) -> None:
        """The long way: one chunk per choice; usage and timings ride on the last one, or alone."""
        error = frame.pop("error", None)
        if error or frame.get("object") == "error":
            self.problem = event_failure(error or frame)
            return
        timings = timings_of(frame["timings"]) if "timings" in frame else None
        usage = usage_of(frame.pop("usage", None))
        if usage is not None:
            self._has_usage = True
        elif timings is not None and not self._has_usage:
            usage = usage_of_timings(frame["timings"])
        listed = frame.get("choices")
        choices = [choice for choice in listed if isinstance(choice, dict)] if isinstance(listed, list) else []
        frame["object"] = CHUNK
        before = len(chunks)
        for choice in choices:
            self._choice(frame if len(choices) == 1 else {**frame}, choice, chunks)
            if self.problem is not None:
                return
        if len(chunks) == before and (usage or timings or (listed is not None and _has_more(frame, _KNOWN_TOP))):
            chunks.append(Chunk(source={**frame, "choices": []}, dialect=DIALECT))
        if len(chunks) > before:
            chunks[-1].usage = usage
            chunks[-1].timings = timings

    def _choice(self, frame: JsonObject, choice: JsonObject, chunks: list[Chunk]) -> None:
        """Chunks of one choice of ``frame``, which is its own."""
        reason = choice.get("finish_reason")
        error = choice.pop("error", None)
        if error or reason == "error":
            self.problem = event_failure(error or "the answer ended with an error")
            return
        index = choice.get("index")
        if type(index) is not int:
            index = choice["index"] = 0
        state = self._choices.get(index) or self._begun(index)
        if state is None:
            self.problem = Garbled(f"sent more than {MAX_CHOICES} choices")
            return
        if state.is_finished:
            return
        try:
            chunk = clean(frame, choice, index, state.calls)
        except Garbled as problem:
            self.problem = problem
            return
        finish = FINISHES.get(reason.lower(), "stop") if isinstance(reason, str) and reason else None
        if chunk.is_meaningful:
            state.is_open = True
        if finish is not None:
            self._finish(state, finish, chunk, chunks)
        elif (
            chunk.is_meaningful
            or _has_more(frame, _KNOWN_TOP)
            or _has_more(choice, _KNOWN_CHOICE)
            or any(choice["delta"].values())
        ):
            chunks.append(chunk)

    def _finish(self, state: _Choice, finish: str, last: Chunk, chunks: list[Chunk]) -> None:
        """Add ``last``, which came in one frame with the finish, then the finish alone."""
        frame: JsonObject = last.source or {}
        choice: JsonObject = frame["choices"][0]
        if any(choice["delta"].values()):
            last.source = {key: value for key, value in frame.items() if key != "timings"}
            plain = {key: choice[key] for key in ("index", "delta", "finish_reason", "logprobs") if key in choice}
            last.source["choices"] = [plain]
            chunks.append(last)
            if "logprobs" in choice:
                choice = {**choice, "logprobs": None}
        source = {**frame, "choices": [{**choice, "delta": {}}]}
        self._close(last.index, state, finish, source, chunks)

    def _close(self, index: int, state: _Choice, finish: str, source: JsonObject | None, chunks: list[Chunk]) -> None:
        owed = state.calls.finish(finish)
        if owed:
            chunks.append(Chunk(tools=owed, index=index, dialect=DIALECT))
        if finish == "stop" and state.calls:
            finish = "tool_calls"
        if source is not None:
            source["choices"][0]["finish_reason"] = finish
        chunks.append(Chunk(finish=finish, index=index, source=source, dialect=DIALECT))
        state.is_open = False
        state.is_finished = True

    def _end_mark(self, chunks: list[Chunk]) -> None:
        """``[DONE]``: what has not finished by now has finished as it should."""
        for index, state in self._choices.items():
            if state.is_open:
                self._close(index, state, "stop", None, chunks)
        if any(state.is_finished for state in self._choices.values()):
            self.done = True
        else:
            self.problem = EmptyAnswer("ended its answer without saying anything")


def _object(value: Any) -> JsonObject:
    """``value`` if it is an object; an empty one for the odd number or text that is sent as a frame."""
    return value if isinstance(value, dict) else {}


def _has_more(holder: JsonObject, known: frozenset[str]) -> bool:
    return not holder.keys() <= known
