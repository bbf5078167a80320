"""All rows, and the two questions that are put to them: which row does a refusal ask for, and how does a body look
with some rows applied?
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.chat import Adapted
from linx.dialects.adaptation import (
    call_ids,
    message_order,
    parameters,
    response_format,
    schemas,
    text_parts,
    thought_signature,
    tool_choice,
    tool_names,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.chat import JsonObject
    from linx.core.errors import Refused
    from linx.dialects.adaptation.row import BodyFormat, Restore, Row

ROWS: tuple[Row, ...] = (
    call_ids.CALL_IDS,
    message_order.MESSAGE_ORDER,
    thought_signature.THOUGHT_SIGNATURE,
    text_parts.TEXT_PARTS,
    tool_names.TOOL_NAMES,
    tool_choice.TOOL_CHOICE,
    schemas.SCHEMAS,
    response_format.RESPONSE_FORMAT,
    parameters.STREAM_OPTIONS,
)
"""The first row that fits a refusal is taken, so a row of exact words stands before a row of vague ones."""

BY_NAME = {row.name: row for row in ROWS}
# A refusal with another status is not about how the request was written. None: an error inside a 200.
_STATUSES = frozenset((None, 400, 404, 415, 422, 500, 501, 502))


def next_adaptation(
    refusal: Refused, body_format: BodyFormat, body: JsonObject, used: Sequence[Adapted]
) -> Adapted | None:
    """What to change in ``body``, which was refused although ``used`` was applied; None where nothing helps."""
    if refusal.upstream_status not in _STATUSES:
        return None
    for row in ROWS:
        if body_format not in row.formats:
            continue
        detail = row.recognise(refusal, body)
        if detail is None:
            continue
        adapted = Adapted(row.name, detail)
        if adapted not in used and row.change(body, detail) is not body:
            return adapted
    return None


def adapt(body: JsonObject, adapted: Sequence[Adapted], restores: list[Restore]) -> JsonObject:
    """``body`` with all of ``adapted`` applied in their order; ``restores`` gets what changes the answer back.

    A name that no row has is passed over: another version of Linx may have learnt it.
    """
    for name, detail in adapted:
        row = BY_NAME.get(name)
        if row is None:
            continue
        if row.restore is not None:
            restore = row.restore(body, detail)
            if restore is not None:
                restores.insert(0, restore)
        body = row.change(body, detail)
    return body
