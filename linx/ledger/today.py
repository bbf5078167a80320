"""What the ledger has of today: with it Linx begins to count when it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from linx.ledger.database import open_for_reading
from linx.ledger.ledger import ledger_path
from linx.ledger.spending import day_of

if TYPE_CHECKING:
    from linx.config.shape import LedgerConfig

_QUESTION = """
SELECT count(*), sum(outcome NOT IN ('ok', 'cancelled')),
    sum(is_local * (coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0))),
    sum((1 - is_local) * (coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0))),
    sum(coalesce(cost_usd, 0)),
    sum(CASE WHEN is_local AND compare_usd IS NOT NULL THEN compare_usd - coalesce(cost_usd, 0) ELSE 0 END)
FROM requests WHERE day = :day AND started < :before"""


class DaySoFar(NamedTuple):
    """Sums of the requests of one day."""

    day: int
    requests: int = 0
    failed: int = 0
    local_tokens: int = 0
    remote_tokens: int = 0
    cost_usd: float = 0.0
    saved_usd: float = 0.0


def read_today(config: LedgerConfig, now: float) -> DaySoFar:
    """The sums of the requests of the day of ``now`` (seconds since 1970) that came in before it; for a thread.

    Raises LedgerProblem or OSError; nothing where there is no ledger.
    """
    day = day_of(now)
    try:
        database = open_for_reading(ledger_path(config))
    except FileNotFoundError:
        return DaySoFar(day)
    try:
        row = database.ask(_QUESTION, {"day": day, "before": now})[0]
    finally:
        database.close()
    return DaySoFar(day, *(value or 0 for value in row))
