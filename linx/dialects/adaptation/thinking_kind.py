"""The two ways in which Claude is asked to think, of which each model takes one or both.

The detail is the way that the model takes: ``adaptive`` (how much is the model's own choice), or ``enabled`` with a
number of tokens, which has to be smaller than the limit of the answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linx.dialects.adaptation.row import BodyFormat, Row
from linx.dialects.adaptation.wording import words_of

if TYPE_CHECKING:
    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject

ADAPTIVE, ENABLED = "adaptive", "enabled"
_LEAST_TOKENS = 1024  # that may be thought with
_USUAL_TOKENS = 8192
_NO_ENABLED = re.compile(r"thinking\.type\.enabled['\"`]? is not supported|enabled thinking is not supported")
_NO_ADAPTIVE = re.compile(
    r"adaptive thinking is not supported|thinking\.type\.adaptive['\"`]? is not supported"
    r"|thinking\S*: input tag 'adaptive'"
)


def _other_kind(refusal: Refused, _body: JsonObject) -> str | None:
    words = words_of(refusal)
    if _NO_ENABLED.search(words):
        return ADAPTIVE
    return ENABLED if _NO_ADAPTIVE.search(words) else None


def _put_kind(body: JsonObject, kind: str) -> JsonObject:
    thinking = body.get("thinking")
    if not isinstance(thinking, dict):
        return body
    given = thinking.get("type")
    if (given, kind) == (ENABLED, ADAPTIVE):
        rest = {name: value for name, value in thinking.items() if name != "budget_tokens"}
        return {**body, "thinking": {**rest, "type": ADAPTIVE}}
    if (given, kind) != (ADAPTIVE, ENABLED):
        return body
    limit = body.get("max_tokens")
    tokens = min(_USUAL_TOKENS, limit // 2) if type(limit) is int else _USUAL_TOKENS
    if tokens < _LEAST_TOKENS:
        return {name: value for name, value in body.items() if name != "thinking"}
    return {**body, "thinking": {"type": ENABLED, "budget_tokens": tokens}}


THINKING_KIND = Row(
    name="thinking_kind",
    formats=frozenset((BodyFormat.MESSAGES,)),
    recognise=_other_kind,
    change=_put_kind,
)
