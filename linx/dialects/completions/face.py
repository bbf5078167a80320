"""The old completions dialect toward clients: a text goes on where a prompt ends.

Editors still ask for it, to complete a line. Its answers are those of chat with the roles
taken off, and log probabilities in lists side by side instead of one list of objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.chat import ChatRequest
from linx.core.errors import BadRequest
from linx.dialects.openai.objects import usage_object
from linx.dialects.shared import fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.chat import Answer, Choice, Chunk, JsonObject, Stamp, Usage
    from linx.core.errors import LinxError

DIALECT = "completions"
MAX_CHOICES = 128
MOST_LOGPROBS = 20
_OBJECT = "text_completion"
_NUMBERS = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_OWN_TOP = frozenset(("id", "object", "created", "model", "choices", "usage", "error"))


class CompletionsFace:
    """See ``base.Face``."""

    name = DIALECT
    stream_type = b"text/event-stream"

    def parse(self, body: JsonObject) -> ChatRequest:
        fields.whole_body(body)
        model = fields.need_name(body, "model")
        prompts = prompts_of(body.get("prompt"))
        count = fields.integer(body, "n", least=1) or 1
        if len(prompts) * count > MAX_CHOICES:
            raise BadRequest(f"prompt: at most {MAX_CHOICES} prompts times n", param="prompt")
        limit = fields.integer(body, "max_tokens", least=0)
        logprobs = fields.integer(body, "logprobs", least=0)
        if logprobs is not None and logprobs > MOST_LOGPROBS:
            raise fields.wrong("logprobs", f"at most {MOST_LOGPROBS}")
        best_of = fields.integer(body, "best_of", least=1)
        if best_of is not None and best_of < count:
            raise fields.wrong("best_of", "at least n")
        for name in _NUMBERS:
            fields.number(body, name)
        fields.integer(body, "seed")
        fields.text(body, "suffix")
        fields.text(body, "user")
        fields.flag(body, "echo")
        if not isinstance(body.get("stop"), str):
            fields.texts(body, "stop")
        options = fields.mapping(body, "stream_options") or {}
        stream = bool(fields.flag(body, "stream"))
        # The hub body is for what looks at the size of a prompt; providers are asked with the client's own.
        said: JsonObject = {
            "model": model,
            "messages": [{"role": "user", "content": prompt} for prompt in prompts if isinstance(prompt, str)],
        }
        if limit:
            said["max_tokens"] = limit
        return ChatRequest(
            model,
            said,
            stream=stream,
            include_usage=stream and options.get("include_usage") is True,
            dialect=DIALECT,
            native=body,
        )

    def encoder(self, chat: ChatRequest, stamp: Stamp) -> CompletionsEncoder:
        return CompletionsEncoder(chat, stamp)

    def whole(self, chat: ChatRequest, answer: Answer, stamp: Stamp) -> JsonObject:
        body = _head(chat, stamp)
        body["choices"] = [_choice(chat, index, whole) for index, whole in answer.choices.items()]
        body["usage"] = usage_object(answer.usage)
        for source in answer.sources:
            body.update(_extras(source))
        return body

    def error_body(self, problem: LinxError, request_id: str) -> JsonObject:
        return problem.openai_object()

    def status_of(self, problem: LinxError) -> int:
        return problem.status


class CompletionsEncoder:
    """See ``base.Encoder``."""

    def __init__(self, chat: ChatRequest, stamp: Stamp) -> None:
        self._head = _head(chat, stamp)
        self._top = _top_count(chat)
        self._has_usage = chat.include_usage
        self._usage: Usage | None = None
        self._offsets: dict[int, int] = {}
        # The commonest frame is a piece of text; what stands around it is always the same.
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
        return b"data: %b\n\n" % jsontext.dumps(problem.openai_object())

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


def prompts_of(prompt: Any) -> list[str | list[int]]:
    """The prompts that a request holds: texts, or texts cut into tokens. Raises BadRequest."""
    if isinstance(prompt, str):
        return [prompt]
    if isinstance(prompt, list) and prompt:
        if all(isinstance(item, str) for item in prompt):
            return list(prompt)
        if _are_tokens(prompt):
            return [prompt]
        if all(isinstance(item, list) and item and _are_tokens(item) for item in prompt):
            return list(prompt)
    raise fields.wrong("prompt", "a text, a list of texts, a list of tokens or a list of such lists, and not empty")


def legacy_logprobs(entries: Sequence[JsonObject], top: int, offset: int) -> JsonObject:
    """Lists side by side, of chat's list of objects; ``offset`` is where the text of these begins."""
    offsets = []
    for entry in entries:
        offsets.append(offset)
        offset += len(entry["token"])
    tops = [{one["token"]: one["logprob"] for one in entry.get("top_logprobs", ())[:top]} for entry in entries]
    return {
        "tokens": [entry["token"] for entry in entries],
        "token_logprobs": [entry["logprob"] for entry in entries],
        "top_logprobs": tops if top else None,
        "text_offset": offsets,
    }


def _are_tokens(items: list[Any]) -> bool:
    return all(type(item) is int for item in items)


def _end_of(logprobs: JsonObject) -> int:
    offsets, tokens = logprobs["text_offset"], logprobs["tokens"]
    return offsets[-1] + len(tokens[-1]) if tokens else 0


def _top_count(chat: ChatRequest) -> int | None:
    """How many alternatives each token is to have; None: no log probabilities at all."""
    wanted = (chat.native or {}).get("logprobs")
    return wanted if type(wanted) is int else None


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
    """What a provider of this dialect says beyond it."""
    if "choices" not in source or source.keys() <= _OWN_TOP:
        return {}
    return {key: value for key, value in source.items() if key not in _OWN_TOP and value is not None}
