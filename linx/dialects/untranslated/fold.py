"""Joins a provider's own events into the whole answer, for a client that asked for no stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core.attempt_errors import StreamBroken
from linx.dialects.shared.blocks import arguments_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.chat import JsonObject

_PIECES = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
_INPUT = "input_json_delta"


def whole_message(events: Sequence[JsonObject]) -> JsonObject:
    """The message in Anthropic's events. Raises StreamBroken if ``message_start`` is missing."""
    message: JsonObject | None = None
    blocks: dict[int, JsonObject] = {}
    pieces: dict[tuple[int, str], list[str]] = {}
    for event in events:
        kind, index = event["type"], event.get("index")
        if kind == "message_start" and isinstance(event.get("message"), dict):
            message = {**event["message"]}
        elif kind == "content_block_start" and type(index) is int and isinstance(event.get("content_block"), dict):
            blocks[index] = {**event["content_block"]}
        elif (
            kind == "content_block_delta"
            and type(index) is int
            and index in blocks
            and isinstance(event.get("delta"), dict)
        ):
            _grow(index, blocks[index], event["delta"], pieces)
        elif kind == "message_delta" and message is not None:
            message.update(_dict(event.get("delta")))
            message["usage"] = {**_dict(message.get("usage")), **_without_nulls(event.get("usage"))}
    if message is None:
        raise StreamBroken("sent an answer without a beginning")
    for (index, field), texts in pieces.items():
        text, block = "".join(texts), blocks[index]
        if field == "input":
            block["input"] = arguments_object(text) or {}
        else:
            before = block.get(field)
            block[field] = (before if isinstance(before, str) else "") + text
    message["content"] = [block for _index, block in sorted(blocks.items())]
    return message


def whole_response(events: Sequence[JsonObject]) -> JsonObject:
    """The response in the last event. Raises StreamBroken if that event has none."""
    response = events[-1].get("response") if events else None
    if not isinstance(response, dict):
        raise StreamBroken("ended its answer without the whole response")
    return response


def _grow(index: int, block: JsonObject, delta: JsonObject, pieces: dict[tuple[int, str], list[str]]) -> None:
    kind = delta.get("type")
    if kind == _INPUT:
        field, piece = "input", delta.get("partial_json")
    elif kind == "citations_delta":
        before = block.get("citations")
        block["citations"] = [*(before if isinstance(before, list) else ()), delta.get("citation")]
        return
    else:
        field = _PIECES.get(str(kind), "")
        piece = delta.get(field)
    if field and isinstance(piece, str):
        pieces.setdefault((index, field), []).append(piece)


def _dict(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _without_nulls(value: Any) -> JsonObject:
    return {key: item for key, item in _dict(value).items() if item is not None}
