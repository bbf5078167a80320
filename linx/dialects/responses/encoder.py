"""Answers as OpenAI Responses: the stream of events, and the whole response.

Every stream ends with ``response.completed``, ``incomplete`` or ``failed``, each with the
whole response in it, all under the id that ``response.created`` gave: clients take the
final answer from there, and take a stream without it for a broken connection.

The heartbeat is a comment, which keeps proxies awake, and ``response.in_progress`` once
more, since a client's own idle timer often sees events only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.dialects.responses.tools import Original, ToolNames
from linx.dialects.shared import chat_body as hub
from linx.dialects.shared import opaque_reasoning
from linx.dialects.shared.block_encoder import (
    REASONING,
    REFUSAL,
    TEXT,
    Block,
    BlockEncoder,
    arguments_object,
    unique_id,
)

if TYPE_CHECKING:
    from linx.core.chat import Answer, ChatRequest, JsonObject, Stamp, Usage
    from linx.core.errors import LinxError

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_COMMENT = b": linx\n\n"
_ENCRYPTED = "reasoning.encrypted_content"
_DELTAS = {
    REASONING: ("response.reasoning_summary_text.delta", {"summary_index": 0}),
    TEXT: ("response.output_text.delta", {"content_index": 0}),
    REFUSAL: ("response.refusal.delta", {"content_index": 0}),
}
_CALL_DELTA: tuple[str, JsonObject] = ("response.function_call_arguments.delta", {})


class ResponsesEncoder(BlockEncoder):
    repeats_text = True

    def __init__(self, chat: ChatRequest, stamp: Stamp) -> None:
        super().__init__(hub.used_ids(chat.body))
        self._shape = _Shape(chat, stamp)
        self._sequence = 0
        self._output: list[JsonObject] = []
        self._details: list[JsonObject] = []

    def _begin(self) -> None:
        response = self._shape.response("in_progress", [])
        self._event("response.created", {"response": response})
        self._event("response.in_progress", {"response": response})

    def _beat(self, is_first: bool) -> None:
        self._out.append(_COMMENT)
        if not is_first:
            self._event("response.in_progress", {"response": self._shape.response("in_progress", [])})

    def _start(self, block: Block) -> None:
        key = block.key
        item = self._item(block, "in_progress")
        self._event("response.output_item.added", {"output_index": block.number, "item": item})
        if key in {TEXT, REFUSAL}:
            self._part(block, "response.content_part.added", "")
        name, more = _DELTAS.get(key, _CALL_DELTA)
        if key >= 0 and self._shape.original(block.name).is_custom:
            return  # its text is inside the arguments: it goes out when they are whole
        head = {"type": name, **self._where(block), **more}
        block.head = b"event: %b\ndata: %b" % (name.encode(), jsontext.dumps(head)[:-1])

    def _write(self, block: Block, text: str, logprobs: list[JsonObject] | None) -> None:
        if block.key == REASONING and not block.parts:
            self._part(block, "response.reasoning_summary_part.added", "")
        block.parts.append(text)
        if not block.head:
            return
        extra = b""
        if block.key == TEXT:
            block.logprobs += logprobs or ()
            extra = b',"logprobs":%b' % (jsontext.dumps(logprobs) if logprobs else b"[]")
        self._out.append(
            b'%b,"delta":%b%b,"sequence_number":%d}\n\n' % (block.head, jsontext.dumps(text), extra, self._sequence)
        )
        self._sequence += 1

    def _stop(self, block: Block) -> None:
        _FINISHERS.get(block.key, ResponsesEncoder._stop_call)(self, block)
        is_cut = self.finish in _INCOMPLETE and (block.key < 0 or arguments_object(block.text or "{}") is None)
        item = self._item(block, "incomplete" if is_cut else "completed")
        self._output.append(item)
        self._event("response.output_item.done", {"output_index": block.number, "item": item})

    def _stop_reasoning(self, block: Block) -> None:
        if block.parts:
            self._event(
                "response.reasoning_summary_text.done", {**self._where(block), "summary_index": 0, "text": block.text}
            )
            self._part(block, "response.reasoning_summary_part.done", block.text)

    def _stop_text(self, block: Block) -> None:
        done = {**self._where(block), "content_index": 0, "text": block.text, "logprobs": block.logprobs}
        self._event("response.output_text.done", done)
        self._part(block, "response.content_part.done", block.text)

    def _stop_refusal(self, block: Block) -> None:
        self._event("response.refusal.done", {**self._where(block), "content_index": 0, "refusal": block.text})
        self._part(block, "response.content_part.done", block.text)

    def _stop_call(self, block: Block) -> None:
        where = self._where(block)
        if self._shape.original(block.name).is_custom:
            given = custom_input(block.text)
            if given:
                self._event("response.custom_tool_call_input.delta", {**where, "delta": given})
            self._event("response.custom_tool_call_input.done", {**where, "input": given})
            return
        if not block.text.strip():
            self._write(block, "{}", None)  # nothing is not JSON, and everybody parses it
        name = self._shape.original(block.name).name
        self._event("response.function_call_arguments.done", {**where, "name": name, "arguments": block.text})

    def _finish(self) -> None:
        reason = _INCOMPLETE.get(self.finish or "")
        status = "incomplete" if reason else "completed"
        response = self._shape.response(status, self._output, usage=self.usage, reason=reason)
        self._event(f"response.{status}", {"response": response})

    def _fail(self, problem: LinxError) -> None:
        self._ensure_begun()
        error = {"code": _error_code(problem), "message": problem.message}
        response = self._shape.response("failed", self._output, usage=self.usage, error=error)
        self._event("response.failed", {"response": response})

    def _detail(self, detail: JsonObject) -> None:
        if self._shape.wants_encrypted:
            self._piece(REASONING, "")
            self._details.append(detail)

    # --- pieces of events ---

    def _event(self, name: str, data: JsonObject) -> None:
        event = {"type": name, "sequence_number": self._sequence, **data}
        self._sequence += 1
        self._out.append(b"event: %b\ndata: %b\n\n" % (name.encode(), jsontext.dumps(event)))

    def _where(self, block: Block) -> JsonObject:
        return {"item_id": self._shape.item_id(block), "output_index": block.number}

    def _part(self, block: Block, name: str, text: str) -> None:
        index = "summary_index" if block.key == REASONING else "content_index"
        part = _part(block.key, text, block.logprobs)
        self._event(name, {**self._where(block), index: 0, "part": part})

    def _item(self, block: Block, status: str) -> JsonObject:
        is_new = status == "in_progress"
        details: list[JsonObject] = []
        if block.key == REASONING and not is_new:
            details, self._details = self._details, []
        return self._shape.item(block, status, None if is_new else block.text, details)


_FINISHERS = {
    REASONING: ResponsesEncoder._stop_reasoning,
    TEXT: ResponsesEncoder._stop_text,
    REFUSAL: ResponsesEncoder._stop_refusal,
}


def whole(chat: ChatRequest, answer: Answer, stamp: Stamp) -> JsonObject:
    choice = answer.choices[0]
    shape = _Shape(chat, stamp)
    reason = _INCOMPLETE.get(choice.finish or "")
    status = "incomplete" if reason else "completed"
    details = [detail for source in answer.sources for detail in opaque_reasoning.opaque_details(source)]
    blocks = []
    if choice.reasoning or (details and shape.wants_encrypted):
        blocks.append((Block(REASONING), choice.reasoning))
    if choice.text:
        blocks.append((Block(TEXT), choice.text))
    if choice.refusal:
        blocks.append((Block(REFUSAL), choice.refusal))
    taken = hub.used_ids(chat.body)
    for position, call in enumerate(choice.tools):
        call_id = unique_id(call.id or f"call_{position}", taken)
        blocks.append((Block(position, call_id, call.name), call.arguments if call.arguments.strip() else "{}"))
    output = []
    for number, (block, text) in enumerate(blocks):
        block.number = number
        if block.key == TEXT:
            block.logprobs = choice.logprobs or []
        is_cut = bool(reason) and number == len(blocks) - 1 and (block.key < 0 or arguments_object(text) is None)
        output.append(shape.item(block, "incomplete" if is_cut else "completed", text, details))
    return shape.response(status, output, usage=answer.usage, reason=reason)


class _Shape:
    """What of a response is the same from its first event to its last."""

    def __init__(self, chat: ChatRequest, stamp: Stamp) -> None:
        body = chat.native or {}
        self._id = stamp.id
        self._originals = ToolNames(body).original
        self.wants_encrypted = _ENCRYPTED in (body.get("include") or ())
        reasoning, text = body.get("reasoning") or {}, body.get("text") or {}
        self._fields: JsonObject = {
            "id": f"resp_{stamp.id}",
            "object": "response",
            "created_at": int(stamp.created),
            "background": False,
            "instructions": body.get("instructions"),
            "max_output_tokens": body.get("max_output_tokens"),
            "model": chat.model,
            "parallel_tool_calls": _or(body.get("parallel_tool_calls"), True),
            "previous_response_id": None,
            "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
            "store": False,
            "temperature": _or(body.get("temperature"), 1),
            "text": {**text, "format": text.get("format") or {"type": "text"}},
            "tool_choice": _or(body.get("tool_choice"), "auto"),
            "tools": body.get("tools") or [],
            "top_p": _or(body.get("top_p"), 1),
            "truncation": "disabled",
            "user": body.get("user"),
            "metadata": body.get("metadata") or {},
        }

    def original(self, flat: str) -> Original:
        return self._originals(flat)

    def item_id(self, block: Block) -> str:
        prefix = _PREFIXES.get(block.key) or ("ctc" if self.original(block.name).is_custom else "fc")
        return f"{prefix}_{self._id}_{block.number}"

    def response(
        self,
        status: str,
        output: list[JsonObject],
        *,
        usage: Usage | None = None,
        reason: str | None = None,
        error: JsonObject | None = None,
    ) -> JsonObject:
        return {
            **self._fields,
            "status": status,
            "error": error,
            "incomplete_details": {"reason": reason} if reason else None,
            "output": output,
            "usage": _usage(usage) if usage is not None else None,
        }

    def item(self, block: Block, status: str, text: str | None, details: list[JsonObject]) -> JsonObject:
        """One item of the output; ``text`` is None while there is none of it yet."""
        item: JsonObject = {"id": self.item_id(block)}
        if block.key == REASONING:
            item |= {"type": "reasoning", "summary": [_part(REASONING, text, [])] if text else []}
            if self.wants_encrypted:
                item["encrypted_content"] = (
                    opaque_reasoning.pack([_unread(detail) for detail in details]) if details else None
                )
        elif block.key < 0:
            content = [] if text is None else [_part(block.key, text, block.logprobs)]
            item |= {"type": "message", "status": status, "role": "assistant", "content": content}
        else:
            original = self.original(block.name)
            item |= {"call_id": block.call_id, "name": original.name, "status": status}
            if original.is_custom:
                item |= {"type": "custom_tool_call", "input": custom_input(text or "")}
            else:
                item |= {"type": "function_call", "arguments": text or ""}
            if original.namespace is not None:
                item["namespace"] = original.namespace
        return item


_PREFIXES = {REASONING: "rs", TEXT: "msg", REFUSAL: "msg"}


def custom_input(arguments: str) -> str:
    """What a model that had to write ``{"input": …}`` meant as its tool's free text."""
    given = arguments_object(arguments)
    found = None if given is None else given.get("input")
    if isinstance(found, str):
        return found
    return "" if given == {} else arguments


def _part(key: int, text: str, logprobs: list[JsonObject]) -> JsonObject:
    if key == REASONING:
        return {"type": "summary_text", "text": text}
    if key == REFUSAL:
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


def _usage(usage: Usage) -> JsonObject:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached or 0, "cache_write_tokens": 0},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": usage.prompt + usage.completion,
    }


def _error_code(problem: LinxError) -> str:
    """Codex tries again on any code but those that say it would be of no use."""
    if problem.code in {"context_length_exceeded", "insufficient_quota"}:
        return problem.code
    if problem.status == 429:
        return "rate_limit_exceeded"
    return "invalid_prompt" if 400 <= problem.status < 500 else "server_error"


def _unread(detail: JsonObject) -> JsonObject:
    """Without the text, which stands in the summary already."""
    return {key: value for key, value in detail.items() if key != "text"}


def _or(value: object, default: object) -> object:
    return default if value is None else value
