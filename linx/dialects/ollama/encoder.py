"""Writes Ollama's NDJSON answers, for /api/chat and /api/generate, whole or in frames.

A chunk of the client's own dialect goes out as the provider wrote it, only its model
renamed. Everything else is built: text at once, tool calls whole and once, in front of
the done frame, which waits for the end because the counters come after the finish.

Built by hand around the text, since a frame of text is what there are thousands of.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.chat import Answer, ChatRequest, Chunk, JsonObject, Stamp, Timings, ToolCall, Usage
from linx.core.errors import Garbled, LinxError
from linx.dialects.base import MAX_FRAME
from linx.dialects.ollama.decoder import CHAT, GENERATE

if TYPE_CHECKING:
    from collections.abc import Sequence

INVALID_CALL = "model produced invalid tool call arguments"
_NS = 1_000_000_000


class OllamaEncoder:
    """An Encoder for one answer."""

    def __init__(self, chat: ChatRequest, stamp: Stamp, *, generate: bool) -> None:
        self._model = chat.model
        self._stamp = stamp
        self._generate = generate
        self._dialect = GENERATE if generate else CHAT
        self._before = b'{"model":' + jsontext.dumps(chat.model) + b',"created_at":"'
        if generate:
            self._between, self._after = b'","response":', b',"done":false}\n'
        else:
            self._between, self._after = b'","message":{"role":"assistant","content":', b'},"done":false}\n'
        self._second = -1
        self._prefix = b""
        self._first: float | None = None
        self._pieces = 0
        self._tools: dict[int, ToolCall] = {}
        self._arguments: dict[int, list[str]] = {}
        self._kept = 0
        self._finish: str | None = None
        self._usage: Usage | None = None
        self._timings: Timings | None = None
        self._ended = False

    def frames(self, chunks: Sequence[Chunk]) -> bytes:
        out = []
        for chunk in chunks:
            if self._ended:
                break
            if chunk.source is not None and chunk.dialect == self._dialect:
                out.append(self._native(chunk.source))
            elif chunk.index == 0:
                frame = self._translated(chunk)
                if frame:
                    out.append(frame)
        return b"".join(out)

    def heartbeat(self) -> bytes:
        """A frame without content: NDJSON has no comments, and clients die of blank lines."""
        return b"" if self._ended else self._text_frame(b'""')

    def error(self, problem: LinxError) -> bytes:
        if self._ended:
            return b""
        self._ended = True
        return error_line(problem.message)

    def end(self) -> bytes:
        if self._ended:
            return b""
        self._ended = True
        try:
            calls = tool_objects(self._calls(), self._finish)
        except Garbled:
            return error_line(INVALID_CALL)
        now = self._stamp.now()
        out = b""
        if calls:
            out = jsontext.dumps(self._frame(self._body("", "", calls), now)) + b"\n"
        usage = self._usage or Usage(completion=self._pieces)
        figures = _figures(self._stamp.created, self._first, now, usage, self._timings)
        done = {**self._frame(self._body("", "", None), now), "done": True, "done_reason": _reason(self._finish)}
        return out + jsontext.dumps({**done, **figures}) + b"\n"

    def _native(self, source: JsonObject) -> bytes:
        if source.get("done") is True:
            self._ended = True
        frame = {**source, "model": self._model}
        if "created_at" not in frame:
            frame["created_at"] = self._now(self._stamp.now()).decode()
        return jsontext.dumps(frame) + b"\n"

    def _translated(self, chunk: Chunk) -> bytes:
        if chunk.usage is not None:
            self._usage = chunk.usage
        if chunk.timings is not None:
            self._timings = chunk.timings
        if chunk.finish is not None:
            self._finish = chunk.finish
        if chunk.tools:
            self._collect(chunk)
        text = chunk.text + chunk.refusal if chunk.refusal else chunk.text
        if text or chunk.reasoning:
            self._pieces += 1
        elif not chunk.logprobs:
            return b""
        if chunk.reasoning or chunk.logprobs:
            now = self._stamp.now()
            self._first = self._first or now
            frame = self._frame(self._body(text, chunk.reasoning, None), now)
            if chunk.logprobs:
                frame["logprobs"] = chunk.logprobs
            return jsontext.dumps(frame) + b"\n"
        return self._text_frame(jsontext.dumps(text), is_heartbeat=False)

    def _text_frame(self, text: bytes, *, is_heartbeat: bool = True) -> bytes:
        now = self._stamp.now()
        if self._first is None and not is_heartbeat:
            self._first = now
        return self._before + self._now(now) + self._between + text + self._after

    def _collect(self, chunk: Chunk) -> None:
        if self._first is None:
            self._first = self._stamp.now()
        for delta in chunk.tools or ():
            call = self._tools.get(delta.index)
            if call is None:
                call = self._tools[delta.index] = ToolCall(delta.id or "", delta.name or "")
                self._arguments[delta.index] = []
            self._arguments[delta.index].append(delta.arguments)
            self._kept += len(delta.arguments)
        if self._kept > MAX_FRAME:
            raise Garbled(f"sent tool call arguments of more than {MAX_FRAME >> 20} MiB")

    def _calls(self) -> list[ToolCall]:
        return [
            ToolCall(call.id, call.name, "".join(self._arguments[index])) for index, call in sorted(self._tools.items())
        ]

    def _body(self, text: str, reasoning: str, calls: list[JsonObject] | None) -> JsonObject:
        return answer_body(self._generate, text, reasoning, calls)

    def _frame(self, body: JsonObject, now: float) -> JsonObject:
        return {"model": self._model, "created_at": self._now(now).decode(), **body, "done": False}

    def _now(self, now: float) -> bytes:
        second = int(now)
        if second != self._second:
            self._second = second
            self._prefix = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
        return b"%b.%06dZ" % (self._prefix, int((now - second) * 1_000_000))


def error_line(text: str) -> bytes:
    return jsontext.dumps({"error": text}) + b"\n"


def timestamp(now: float) -> str:
    """RFC 3339 in UTC, with microseconds."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def answer_body(generate: bool, text: str, reasoning: str, calls: list[JsonObject] | None) -> JsonObject:
    """What holds the answer in a frame: the message, or the response beside it."""
    body: JsonObject = {"response": text} if generate else {"role": "assistant", "content": text}
    if reasoning:
        body["thinking"] = reasoning
    if calls:
        body["tool_calls"] = calls
    return body if generate else {"message": body}


