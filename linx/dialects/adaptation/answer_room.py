"""A limit of the answer that, beside this prompt, is more than the context has room for, or the account has credit for.

Some servers add the limit to the prompt and refuse what is more than the context, although the prompt alone fits. Most
clients set the same limit for every model, and would take the refusal for a prompt that is too long. So:

- At a chat the limit is left out: the context ends the answer where the limit would not have.
- Where a limit is needed (Messages), or the default is 16 tokens (completions), it is lowered to what is left.
- Where it is the credit that is too small (OpenRouter), it is lowered to what can be afforded.

A prompt that leaves no room worth mentioning is too long, and the refusal is passed on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linx.dialects.adaptation.answer_limit import FIELDS, lower_limit
from linx.dialects.adaptation.row import BodyFormat, Row

if TYPE_CHECKING:
    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject

LEAST_ROOM = 1024  # tokens; with less, a client should rather shorten its conversation
_CODES = frozenset(("context_length_exceeded",))
_AFFORDED = re.compile(r"you requested up to [0-9]+ tokens, but can only afford ([0-9]{1,8})")  # OpenRouter, with a 402


def _has_room(refusal: Refused, body: JsonObject) -> str | None:
    return "" if _room_beside(refusal, body) is not None else None


def _room_left(refusal: Refused, body: JsonObject) -> str | None:
    room = _room_beside(refusal, body)
    return None if room is None else str(room)


def _room_beside(refusal: Refused, body: JsonObject) -> int | None:
    if _highest_limit(body) == 0 or refusal.n_ctx is None or refusal.n_prompt_tokens is None:
        return None
    room = refusal.n_ctx - refusal.n_prompt_tokens
    return room if room >= LEAST_ROOM else None


def _affordable(refusal: Refused, body: JsonObject) -> str | None:
    found = _AFFORDED.search(refusal.words)
    return found[1] if found is not None and LEAST_ROOM <= int(found[1]) < _highest_limit(body) else None


def _highest_limit(body: JsonObject) -> int:
    return max((body[field] for field in FIELDS if type(body.get(field)) is int), default=0)


def _without_limit(body: JsonObject, _detail: str) -> JsonObject:
    if body.keys().isdisjoint(FIELDS):
        return body
    return {name: value for name, value in body.items() if name not in FIELDS}


ANSWER_ROOM = Row(
    name="answer_room",
    formats=frozenset((BodyFormat.CHAT, BodyFormat.RESPONSES)),
    recognise=_has_room,
    change=_without_limit,
    codes=_CODES,
    is_lasting=False,
)
ANSWER_ROOM_LEFT = Row(
    name="answer_room_left",
    formats=frozenset((BodyFormat.MESSAGES, BodyFormat.COMPLETION)),
    recognise=_room_left,
    change=lower_limit,
    codes=_CODES,
    is_lasting=False,
)
ANSWER_CREDIT = Row(
    name="answer_credit",
    formats=frozenset((BodyFormat.CHAT, BodyFormat.COMPLETION, BodyFormat.MESSAGES, BodyFormat.RESPONSES)),
    recognise=_affordable,
    change=lower_limit,
    codes=frozenset(("upstream_credit",)),
    is_lasting=False,
)
