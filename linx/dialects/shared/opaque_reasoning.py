"""Reasoning that only its provider can read (signatures, encrypted thoughts), packed for a client.

Some providers refuse the next turn of a tool loop without it. So the client gets it, packed as base64, in the field
that the client's dialect has for opaque reasoning, and sends it back in its history.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from linx.core import jsontext

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linx.core.chat import JsonObject

_THOUGHTS = ("thinking", "redacted_thinking")
UNSIGNED = "linx"
"""The signature of reasoning that no provider signed, where the client's dialect demands a signature."""
_MARK = "linx:"
_OPAQUE = {"reasoning.encrypted": "data", "reasoning.text": "signature"}
"""The types of detail that only the provider understands, and the field of each that the provider needs back."""


def opaque_details(source: JsonObject) -> Sequence[JsonObject]:
    """The entries of ``reasoning_details`` in a provider's frame that only the provider can read."""
    delta = first_choice(source).get("delta")
    if not isinstance(delta, dict) or "reasoning_details" not in delta:
        return ()
    details = delta["reasoning_details"]
    return [detail for detail in details if _is_opaque(detail)] if isinstance(details, list) else ()


def _is_opaque(detail: Any) -> bool:
    if not isinstance(detail, dict):
        return False
    field = _OPAQUE.get(str(detail.get("type")))
    return field is not None and isinstance(detail.get(field), str) and bool(detail[field])


def first_choice(source: JsonObject) -> JsonObject:
    """The first choice in a provider's frame; {} if there is none."""
    choices = source.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    return choice if isinstance(choice, dict) else {}


def pack(details: Sequence[JsonObject]) -> str:
    """The details as one string."""
    return _MARK + base64.urlsafe_b64encode(jsontext.dumps(details)).decode()


def unpack(packed: str) -> list[JsonObject]:
    """The details that ``pack`` was given; an empty list if ``packed`` does not come from ``pack``."""
    if not packed.startswith(_MARK):
        return []
    try:
        details = jsontext.loads_strict(base64.b64decode(packed[len(_MARK) :], b"-_", validate=True))
    except (binascii.Error, ValueError):
        return []
    return [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []


def without_own_thoughts(messages: Any) -> Any:
    """The messages of a Messages body without the thinking blocks that Linx made when it translated earlier answers,
    and without those that nobody has signed: for a provider that verifies signatures, as Anthropic does."""
    return _without(messages, _is_own)


def without_packed_thoughts(messages: Any) -> Any:
    """The messages of a Messages body without the blocks that only Linx can read: for a provider that verifies no
    signatures, whose model gets its thoughts back whoever has signed them."""
    return _without(messages, _is_packed)


def _without(messages: Any, is_left_out: Callable[[Any], bool]) -> Any:
    if not isinstance(messages, list):
        return messages
    return [kept for message in messages if (kept := _without_blocks(message, is_left_out)) is not None]


def _without_blocks(message: Any, is_left_out: Callable[[Any], bool]) -> Any:
    """The message without some of its blocks; None if no content is left."""
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list) or not any(map(_is_thought, content)):
        return message
    kept = [block for block in content if not is_left_out(block)]
    if len(kept) == len(content):
        return message
    return {**message, "content": kept} if kept else None


def _is_thought(block: Any) -> bool:
    return type(block) is dict and block.get("type") in _THOUGHTS


def _is_own(block: Any) -> bool:
    if not isinstance(block, dict):
        return False
    if block.get("type") == "thinking":
        return block.get("signature") in (None, "", UNSIGNED)
    return _is_packed(block)


def _is_packed(block: Any) -> bool:
    if not isinstance(block, dict):
        return False
    data = block.get("data")
    return block.get("type") == "redacted_thinking" and isinstance(data, str) and bool(unpack(data))
