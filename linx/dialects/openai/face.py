"""The OpenAI chat dialect toward clients: what they ask, and what they get.

The body that travels between dialects is the body of this dialect, so to read a request is
to check it (``client_request``). The stream is written by ``encoder``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import known_tools
from linx.core.chat import ChatRequest
from linx.dialects.openai.client_request import checked_body, flat_custom_names
from linx.dialects.openai.encoder import OpenAIEncoder
from linx.dialects.openai.frames import DIALECT
from linx.dialects.openai.objects import FINGERPRINT, identity, reasoning_delta, usage_object
from linx.dialects.shared.free_text_tools import to_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import Answer, Choice, JsonObject, Stamp, ToolCall
    from linx.core.errors import LinxError

# What a whole answer says in its own place, or what is only noise (the padding of OpenAI's frames).
_TOP = frozenset(("id", "object", "created", "model", "choices", "usage", "error", "obfuscation", "system_fingerprint"))
_CHOICE = frozenset(("index", "delta", "finish_reason", "logprobs"))
_DELTA = frozenset(("role", "content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call"))
_CALL = frozenset(("index", "id", "type", "function", "custom"))
_PIECEWISE = frozenset(("text", "summary", "data", "transcript", "thinking", "arguments"))
"""Strings that come in pieces even deep inside a delta; all other strings there are names, and come whole."""
_SAME_ITEM = ("index", "type")


class OpenAIFace:
    """See ``base.Face``.

    ``reasoning_field``: the name under which reasoning is sent (reasoning_content, reasoning
    or both). ``responses_body`` turns a body of the Responses API into a chat body, since
    some clients post one to the chat path.
    """

    name = DIALECT
    stream_type = b"text/event-stream"
    is_failure_torn = False

    def __init__(
        self,
        reasoning_field: str = "reasoning_content",
        responses_body: Callable[[JsonObject], JsonObject] | None = None,
    ) -> None:
        self._field = reasoning_field
        self._responses_body = responses_body

    def parse(self, body: JsonObject) -> ChatRequest:
        convert = self._responses_body
        free_text = known_tools.derived(body.get("tools"), flat_custom_names) if isinstance(body, dict) else frozenset()
        if convert is not None and _is_responses_shaped(body):
            # Whether a stream is wanted, this path says in its own fields; all else comes in those of Responses.
            body = {**convert(body), **{key: body[key] for key in ("stream", "stream_options") if key in body}}
        clean, is_legacy = checked_body(body, free_text)
        stream = clean.get("stream", False)
        options = clean.get("stream_options", {})
        return ChatRequest(
            clean["model"],
            clean,
            stream=stream,
            include_usage=stream and options.get("include_usage") is True,
            dialect=DIALECT,
            legacy_functions=is_legacy,
            free_text_tools=free_text,
        )

    def encoder(self, chat: ChatRequest, stamp: Stamp) -> OpenAIEncoder:
        return OpenAIEncoder(chat, stamp, self._field)

    def whole(self, chat: ChatRequest, answer: Answer, stamp: Stamp) -> JsonObject:
        sources = answer.sources if answer.dialect == DIALECT else []
        name, created = identity(sources[0] if sources else None, stamp)
        extras = _Extras(sources)
        body: JsonObject = {
            "id": name,
            "object": "chat.completion",
            "created": created,
            "model": chat.model,
            "choices": [self._choice(chat, index, whole, extras) for index, whole in answer.choices.items()],
            "usage": usage_object(answer.usage),
            "system_fingerprint": FINGERPRINT,
        }
        body.update(extras.top)
        return body

    def error_body(self, problem: LinxError, _request_id: str) -> JsonObject:
        return problem.openai_object()

    def status_of(self, problem: LinxError) -> int:
        return problem.status

    def _choice(self, chat: ChatRequest, index: int, whole: Choice, extras: _Extras) -> JsonObject:
        has_text = bool(whole.text) or not (whole.tools or whole.refusal)
        message: JsonObject = {
            "role": "assistant",
            "content": whole.text if has_text else None,
            "refusal": whole.refusal or None,
        }
        if whole.reasoning:
            message.update(reasoning_delta(whole.reasoning, self._field))
        finish = whole.finish or "stop"
        calls = [_call(call, extras.calls.get((index, number))) for number, call in enumerate(whole.tools)]
        for call, told in zip(whole.tools, calls, strict=True):
            if call.name in chat.free_text_tools:
                told.pop("custom", None)
                told["type"] = "function"
                told["function"] = {"name": call.name, "arguments": to_text(call.arguments)}
        if calls and chat.legacy_functions:
            message["function_call"] = calls[0].get("function")
            finish = "function_call" if finish == "tool_calls" else finish
        elif calls:
            message["tool_calls"] = calls
        message.update(extras.deltas.get(index, {}))
        logprobs = None if whole.logprobs is None else {"content": whole.logprobs, "refusal": None}
        choice: JsonObject = {"index": index, "message": message, "logprobs": logprobs, "finish_reason": finish}
        choice.update(extras.choices.get(index, {}))
        return choice


def _is_responses_shaped(body: Any) -> bool:
    return isinstance(body, dict) and body.get("messages") is None and body.get("input") is not None


class _Extras:
    """What a provider's frames hold beyond the dialect, folded: the last value wins, pieces of text add up."""

    def __init__(self, sources: list[JsonObject]) -> None:
        self.top: JsonObject = {}
        self.choices: dict[int, JsonObject] = {}
        self.deltas: dict[int, JsonObject] = {}
        self.calls: dict[tuple[int, int], JsonObject] = {}
        for source in sources:
            given = source.get("system_fingerprint")
            if given is not None:
                self.top["system_fingerprint"] = given
            if not source.keys() <= _TOP:
                _take(self.top, source, _TOP)
            for choice in source["choices"]:
                index, delta = choice["index"], choice["delta"]
                if not choice.keys() <= _CHOICE:
                    _take(self.choices.setdefault(index, {}), choice, _CHOICE)
                if not delta.keys() <= _DELTA:
                    pieces = {key: value for key, value in delta.items() if key not in _DELTA}
                    _merge(self.deltas.setdefault(index, {}), pieces, is_delta=True)
                for fragment in delta.get("tool_calls", ()):
                    folded = self.calls.setdefault((index, fragment["index"]), {})
                    _take(folded, fragment, _CALL)
                    if fragment.get("type") == "custom":
                        folded["type"] = "custom"
        for delta in self.deltas.values():
            _join(delta)


