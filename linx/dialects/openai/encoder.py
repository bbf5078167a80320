"""Writes a streamed chat answer for clients of the OpenAI dialect.

The official SDKs join all strings of the deltas and take everything else as it comes. So a role is sent once per
choice, a finish once and alone, usage only where the client asked for it, and then once, right before the end mark.
A provider's own frame of this dialect is sent on with all its fields under the identity of the client's stream; for
chunks of other dialects frames are built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.core.chat import Chunk, ToolDelta
from linx.dialects.openai.frames import CHUNK, DIALECT
from linx.dialects.openai.objects import (
    FINGERPRINT,
    identity,
    reasoning_delta,
    to_legacy,
    tool_fragment,
    usage_object,
)
from linx.dialects.shared.free_text_tools import FreeTextCalls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.chat import ChatRequest, JsonObject, Stamp, Usage
    from linx.core.errors import LinxError

MAX_CHOICES = 128  # how many choices are begun in the order of their numbers
_IDENTITY = frozenset(("id", "object", "created", "model", "choices", "usage"))


class OpenAIEncoder:
    """See ``base.Encoder``."""

    def __init__(self, chat: ChatRequest, stamp: Stamp, reasoning_field: str) -> None:
        self._model = chat.model
        self._stamp = stamp
        self._has_usage = chat.include_usage
        self._is_legacy = chat.legacy_functions
        self._field = reasoning_field
        self._id: str | None = None  # of the whole stream; None before its first frame
        self._created = 0
        self._started: set[int] = set()
        count = chat.chat_body.get("n")
        self._count = min(count, MAX_CHOICES) if type(count) is int else 1
        self._free_text = FreeTextCalls(chat.free_text_tools) if chat.free_text_tools else None
        self._usage: Usage | None = None
        self._extras: JsonObject = {}  # of the provider's frames without a choice, for the frame with the usage

    def frames(self, chunks: Sequence[Chunk]) -> bytes:
        if len(chunks) == 1 and not self._is_legacy:
            chunk = chunks[0]
            source = chunk.source
            if (
                source is not None
                and chunk.text
                and not chunk.reasoning
                and chunk.dialect == DIALECT
                and chunk.usage is None
                and chunk.finish is None
                and chunk.index in self._started
            ):
                # One piece of text of a stream under way, the commonest of all frames: only the names change.
                source["id"] = self._id
                source["object"] = CHUNK
                source["created"] = self._created
                source["model"] = self._model
                if self._has_usage:
                    source["usage"] = None
                elif "usage" in source:
                    del source["usage"]
                return b"data: %b\n\n" % jsontext.dumps(source)
        parts: list[bytes] = []
        last_finish: tuple[int, JsonObject] | None = None  # its place in ``parts``, and its frame
        for chunk in chunks:
            if chunk.usage is not None:
                self._usage = chunk.usage
            if self._free_text is not None and (chunk.tools or chunk.finish is not None):
                self._turn_back(chunk, self._free_text, parts)
            source = chunk.source
            if source is None or chunk.dialect != DIALECT:
                self._build(chunk, parts)
            elif not source["choices"]:
                self._add_extras(source, parts, last_finish)
            elif self._pass_on(chunk, source, parts) and chunk.finish is not None:
                last_finish = (len(parts) - 1, source)
        return _events(parts)

    def heartbeat(self) -> bytes:
        return b": linx\n\n"

    def error(self, problem: LinxError) -> bytes:
        return error_event(problem)

    def end(self) -> bytes:
        parts = []
        if self._has_usage:
            frame = self._frame([])
            frame.update(self._extras)
            frame["usage"] = usage_object(self._usage)
            parts.append(jsontext.dumps(frame))
        parts.append(b"[DONE]")
        return _events(parts)

    def _turn_back(self, chunk: Chunk, calls: FreeTextCalls, parts: list[bytes]) -> None:
        """Put the free text into the calls of such tools, in the chunk and in the provider's own frame.

        With the finish comes what is still owed: in the chunk's own piece of a call, or in a frame before the finish.
        """
        source = chunk.source if chunk.dialect == DIALECT else None
        fragments = source["choices"][0]["delta"].get("tool_calls", ()) if source and source["choices"] else ()
        pieces = list(enumerate(chunk.tools or ()))
        texts = [calls.piece(chunk.index, delta.index, delta.name, delta.arguments) for _number, delta in pieces]
        owed = calls.rest(chunk.index) if chunk.finish is not None else {}
        for number, delta in reversed(pieces):
            text = texts[number]
            if text is not None:
                delta.arguments = text + owed.pop(delta.index, "")
                if number < len(fragments):
                    _tell_as_function(fragments[number], delta.arguments)
        if owed:
            rest = [ToolDelta(call, arguments=text) for call, text in owed.items()]
            self._build(Chunk(index=chunk.index, tools=rest), parts)

    def _identify(self, source: JsonObject | None) -> None:
        """Settle id and time of the stream, of which the provider's first frame is ``source``."""
        self._id, self._created = identity(source, self._stamp)

    def _pass_on(self, chunk: Chunk, source: JsonObject, parts: list[bytes]) -> bool:
        """Add the provider's own frame under the identity of this stream. False if nothing is left of it."""
        if chunk.index not in self._started:
            self._start(chunk, source, parts)
        source["id"] = self._id
        source["object"] = CHUNK
        source["created"] = self._created
        source["model"] = self._model
        if self._has_usage:
            source["usage"] = None
        elif "usage" in source:
            del source["usage"]
        if chunk.reasoning and self._field != "reasoning_content":
            delta = source["choices"][0]["delta"]
            delta.update(reasoning_delta(delta.pop("reasoning_content"), self._field))
        if self._is_legacy and not to_legacy(source["choices"][0]):
            return False
        parts.append(jsontext.dumps(source))
        return True

    def _add_extras(self, source: JsonObject, parts: list[bytes], last_finish: tuple[int, JsonObject] | None) -> None:
        """Keep the fields of a provider's frame without a choice (llama.cpp's timings).

        A client that did not ask for usage gets no such frame: for it, the extras join the finish, if that is not
        sent yet.
        """
        extras = {key: value for key, value in source.items() if key not in _IDENTITY}
        self._extras.update(extras)
        if last_finish is not None and extras and not self._has_usage:
            position, finish = last_finish
            finish.update(extras)
            parts[position] = jsontext.dumps(finish)

    def _start(self, chunk: Chunk, source: JsonObject, parts: list[bytes]) -> None:
        """Give a choice its role: on its first frame, or before it if that is the finish."""
        if self._id is None:
            self._identify(source)
        self._start_below(chunk.index, parts)
        self._started.add(chunk.index)
        if chunk.finish is None:
            choice = source["choices"][0]
            choice["delta"] = {"role": "assistant", **choice["delta"]}
        else:
            parts.append(jsontext.dumps(self._of_choice(chunk.index, {"role": "assistant", "content": ""})))

    def _start_below(self, index: int, parts: list[bytes]) -> None:
        """Begin the choices below ``index``: the SDKs keep choices in a list in the order in which they begin."""
        for lower in range(index if index < self._count else 0):
            if lower not in self._started:
                self._started.add(lower)
                parts.append(jsontext.dumps(self._of_choice(lower, {"role": "assistant", "content": ""})))

    def _build(self, chunk: Chunk, parts: list[bytes]) -> None:
        """Add frames built from the fields of a chunk, one for each kind of content."""
        deltas: list[JsonObject] = []
        if chunk.reasoning:
            deltas.append(reasoning_delta(chunk.reasoning, self._field))
        if chunk.text or chunk.logprobs:
            deltas.append({"content": chunk.text})
        if chunk.refusal:
            deltas.append({"refusal": chunk.refusal})
        if chunk.tools:
            deltas.append({"tool_calls": [tool_fragment(delta) for delta in chunk.tools]})
        if chunk.finish is not None:
            deltas.append({})
        for delta in deltas:
            frame = self._of_choice(chunk.index, delta)
            choice = frame["choices"][0]
            if not delta:
                choice["finish_reason"] = chunk.finish
            if "content" in delta and chunk.logprobs:
                choice["logprobs"] = {"content": chunk.logprobs, "refusal": None}
            if chunk.index not in self._started:
                self._start_below(chunk.index, parts)
                self._started.add(chunk.index)
                opening = {"role": "assistant", **delta} if delta else {"role": "assistant", "content": ""}
                if delta:
                    choice["delta"] = opening
                else:
                    parts.append(jsontext.dumps(self._of_choice(chunk.index, opening)))
            if not self._is_legacy or to_legacy(choice):
                parts.append(jsontext.dumps(frame))

    def _of_choice(self, index: int, delta: JsonObject) -> JsonObject:
        return self._frame([{"index": index, "delta": delta, "logprobs": None, "finish_reason": None}])

    def _frame(self, choices: list[JsonObject]) -> JsonObject:
        if self._id is None:
            self._identify(None)
        frame: JsonObject = {
            "id": self._id,
            "object": CHUNK,
            "created": self._created,
            "model": self._model,
            "system_fingerprint": FINGERPRINT,
            "choices": choices,
        }
        if self._has_usage:
            frame["usage"] = None
        return frame


def _tell_as_function(fragment: JsonObject, text: str) -> None:
    """Put the free text into a piece of a call, which a server may have sent as one of a custom tool after all."""
    body = fragment.pop("custom", None) or fragment.get("function") or {}
    name = {"name": body["name"]} if "name" in body else {}
    fragment["function"] = {**name, "arguments": text}
    if "type" in fragment:
        fragment["type"] = "function"


def error_event(problem: LinxError) -> bytes:
    """The frame of a failed stream. It has a name, since LangChain4j takes an ``error`` without one for nothing at all.

    Groq names it too (go-openai#1057); the SDKs of OpenAI read the data whatever the name is.
    """
    return b"event: error\ndata: %b\n\n" % jsontext.dumps(problem.openai_object())


def _events(parts: list[bytes]) -> bytes:
    return b"data: " + b"\n\ndata: ".join(parts) + b"\n\n" if parts else b""
