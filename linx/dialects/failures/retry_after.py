"""Reads how long a provider asks to be left alone: in any of the forms of Retry-After, in its words, as a moment."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_S = 300.0
# "Please try again in 9m38.016s" (Groq, OpenAI), "Please retry in 45.578569677s." (Gemini),
# "please try again after 1 seconds" (Moonshot).
_IN_WORDS = re.compile(
    r"\b(?:try again|retry)(?: in| after) (?=[0-9])(?:([0-9]{1,3})h)?(?:([0-9]{1,4})m(?!s))?"
    r"(?:([0-9]{1,6}(?:\.[0-9]{1,12})?) ?(ms|s)(?:econds?)?\b)?"
)
# Of OpenRouter's X-RateLimit-Reset, which is in milliseconds since 1970.
_MOMENT_MS = re.compile(r"[0-9]{13}")


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


def wait_in_words(words: str) -> float | None:
    """Seconds to wait, 0 to 300, as an error's words have them, in lower case."""
    found = _IN_WORDS.search(words)
    if found is None or not any(found.groups()):
        return None
    hours, minutes, seconds, unit = found.groups()
    wait_s = float(seconds or 0) / (1000 if unit == "ms" else 1)
    return min(int(hours or 0) * 3600 + int(minutes or 0) * 60 + wait_s, MAX_RETRY_AFTER_S)


def wait_until(moment: object, now: float | None) -> float | None:
    """Seconds to wait, 0 to 300, until a moment in milliseconds since 1970."""
    text = str(moment).strip()[:64] if isinstance(moment, int | str) else ""
    if now is None or _MOMENT_MS.fullmatch(text) is None:
        return None
    return min(max(int(text) / 1000 - now, 0.0), MAX_RETRY_AFTER_S)