def _take(folded: JsonObject, holder: JsonObject, known: frozenset[str]) -> None:
    if not holder.keys() <= known:
        folded.update({key: value for key, value in holder.items() if key not in known and value is not None})


class _Pieces(list[str]):
    """A string that is still being put together."""


def _merge(folded: JsonObject, piece: JsonObject, *, is_delta: bool = False) -> None:
    """Add what one frame says to what is folded; strings are kept in pieces until ``_join``."""
    for key, value in piece.items():
        if value is None:
            continue
        before = folded.get(key)
        if isinstance(value, str) and (is_delta or key in _PIECEWISE):
            if not isinstance(before, _Pieces):
                before = folded[key] = _Pieces()
            before.append(value)
        elif isinstance(value, dict):
            if not isinstance(before, dict):
                before = folded[key] = {}
            _merge(before, value)
        elif isinstance(value, list):
            if not isinstance(before, list) or isinstance(before, _Pieces):
                before = folded[key] = []
            _merge_items(before, value)
        else:
            folded[key] = value


def _merge_items(folded: list[Any], items: list[Any]) -> None:
    """An item with the index and type of the item before continues it; any other item is new."""
    for item in items:
        if not isinstance(item, dict):
            folded.append(item)
            continue
        last = folded[-1] if folded else None
        if "index" not in item or not isinstance(last, dict) or any(last.get(k) != item.get(k) for k in _SAME_ITEM):
            last = {}
            folded.append(last)
        _merge(last, item)


def _join(value: Any) -> Any:
    """Make whole strings of pieces; a dict or list is changed in place."""
    if isinstance(value, _Pieces):
        return "".join(value)
    if isinstance(value, dict):
        for key, item in value.items():
            value[key] = _join(item)
    elif isinstance(value, list):
        value[:] = [_join(item) for item in value]
    return value


def _call(call: ToolCall, extras: JsonObject | None) -> JsonObject:
    extras = extras or {}
    if extras.get("type") == "custom":
        custom = {"name": call.name, "input": call.arguments}
        return {"id": call.id, **extras, "custom": custom}
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function, **extras}
