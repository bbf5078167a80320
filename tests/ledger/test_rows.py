"""Rows: what stands in them, which requests have one, and how they add up."""

from __future__ import annotations

import pytest

from linx.core.chat import Usage
from linx.core.telemetry import AttemptRecord
from linx.ledger.rows import MAX_NAME, Sums, belongs, row_of, sums_of
from tests.ledger.records import DAY_S, NOON, record, refused, row


def test_a_row_has_every_number_of_its_request() -> None:
    made = record(usage=Usage(1000, 200, cached=100, reasoning=50), cost_usd=0.25, is_local=False)
    made.attempts.insert(0, AttemptRecord("ollama", "qwen3", 100.0, 100.1, "connect_failed"))
    assert row_of(made, lambda usage: usage.prompt / 1000, str)._asdict() == {
        "day": 20260131,
        "started": NOON,
        "key": "-",
        "client": "cursor",
        "face": "openai",
        "model": "gpt-4o",
        "provider": "paid",
        "served_model": "qwen3",
        "is_local": False,
        "outcome": "ok",
        "status": 200,
        "attempts": "ollama=connect_failed, paid=ok",
        "first_token_ms": 250,
        "duration_ms": 2000,
        "prompt_tokens": 1000,
        "cached_tokens": 100,
        "completion_tokens": 200,
        "reasoning_tokens": 50,
        "cost_usd": 0.25,
        "compare_usd": 1.0,
    }


def test_a_refusal_has_neither_tokens_nor_a_price() -> None:
    made = row_of(refused(), lambda _usage: 1.0, str)
    assert (made.outcome, made.status, made.provider, made.served_model) == ("model_not_found", 404, "", "")
    assert (made.prompt_tokens, made.cost_usd, made.compare_usd, made.first_token_ms) == (None, None, None, None)


def test_a_long_name_is_cut() -> None:
    made = row_of(record(model="m" * 500), None, str)
    assert len(made.model) == MAX_NAME
    assert made.model.endswith("…")


@pytest.mark.parametrize(
    ("made", "has_row"),
    [
        (record(), True),
        (refused(status=400), True),
        (refused(status=404), True),
        (refused(status=429), True),
        (refused(status=401, is_admitted=False), False),
        (refused(is_model_path=False), False),
        (record(status=401, phase="failed"), True),  # a provider's own word
    ],
    ids=["answer", "400", "404", "429", "wrong key", "another path", "401 of a provider"],
)
def test_who_may_not_ask_has_no_row(made: object, has_row: bool) -> None:
    assert belongs(made) is has_row  # type: ignore[arg-type]  # the parameters are all records


def test_sums_are_by_day_and_names() -> None:
    rows = [row(), row(), row(NOON + DAY_S), row(is_local=False)]
    found = sums_of(rows)
    assert [(key.day, key.provider, sums.requests) for key, sums in found.items()] == [
        (20260131, "ollama", 2),
        (20260201, "ollama", 1),
        (20260131, "paid", 1),
    ]


def test_sums_of_every_outcome() -> None:
    (sums,) = sums_of([row(outcome=word) for word in ("ok", "cancelled", "failed", "timeout")]).values()
    assert (sums.requests, sums.failed) == (4, 2)


def test_only_local_answers_save() -> None:
    assert Sums().plus(row(saves=0.75)).saved_usd == 0.75
    assert Sums().plus(row(saves=0.75, cost_usd=0.25)).saved_usd == 0.5
    assert Sums().plus(row(saves=0.75, is_local=False)).saved_usd == 0.0
    assert Sums().plus(row()).saved_usd == 0.0
