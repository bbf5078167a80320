"""Writes a streamed answer as Anthropic Messages; the order of its blocks is ``BlockEncoder``'s.

Each event carries its name twice, as the official clients want it, and ``message_delta`` tells the final counts,
which replace those of ``message_start``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.dialects.anthropic.errors import error_object
from linx.dialects.anthropic.message import (
    clean_call_id,
    message,
    redacted_data,
    stop_reason,
    stop_sequence,
    usage_object,
)
from linx.dialects.shared.blocks import OPAQUE, REASONING, REFUSAL, TEXT
from linx.dialects.shared.opaque_reasoning import UNSIGNED

if TYPE_CHECKING:
    from linx.core.chat import ChatRequest, JsonObject, Stamp, ToolDelta, Usage
    from linx.core.errors import LinxError
    from linx.dialects.shared.blocks import Block, Ending

_CONTENTS: dict[int, JsonObject] = {
    REASONING: {"type": "thinking", "thinking": "", "signature": ""},
    TEXT: {"type": "text", "text": ""},
    REFUSAL: {"type": "text", "text": ""},
}
"""What a block holds at its beginning."""
_DELTAS = {
    REASONING: b'{"type":"thinking_delta","thinking":',
    TEXT: b'{"type":"text_delta","text":',
    REFUSAL: b'{"type":"text_delta","text":',
}
_TOOL_DELTA = b'{"type":"input_json_delta","partial_json":'
_SIGNATURE_DELTA = b'{"type":"signature_delta","signature":'
_DELTA_END = b"}}\n\n"
_PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class AnthropicWriter:
    """See ``shared.blocks.BlockWriter``."""

    repeats_text = False

    def __init__(self, chat: ChatRequest, stamp: Stamp) -> None:
        self._chat = chat
        self._stamp = stamp

    def begin(self, usage: Usage | None) -> bytes:
        start = message(self._chat, self._stamp, [], None, None, usage_object(usage, self._chat, 0))
        return _event("message_start", {"type": "message_start", "message": start})

    def open(self, block: Block) -> bytes:
        if block.key <= OPAQUE:
            return b""  # its data is part of its beginning, which waits for the data
        if block.key >= 0:
            content: JsonObject = {"type": "tool_use", "id": block.call_id, "name": block.name, "input": {}}
        else:
            content = _CONTENTS[block.key]
        block.head = _delta_head(block) + _DELTAS.get(block.key, _TOOL_DELTA)
        return _block_start(block, content)

    def delta(self, block: Block, text: str, _logprobs: list[JsonObject] | None) -> bytes:
        if not block.head:
            return _block_start(block, {"type": "redacted_thinking", "data": text})
        return block.head + jsontext.dumps(text) + _DELTA_END

    def close(self, block: Block, _finish: str | None) -> bytes:
        stop = _event("content_block_stop", {"type": "content_block_stop", "index": block.number})
        if block.key != REASONING:
            return stop
        signature = block.details[-1]["signature"] if block.details else UNSIGNED
        return _delta_head(block) + _SIGNATURE_DELTA + jsontext.dumps(signature) + _DELTA_END + stop

    def end(self, ending: Ending) -> bytes:
        sequence = None if ending.frame is None else stop_sequence([ending.frame], self._chat)
        reason = stop_reason(ending.finish, ending.has_calls, ending.is_refused, sequence)
        delta = {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": sequence},
            "usage": usage_object(ending.usage, self._chat, ending.size),
        }
        return _event("message_delta", delta) + _STOP

    def error(self, problem: LinxError, _ending: Ending) -> bytes:
        return _event("error", {"type": "error", "error": error_object(problem)})

    def heartbeat(self, _is_first: bool) -> bytes:
        return _PING

    def call_id(self, delta: ToolDelta) -> str:
        return clean_call_id(delta.id, self._stamp, delta.index)

    def place_of(self, detail: JsonObject) -> tuple[int, str] | None:
        if detail["type"] == "reasoning.encrypted":
            return OPAQUE, redacted_data(detail)
        return REASONING, ""  # a signature


def _event(name: str, data: JsonObject) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), jsontext.dumps(data))


def _block_start(block: Block, content: JsonObject) -> bytes:
    start = {"type": "content_block_start", "index": block.number, "content_block": content}
    return _event("content_block_start", start)


def _delta_head(block: Block) -> bytes:
    return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":' % block.number
