"""The bodies of one request as they are shown, without the secrets in them. Called in a thread: bodies may be large."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linx.core.kept_bodies import CREDENTIALS, HIDDEN, MAX_BODY, Beginning

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linx.core.chat import JsonObject
    from linx.core.kept_bodies import Kept, Written
    from linx.core.redaction import Redactor
    from linx.core.telemetry import RequestRecord

_SECRET_FIELD = re.compile("(?:.*[-_])?(?:auth|authorization|api-?key|key|token|secret|password|cookie)", re.IGNORECASE)
"""Further header fields of which the value is hidden. Gateways and clouds have many names for a key (``x-auth-token``,
``openai-api-key``, ``helicone-auth``, ``x-amz-security-token``); each ends in such a word."""
LEAST_BEGUN = 4  # characters of a secret at the end of a body that was cut there


def bodies_of(record: RequestRecord, redactor: Redactor) -> JsonObject:
    """What the client sent, what each attempt sent to its provider, and the answer; null for what is not kept."""
    kept = record.kept
    if kept is None:
        return {"client_request": None, "provider_requests": [], "answer": None}
    return {
        "client_request": {
            "headers": _headers(kept.headers, redactor),
            "body": _text(kept.body, redactor, is_cut=len(kept.body) < kept.size),
            "truncated": len(kept.body) < kept.size,
        },
        "provider_requests": [_asked(record, attempt, sent, redactor) for attempt, sent in list(kept.asked)],
        "answer": _answer(record, kept, redactor),
    }


def _asked(record: RequestRecord, attempt: object, sent: Written, redactor: Redactor) -> JsonObject:
    is_cut = isinstance(sent, Beginning) and len(sent.body) != sent.size
    attempts = [*record.attempts]
    # A part of an attempt that asks several times has a record of its own; it is shown with the last attempt.
    place = next((place for place, one in enumerate(attempts) if one is attempt), len(attempts) - 1)
    return {
        "attempt": place,
        "provider": attempts[place].provider,
        "model": redactor.clean(attempts[place].model),
        "path": redactor.clean(sent.target.decode("latin-1")),
        "headers": _headers(sent.headers, redactor),
        "body": _text(sent.body, redactor, is_cut=is_cut),
        "truncated": is_cut,
    }


def _answer(record: RequestRecord, kept: Kept, redactor: Redactor) -> JsonObject | None:
    if not kept.head:
        return None
    body = bytes(kept.answer[:MAX_BODY])
    under_way = record.answer  # read once: this runs in a thread, and the request may end meanwhile
    sent = record.bytes_sent if under_way is None else under_way.sent
    is_cut = sent > len(body)
    status, _, fields = kept.head.partition(b"\r\n")
    lines = [line.partition(b": ") for line in fields.split(b"\r\n") if line]
    return {
        "status": int(status.split(b" ")[1]),
        "headers": _headers(((name, value) for name, _colon, value in lines), redactor),
        "body": _text(body, redactor, is_cut=is_cut),
        "truncated": is_cut,
    }


def _headers(fields: Iterable[tuple[bytes, bytes]], redactor: Redactor) -> list[list[str]]:
    shown = []
    for raw_name, raw_value in fields:
        name = raw_name.decode("latin-1")
        is_secret = raw_name.lower() in CREDENTIALS or _SECRET_FIELD.fullmatch(name) is not None
        value = HIDDEN if is_secret else redactor.clean(raw_value.decode("latin-1"))
        shown.append([name, value])
    return shown


def _text(body: bytes, redactor: Redactor, *, is_cut: bool) -> str:
    text = redactor.clean(body.decode("utf-8", "replace"))
    return _without_begun(text, redactor.forms) if is_cut else text


def _without_begun(text: str, secrets: Iterable[str]) -> str:
    """``text``, which was cut somewhere, without the beginning of a secret at its end."""
    for secret in secrets:
        for size in range(min(len(secret) - 1, len(text)), LEAST_BEGUN - 1, -1):
            if text.endswith(secret[:size]):
                return text[:-size] + HIDDEN
    return text
