"""Calls in the history that Gemini has not signed, or whose signature was lost on the way through a client.

Google documents a word that its validator passes over. The detail says where it goes: "" into the call itself, or
``reasoning_details``, where OpenRouter stands between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.dialects.adaptation.row import BodyFormat, Row
from linx.dialects.adaptation.tools import map_field, map_list

if TYPE_CHECKING:
    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject

SENTINEL = "skip_thought_signature_validator"
_IN_DETAILS = "reasoning_details"


def _misses_signature(refusal: Refused, _body: JsonObject) -> str | None:
    words = refusal.words
    if "missing a thought_signature" not in words and "missing thought_signature" not in words:
        return None
    return _IN_DETAILS if "openrouter reasoning details" in words else ""


def _with_sentinels(body: JsonObject, detail: str) -> JsonObject:
    change = _in_details if detail == _IN_DETAILS else _in_call
    return map_field(
        body, "messages", lambda messages: map_list(messages, lambda one: change(one) if _calls(one) else one)
    )


def _calls(message: Any) -> bool:
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    return isinstance(calls, list) and bool(calls) and all(isinstance(call, dict) for call in calls)


def _in_call(message: JsonObject) -> JsonObject:
    """Of several calls at once the first one is signed."""
    first, *others = message["tool_calls"]
    if any("extra_content" in call for call in (first, *others)):
        return message
    return {**message, "tool_calls": [{**first, "extra_content": {"google": {"thought_signature": SENTINEL}}}, *others]}


def _in_details(message: JsonObject) -> JsonObject:
    if message.get("reasoning_details"):
        return message
    call_id = message["tool_calls"][0].get("id")
    detail = {"type": "reasoning.encrypted", "data": SENTINEL, "id": call_id, "format": "google-gemini-v1", "index": 0}
    return {**message, "reasoning_details": [detail]}


THOUGHT_SIGNATURE = Row(
    name="thought_signature",
    formats=frozenset((BodyFormat.CHAT,)),
    recognise=_misses_signature,
    change=_with_sentinels,
)
