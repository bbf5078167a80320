"""Writes streamed answers as Ollama's NDJSON, for /api/chat and /api/generate.

A frame of an Ollama goes out as the provider wrote it, but for the model's name. For every other chunk a frame is
built: text at once, tool calls whole and once, before the done frame, which waits for the end because the counters
come after the finish.

A frame of text alone is the commonest by far; its bytes are joined around the text, without building an object.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.core.attempt_errors import Garbled
from linx.core.chat import ToolCall, Usage
from linx.dialects.base import MAX_FRAME
from linx.dialects.ollama.answer import INVALID_CALL, answer_body, counters, done_reason, tool_objects
from linx.dialects.ollama.decoder import CHAT, GENERATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.chat import ChatRequest, Chunk, JsonObject, Stamp, Timings, ToolDelta
    from linx.core.errors import LinxError


class OllamaEncoder:
    """See ``base.Encoder``."""

    def __init__(self, chat: ChatRequest, stamp: Stamp, *, generate: bool) -> None:
        self._model = chat.model
        self._stamp = stamp
        self._is_generate = generate
        self._dialect = GENERATE if generate else CHAT
        self._before_time = b'{"model":' + jsontext.dumps(chat.model) + b',"created_at":"'
        if generate:
            self._before_text, self._after_text = b'","response":', b',"done":false}\n'
        else:
            self._before_text, self._after_text = b'","message":{"role":"assistant","content":', b'},"done":false}\n'
        self._second = -1  # of the last timestamp
        self._time_to_second = b""  # the timestamp up to that second
        self._first_at: float | None = None  # when the first content came
        self._count = 0  # of chunks with text or reasoning, where the provider counts no tokens
        self._calls: dict[int, ToolCall] = {}
        self._arguments: dict[int, list[str]] = {}
        self._kept = 0  # characters of arguments
        self._finish: str | None = None
        self._usage: Usage | None = None
        self._timings: Timings | None = None
        self._is_over = False

    def frames(self, chunks: Sequence[Chunk]) -> bytes:
        parts = []
        for chunk in chunks:
            if self._is_over:
                break
            if chunk.source is not None and chunk.dialect == self._dialect:
                parts.append(self._passed_on(chunk.source))
            elif chunk.index == 0:
                frame = self._built(chunk)
                if frame:
                    parts.append(frame)
        return b"".join(parts)

    def heartbeat(self) -> bytes:
        """A frame without content: NDJSON has no comments, and clients fail on blank lines."""
        return b"" if self._is_over else self._text_frame(self._stamp.now(), b'""')

    def error(self, problem: LinxError) -> bytes:
        if self._is_over:
            return b""
        self._is_over = True
        return error_line(problem.message)

    def end(self) -> bytes:
        if self._is_over:
            return b""
        self._is_over = True
        try:
            calls = tool_objects(self._whole_calls(), self._finish)
        except Garbled:
            return error_line(INVALID_CALL)
        now = self._stamp.now()
        frames = b""
        if calls:
            frames = jsontext.dumps(self._frame(now, "", calls=calls)) + b"\n"
        usage = self._usage or Usage(completion=self._count)
        figures = counters(self._stamp.created, self._first_at, now, usage, self._timings)
        done = {**self._frame(now, ""), "done": True, "done_reason": done_reason(self._finish)}
        return frames + jsontext.dumps({**done, **figures}) + b"\n"

    def _passed_on(self, source: JsonObject) -> bytes:
        """The frame of an Ollama under the client's name of the model."""
        if source.get("done") is True:
            self._is_over = True
        frame = {**source, "model": self._model}
        if "created_at" not in frame:
            frame["created_at"] = self._timestamp(self._stamp.now()).decode()
        return jsontext.dumps(frame) + b"\n"

    def _built(self, chunk: Chunk) -> bytes:
        """A frame for what the chunk holds; none for what waits until the end."""
        if chunk.usage is not None:
            self._usage = chunk.usage
        if chunk.timings is not None:
            self._timings = chunk.timings
        if chunk.finish is not None:
            self._finish = chunk.finish
        if chunk.tools:
            self._keep_calls(chunk.tools)
        text = chunk.text + chunk.refusal if chunk.refusal else chunk.text
        if text or chunk.reasoning:
            self._count += 1
        elif not chunk.logprobs:
            return b""
        now = self._stamp.now()
        if self._first_at is None:
            self._first_at = now
        if not chunk.reasoning and not chunk.logprobs:
            return self._text_frame(now, jsontext.dumps(text))
        frame = self._frame(now, text, reasoning=chunk.reasoning)
        if chunk.logprobs:
            frame["logprobs"] = chunk.logprobs
        return jsontext.dumps(frame) + b"\n"

    def _text_frame(self, now: float, text: bytes) -> bytes:
        return self._before_time + self._timestamp(now) + self._before_text + text + self._after_text

    def _frame(
        self, now: float, text: str, *, reasoning: str = "", calls: list[JsonObject] | None = None
    ) -> JsonObject:
        body = answer_body(self._is_generate, text, reasoning, calls)
        return {"model": self._model, "created_at": self._timestamp(now).decode(), **body, "done": False}

    def _keep_calls(self, deltas: Sequence[ToolDelta]) -> None:
        if self._first_at is None:
            self._first_at = self._stamp.now()
        for delta in deltas:
            if delta.index not in self._calls:
                self._calls[delta.index] = ToolCall(delta.id or "", delta.name or "")
                self._arguments[delta.index] = []
            self._arguments[delta.index].append(delta.arguments)
            self._kept += len(delta.arguments)
        if self._kept > MAX_FRAME:
            raise Garbled(f"sent tool call arguments of more than {MAX_FRAME >> 20} MiB")

    def _whole_calls(self) -> list[ToolCall]:
        return [
            ToolCall(call.id, call.name, "".join(self._arguments[index])) for index, call in sorted(self._calls.items())
        ]

    def _timestamp(self, now: float) -> bytes:
        """RFC 3339 in UTC, with microseconds; what is the same within a second is kept."""
        second = int(now)
        if second != self._second:
            self._second = second
            self._time_to_second = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
        return b"%b.%06dZ" % (self._time_to_second, int((now - second) * 1_000_000))


def error_line(text: str) -> bytes:
    return jsontext.dumps({"error": text}) + b"\n"
