"""The options of a stream, which Linx asks of every provider so that the stream ends with its tokens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linx.dialects.adaptation.parameters import without
from linx.dialects.adaptation.row import BodyFormat, Row
from linx.dialects.adaptation.wording import words_of

if TYPE_CHECKING:
    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject

_STREAM_OPTIONS_WORDS = ("stream_options", "streamoptions", "include_usage", "includeusage", "stream options")


# An unknown field, but not which.
_VAGUE = re.compile(
    r"(?:unknown|unrecogni[sz]ed|unsupported|unexpected|extra|additional) (?:request |keyword |input )?"
    r"(?:fields?|parameters?|arguments?|inputs?|propert(?:y|ies)|keys?|options?)\b"
)


def _refuses_stream_options(refusal: Refused, body: JsonObject) -> str | None:
    """Named, or where nothing at all is named: no client sends the field so often as Linx itself does."""
    words = words_of(refusal)
    if any(name in words for name in _STREAM_OPTIONS_WORDS):
        return ""
    names_something = "model" in words or "schema" in words or any(name.lower() in words for name in body)
    return "" if _VAGUE.search(words) and not names_something else None


STREAM_OPTIONS = Row(
    name="stream_options",
    formats=frozenset((BodyFormat.CHAT, BodyFormat.COMPLETION)),
    recognise=_refuses_stream_options,
    change=lambda body, _detail: without(body, "stream_options"),
)