def tool_objects(calls: Sequence[ToolCall], finish: str | None) -> list[JsonObject]:
    """Calls with their arguments as objects; raises Garbled where one is none.

    An answer cut at its length leaves its last call in pieces: that one is dropped, and
    ``length`` says so.
    """
    objects: list[JsonObject] = []
    for position, call in enumerate(calls):
        arguments: Any = {}
        if call.arguments.strip():
            try:
                arguments = jsontext.loads_strict(call.arguments.encode("utf-8", "replace"))
            except jsontext.InvalidJSON:
                arguments = None
        if not isinstance(arguments, dict):
            if finish == "length" and position == len(calls) - 1:
                break
            raise Garbled(INVALID_CALL)
        objects.append({"id": call.id, "function": {"index": position, "name": call.name, "arguments": arguments}})
    return objects


def _reason(finish: str | None) -> str:
    return "length" if finish == "length" else "stop"


def _figures(start: float, first: float | None, now: float, usage: Usage, timings: Timings | None) -> JsonObject:
    """The counters and durations of a done frame, from the provider where it gave them.

    Clients divide by ``eval_duration``, so it is never 0.
    """
    timings = timings or Timings()
    total = max(int((now - start) * _NS), 1)
    prompt_eval = int(((first if first is not None else start) - start) * _NS)
    generated = max(total - prompt_eval, 1)
    figures: JsonObject = {"total_duration": timings.total or total}
    if timings.load:
        figures["load_duration"] = timings.load
    return figures | {
        "prompt_eval_count": usage.prompt,
        "prompt_eval_duration": timings.prompt_eval or prompt_eval,
        "eval_count": usage.completion,
        "eval_duration": timings.eval or generated,
    }


def whole_answer(chat: ChatRequest, answer: Answer, stamp: Stamp, *, generate: bool) -> JsonObject:
    """The one object of an answer that is not streamed."""
    choices = answer.choices
    choice = choices[min(choices)]
    now = stamp.now()
    sources = answer.sources
    if sources and answer.dialect == (GENERATE if generate else CHAT):
        whole = _folded(chat.model, sources, choice.text, choice.reasoning, generate)
        whole.setdefault("created_at", timestamp(now))
        return whole
    calls = tool_objects(choice.tools, choice.finish)
    body = answer_body(generate, choice.text + choice.refusal, choice.reasoning, calls)
    usage = answer.usage or Usage()
    whole = {
        "model": chat.model,
        "created_at": timestamp(now),
        **body,
        "done": True,
        "done_reason": _reason(choice.finish),
        **_figures(stamp.created, None, now, usage, answer.timings),
    }
    if choice.logprobs:
        whole["logprobs"] = choice.logprobs
    return whole


def _folded(model: str, sources: list[JsonObject], text: str, reasoning: str, generate: bool) -> JsonObject:
    """Ollama's own frames as one: the last word of every field, text and lists put together."""
    whole: JsonObject = {}
    inner: JsonObject = {}
    lists: dict[str, list[Any]] = {"tool_calls": [], "logprobs": []}
    for source in sources:
        whole |= source
        holder = source if generate else source.get("message") or {}
        if not generate:
            inner |= holder
        lists["tool_calls"] += holder.get("tool_calls") or ()
        lists["logprobs"] += source.get("logprobs") or ()
    whole["model"] = model
    holder = whole if generate else inner
    holder["response" if generate else "content"] = text
    if reasoning:
        holder["thinking"] = reasoning
    if lists["tool_calls"]:
        holder["tool_calls"] = lists["tool_calls"]
    if lists["logprobs"]:
        whole["logprobs"] = lists["logprobs"]
    return whole if generate else {**whole, "message": inner}
