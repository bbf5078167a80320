"""Fields that a provider takes in another form: under another name, or shorter."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING

from linx.dialects.adaptation.parameters import OF_BOOKS
from linx.dialects.adaptation.row import BodyFormat, Row
from linx.dialects.adaptation.wording import is_refused, words_of

if TYPE_CHECKING:
    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject

# --- shortened ------------------------------------------------------------------------

_TOO_LONG = re.compile(
    r"invalid '(\w{1,40})': string too long. expected a string with maximum length ([0-9]{1,4})"
    r"|body\.(\w{1,40}): string should have at most ([0-9]{1,4}) characters"
)


def _too_long(refusal: Refused, body: JsonObject) -> str | None:
    found = _TOO_LONG.search(words_of(refusal))
    if found is None:
        return None
    field, length = found[1] or found[3], found[2] or found[4]
    detail = f"{field}:{length}"
    return detail if field in OF_BOOKS and _shorten(body, detail) is not body else None


def _shorten(body: JsonObject, detail: str) -> JsonObject:
    """A digest in the place of a text that is too long, so that two users stay two."""
    field, _colon, length = detail.partition(":")
    value = body.get(field)
    if field not in OF_BOOKS or not length.isdecimal() or not isinstance(value, str) or len(value) <= int(length):
        return body
    return {**body, field: sha256(value.encode("utf-8", "replace")).hexdigest()[: int(length)]}


SHORTER_TEXT = Row(
    name="shorter_text",
    formats=frozenset((BodyFormat.CHAT, BodyFormat.COMPLETION, BodyFormat.EMBEDDINGS, BodyFormat.RESPONSES)),
    recognise=_too_long,
    change=_shorten,
)


# --- renamed --------------------------------------------------------------------------


def _refuses_dimensions(refusal: Refused, body: JsonObject) -> str | None:
    return "output_dimension" if "dimensions" in body and is_refused(refusal, "dimensions") else None


def _rename_dimensions(body: JsonObject, new: str) -> JsonObject:
    if "dimensions" not in body or new != "output_dimension":
        return body
    return {new if key == "dimensions" else key: value for key, value in body.items()}


DIMENSIONS = Row(
    name="dimensions",
    formats=frozenset((BodyFormat.EMBEDDINGS,)),
    recognise=_refuses_dimensions,
    change=_rename_dimensions,
)
"""Voyage has another name for the length of a vector."""
