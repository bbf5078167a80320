"""Makes a row of the record of a finished request, and the sums that a batch of rows adds to each day.

The names of the fields of ``Row`` and ``Sums`` are those of the columns in ``schema``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from linx.core.telemetry import CANCELLED, OK
from linx.ledger.spending import Spent, Where, day_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from linx.core.chat import Usage
    from linx.core.telemetry import RequestRecord

    Estimate = Callable[[Usage], float]
    """What the tokens of an answer would have cost, in USD."""
    EstimateFor = Callable[[str], Estimate | None]
    """For the model that was asked for: what the same tokens cost at the price to compare with, if there is one."""

MAX_NAME = 120  # characters of a name in the file
MAX_ATTEMPTS = 400  # characters of the attempts with their reasons


class Row(NamedTuple):
    """One request in the table ``requests``."""

    day: int
    started: float
    key: str
    client: str
    face: str
    model: str
    provider: str
    served_model: str
    is_local: bool
    outcome: str
    status: int | None
    attempts: str
    first_token_ms: int | None
    duration_ms: int
    prompt_tokens: int | None
    cached_tokens: int | None
    completion_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None
    compare_usd: float | None


class SumKey(NamedTuple):
    """Which requests are summed up together in the table ``days``."""

    day: int
    key: str
    client: str
    model: str
    provider: str
    served_model: str
    is_local: bool


class Sums(NamedTuple):
    """The sums of some requests. Saved is what local answers would have cost elsewhere, less what they did cost."""

    requests: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    saved_usd: float = 0.0

    def plus(self, row: Row) -> Sums:
        cost = row.cost_usd or 0.0
        saved = row.compare_usd - cost if row.is_local and row.compare_usd is not None else 0.0
        return Sums(
            self.requests + 1,
            self.failed + (row.outcome not in (OK, CANCELLED)),
            self.prompt_tokens + (row.prompt_tokens or 0),
            self.cached_tokens + (row.cached_tokens or 0),
            self.completion_tokens + (row.completion_tokens or 0),
            self.cost_usd + cost,
            self.saved_usd + saved,
        )


def row_of(record: RequestRecord, estimate: Estimate | None, clean: Callable[[str], str]) -> Row:
    """``estimate`` reckons what the same tokens cost at the price to compare with; None: there is no such price.

    ``clean`` takes secrets out of the names of models, which are a client's own words: its key may stand there.
    """
    started, usage = record.started_at, record.usage
    first = None if record.first_token is None else round((record.first_token - record.started) * 1000)
    ended = record.started if record.ended is None else record.ended
    return Row(
        day=day_of(started),
        started=round(started, 3),
        key=_short(record.key),
        client=_short(record.client),
        face=record.face,
        model=_short(clean(record.model)),
        provider=record.provider or "",
        served_model=_short(clean(record.served_model or "")),
        is_local=bool(record.is_local),
        outcome=_short(record.outcome),
        status=record.status,
        attempts=record.attempts_header().decode()[:MAX_ATTEMPTS],
        first_token_ms=first,
        duration_ms=round((ended - record.started) * 1000),
        prompt_tokens=None if usage is None else usage.prompt,
        cached_tokens=None if usage is None else usage.cached,
        completion_tokens=None if usage is None else usage.completion,
        reasoning_tokens=None if usage is None else usage.reasoning,
        cost_usd=record.cost_usd,
        compare_usd=None if usage is None or estimate is None else estimate(usage),
    )


class Correction(NamedTuple):
    """What an attempt has really cost, which was not known when its request ended."""

    record: RequestRecord
    where: Where
    before: Spent
    """What budgets had counted for it by estimate."""
    real: Spent
    prompt_tokens: int
    is_of_row: bool
    """Does it belong in the request's row, since that attempt has answered? Otherwise in ``estimates`` alone."""
    is_counted: bool
    """Do the budgets of this process count it?"""


def belongs(record: RequestRecord) -> bool:
    """Has the ledger a row for this request: one on a model path, of someone who may ask?"""
    return record.is_model_path and record.is_admitted


def sums_of(rows: Iterable[Row]) -> dict[SumKey, Sums]:
    """What the rows add to the table ``days``."""
    found: dict[SumKey, Sums] = {}
    for row in rows:
        key = SumKey(row.day, row.key, row.client, row.model, row.provider, row.served_model, row.is_local)
        found[key] = found.get(key, _NOTHING).plus(row)
    return found


def counted_of(record: RequestRecord) -> Iterator[tuple[Where, Spent, bool]]:
    """What budgets have counted for a request, and whether it stands in the request's row."""
    for attempt in record.attempts:
        counted = attempt.counted
        if counted is not None:
            where = Where(counted.day, attempt.provider, record.key)
            yield where, Spent(counted.usd, counted.tokens), counted.is_reported


_NOTHING = Sums()


def _short(text: str) -> str:
    return text if len(text) <= MAX_NAME else text[: MAX_NAME - 1] + "…"
