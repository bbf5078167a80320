"""Numbers that a provider reports of an answer: counts of tokens, and money.

Rule: what is no plausible number is as good as none. JSON has numbers of any length, and a number that fits into no
float or no column of the ledger must not end the answer that it stands behind.
"""

from __future__ import annotations

from typing import Any

MOST_TOKENS = 2**53
MOST_USD = 1e9
"""For one answer. Sums of what is smaller stay exact enough."""


def count_of(value: Any) -> int | None:
    """A count of tokens; some servers write it as 7.0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MOST_TOKENS:
        return None
    count = int(value)
    return count if count == value else None


def usd_of(value: Any) -> float | None:
    """A cost."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_USD:
        return None
    return float(value)
