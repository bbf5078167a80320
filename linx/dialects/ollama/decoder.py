"""Reads Ollama's NDJSON answers, of /api/chat and of /api/generate.

One line is one frame and becomes one chunk; a frame may hold thinking, text and tool
calls together, and the last one (``done``) may hold them too. Tool calls come whole but
often without an id and all with index 0, so both are given here. The common frame, a
few words of text, is read without a detour; half emoji and very long numbers, which a
fast JSON parser mangles, are looked for in the bytes first.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.chat import Chunk, Dialect, JsonObject, Timings, ToolDelta, Usage
from linx.core.errors import AttemptError, EmptyAnswer, Garbled, StreamBroken, quote
from linx.dialects.failures.meaning import event_failure
from linx.dialects.shared.ndjson import NDJSONDecoder

if TYPE_CHECKING:
    from collections.abc import Callable

CHAT, GENERATE = Dialect.OLLAMA, Dialect.OLLAMA_GENERATE
"""The two shapes of frames."""

_GENERATED = frozenset(("response", "thinking", "tool_calls"))
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
_FINISH = {"length": "length", "content_filter": "content_filter", "tool_calls": "tool_calls"}
_BACKSLASH = 0x5C
_SHORT = 2 * jsontext.MAX_DEPTH  # bytes; a shorter line cannot be nested too deep
_INT64 = 2**63
_IMPROBABLE = -9999.0  # what OpenAI writes for a token beyond measure


class OllamaDecoder:
    """A Decoder for one answer. ``new_id`` gives the random part of a tool call's id."""

    def __init__(self, new_id: Callable[[], str], *, generate: bool = False) -> None:
        self.problem: AttemptError | None = None
        self.done = False
        self._new_id = new_id
        self._generate = generate
        self._dialect = GENERATE if generate else CHAT
        self._text_key = "response" if generate else "content"
        self._lines = NDJSONDecoder()
        self._chunks: list[Chunk] = []
        self._begun = False
        self._strange = False
        self._ids: set[str] = set()
        self._tools = 0
        self._halves: dict[str, str] = {}

    def feed(self, data: bytes) -> list[Chunk]:
        if self.done or self.problem is not None:
            return []
        lines = self._lines
        for line in lines.feed(data):
            self._read(line)
            if self.done or self.problem is not None:
                break
        else:
            self.problem = lines.problem
        return self._given()

    def end(self) -> list[Chunk]:
        if self.done or self.problem is not None:
            return []
        for line in self._lines.end():
            self._read(line, is_torn=True)
        if not self.done and self.problem is None:
            self.problem = self._truncated()
        return self._given()

    def _given(self) -> list[Chunk]:
        chunks = self._chunks
        self._chunks = []
        return chunks

    def _truncated(self) -> AttemptError:
        if self._begun:
            return StreamBroken("ended its answer in the middle, without a done frame")
        if self._strange:
            return Garbled("sent JSON that is no answer of Ollama")
        return EmptyAnswer("ended its answer without a word")

    def _read(self, line: bytes, *, is_torn: bool = False) -> None:
        """One line. ``is_torn`` says that it came without a newline, so may be cut off."""
        if len(line) > _SHORT and jsontext.too_deep(line):
            self.problem = Garbled(f"sent JSON nested more than {jsontext.MAX_DEPTH} deep")
            return
        # A byte is looked for as a number: ten times faster than as bytes of length one.
        has_half = _BACKSLASH in line and (b"\\ud" in line or b"\\uD" in line)
        try:
            frame = jsontext.loads(line, keep_surrogates=has_half)
        except jsontext.InvalidJSON:
            self._read_glued(line, is_torn)
            return
        if type(frame) is not dict:
            self.problem = _garbled(line)
            return
        holder = frame if self._generate else frame.get("message")
        if type(holder) is dict and "tool_calls" in holder and not has_half and _LONG_NUMBER.search(line):
            with suppress(jsontext.InvalidJSON):
                frame = jsontext.loads_exact(line)
                holder = frame if self._generate else frame["message"]
        self._frame(frame, holder, has_half)

    def _read_glued(self, line: bytes, is_torn: bool) -> None:
        """A line that is no JSON text: several of them whose newlines were lost, or garbage."""
        try:
            frames = jsontext.split_values(line.decode("utf-8"))
        except ValueError:
            if is_torn and line.startswith(b"{"):
                self.problem = self._truncated()
            else:
                self.problem = _garbled(line)
            return
        for frame in frames:
            if type(frame) is not dict:
                self.problem = _garbled(line)
            else:
                self._frame(frame, frame if self._generate else frame.get("message"), False)
            if self.done or self.problem is not None:
                return

    def _frame(self, frame: JsonObject, holder: Any, has_half: bool) -> None:
        error = frame.get("error")
        if error:
            self.problem = event_failure(error)
            return
        is_done = frame.get("done") is True
        text_key = self._text_key
        if type(holder) is not dict or (self._generate and not _GENERATED.intersection(frame)):
            if not is_done:
                # Progress of something, or an answer in another dialect: nothing to read here.
                self._strange = True
                return
            holder = frame
            if not self._generate:
                holder = frame["message"] = {"role": "assistant"}
        elif not self._generate and "role" not in holder:
            holder["role"] = "assistant"
        text = holder.get(text_key)
        reasoning = holder.get("thinking")
        if type(text) is not str:
            if text is not None:
                self.problem = Garbled(f"sent a frame whose {text_key} is no text")
                return
            text = holder[text_key] = ""
        if type(reasoning) is not str:
            if reasoning is not None:
                del holder["thinking"]
            reasoning = ""
        if has_half or self._halves:
            text = self._whole_characters(holder, text_key, text, is_done)
            reasoning = self._whole_characters(holder, "thinking", reasoning, is_done)
        # By position, which halves the cost of the commonest object there is.
        chunk = Chunk(text, reasoning, "", None, None, 0, None, None, None, frame, self._dialect)
        calls = holder.get("tool_calls")
        if calls:
            chunk.tools = self._tool_calls(calls)
            if self.problem is not None:
                return
        logprobs = frame.get("logprobs")
        if logprobs:
            chunk.logprobs = _logprobs(logprobs)
        if is_done:
            self._finish(chunk, frame)
        elif text or reasoning or calls:
            self._begun = True
        self._chunks.append(chunk)

    def _finish(self, chunk: Chunk, frame: JsonObject) -> None:
        reason = frame.get("done_reason")
        if reason == "error":
            self.problem = event_failure("the provider ended its answer with an error")
            return
        finish = _FINISH.get(reason, "stop") if isinstance(reason, str) else "stop"
        if finish == "stop" and self._tools:
            # Ollama says stop after tool calls too, whichever frame they came in.
            finish = "tool_calls"
        chunk.finish = finish
        chunk.usage = Usage(_count(frame, "prompt_eval_count"), _count(frame, "eval_count"))
        chunk.timings = Timings(
            _count(frame, "total_duration"),
            _count(frame, "load_duration"),
            _count(frame, "prompt_eval_duration"),
            _count(frame, "eval_duration"),
        )
        self.done = True

    def _tool_calls(self, calls: Any) -> list[ToolDelta]:
        deltas: list[ToolDelta] = []
        if not isinstance(calls, list):
            calls = [None]
        for call in calls:
            function = call.get("function") if isinstance(call, dict) else None
            name = function.get("name") if isinstance(function, dict) else None
            arguments = _arguments(function) if isinstance(function, dict) and isinstance(name, str) and name else None
            if arguments is None:
                self.problem = Garbled("sent a tool call without a name, or whose arguments are no object")
                break
            given = call.get("id")
            if not isinstance(given, str) or not given or given in self._ids:
                given = "call_" + self._new_id()
            self._ids.add(given)
            deltas.append(ToolDelta(self._tools, given, name, arguments))
            self._tools += 1
        return deltas

    def _whole_characters(self, holder: JsonObject, key: str, text: str, is_done: bool) -> str:
        """``text`` with the half of a character that the frame before ended in; its own is kept back."""
        text = self._halves.pop(key, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff" and not is_done:
            self._halves[key] = text[-1]
            text = text[:-1]
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if text or key in holder:
            holder[key] = text
        return text


def _arguments(function: JsonObject) -> str | None:
    """A call's arguments as JSON text, None if they are no object; in the frame they become one."""
    arguments = function.get("arguments")
    if not arguments:
        function["arguments"] = {}
        return "{}"
    if isinstance(arguments, str):
        # Old versions and imitators send text; it stays as it is where text is wanted.
        text = arguments
        try:
            arguments = jsontext.loads_strict(text.encode("utf-8", "replace")) if text.strip() else {}
        except jsontext.InvalidJSON:
            return None
        function["arguments"] = arguments
        return (text if arguments else "{}") if isinstance(arguments, dict) else None
    return jsontext.dumps(arguments).decode() if isinstance(arguments, dict) else None


def _count(frame: JsonObject, key: str) -> int:
    """A counter or duration; Ollama leaves a key out where the value is 0."""
    value = frame.get(key)
    if type(value) is float and 0 < value < _INT64:
        value = int(value)
    return value if type(value) is int and value > 0 else 0


def _logprobs(entries: Any) -> list[JsonObject] | None:
    if not isinstance(entries, list):
        return None
    read = []
    for entry in entries:
        if isinstance(entry, dict):
            top = entry.get("top_logprobs")
            inner = [_logprob(item) for item in top if isinstance(item, dict)] if isinstance(top, list) else []
            read.append({**_logprob(entry), "top_logprobs": inner})
    return read or None


def _logprob(entry: JsonObject) -> JsonObject:
    token = entry.get("token")
    token = token if isinstance(token, str) else ""
    logprob = entry.get("logprob")
    raw = entry.get("bytes")
    return {
        "token": token,
        "logprob": logprob if isinstance(logprob, int | float) and logprob == logprob else _IMPROBABLE,
        "bytes": raw if isinstance(raw, list) else list(token.encode("utf-8", "replace")),
    }


def _garbled(line: bytes) -> Garbled:
    return Garbled(f"sent something that is not Ollama's NDJSON: {quote(line[:200].decode('utf-8', 'replace'))!r}")
