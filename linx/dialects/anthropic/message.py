"""The message of an answer in Anthropic's dialect: its frame, its counts, why it stopped, and all of it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.dialects.shared import chat_body, opaque_reasoning
from linx.dialects.shared.blocks import arguments_object, unique_id
from linx.dialects.shared.opaque_reasoning import UNSIGNED
from linx.dialects.shared.tokens import prompt_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.chat import Answer, ChatRequest, JsonObject, Stamp, Usage

CHARACTERS_PER_TOKEN = 4
_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}


def whole_message(chat: ChatRequest, answer: Answer, stamp: Stamp) -> JsonObject:
    choice = answer.choices[0]
    signature, redacted = _opaque_reasoning(answer)
    content: list[JsonObject] = []
    if choice.reasoning or signature:
        content.append({"type": "thinking", "thinking": choice.reasoning, "signature": signature or UNSIGNED})
    content += redacted
    text = choice.text + choice.refusal
    if text:
        content.append({"type": "text", "text": text})
    used_ids = chat_body.used_ids(chat.chat_body)
    for position, call in enumerate(choice.tools):
        arguments = arguments_object(call.arguments)
        if arguments is None and choice.finish == "length" and call.arguments:
            continue  # cut off in the middle: no client could run it
        if arguments is None:
            # The dialect wants an object. A tool that is handed what the model wrote can say what is wrong with it.
            arguments = {} if call.arguments.strip() in {"", "null"} else {"_raw": call.arguments}
        call_id = unique_id(clean_call_id(call.id, stamp, position), used_ids)
        content.append({"type": "tool_use", "id": call_id, "name": call.name, "input": arguments})
    sequence = stop_sequence(answer.sources, chat)
    reason = stop_reason(choice.finish, bool(choice.tools), bool(choice.refusal), sequence)
    size = len(choice.reasoning) + len(text) + sum(len(call.arguments) for call in choice.tools)
    return message(chat, stamp, content, reason, sequence, usage_object(answer.usage, chat, size))


def message(
    chat: ChatRequest,
    stamp: Stamp,
    content: list[JsonObject],
    reason: str | None,
    sequence: str | None,
    usage: JsonObject,
) -> JsonObject:
    """A message object; ``reason`` and ``sequence`` tell what stopped it, None while it goes on."""
    return {
        "id": f"msg_{stamp.id}",
        "type": "message",
        "role": "assistant",
        "model": chat.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": usage,
    }


def usage_object(usage: Usage | None, chat: ChatRequest, size: int) -> JsonObject:
    """Tokens. Cached ones are counted beside ``input_tokens`` in this dialect, not within.

    Where the provider counts nothing, the figures are estimated, those of the answer from its ``size`` in characters:
    clients decide by them when to shorten a conversation, and 0 would mean never.
    """
    if usage is None:
        prompt = prompt_tokens(chat)
        completion, cached, written = size // CHARACTERS_PER_TOKEN, 0, 0
    else:
        prompt, completion, cached, written = usage.prompt, usage.completion, usage.cached or 0, usage.cache_write or 0
    return {
        "input_tokens": max(0, prompt - cached - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": completion,
    }


def stop_reason(finish: str | None, has_calls: bool, is_refused: bool, sequence: str | None) -> str:
    if finish in {None, "stop"}:
        if has_calls:
            return "tool_use"
        if is_refused:
            return "refusal"
        if sequence is not None:
            return "stop_sequence"
    return _STOP_REASONS.get(finish or "stop", "end_turn")


def stop_sequence(sources: Sequence[JsonObject], chat: ChatRequest) -> str | None:
    """Which stop string ended the answer, where the provider tells (vLLM does)."""
    for source in reversed(sources):
        choice = opaque_reasoning.first_choice(source)
        found = choice.get("stop_reason")
        if isinstance(found, str) and found in chat.chat_body.get("stop", ()):
            return found
        if choice.get("finish_reason"):
            break
    return None


def redacted_data(detail: JsonObject) -> str:
    """The data of a ``redacted_thinking`` block: Anthropic's own as it is, another provider's packed with the rest
    of its detail, which has to come back too."""
    is_own = str(detail.get("format")).startswith("anthropic")
    return str(detail["data"]) if is_own else opaque_reasoning.pack([detail])


def clean_call_id(call_id: str | None, stamp: Stamp, position: int) -> str:
    return chat_body.clean_id(call_id or f"toolu_{stamp.id}_{position}")


def _opaque_reasoning(answer: Answer) -> tuple[str, list[JsonObject]]:
    """The signature of the reasoning, and the blocks of what only the provider can read."""
    signature, redacted = "", []
    for source in answer.sources:
        for detail in opaque_reasoning.opaque_details(source):
            if detail["type"] == "reasoning.encrypted":
                redacted.append({"type": "redacted_thinking", "data": redacted_data(detail)})
            else:
                signature = detail["signature"]
    return signature, redacted
