"""What a provider signs its tool calls with, and refuses the next turn without: kept by the ids of the calls.

Gemini puts a ``thought_signature`` into ``extra_content`` of a call, OpenRouter an encrypted entry into
``reasoning_details`` of the message. Only a client of this dialect that keeps unknown fields gives either back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.dialects.shared.opaque_reasoning import first_choice, opaque_details

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linx.core.chat import Chunk, JsonObject

MAX_SIGNATURE = 64 * 1024  # characters

Signed = str | list[Any]
"""A signature of one call, or the details of the message that begins with the call."""


class SignatureReader:
    """Reads one answer. ``keep`` gets each signature with the id of its call."""

    __slots__ = ("_details", "_first", "_keep", "_size")

    def __init__(self, keep: Callable[[str, Signed], None], *, has_details: bool) -> None:
        """``has_details``: the signatures are in ``reasoning_details``, perhaps in frames before the calls."""
        self._keep = keep
        self._details: list[JsonObject] | None = [] if has_details else None
        self._first: str | None = None
        self._size = 0  # characters of the details

    @property
    def reads_all(self) -> bool:
        """Is each chunk to be read, and not only those with pieces of tool calls?"""
        return self._details is not None

    def read(self, chunk: Chunk) -> None:
        source = chunk.source
        if source is None:
            return
        if self._details is not None:
            self._read_details(chunk, source, self._details)
            return
        delta = first_choice(source).get("delta")
        calls = delta.get("tool_calls") if isinstance(delta, dict) else None
        for call in calls if isinstance(calls, list) else ():
            signature, call_id = signature_of(call), call.get("id") if isinstance(call, dict) else None
            if signature and call_id and len(signature) <= MAX_SIGNATURE:
                self._keep(call_id, signature)

    def _read_details(self, chunk: Chunk, source: JsonObject, details: list[JsonObject]) -> None:
        new = opaque_details(source) if self._size <= MAX_SIGNATURE else ()
        self._size += sum(len(str(detail)) for detail in new)
        details += new
        if self._first is None and chunk.tools:
            self._first = chunk.tools[0].id
        elif not new:
            return
        if self._first and details and self._size <= MAX_SIGNATURE:
            self._keep(self._first, list(details))


def signature_of(call: Any) -> str | None:
    """Gemini's signature of a call, in an answer or in a history."""
    extra = call.get("extra_content") if isinstance(call, dict) else None
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) else None


def with_signatures(messages: list[JsonObject], signed: Mapping[str, Signed | None]) -> list[JsonObject]:
    """``messages`` with the signatures that are known of their calls; ``messages`` itself if none is missing."""
    changed = [_signed(message, signed) for message in messages]
    return changed if any(new is not old for new, old in zip(changed, messages, strict=True)) else messages


def _signed(message: JsonObject, signed: Mapping[str, Signed | None]) -> JsonObject:
    calls = message.get("tool_calls")
    if not isinstance(calls, list) or not calls or message.get("role") != "assistant":
        return message
    known = [
        signed.get(call["id"]) if isinstance(call, dict) and isinstance(call.get("id"), str) else None for call in calls
    ]
    if isinstance(known[0], list):
        return message if message.get("reasoning_details") else {**message, "reasoning_details": known[0]}
    new = [
        {**call, "extra_content": {"google": {"thought_signature": signature}}}
        if isinstance(signature, str) and "extra_content" not in call
        else call
        for call, signature in zip(calls, known, strict=True)
    ]
    return (
        {**message, "tool_calls": new}
        if any(one is not call for one, call in zip(new, calls, strict=True))
        else message
    )
