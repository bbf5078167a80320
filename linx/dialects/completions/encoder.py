"""Writes the answers of /v1/completions: the stream, and the whole answer.

They are like those of chat without roles, and have log probabilities in parallel lists instead
of a list of objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.dialects.openai.encoder import error_event
from linx.dialects.openai.objects import usage_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.chat import Answer, ChatRequest, Choice, Chunk, JsonObject, Stamp, Usage
    from linx.core.errors import LinxError

_OBJECT = "text_completion"
_OWN_TOP = frozenset(("id", "object", "created", "model", "choices", "usage", "error"))


class CompletionsEncoder:
    """See ``base.Encoder``."""

    def __init__(self, chat: ChatRequest, stamp: Stamp) -> None:
        self._head = _head(chat, stamp)
        self._top = _top_count(chat)
        self._has_usage = chat.include_usage
        self._usage: Usage | None = None
        self._offsets: dict[int, int] = {}
        # The commonest frame is a piece of text; the bytes before and after the text are always the same.
        start = jsontext.dumps(self._head)[:-1]
        null = b',"usage":null' if self._has_usage else b""
        self._before = b'data: %b%b,"choices":[{"text":' % (start, null)

    def frames(self, chunks: Sequence[Chunk]) -> bytes:
        parts: list[bytes] = []
        for chunk in chunks:
            if chunk.usage is not None:
                self._usage = chunk.usage
            if chunk.finish is None and chunk.logprobs is None:
                if chunk.text:
                    parts.append(
                        b'%b%b,"index":%d,"logprobs":null,"finish_reason":null}]}\n\n'
                        % (self._before, jsontext.dumps(chunk.text), chunk.index)
                    )
                continue
            parts.append(self._full(chunk))
        return b"".join(parts)

    def heartbeat(self) -> bytes:
        return b": linx\n\n"

    def error(self, problem: LinxError) -> bytes:
        return error_event(problem)

    def end(self) -> bytes:
        if not self._has_usage:
            return b"data: [DONE]\n\n"
        frame = {**self._head, "choices": [], "usage": usage_object(self._usage)}
        return b"data: %b\n\ndata: [DONE]\n\n" % jsontext.dumps(frame)

    def _full(self, chunk: Chunk) -> bytes:
        logprobs = None
        if chunk.logprobs is not None and self._top is not None:
            logprobs = legacy_logprobs(chunk.logprobs, self._top, self._offsets.get(chunk.index, 0))
            self._offsets[chunk.index] = _end_of(logprobs)
        choice = {
            "text": chunk.text,
            "index": chunk.index,
            "logprobs": logprobs,
            "finish_reason": _finish(chunk.finish) if chunk.finish is not None else None,
        }
        frame: JsonObject = {**self._head, "choices": [choice]}
        if self._has_usage:
            frame["usage"] = None
        if chunk.source is not None:
            frame.update(_extras(chunk.source))
        return b"data: %b\n\n" % jsontext.dumps(frame)


def whole_answer(chat: ChatRequest, answer: Answer, stamp: Stamp) -> JsonObject:
    """The answer for a client that asked for no stream."""
    body = _head(chat, stamp)
    body["choices"] = [_choice(chat, index, whole) for index, whole in answer.choices.items()]
    body["usage"] = usage_object(answer.usage)
    for source in answer.sources:
        body.update(_extras(source))
    return body


def legacy_logprobs(entries: Sequence[JsonObject], top: int, offset: int) -> JsonObject:
    """Chat's list of log probabilities as parallel lists; ``offset`` is where the text of the entries begins."""
    offsets = []
    for entry in entries:
        offsets.append(offset)
        offset += len(entry["token"])
    tops = [
        {other["token"]: other.get("logprob") for other in (entry.get("top_logprobs") or ())[:top]} for entry in entries
    ]
    return {
        "tokens": [entry["token"] for entry in entries],
        "token_logprobs": [entry.get("logprob") for entry in entries],
        "top_logprobs": tops if top else None,
        "text_offset": offsets,
    }


def _end_of(logprobs: JsonObject) -> int:
    offsets, tokens = logprobs["text_offset"], logprobs["tokens"]
    return offsets[-1] + len(tokens[-1]) if tokens else 0


def _top_count(chat: ChatRequest) -> int | None:
    """How many alternatives the client wants for each token; None: no log probabilities at all."""
    return chat.completion.logprobs


def _head(chat: ChatRequest, stamp: Stamp) -> JsonObject:
    return {"id": f"cmpl-{stamp.id}", "object": _OBJECT, "created": int(stamp.created), "model": chat.model}


def _finish(reason: str | None) -> str:
    return reason if reason in ("length", "content_filter") else "stop"


def _choice(chat: ChatRequest, index: int, whole: Choice) -> JsonObject:
    top = _top_count(chat)
    has_logprobs = whole.logprobs is not None and top is not None
    return {
        "text": whole.text,
        "index": index,
        "logprobs": legacy_logprobs(whole.logprobs or (), top or 0, 0) if has_logprobs else None,
        "finish_reason": _finish(whole.finish),
    }


def _extras(source: JsonObject) -> JsonObject:
    """The fields of a provider's frame that this dialect does not define; they are passed on."""
    if "choices" not in source or source.keys() <= _OWN_TOP:
        return {}
    return {key: value for key, value in source.items() if key not in _OWN_TOP and value is not None}
