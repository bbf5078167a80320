"""The items of a request and its answer, as a later request or ``GET /v1/responses/{id}/input_items`` gets them.

The ids of items that Linx has made say which response they belong to: ``msg_X_0`` is in ``resp_X``. So an item is
found without an index. An item of the input that its client gave no id gets ``msg_X_in0``, counted by its place.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

_ITEM_ID = re.compile(r"[a-z]+_([0-9A-Za-z]+)_(?:in)?[0-9]+")
_PREFIXES = {"message": "msg", "reasoning": "rs", "function_call": "fc", "custom_tool_call": "ctc"}
REFERENCE = "item_reference"


def response_of(item_id: str) -> str | None:
    """The id of the response that an item belongs to; None if Linx has not made the item's id."""
    match = _ITEM_ID.fullmatch(item_id)
    return f"resp_{match[1]}" if match is not None else None


def input_items(request: JsonObject, response_id: str) -> list[JsonObject]:
    """The input of a request as a list of items, each with an id."""
    name = response_id.removeprefix("resp_")
    return [_with_id(item, f"{name}_in{number}") for number, item in enumerate(items_of(request))]


def items_of(body: JsonObject) -> list[JsonObject]:
    """The input of a body as a list of items."""
    given = body.get("input")
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]}]
    return given if isinstance(given, list) else []


def refers(body: JsonObject) -> bool:
    """Does a body refer to an earlier answer, or to an item of it?"""
    given = body.get("input")
    return body.get("previous_response_id") is not None or (
        isinstance(given, list) and any(reference_in(item) is not None for item in given)
    )


def reference_in(item: Any) -> str | None:
    """The id that an item refers to; None if the item is no reference. OpenAI lets clients leave out the type."""
    if not isinstance(item, dict):
        return None
    kind = item.get("type")
    if kind != REFERENCE and (kind is not None or "role" in item):
        return None
    item_id = item.get("id")
    return item_id if isinstance(item_id, str) else None


def _with_id(item: JsonObject, name: str) -> JsonObject:
    kind = item.get("type") or ("message" if "role" in item else REFERENCE)
    content = item.get("content")
    if kind == "message" and isinstance(content, str):
        part = "output_text" if item.get("role") == "assistant" else "input_text"
        item = {**item, "content": [{"type": part, "text": content}]}
    item_id = item.get("id") or f"{_PREFIXES.get(kind, 'item')}_{name}"
    return {**item, "type": kind, "id": item_id}
