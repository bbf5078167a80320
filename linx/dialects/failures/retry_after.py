"""Reads how long a provider asks to be left alone, in any of the forms of Retry-After."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_S = 300.0


def parse_retry_after(text: str | None, now: float | None = None) -> float | None:
    """Seconds to wait, 0 to 300, from seconds or an HTTP date; None for anything else.

    A date needs ``now``, in seconds since 1970.
    """
    if text is None:
        return None
    text = text.strip()[:64]
    if re.fullmatch(r"[0-9]+(?:\.[0-9]*)?", text):
        return min(float(text), MAX_RETRY_AFTER_S)
    if now is None or not re.match(r"[A-Za-z]", text):
        return None
    try:
        when = parsedate_to_datetime(text)
        then = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(then - now, 0.0), MAX_RETRY_AFTER_S)
