"""Writes a streamed chat answer for clients of the OpenAI dialect.

The official SDKs glue every string of the deltas together and take the rest as it comes,
so a role is sent once per choice, a finish once and alone, usage only where it was asked
for, and then once, right before the end mark. A provider's own frame of this dialect is
sent on with what it has of its own; chunks of other dialects are built from scratch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.dialects.openai.frames import CHUNK, DIALECT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.chat import ChatRequest, Chunk, JsonObject, Stamp, ToolDelta, Usage
    from linx.core.errors import LinxError

FINGERPRINT = "fp_linx"
MAX_CHOICES = 128  # that are begun in order
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
        self._usage: Usage | None = None
        self._extras: JsonObject = {}  # of frames without a choice, for the last frame

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
        last_finish: tuple[int, JsonObject] | None = None
        for chunk in chunks:
            if chunk.usage is not None:
                self._usage = chunk.usage
            source = chunk.source
            if source is None or chunk.dialect != DIALECT:
                self._build(chunk, parts)
                continue
            choices = source["choices"]
            if not choices:
                extras = {key: value for key, value in source.items() if key not in _IDENTITY}
                self._extras.update(extras)
                if last_finish is not None and extras and not self._has_usage:
                    # A client that did not ask for usage gets no frame without a choice. What came
                    # on one (llama.cpp's timings) joins the finish, if that has not left yet.
                    position, finish = last_finish
                    finish.update(extras)
                    parts[position] = jsontext.dumps(finish)
                continue
            if self._id is None:
                self._identify(source)
            source["id"] = self._id
            source["object"] = CHUNK
            source["created"] = self._created
            source["model"] = self._model
            if self._has_usage:
                source["usage"] = None
            else:
                source.pop("usage", None)
            if chunk.index not in self._started:
                self._start(chunk, choices[0], parts)
            if chunk.reasoning and self._field != "reasoning_content":
                delta = choices[0]["delta"]
                delta.update(reasoning_delta(delta.pop("reasoning_content"), self._field))
            if self._is_legacy and not _to_legacy(choices[0]):
                continue
            if chunk.finish is not None:
                last_finish = (len(parts), source)
            parts.append(jsontext.dumps(source))
        return _events(parts)

    def heartbeat(self) -> bytes:
        return b": linx\n\n"

    def error(self, problem: LinxError) -> bytes:
        return _events([jsontext.dumps(problem.openai_object())])

    def end(self) -> bytes:
        parts = []
        if self._has_usage:
            frame = self._frame([])
            frame.update(self._extras)
            frame["usage"] = usage_object(self._usage)
            parts.append(jsontext.dumps(frame))
        parts.append(b"[DONE]")
        return _events(parts)

    def _identify(self, source: JsonObject | None) -> None:
        """Settle the identity of the stream: the provider's where it gives a usable one."""
        self._id, self._created = identity(source, self._stamp)

    def _start(self, chunk: Chunk, choice: JsonObject, parts: list[bytes]) -> None:
        """Give a choice its role: on its first frame, or before it if that is the finish."""
        self._start_below(chunk.index, parts)
        self._started.add(chunk.index)
        if chunk.finish is None:
            choice["delta"] = {"role": "assistant", **choice["delta"]}
        else:
            parts.append(jsontext.dumps(self._of_choice(chunk.index, {"role": "assistant", "content": ""})))

    def _start_below(self, index: int, parts: list[bytes]) -> None:
        """The SDKs keep choices in a list as they come, so they begin in the order of their numbers."""
        for lower in range(index if index < self._count else 0):
            if lower not in self._started:
                self._started.add(lower)
                parts.append(jsontext.dumps(self._of_choice(lower, {"role": "assistant", "content": ""})))

    def _build(self, chunk: Chunk, parts: list[bytes]) -> None:
        """Frames from the fields of a chunk, one for each kind of content."""
        deltas: list[JsonObject] = []
        if chunk.reasoning:
            deltas.append(reasoning_delta(chunk.reasoning, self._field))
        if chunk.text or chunk.logprobs:
            deltas.append({"content": chunk.text})
        if chunk.refusal:
            deltas.append({"refusal": chunk.refusal})
        if chunk.tools:
            deltas.append({"tool_calls": [_fragment(delta) for delta in chunk.tools]})
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
            if not self._is_legacy or _to_legacy(choice):
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


def identity(source: JsonObject | None, stamp: Stamp) -> tuple[str, int]:
    """``id`` and ``created`` of an answer: the provider's own where they are usable."""
    given = source or {}
    name, created = given.get("id"), given.get("created")
    if not isinstance(name, str) or not name:
        name = f"chatcmpl-{stamp.id}"
    if isinstance(created, bool) or not isinstance(created, int | float) or not 0 < created < 2**53:
        created = stamp.created
    return name, int(created)


def reasoning_delta(text: str, field: str) -> JsonObject:
    """``field`` is reasoning_content, reasoning or both."""
    if field == "both":
        return {"reasoning_content": text, "reasoning": text}
    return {field: text}


def usage_object(usage: Usage | None) -> JsonObject:
    """Usage as OpenAI writes it: the provider's own where there is one, with the counts always there."""
    if usage is None:
        return {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    counts: JsonObject = {"prompt_tokens": usage.prompt, "completion_tokens": usage.completion}
    counts["total_tokens"] = usage.prompt + usage.completion
    if usage.source is not None:
        total = usage.source.get("total_tokens")
        if type(total) is int:
            counts["total_tokens"] = total
        return {**usage.source, **counts}
    if usage.cached is not None:
        counts["prompt_tokens_details"] = {"cached_tokens": usage.cached}
        if usage.cache_write:
            counts["prompt_tokens_details"]["cache_write_tokens"] = usage.cache_write
    if usage.reasoning is not None:
        counts["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    if usage.cost_usd is not None:
        counts["cost"] = usage.cost_usd
    return counts


def _fragment(delta: ToolDelta) -> JsonObject:
    if delta.id is None:
        return {"index": delta.index, "function": {"arguments": delta.arguments}}
    function = {"name": delta.name or "", "arguments": delta.arguments}
    return {"index": delta.index, "id": delta.id, "type": "function", "function": function}


def _to_legacy(choice: JsonObject) -> bool:
    """Turn the first tool call into the ``function_call`` of old clients; they know of one only.

    False if nothing is left of the frame.
    """
    if choice["finish_reason"] == "tool_calls":
        choice["finish_reason"] = "function_call"
    delta = choice["delta"]
    fragments = delta.pop("tool_calls", None)
    if fragments is None:
        return True
    call: JsonObject = {}
    for fragment in fragments:
        function = fragment.get("function")
        if fragment["index"] == 0 and function is not None:
            call.update({key: function[key] for key in ("name",) if key in function})
            call["arguments"] = call.get("arguments", "") + function["arguments"]
    if call:
        delta["function_call"] = call
    return bool(delta)


def _events(parts: list[bytes]) -> bytes:
    return b"data: " + b"\n\ndata: ".join(parts) + b"\n\n" if parts else b""
