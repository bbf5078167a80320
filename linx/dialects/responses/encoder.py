"""Writes a streamed answer as OpenAI Responses; ``BlockEncoder`` decides the order of its items.

Every stream ends with ``response.completed``, ``response.incomplete`` or ``response.failed``, which contains the whole
response under the id of ``response.created``. Clients take the final answer from this event, and treat a stream without
it as a broken connection.

In front of ``response.failed`` stands an event ``error``. The SDKs of OpenAI (python, node, go) deliver
``response.failed`` as one event among others, which most programs do not look at; they raise an error for an event that
has a field ``error``, and read type, code and message from it. This nested form is that of the Open Responses
specification (``ErrorStreamingEvent``).

The heartbeat is a comment, for the idle timers of proxies, and a further ``response.in_progress``, since the idle
timers of clients often see events only. It contains all of the answer so far, since openai-node takes the response of
such an event in place of what it has collected, and fails at the next delta if an item is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.dialects.responses.response import (
    ALONE,
    INCOMPLETE_REASONS,
    Place,
    ResponseObject,
    part_object,
)
from linx.dialects.shared.blocks import REASONING, REFUSAL, TEXT, arguments_object
from linx.dialects.shared.free_text_tools import to_text

if TYPE_CHECKING:
    from linx.core.chat import ChatRequest, JsonObject, Stamp, ToolDelta, Usage
    from linx.core.errors import LinxError
    from linx.dialects.shared.blocks import Block, Ending

_COMMENT = b": linx\n\n"
_DELTAS: dict[int, tuple[str, JsonObject]] = {
    REASONING: ("response.reasoning_summary_text.delta", {"summary_index": 0}),
    TEXT: ("response.output_text.delta", {"content_index": 0}),
    REFUSAL: ("response.refusal.delta", {"content_index": 0}),
}
_CALL_DELTA: tuple[str, JsonObject] = ("response.function_call_arguments.delta", {})


class ResponsesWriter:
    """See ``shared.blocks.BlockWriter``."""

    repeats_text = True

    def __init__(self, chat: ChatRequest, stamp: Stamp, place: Place = ALONE) -> None:
        self._shape = ResponseObject(chat, stamp, place)
        self._sequence = 0
        self._output: list[JsonObject] = []
        self._open: Block | None = None

    def begin(self, _usage: Usage | None) -> bytes:
        response = self._shape.response("in_progress", [])
        created = self._event("response.created", {"response": response})
        return created + self._event("response.in_progress", {"response": response})

    def heartbeat(self, is_first: bool) -> bytes:
        if is_first:
            return _COMMENT
        response = self._shape.response("in_progress", self._output_so_far())
        return _COMMENT + self._event("response.in_progress", {"response": response})

    def open(self, block: Block) -> bytes:
        self._open = block
        item = self._shape.item(block, "in_progress", None)
        added = self._event("response.output_item.added", {"output_index": block.number, "item": item})
        if block.key in {TEXT, REFUSAL}:
            added += self._part(block, "response.content_part.added", "")
        if block.key != REASONING and not self._is_custom(block):
            block.head = self._delta_head(block)
        return added

    def delta(self, block: Block, text: str, logprobs: list[JsonObject] | None) -> bytes:
        added = b""
        if not block.head:
            if block.key >= 0:
                return b""  # a custom tool's input is inside the arguments, and is sent when they are complete
            # The part is added with its first text, since reasoning may have opaque details only.
            added = self._part(block, "response.reasoning_summary_part.added", "")
            block.head = self._delta_head(block)
        scores = b""
        if block.key == TEXT:
            if logprobs:
                block.logprobs += logprobs
                scores = b',"logprobs":' + jsontext.dumps(logprobs)
            else:
                scores = b',"logprobs":[]'
        number = self._sequence
        self._sequence = number + 1
        return b'%b%b,"delta":%b%b,"sequence_number":%d}\n\n' % (
            added, block.head, jsontext.dumps(text), scores, number
        )  # fmt: skip

    def close(self, block: Block, finish: str | None) -> bytes:
        self._open = None
        text = block.text
        if block.key == REASONING:
            done = self._reasoning_done(block, text)
        elif block.key < 0:
            done = self._text_done(block, text)
        elif self._is_custom(block):
            done = self._input_done(block, text)
        else:
            done = b""
            if not text.strip():
                done = self.delta(block, "{}", None)  # clients parse the arguments, and a blank text is not JSON
                text += "{}"
            done += self._arguments_done(block, text)
        is_cut = finish in INCOMPLETE_REASONS and (block.key < 0 or arguments_object(text or "{}") is None)
        item = self._shape.item(block, "incomplete" if is_cut else "completed", text)
        self._output.append(item)
        return done + self._event("response.output_item.done", {"output_index": block.number, "item": item})

    def end(self, ending: Ending) -> bytes:
        reason = INCOMPLETE_REASONS.get(ending.finish or "")
        status = "incomplete" if reason else "completed"
        response = self._shape.kept(self._shape.response(status, self._output, usage=ending.usage, reason=reason))
        name, number = f"response.{status}".encode(), self._sequence
        self._sequence = number + 1
        # The text of the response is used twice, here and by whoever keeps it.
        return b'event: %b\ndata: {"type":"%b","sequence_number":%d,"response":%b}\n\n' % (name, name, number, response)

    def error(self, problem: LinxError, ending: Ending) -> bytes:
        begin = self.begin(ending.usage) if self._sequence == 0 else b""
        code = _error_code(problem)
        told = self._event("error", {"error": {**problem.fields(), "code": code}})
        error = {"code": code, "message": problem.message}
        response = self._shape.response("failed", self._output, usage=ending.usage, error=error)
        return begin + told + self._event("response.failed", {"response": response})

    def call_id(self, delta: ToolDelta) -> str:
        return delta.id or f"call_{delta.index}"

    def place_of(self, detail: JsonObject) -> tuple[int, str] | None:
        if self._shape.wants_encrypted:
            return REASONING, ""
        self._shape.hide([detail])
        return None

    def _output_so_far(self) -> list[JsonObject]:
        block = self._open
        if block is None:
            return self._output
        # Nothing of a custom tool's input has been sent yet, see ``delta``.
        text = None if self._is_custom(block) else block.text
        return [*self._output, self._shape.item(block, "in_progress", text)]

    # --- the events that end a block's text ---

    def _reasoning_done(self, block: Block, text: str) -> bytes:
        if not text:
            return b""
        done = {**self._where(block), "summary_index": 0, "text": text}
        ended = self._event("response.reasoning_summary_text.done", done)
        return ended + self._part(block, "response.reasoning_summary_part.done", text)

    def _text_done(self, block: Block, text: str) -> bytes:
        where = {**self._where(block), "content_index": 0}
        if block.key == REFUSAL:
            ended = self._event("response.refusal.done", {**where, "refusal": text})
        else:
            ended = self._event("response.output_text.done", {**where, "text": text, "logprobs": block.logprobs})
        return ended + self._part(block, "response.content_part.done", text)

    def _arguments_done(self, block: Block, text: str) -> bytes:
        name = self._shape.original(block.name).name
        done = {**self._where(block), "name": name, "arguments": text}
        return self._event("response.function_call_arguments.done", done)

    def _input_done(self, block: Block, text: str) -> bytes:
        where, free_text = self._where(block), to_text(text)
        event = b""
        if free_text:
            event = self._event("response.custom_tool_call_input.delta", {**where, "delta": free_text})
        return event + self._event("response.custom_tool_call_input.done", {**where, "input": free_text})

    # --- pieces of events ---

    def _event(self, name: str, data: JsonObject) -> bytes:
        event = {"type": name, "sequence_number": self._sequence, **data}
        self._sequence += 1
        return b"event: %b\ndata: %b\n\n" % (name.encode(), jsontext.dumps(event))

    def _where(self, block: Block) -> JsonObject:
        return {"item_id": self._shape.item_id(block), "output_index": block.number}

    def _part(self, block: Block, name: str, text: str) -> bytes:
        index = "summary_index" if block.key == REASONING else "content_index"
        part = part_object(block.key, text, block.logprobs)
        return self._event(name, {**self._where(block), index: 0, "part": part})

    def _delta_head(self, block: Block) -> bytes:
        name, more = _DELTAS.get(block.key, _CALL_DELTA)
        head = {"type": name, **self._where(block), **more}
        return b"event: %b\ndata: %b" % (name.encode(), jsontext.dumps(head)[:-1])

    def _is_custom(self, block: Block) -> bool:
        return block.key >= 0 and self._shape.original(block.name).is_custom


def _error_code(problem: LinxError) -> str:
    """The code of an error. Codex tries again after any code except those for which a new try is useless."""
    if problem.code in {"context_length_exceeded", "insufficient_quota"}:
        return problem.code
    if problem.status == 429:
        return "rate_limit_exceeded"
    return "invalid_prompt" if 400 <= problem.status < 500 else "server_error"
