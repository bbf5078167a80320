"""Answers as Anthropic Messages: the stream of events, and the whole message.

Each event carries its name twice, as the official clients want it, and ``message_delta``
tells the final counts, which replace those of ``message_start``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.dialects.anthropic.client_request import UNSIGNED
from linx.dialects.anthropic.errors import error_object
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
    from collections.abc import Sequence

    from linx.core.chat import Answer, ChatRequest, Chunk, JsonObject, Stamp, ToolDelta, Usage
    from linx.core.errors import LinxError

_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_DELTAS = {
    REASONING: b'{"type":"thinking_delta","thinking":',
    TEXT: b'{"type":"text_delta","text":',
    REFUSAL: b'{"type":"text_delta","text":',
}
_TOOL_DELTA = b'{"type":"input_json_delta","partial_json":'
_PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_END = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class AnthropicEncoder(BlockEncoder):
    def __init__(self, chat: ChatRequest, stamp: Stamp) -> None:
        super().__init__(hub.used_ids(chat.body))
        self._chat = chat
        self._stamp = stamp
        self._stop_sequence: str | None = None

    def _begin(self) -> None:
        message = _message(self._chat, self._stamp, [], None, None, self._usage(0))
        self._event("message_start", {"type": "message_start", "message": message})

    def _start(self, block: Block) -> None:
        key = block.key
        if key >= 0:
            content: JsonObject = {"type": "tool_use", "id": block.call_id, "name": block.name, "input": {}}
        elif key == REASONING:
            content = {"type": "thinking", "thinking": "", "signature": ""}
        elif key in _DELTAS:
            content = {"type": "text", "text": ""}
        else:
            return  # opaque: its data stands in its beginning, so that waits for the data
        self._event(
            "content_block_start", {"type": "content_block_start", "index": block.number, "content_block": content}
        )
        block.head = self._delta_head(block) + _DELTAS.get(key, _TOOL_DELTA)

    def _write(self, block: Block, text: str, _logprobs: list[JsonObject] | None) -> None:
        if block.key >= 0:
            block.parts.append(text)
        elif block.key not in _DELTAS:
            content = {"type": "redacted_thinking", "data": text}
            start = {"type": "content_block_start", "index": block.number, "content_block": content}
            self._event("content_block_start", start)
            return
        self._out.append(block.head + jsontext.dumps(text) + b"}}\n\n")

    def _stop(self, block: Block) -> None:
        if block.key == REASONING:
            signature = jsontext.dumps(block.signature or UNSIGNED)
            head = self._delta_head(block) + b'{"type":"signature_delta","signature":'
            self._out.append(head + signature + b"}}\n\n")
        self._event("content_block_stop", {"type": "content_block_stop", "index": block.number})

    def _finish(self) -> None:
        reason = _stop_reason(self.finish, self.has_calls, self.is_refused, self._stop_sequence)
        self._event(
            "message_delta",
            {
                "type": "message_delta",
                "delta": {"stop_reason": reason, "stop_sequence": self._stop_sequence},
                "usage": self._usage(self.size // 4),
            },
        )
        self._out.append(_END)

    def _fail(self, problem: LinxError) -> None:
        self._event("error", {"type": "error", "error": error_object(problem)})

    def _beat(self, is_first: bool) -> None:
        self._out.append(_PING)

    def _name_call(self, delta: ToolDelta) -> str:
        return _clean_id(delta.id, self._stamp, delta.index)

    def _detail(self, detail: JsonObject) -> None:
        if detail["type"] == "reasoning.encrypted":
            self._opaque_piece(_redacted_data(detail))
        else:
            self._piece(REASONING, "").signature = detail["signature"]

    def _look_at_finish(self, chunk: Chunk) -> None:
        if chunk.source is not None:
            self._stop_sequence = _stop_sequence([chunk.source], self._chat)

    def _usage(self, output_guess: int) -> JsonObject:
        return _usage(self.usage, self._chat, output_guess)

    def _event(self, name: str, data: JsonObject) -> None:
        self._out.append(b"event: %b\ndata: %b\n\n" % (name.encode(), jsontext.dumps(data)))

    @staticmethod
    def _delta_head(block: Block) -> bytes:
        return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":' % block.number


def whole(chat: ChatRequest, answer: Answer, stamp: Stamp) -> JsonObject:
    choice = answer.choices[0]
    signature, sealed = _opaque(answer)
    content: list[JsonObject] = []
    if choice.reasoning or signature:
        content.append({"type": "thinking", "thinking": choice.reasoning, "signature": signature or UNSIGNED})
    content += sealed
    text = choice.text + choice.refusal
    if text:
        content.append({"type": "text", "text": text})
    taken = hub.used_ids(chat.body)
    for position, call in enumerate(choice.tools):
        made = arguments_object(call.arguments)
        if made is None and choice.finish == "length" and call.arguments:
            continue  # cut off: nothing that anybody could run
        if made is None:
            # An object is due here. A tool that is handed what the model wrote can say what is wrong with it.
            made = {} if call.arguments.strip() in {"", "null"} else {"_raw": call.arguments}
        call_id = unique_id(_clean_id(call.id, stamp, position), taken)
        content.append({"type": "tool_use", "id": call_id, "name": call.name, "input": made})
    stop_sequence = _stop_sequence(answer.sources, chat)
    reason = _stop_reason(choice.finish, bool(choice.tools), bool(choice.refusal), stop_sequence)
    size = len(choice.reasoning) + len(text) + sum(len(call.arguments) for call in choice.tools)
    return _message(chat, stamp, content, reason, stop_sequence, _usage(answer.usage, chat, size // 4))


def _message(
    chat: ChatRequest,
    stamp: Stamp,
    content: list[JsonObject],
    stop_reason: str | None,
    stop_sequence: str | None,
    usage: JsonObject,
) -> JsonObject:
    return {
        "id": f"msg_{stamp.id}",
        "type": "message",
        "role": "assistant",
        "model": chat.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": stop_sequence,
        "usage": usage,
    }


def _usage(usage: Usage | None, chat: ChatRequest, output_guess: int) -> JsonObject:
    """Cached tokens are counted beside ``input_tokens`` here, not within.

    A provider that counts nothing leaves a guess: clients decide by these figures when
    to shorten a conversation, and 0 would mean never.
    """
    if usage is None:
        prompt = chat.weight.prompt_tokens if chat.weight is not None else hub.estimate_tokens(chat.body)
        completion, cached, written = output_guess, 0, 0
    else:
        details = (usage.source or {}).get("prompt_tokens_details")
        given = details.get("cache_write_tokens") if isinstance(details, dict) else None
        prompt, completion, cached = usage.prompt, usage.completion, usage.cached or 0
        written = given if isinstance(given, int) else 0
    return {
        "input_tokens": max(0, prompt - cached - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": completion,
    }


def _stop_reason(finish: str | None, has_calls: bool, is_refused: bool, stop_sequence: str | None) -> str:
    if finish in {None, "stop"}:
        if has_calls:
            return "tool_use"
        if is_refused:
            return "refusal"
        if stop_sequence is not None:
            return "stop_sequence"
    return _STOP_REASONS.get(finish or "stop", "end_turn")


def _stop_sequence(sources: Sequence[JsonObject], chat: ChatRequest) -> str | None:
    """Which stop string ended the answer, where the provider tells (vLLM does)."""
    for source in reversed(sources):
        choice = opaque_reasoning.first_choice(source)
        found = choice.get("stop_reason")
        if isinstance(found, str) and found in chat.body.get("stop", ()):
            return found
        if choice.get("finish_reason"):
            break
    return None


def _opaque(answer: Answer) -> tuple[str, list[JsonObject]]:
    """The signature of the reasoning, and the blocks of what is sealed."""
    signature, sealed = "", []
    for source in answer.sources:
        for detail in opaque_reasoning.opaque_details(source):
            if detail["type"] == "reasoning.encrypted":
                sealed.append({"type": "redacted_thinking", "data": _redacted_data(detail)})
            else:
                signature = detail["signature"]
    return signature, sealed


def _redacted_data(detail: JsonObject) -> str:
    """Anthropic's own secret as it is; another provider's sealed with all that belongs to it."""
    is_own = str(detail.get("format")).startswith("anthropic")
    return str(detail["data"]) if is_own else opaque_reasoning.pack([detail])


def _clean_id(call_id: str | None, stamp: Stamp, position: int) -> str:
    return hub.clean_id(call_id or f"toolu_{stamp.id}_{position}")
