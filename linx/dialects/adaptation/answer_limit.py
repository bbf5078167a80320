"""The field that limits the length of an answer: its two names, and how high a provider lets it be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linx.dialects.adaptation.row import BodyFormat, Row
from linx.dialects.adaptation.wording import is_refused, names, words_of

if TYPE_CHECKING:
    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject

OLD, NEW = "max_tokens", "max_completion_tokens"
_OTHER = {OLD: NEW, NEW: OLD}
_INSTEAD = re.compile(r"use ['\"`]?(max_(?:completion_)?tokens)['\"`]? instead")


# --- the other name -------------------------------------------------------------------


def _other_name(refusal: Refused, body: JsonObject) -> str | None:
    for given, other in _OTHER.items():
        if given not in body or not names(words_of(refusal), given):
            continue
        better = _INSTEAD.search(refusal.words)
        if better[1] == other if better is not None else is_refused(refusal, given):
            return other
    return None


def _rename(body: JsonObject, name: str) -> JsonObject:
    given = _OTHER.get(name)
    if given is None or given not in body:
        return body
    if name in body:
        return {key: value for key, value in body.items() if key != given}
    return {name if key == given else key: value for key, value in body.items()}


ANSWER_LIMIT_NAME = Row(
    name="answer_limit_name",
    formats=frozenset((BodyFormat.CHAT, BodyFormat.COMPLETION)),
    recognise=_other_name,
    change=_rename,
)


# --- lower ----------------------------------------------------------------------------

FIELDS = (OLD, NEW, "max_output_tokens")
_OTHER_NAMES = ("maxoutputtokens", "maximum tokens")  # Gemini's and Bedrock's in their refusals
_BELOW = re.compile(r"supported range is from [0-9]+ \(inclusive\) to ([0-9]{1,7}) \(exclusive\)")  # Gemini's
_CEILINGS = (
    re.compile(r"supports at most ([0-9]{1,7})\b"),
    re.compile(r"> ([0-9]{1,7}), which is the maximum"),
    re.compile(r"expected a value <= ([0-9]{1,7})"),
    re.compile(r"less than or equal to [`'\"]?([0-9]{1,7})"),
    re.compile(r"range of max_(?:completion_)?tokens (?:is|should be) \[[0-9]+, ?([0-9]{1,7})\]"),
    re.compile(r"exceeds (?:the )?model's maximum output tokens \(?([0-9]{1,7})"),
    re.compile(r"maximum tokens you requested exceeds the model limit of ([0-9]{1,7})"),
)


def _ceiling(refusal: Refused, body: JsonObject) -> str | None:
    # One gateway puts the sentence where the name of the field belongs.
    words = f"{refusal.words}\n{(refusal.param or '').lower()}"
    if not any(field in words for field in (*FIELDS, *_OTHER_NAMES)):
        return None
    below = _BELOW.search(words)
    if below is not None and int(below[1]) > 1 and _is_above(body, int(below[1]) - 1):
        return str(int(below[1]) - 1)
    for pattern in _CEILINGS:
        found = pattern.search(words)
        if found is not None and int(found[1]) > 0 and _is_above(body, int(found[1])):
            return found[1]
    return None


def _is_above(body: JsonObject, ceiling: int) -> bool:
    return any(type(body.get(field)) is int and body[field] > ceiling for field in FIELDS)


def lower_limit(body: JsonObject, ceiling: str) -> JsonObject:
    if not ceiling.isdecimal() or not _is_above(body, int(ceiling)):
        return body
    most = int(ceiling)
    lower = {field: most for field in FIELDS if type(body.get(field)) is int and body[field] > most}
    return {**body, **lower}


ANSWER_LIMIT = Row(
    name="answer_limit",
    formats=frozenset((BodyFormat.CHAT, BodyFormat.COMPLETION, BodyFormat.MESSAGES, BodyFormat.RESPONSES)),
    recognise=_ceiling,
    change=lower_limit,
)
"""An answer is never longer than the model can make it, so the highest limit means what the client's meant."""
