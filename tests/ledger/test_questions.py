"""The answers to the questions of ``linx usage`` are the sums of the rows, whatever is asked."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from linx.core.chat import Usage as Tokens
from linx.ledger.database import Database, open_for_writing
from linx.ledger.period import EVERYTHING, Period
from linx.ledger.questions import BY, TOTALS, Line, usage
from tests.ledger.records import DAY_S, NOON, row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from linx.ledger.rows import Row


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Database]:
    database, _ = open_for_writing(tmp_path / "ledger.db")
    yield database
    database.close()


def some_rows(number: int) -> list[Row]:
    dice = random.Random(7)
    found = []
    for _ in range(number):
        is_local = dice.random() < 0.7
        found.append(
            row(
                NOON + dice.uniform(-3, 0.4) * DAY_S,
                model=dice.choice(["gpt-4o", "opus"]),
                is_local=is_local,
                saves=dice.choice([None, dice.random()]),
                usage=Tokens(dice.randrange(5000), dice.randrange(500), cached=dice.choice([None, 7])),
                cost_usd=dice.choice([None, 0.0 if is_local else dice.random()]),
                outcome=dice.choice(["ok", "ok", "cancelled", "timeout"]),
                key=dice.choice(["-", "ann"]),
                client=dice.choice(["cursor", "zed"]),
            )
        )
    return found


def lines_by_hand(rows: list[Row], by: str) -> dict[tuple[str, ...], tuple[float, ...]]:
    found: dict[tuple[str, ...], list[float]] = {}
    for one in rows:
        values = [str(getattr(one, column)) for column in BY[by]]
        names = tuple(f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in values) if by == "day" else tuple(values)
        numbers = found.setdefault(names, [0.0] * len(TOTALS))
        saved = (one.compare_usd or 0) - (one.cost_usd or 0) if one.is_local and one.compare_usd is not None else 0
        of_row = (1, one.outcome == "timeout", one.is_local, one.prompt_tokens, one.cached_tokens)
        for place, number in enumerate((*of_row, one.completion_tokens, one.cost_usd, saved)):
            numbers[place] += number or 0
    return {names: tuple(numbers) for names, numbers in found.items()}


PERIODS: dict[str, tuple[Period, Callable[[Row], bool]]] = {
    "everything": (EVERYTHING, lambda _row: True),
    "from a day on": (Period(20260130, 0.0, ""), lambda row: row.day >= 20260130),
    "from a moment on": (Period(20260130, NOON - DAY_S, ""), lambda row: row.started >= NOON - DAY_S),
}


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("when", PERIODS)
def test_the_answer_is_the_sum_of_the_rows(by: str, when: str, ledger: Database) -> None:
    rows = some_rows(300)
    for start in range(0, 300, 50):
        ledger.write(rows[start : start + 50])
    period, is_in = PERIODS[when]
    answer = usage(ledger, by, period)
    expected = lines_by_hand([one for one in rows if is_in(one)], by)
    assert {line.names: pytest.approx(line.numbers) for line in answer.lines} == expected
    assert answer.total == pytest.approx(tuple(map(sum, zip(*expected.values(), strict=True))))


def test_days_are_in_order_and_all_else_begins_with_the_dearest(ledger: Database) -> None:
    ledger.write([row(NOON, is_local=False, cost_usd=1.0), row(NOON - DAY_S), row(NOON - DAY_S)])
    assert [line.names for line in usage(ledger, "day", EVERYTHING).lines] == [("2026-01-30",), ("2026-01-31",)]
    assert [line.names for line in usage(ledger, "provider", EVERYTHING).lines] == [("paid",), ("ollama",)]


def test_what_nobody_served_has_a_line_too(ledger: Database) -> None:
    ledger.write([row(provider="", served_model="", outcome="model_not_found", is_local=False)])
    (line,) = usage(ledger, "model", EVERYTHING).lines
    assert line.names == ("-", "gpt-4o")
    assert line.numbers[:3] == (1, 1, 0)


def test_an_empty_ledger_has_an_answer(ledger: Database) -> None:
    answer = usage(ledger, "model", EVERYTHING)
    assert answer.lines == ()
    assert answer.total == (0,) * len(TOTALS)
    assert Line._fields == ("names", "numbers")
