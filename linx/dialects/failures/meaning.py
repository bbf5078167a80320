"""What a provider's error means for the client and for the next candidate, as a ``Refused`` that says so.

The rule: the provider's words decide before its status does. ``reading`` gathers what the provider says, ``rules``
recognises a condition in it, ``conditions`` says what each condition means.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linx.core.attempt_errors import Fallback, Refused
from linx.core.errors import quote
from linx.core.redaction import clean_shapes
from linx.dialects.failures.conditions import (
    BAD_REQUEST,
    BY_STATUS,
    BY_STATUS_CLASS,
    ERROR_EVENT,
    FAILED_ENDS,
    INVALID,
    NO_ANSWER,
    RATE_LIMIT,
    SIGN_IN,
    TOO_LONG,
    UNSUPPORTED,
)
from linx.dialects.failures.overflow import counts_of
from linx.dialects.failures.pause_scope import pause_scope
from linx.dialects.failures.reading import MAX_SEARCHED, STATUS_OF, read_body, read_value
from linx.dialects.failures.retry_after import parse_retry_after, wait_in_words, wait_until
from linx.dialects.failures.rules import RULES

if TYPE_CHECKING:
    from linx.dialects.failures.conditions import Condition
    from linx.dialects.failures.reading import Reading

_CODE = re.compile(r"[a-z][a-z0-9_.-]{2,63}")


def failure(status: int, body: bytes, retry_after: str | None = None, *, now: float | None = None) -> Refused:
    """What an HTTP answer that is no success means. ``now`` is for a Retry-After that is a date."""
    reading = read_body(body)
    # OpenRouter's own word for what happened is more precise than the status around it.
    condition = _condition(reading, reading.error_type or status)
    return _refused(condition, reading, _wait_s(condition, reading, retry_after, now), f"http_{status}", status)


def event_failure(error: object) -> Refused:
    """What an error inside a 200 means: Ollama's string, an ``error`` object, or whatever was sent as one."""
    reading = read_value(error)
    named = (STATUS_OF[label] for label in reading.labels if label in STATUS_OF)
    condition = _condition(reading, reading.error_type or reading.status or next(named, None))
    return _refused(condition, reading, _wait_s(condition, reading, None, None), "error_event", None)


def failed_end(reason: object) -> Refused | None:
    """The failure that the last word of an answer reports; None where the word is that of a normal end.

    ``reason`` is the value of ``finish_reason`` or of its like: a text, or an object with a type and a message.
    """
    message: object = None
    if isinstance(reason, dict):
        message, reason = reason.get("message"), reason.get("type")
    if not isinstance(reason, str):
        return None
    word = reason.rpartition(":")[2].strip().lower()
    condition = FAILED_ENDS.get(word.replace("-", "_").replace(" ", "_"))
    if condition is None:
        return None
    reading = read_value(message or f'the answer ended with "{reason}"')
    return _refused(condition, reading, None, "error_event", None)


def unsupported(problem: str) -> Refused:
    """This provider cannot do what was asked, another one may; it is no sign that the provider is ill."""
    return Refused(
        problem,
        status=UNSUPPORTED.status,
        kind=UNSUPPORTED.kind,
        code=UNSUPPORTED.code,
        fallback=UNSUPPORTED.fallback,
        blames_provider=UNSUPPORTED.blames_provider,
        outcome="http_400",
    )


def too_long(tokens: int, context: int) -> Refused:
    """The prompt is longer than this provider's context, so it is not asked; a larger one may be."""
    refused = Refused(
        f"{TOO_LONG.lead}: about {tokens:,} tokens, and its context holds {context:,}",
        status=TOO_LONG.status,
        kind=TOO_LONG.kind,
        code=TOO_LONG.code,
        fallback=TOO_LONG.fallback,
        blames_provider=TOO_LONG.blames_provider,
        outcome="http_400",
    )
    refused.n_prompt_tokens, refused.n_ctx = tokens, context
    return refused


def _condition(reading: Reading, status: int | None) -> Condition:
    for rule in RULES:
        if rule.fits(reading, status):
            return rule.condition
    if status is None:
        return ERROR_EVENT
    return BY_STATUS.get(status) or BY_STATUS_CLASS.get(status // 100, NO_ANSWER)


def _wait_s(condition: Condition, reading: Reading, retry_after: str | None, now: float | None) -> float | None:
    """How long the provider asks to be left alone, in its header or in its error."""
    if not condition.has_wait:
        return None
    wait_s = parse_retry_after(retry_after, now)
    if wait_s is None and isinstance(reading.wait, int | float | str):
        wait_s = parse_retry_after(str(reading.wait).removesuffix("s"), now)
    if wait_s is None and condition is RATE_LIMIT:
        wait_s = wait_until(reading.reset, now)
        if wait_s is None:
            wait_s = wait_in_words(reading.words)
    return wait_s


def _refused(
    condition: Condition, reading: Reading, wait_s: float | None, outcome: str, upstream_status: int | None
) -> Refused:
    is_pause = wait_s is not None if condition.is_pause is None else condition.is_pause
    fallback, code, own_code = condition.fallback, condition.code, None
    if condition is BAD_REQUEST:
        if reading.is_retryable:
            fallback = Fallback.YES
        own_code = next((label for label in reading.codes if _is_code(label.lower())), None)
        code = own_code.lower() if own_code is not None else None
    refused = Refused(
        condition.lead if upstream_status is None else f"{condition.lead} (HTTP {upstream_status})",
        status=condition.status,
        said=_said(reading) if condition.may_quote else "",
        advice=condition.advice,
        kind=condition.kind,
        code=code,
        fallback=fallback,
        blames_provider=condition.blames_provider and not is_pause,
        is_pause=is_pause,
        outcome=outcome,
        retry_after_s=condition.wait_s if wait_s is None else wait_s,
        upstream_status=upstream_status,
    )
    counts = counts_of(reading) if condition is TOO_LONG else None
    if counts is not None:
        refused.n_prompt_tokens, refused.n_ctx = counts
    refused.pause_scope = pause_scope(condition, reading)
    refused.signin_url = reading.signin_url if condition is SIGN_IN else None
    refused.own_code = own_code
    if condition.kind == INVALID and reading.param is not None:
        refused.own_param = clean_shapes(reading.param)
        refused.param = quote(refused.own_param)
    refused.words, refused.labels = reading.words, tuple(reading.labels)
    return refused


def _said(reading: Reading) -> str:
    """What the provider says, on one line and without what looks like a key."""
    text = reading.text
    words = text.split()
    if len(text) >= MAX_SEARCHED and len(words) > 1:
        del words[-1]  # it may be the first half of a key, which no longer looks like one
    return clean_shapes(" ".join(words))


def _is_code(label: str) -> bool:
    """Does the label, in lower case, tell more than that there is an error?"""
    is_word = label != "error" and label not in STATUS_OF and _CODE.fullmatch(label) is not None
    return is_word and clean_shapes(label) == label
