"""The line that every request leaves: its fields for JSON, and the text that is made of them.

Nothing here waits, writes or knows a secret: ``clean`` is handed in for the texts that came from outside. The text is
made from the fields, so that ``linx tail``, which gets the fields as JSON, shows the same line.
"""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any

from linx.core.telemetry import CANCELLED, NOBODY, OK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linx.core.telemetry import RequestRecord

LEFT = "↗"
"""Marks a line: the prompt has left the machine."""
CLIENT_GONE = 499
"""The status of a request whose client left before it was sent any, as in the logs of nginx."""
_NOT_SENT = frozenset({"connect_failed", "dns", "tls", "not_local"})
"""Outcomes of attempts that have sent nothing of the prompt."""
_WORDS = {
    "connect_failed": "refused",
    "dns": "no such host",
    "lost": "slower",
    "bad_response": "bad response",
    "error_event": "error",
    "not_local": "not local",
}
"""Outcomes of attempts for people; a status stands without ``http_``, and every other outcome stands as it is."""
_MOST_DIGITS = 9  # of a price in dollars
_UNREAD = f"{NOBODY} {NOBODY}"
_RED, _YELLOW, _MAGENTA, _DIM, _PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[35m", "\x1b[2m", "\x1b[0m"


def fields_of(record: RequestRecord, clean: Callable[[str], str]) -> dict[str, Any]:
    """The fields of the JSON form, of a request that has ended."""
    ended = record.started if record.ended is None else record.ended
    at = record.started_at + (ended - record.started)
    whole = int(at)
    usage, first = record.usage, record.first_token
    return {
        "ts": f"{_utc(whole)}.{int((at - whole) * 1000):03d}Z",
        "level": "info",
        "event": "request",
        "id": record.id,
        "face": record.face,
        "method": clean(record.method),
        "path": clean(record.path),
        "model": clean(record.model) if record.model else None,
        "provider": record.provider,
        "served_model": record.served_model and clean(record.served_model),
        "local": record.is_local,
        "status": record.status or (CLIENT_GONE if record.outcome == CANCELLED else None),
        "outcome": clean(record.outcome),
        "first_token_ms": None if first is None else _ms(first - record.started),
        "duration_ms": _ms(ended - record.started),
        "prompt_tokens": None if usage is None else usage.prompt,
        "completion_tokens": None if usage is None else usage.completion,
        "cached_tokens": None if usage is None else usage.cached,
        "cost_usd": record.cost_usd,
        "client": clean(record.client),
        "key": record.key,
        "attempts": [
            {
                "provider": attempt.provider,
                "model": clean(attempt.model),
                "local": attempt.is_local,
                "outcome": attempt.outcome or None,
            }
            for attempt in record.attempts
        ],
        "not_asked": [one._asdict() for one in record.left_out()] if record.not_asked else [],
    }


def text_of(fields: Mapping[str, Any], at: float, *, is_coloured: bool = False) -> str:
    """The line for people, without its end; ``at`` is the time of ``ts`` in seconds since 1970."""
    outcome, attempts, first_ms = fields["outcome"], fields["attempts"], fields["first_token_ms"]
    duration_ms, completion, cost = fields["duration_ms"], fields["completion_tokens"], fields["cost_usd"]
    has_left = False
    others = ", ".join([f"{one['provider']}: not asked ({one['reason']})" for one in fields.get("not_asked", ())])
    for attempt in attempts:
        how = attempt["outcome"]
        if not attempt["local"] and how not in _NOT_SENT:
            has_left = True
        if how != OK and how is not None:
            others += f"{', ' if others else ''}{attempt['provider']}: {_word(how, outcome)}"
    line = f"{_clock(int(at))} {_asked_and_served(fields, has_left, is_coloured)}"
    line += f"  {_status(fields['status'], outcome, is_coloured)}"
    if outcome != OK:
        line += f"  {outcome}"
    if first_ms is not None:
        line += f"  {_seconds(first_ms)} first"
    if attempts or first_ms is not None:
        line += f"  {_seconds(duration_ms)}"
    if completion is not None:
        line += f"  {fields['prompt_tokens']:,}+{completion:,} tok"
        if completion and duration_ms > 0:
            line += f"  {completion / duration_ms * 1000:.0f} t/s"
    if cost or (cost is not None and fields["local"] is False):
        line += f"  {dollars(cost)}"
    if fields["client"] != NOBODY:
        line += f"  {fields['client']}"
    if others:
        line += f"  {_DIM}({others}){_PLAIN}" if is_coloured else f"  ({others})"
    return line


def _asked_and_served(fields: Mapping[str, Any], has_left: bool, is_coloured: bool) -> str:
    asked = fields["model"]
    if not asked:
        asked = f"{fields['method']} {fields['path']}"
        if asked == _UNREAD:
            return "(unreadable)"
    provider, model = fields["provider"], fields["served_model"]
    if provider is not None:
        served = f"{provider}/{model}" if model else provider
    elif fields["outcome"] == OK and not fields["attempts"]:
        served = "linx"  # Linx itself has answered
    else:
        served = ""
    if has_left:
        served = f"{served} {LEFT}" if served else LEFT
        return f"{asked} → {_MAGENTA}{served}{_PLAIN}" if is_coloured else f"{asked} → {served}"
    return f"{asked} → {served}" if served else asked


def _status(status: int | None, outcome: str, is_coloured: bool) -> str:
    shown = "-" if status is None else str(status)
    if not is_coloured or (outcome == OK and (status is None or status < 400)):
        return shown
    is_grave = outcome != CANCELLED and (status is None or status >= 500 or status < 400)
    return f"{_RED if is_grave else _YELLOW}{shown}{_PLAIN}"


def _word(outcome: str, of_request: str) -> str:
    if outcome == "lost" and of_request != OK:
        return "cut"  # it lost no race: the whole request has ended
    return _WORDS.get(outcome) or outcome.removeprefix("http_")


def _ms(seconds: float) -> float:
    """To a tenth; ``round`` would take longer than all the rest of a number."""
    return int(seconds * 10_000 + 0.5) / 10


def _seconds(ms: float) -> str:
    if ms < 95:
        return f"{ms / 1000:.2f} s"
    return f"{ms / 1000:.1f} s" if ms < 99_950 else f"{ms / 1000:,.0f} s"


def dollars(cost: float) -> str:
    """Two digits that say something: $0, $0.013, $0.000073, $1.20."""
    if not cost:
        return "$0"
    digits, least = 2, 0.1
    while cost < least and digits < _MOST_DIGITS:
        digits, least = digits + 1, least / 10
    return f"${cost:,.{digits}f}"


@functools.lru_cache(maxsize=4)
def _utc(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


@functools.lru_cache(maxsize=4)
def _clock(seconds: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))
