"""What ``--since`` may say: ``24h``, ``7d``, ``4w``, ``2026-01-31`` or ``all``.

Days are whole and in local time: ``7d`` is today and the six days before. Hours are counted back from now.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import NamedTuple

from linx.core.errors import ConfigError
from linx.ledger.spending import day_of

_AGO = re.compile(r"([0-9]{1,5})([hdw])")
HELP = "a time such as 24h, 7d or 4w, a day such as 2026-01-31, or all"


class Period(NamedTuple):
    """From when on: all of the days after ``day``, and of that day what began at ``moment`` or later."""

    day: int
    moment: float
    """Seconds since 1970."""
    text: str
    """How the period begins, for people; empty for everything."""


EVERYTHING = Period(0, 0.0, "")


def parse(text: str, now: float) -> Period:
    """The period that ``--since`` names. ``now`` is in seconds since 1970. Raises ConfigError."""
    if text == "all":
        return EVERYTHING
    today = datetime.fromtimestamp(now).date()
    try:
        if ago := _AGO.fullmatch(text):
            number, unit = int(ago[1]), ago[2]
            if unit == "h":
                moment = datetime.fromtimestamp(now) - timedelta(hours=number)
                moment_s = now - number * 3600.0
                return Period(day_of(moment_s), moment_s, f"{moment:%Y-%m-%d %H:%M}")
            days = number * (7 if unit == "w" else 1)
            return _from_day(today - timedelta(days=max(0, days - 1)))
        return _from_day(date.fromisoformat(text))
    except (ValueError, OverflowError, OSError):
        raise ConfigError("--since", f"must be {HELP}") from None


def _from_day(day: date) -> Period:
    return Period(day.year * 10000 + day.month * 100 + day.day, 0.0, day.isoformat())


def shown(day: int) -> str:
    """2026-01-31 for 20260131."""
    return f"{day // 10000:04d}-{day // 100 % 100:02d}-{day % 100:02d}"
