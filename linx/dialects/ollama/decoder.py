"""Reads Ollama's NDJSON answers, of /api/chat and of /api/generate.

One line is one frame and becomes one chunk; a frame may hold thinking, text and tool calls together, and so may the
last one (``done``). Tool calls come whole, but often without an id and all with index 0, so ids and indices are given
here. What the fast JSON parser would mangle, half of a surrogate pair and a very long number, is looked for in the
bytes first.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.attempt_errors import AttemptError, EmptyAnswer, Garbled, StreamBroken
from linx.core.chat import Chunk, Dialect, JsonObject, ToolDelta
from linx.dialects.failures.meaning import event_failure, failed_end
from linx.dialects.failures.reading import MAX_SEARCHED
from linx.dialects.ollama.frames import function_of, logprobs_of, timings_of, usage_of
from linx.dialects.shared.ndjson import NDJSONDecoder

if TYPE_CHECKING:
    from collections.abc import Callable

CHAT, GENERATE = Dialect.OLLAMA, Dialect.OLLAMA_GENERATE
"""The two shapes of frames."""

MAX_CALLS = 1024

_GENERATED = frozenset(("response", "thinking", "tool_calls"))
_FINISHES = {"length": "length", "content_filter": "content_filter", "tool_calls": "tool_calls"}
"""Ollama's ``done_reason`` → OpenAI's; a word that is not here, and means no failure, counts as stop."""
_BACKSLASH = 0x5C
_SHORT = 2 * jsontext.MAX_DEPTH  # bytes; a shorter line cannot be nested too deep


class OllamaDecoder:
    """See ``base.Decoder``. ``new_id`` gives random hex for tool calls without an id."""

    def __init__(self, new_id: Callable[[], str], *, generate: bool = False) -> None:
        self.problem: AttemptError | None = None
        self.done = False
        self._new_id = new_id
        self._is_generate = generate
        self._dialect = GENERATE if generate else CHAT
        self._text_key = "response" if generate else "content"
        self._lines = NDJSONDecoder()
        self._has_begun = False
        self._has_other_json = False
        self._call_ids: set[str] = set()
        self._calls = 0
        self._surrogates: dict[str, str] = {}  # the first of a pair, by the field it waits in

    @property
    def is_generate(self) -> bool:
        """Are the provider's frames those of /api/generate?"""
        return self._is_generate

    @property
    def is_between_frames(self) -> bool:
        """Does the next byte begin a frame, and is nothing of the frames before kept for it?"""
        is_over = self.done or self.problem is not None
        return self._has_begun and not is_over and not self._surrogates and self._lines.is_between

    def feed(self, data: bytes) -> list[Chunk]:
        if self.done or self.problem is not None:
            return []
        chunks: list[Chunk] = []
        try:
            for line in self._lines.feed(data):
                self._read(line, chunks)
                if self.done:
                    return chunks
            self.problem = self._lines.problem
        except AttemptError as problem:
            self._fail(problem)
        return chunks

    def end(self) -> list[Chunk]:
        chunks: list[Chunk] = []
        if self.done or self.problem is not None:
            return chunks
        try:
            for line in self._lines.end():
                self._read(line, chunks, is_torn=True)
            if not self.done:
                raise self._truncated()
        except AttemptError as problem:
            self._fail(problem)
        return chunks

    def _fail(self, problem: AttemptError) -> None:
        """Keep the problem, but not where it arose: its traceback would hold this decoder, and the two a request."""
        problem.__context__ = None
        self.problem = problem.with_traceback(None)

    def _truncated(self) -> AttemptError:
        if self._has_begun:
            return StreamBroken("ended its answer in the middle, without a done frame")
        if self._has_other_json:
            return Garbled("sent JSON that is no answer of Ollama")
        return EmptyAnswer("ended its answer without a word")

    # --- from lines to frames; all below raise AttemptError ---

    def _read(self, line: bytes, chunks: list[Chunk], *, is_torn: bool = False) -> None:
        """Add the chunk of one line. ``is_torn``: it came without a newline, so it may be cut off."""
        if len(line) > _SHORT:
            try:
                jsontext.check_weight(line)
            except jsontext.InvalidJSON as problem:
                raise Garbled(f"sent a frame of {problem}") from None
        # A byte is looked for as a number: ten times faster than as bytes of length one.
        has_surrogates = _BACKSLASH in line and (b"\\ud" in line or b"\\uD" in line)
        try:
            frame = jsontext.loads(line, keep_surrogates=has_surrogates)
        except jsontext.InvalidJSON:
            self._read_glued(line, is_torn, chunks)
            return
        if type(frame) is not dict:
            raise _garbled(line)
        holder = frame if self._is_generate else frame.get("message")
        if type(holder) is dict and "tool_calls" in holder and not has_surrogates and jsontext.has_long_number(line):
            with suppress(jsontext.InvalidJSON):
                frame = jsontext.loads_exact(line)
                holder = frame if self._is_generate else frame["message"]
        self._read_frame(frame, holder, has_surrogates, chunks)

    def _read_glued(self, line: bytes, is_torn: bool, chunks: list[Chunk]) -> None:
        """A line that is no JSON text: several frames whose newlines were lost, or garbage."""
        try:
            frames = jsontext.split_values(line)
        except jsontext.InvalidJSON:
            raise (self._truncated() if is_torn and line.startswith(b"{") else _garbled(line)) from None
        for frame in frames:
            if type(frame) is not dict:
                raise _garbled(line)
            self._read_frame(frame, frame if self._is_generate else frame.get("message"), False, chunks)
            if self.done:
                return

    # --- from frames to chunks ---

    def _read_frame(self, frame: JsonObject, holder: Any, has_surrogates: bool, chunks: list[Chunk]) -> None:
        """Add the chunk of one frame. ``holder`` is what should hold the content: the message, or the frame itself."""
        error = frame.get("error")
        if error:
            raise event_failure(error)
        if type(holder) is not dict or (self._is_generate and not _GENERATED.intersection(frame)):
            if frame.get("done") is not True:
                # Progress of a download, or an answer in another dialect: it has no content.
                self._has_other_json = True
                return
            holder = frame
            if not self._is_generate:
                holder = frame["message"] = {"role": "assistant"}
        elif not self._is_generate and "role" not in holder:
            holder["role"] = "assistant"
        chunks.append(self._chunk(frame, holder, has_surrogates))

    def _chunk(self, frame: JsonObject, holder: JsonObject, has_surrogates: bool) -> Chunk:
        text_key = self._text_key
        text = holder.get(text_key)
        reasoning = holder.get("thinking")
        is_done = frame.get("done") is True
        if type(text) is not str:
            if text is not None:
                raise Garbled(f"sent a frame whose {text_key} is no text")
            text = holder[text_key] = ""
        if type(reasoning) is not str:
            if reasoning is not None:
                del holder["thinking"]
            reasoning = ""
        if has_surrogates or self._surrogates:
            text = self._whole_characters(holder, text_key, text, is_done)
            reasoning = self._whole_characters(holder, "thinking", reasoning, is_done)
        # By position, which halves the cost of the commonest object there is.
        chunk = Chunk(text, reasoning, "", None, None, 0, None, None, None, frame, self._dialect)
        calls = holder.get("tool_calls")
        if calls:
            chunk.tools = self._tool_calls(calls)
        logprobs = frame.get("logprobs")
        if logprobs:
            chunk.logprobs = logprobs_of(logprobs)
        if is_done:
            self._finish(chunk, frame)
        elif text or reasoning or calls:
            self._has_begun = True
        elif "_debug_info" in frame:
            self._finish(chunk, frame)  # the prompt as the model would have got it, in place of an answer
        return chunk

    def _finish(self, chunk: Chunk, frame: JsonObject) -> None:
        reason = frame.get("done_reason")
        if (failure := failed_end(reason)) is not None:
            raise failure
        finish = _FINISHES.get(reason, "stop") if isinstance(reason, str) else "stop"
        if finish == "stop" and self._calls:
            # Ollama says stop after tool calls too, whichever frame they came in.
            finish = "tool_calls"
        chunk.finish = finish
        chunk.usage = usage_of(frame)
        chunk.timings = timings_of(frame)
        self.done = True

    def _tool_calls(self, calls: Any) -> list[ToolDelta]:
        deltas: list[ToolDelta] = []
        listed = calls if isinstance(calls, list) else ({},)
        if self._calls + len(listed) > MAX_CALLS:
            raise Garbled(f"sent more than {MAX_CALLS} tool calls")
        for call in listed:
            function = function_of(call)
            if function is None:
                raise Garbled("sent a tool call without a name, or whose arguments are no object")
            name, arguments = function
            call_id = call.get("id")
            if not isinstance(call_id, str) or not call_id or call_id in self._call_ids:
                call_id = "call_" + self._new_id()
            self._call_ids.add(call_id)
            deltas.append(ToolDelta(self._calls, call_id, name, arguments))
            self._calls += 1
        return deltas

    def _whole_characters(self, holder: JsonObject, key: str, text: str, is_done: bool) -> str:
        """``text`` after the surrogate that the frame before ended with; one that it ends with itself is kept back."""
        text = self._surrogates.pop(key, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff" and not is_done:
            self._surrogates[key] = text[-1]
            text = text[:-1]
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if text or key in holder:
            holder[key] = text
        return text


def _garbled(line: bytes) -> Garbled:
    return Garbled("sent something that is not Ollama's NDJSON", said=line[:MAX_SEARCHED].decode("utf-8", "replace"))
