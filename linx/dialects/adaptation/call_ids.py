"""Ids of tool calls that a server does not take: of another length, or with other characters.

The detail is how long an id may be; ``9`` means exactly nine letters or digits, as Mistral has it. Calls and their
results get the same new id, which hangs on the old one alone. Ids in answers pass as they are: a server's own are good.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from linx.dialects.adaptation.row import BodyFormat, Row
from linx.dialects.adaptation.tools import map_field, map_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject

_MISTRAL = "9"
_LENGTH = 64  # where a server names its characters only
_SHORTEST = 16
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NINE = re.compile(r"[a-zA-Z0-9]{9}")
_PLAIN = re.compile(r"[a-zA-Z0-9_-]+")
_ABOUT_NINE = re.compile(r"tool call id.{0,300}length of 9\b", re.DOTALL)
_ABOUT_AN_ID = re.compile(r"tool_calls(?:\[\d+\]|\.\d+)?\.id|tool_call_id|call_id|tool_use\.id|tool_use_id")
_LIMIT = re.compile(r"maximum length (?:of )?([0-9]{2,3})\b|max length ([0-9]{2,3})\b|at most ([0-9]{2,3}) char")
_CHARACTERS = re.compile(r"match(?:es)? (?:the )?pattern")


def _refuses_id(refusal: Refused, body: JsonObject) -> str | None:
    detail = _wanted(refusal.words)
    return detail if detail is not None and _new_ids(body, detail) else None


def _wanted(words: str) -> str | None:
    if _ABOUT_NINE.search(words):
        return _MISTRAL
    if not _ABOUT_AN_ID.search(words):
        return None
    limit = _LIMIT.search(words)
    if limit is not None:
        return limit[1] or limit[2] or limit[3]
    return str(_LENGTH) if _CHARACTERS.search(words) else None


def _with_new_ids(body: JsonObject, detail: str) -> JsonObject:
    new = _new_ids(body, detail)
    return _with_ids(body, lambda old: new.get(old, old)) if new else body


def _new_ids(body: JsonObject, detail: str) -> dict[str, str]:
    """For each id in ``body`` that has to change, the one that it becomes."""
    ids: dict[str, None] = {}

    def note(call_id: str) -> str:
        ids[call_id] = None
        return call_id

    _with_ids(body, note)
    length = max(int(detail), _SHORTEST) if detail.isdecimal() and detail != _MISTRAL else 0
    odd = [one for one in ids if not (_is_plain(one, length) if length else _NINE.fullmatch(one))]
    taken = set(ids).difference(odd)
    new = {}
    for one in odd:
        new[one] = next(made for made in _candidates(one, length or 9) if made not in taken)
        taken.add(new[one])
    return new


def _is_plain(call_id: str, length: int) -> bool:
    return len(call_id) <= length and _PLAIN.fullmatch(call_id) is not None


def _candidates(call_id: str, length: int) -> Iterable[str]:
    count = 0
    while True:
        seed = f"{count}:{call_id}" if count else call_id
        number = int.from_bytes(hashlib.sha256(seed.encode("utf-8", "replace")).digest())
        digits = []
        for _ in range(min(length, 32)):
            number, digit = divmod(number, len(_DIGITS))
            digits.append(_DIGITS[digit])
        yield "".join(digits)
        count += 1


# --- where the ids are ----------------------------------------------------------------


def _with_ids(body: JsonObject, change: Callable[[str], str]) -> JsonObject:
    """``body`` with each id of a call changed; ``body`` itself if none is."""

    def changed(value: Any) -> Any:
        return change(value) if isinstance(value, str) and value else value

    def in_call(call: Any) -> Any:
        return map_field(call, "id", changed) if isinstance(call, dict) else call

    def in_part(part: Any) -> Any:
        kind = part.get("type") if isinstance(part, dict) else None
        field = _FIELDS.get(kind) if isinstance(kind, str) else None
        return part if field is None else map_field(part, field, changed)

    def in_message(message: Any) -> Any:
        if not isinstance(message, dict):
            return message
        message = in_part(map_field(message, "tool_call_id", changed))
        message = map_field(message, "tool_calls", lambda calls: map_list(calls, in_call))
        return map_field(message, "content", lambda parts: map_list(parts, in_part))

    for field in ("messages", "input"):
        body = map_field(body, field, lambda messages: map_list(messages, in_message))
    return body


_FIELDS: dict[str, str] = {
    "tool_use": "id",
    "tool_result": "tool_use_id",
    "function_call": "call_id",
    "function_call_output": "call_id",
    "custom_tool_call": "call_id",
    "custom_tool_call_output": "call_id",
}
"""The id in a block of Messages and in an item of Responses, by its type."""

CALL_IDS = Row(
    name="call_ids",
    formats=frozenset((BodyFormat.CHAT, BodyFormat.MESSAGES, BodyFormat.RESPONSES)),
    recognise=_refuses_id,
    change=_with_new_ids,
)
