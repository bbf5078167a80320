"""All rows, and the two questions that are put to them: which row does a refusal ask for, and how does a body look
with some rows applied?
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.chat import Adapted
from linx.dialects.adaptation import (
    answer_limit,
    answer_room,
    call_ids,
    field_values,
    message_field,
    message_order,
    parameters,
    reasoning_history,
    reasoning_level,
    response_format,
    schemas,
    stream_options,
    system_messages,
    text_parts,
    thinking_kind,
    thinking_wish,
    thought_signature,
    tool_choice,
    tool_names,
)
from linx.dialects.adaptation.row import DETAIL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject
    from linx.dialects.adaptation.row import BodyFormat, Restore, Row

ROWS: tuple[Row, ...] = (
    system_messages.SYSTEM_MESSAGES,
    call_ids.CALL_IDS,
    message_order.MESSAGE_ORDER,
    reasoning_history.REASONING_HISTORY,
    reasoning_history.THINKING_HISTORY,
    thought_signature.THOUGHT_SIGNATURE,
    text_parts.TEXT_PARTS,
    tool_names.TOOL_NAMES,
    tool_choice.TOOL_CHOICE,
    answer_limit.ANSWER_LIMIT_NAME,
    answer_limit.ANSWER_LIMIT,
    answer_room.ANSWER_ROOM,
    answer_room.ANSWER_ROOM_LEFT,
    answer_room.ANSWER_CREDIT,
    reasoning_level.REASONING_LEVEL,
    reasoning_level.THINK,
    thinking_kind.THINKING_KIND,
    thinking_wish.THINKING_WISH,
    message_field.MESSAGE_FIELD,
    field_values.SHORTER_TEXT,
    field_values.DIMENSIONS,
    parameters.PARAMETER,
    schemas.SCHEMAS,
    response_format.RESPONSE_FORMAT,
    stream_options.STREAM_OPTIONS,
)
"""The first row that fits a refusal is taken, so a row of exact words stands before a row of vague ones."""

BY_NAME = {row.name: row for row in ROWS}
_NOT_OF_THE_FORM = frozenset(
    (
        *("content_policy_violation", "context_length_exceeded", "loading", "overloaded", "rate_limit_exceeded"),
        *("request_too_large", "sign_in_required", "upstream_auth", "upstream_credit"),
    )
)
"""The codes of refusals that are not about how a request was written, whatever status they came with."""
# Groq's codes for a model that wrote no proper call or JSON this time: the same request may succeed the next time.
_OF_THE_ANSWER = frozenset(("tool_use_failed", "json_validate_failed", "output_parse_failed"))
# A refusal with another status is not about how the request was written. None: an error inside a 200.
_STATUSES = frozenset((None, 400, 404, 415, 422, 500, 501, 502))


def next_adaptation(
    refusal: Refused, body_format: BodyFormat, body: JsonObject, tried: Sequence[Adapted]
) -> Adapted | None:
    """What to change in ``body``, which was refused although ``tried`` was tried; None where nothing helps.

    What was known before may be tried once more where a later adaptation has undone it: a provider may change its mind,
    and behind a marketplace's name are many.
    """
    is_of_the_form = refusal.upstream_status in _STATUSES and refusal.code not in _NOT_OF_THE_FORM
    if not _OF_THE_ANSWER.isdisjoint(refusal.labels):
        return None
    for row in ROWS:
        if body_format not in row.formats or not (is_of_the_form or refusal.code in row.codes):
            continue
        detail = row.recognise(refusal, body)
        if detail is None or DETAIL.fullmatch(detail) is None:
            continue
        adapted = Adapted(row.name, detail)
        if adapted not in tried and row.change(body, detail) is not body:
            return adapted
    return None


def adapt(
    body: JsonObject,
    adapted: Sequence[Adapted],
    restores: list[Restore],
    body_format: BodyFormat | None = None,
    used: list[Adapted] | None = None,
) -> JsonObject:
    """``body`` with all of ``adapted`` applied in their order; ``restores`` gets what changes the answer back.

    ``used`` gets those that changed something. A row that is not for ``body_format`` is passed over, since a model is
    asked in more than one; and so is a name that no row has, since another version of Linx may have learnt it.
    """
    for one in adapted:
        row = BY_NAME.get(one.name)
        if row is None or (body_format is not None and body_format not in row.formats):
            continue
        if row.restore is not None:
            restore = row.restore(body, one.detail)
            if restore is not None:
                restores.insert(0, restore)
        changed = row.change(body, one.detail)
        if used is not None and changed is not body:
            used.append(one)
        body = changed
    return body
