"""The ledger, budgets and keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from linx.config.model import Config
from linx.config.shape import KeyShape, ServerConfig
from linx.doctor.checks.money import budgets, keys, ledger
from linx.doctor.facts import BudgetFacts, ConfigFacts, LedgerFacts
from linx.doctor.finding import Level
from tests.doctor.pieces import facts

FILE = LedgerFacts("/state/ledger.db", exists=True, size=3 << 20)


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({}, Level.OK, "3.0 MiB"),
        ({"exists": False}, Level.OK, "first request"),
        ({"is_enabled": False}, Level.NOTE, "switched off"),
        ({"is_damaged": True}, Level.WARNING, "damaged"),
        ({"is_foreign": True, "problem": "a newer Linx wrote it"}, Level.WARNING, "a newer Linx"),
        ({"is_locked": True}, Level.WARNING, "locked"),
        ({"problem": "it may not be written"}, Level.WARNING, "may not be written"),
    ],
)
def test_the_ledger(change: dict[str, Any], level: Level, words: str) -> None:
    (found,) = ledger(facts(ledger=replace(FILE, **change)))
    assert (found.level, words in found.what) == (level, True)
    assert found.mend or level < Level.WARNING


def test_a_full_disk_and_a_large_file() -> None:
    levels = [one.what for one in ledger(facts(ledger=replace(FILE, free=5 << 20, size=3 << 30)))]
    assert levels == ["3.0 GiB", "its disk has only 5.0 MiB left", "has 3.0 GiB"]


@pytest.mark.parametrize(("spent", "level"), [(1.0, Level.OK), (1.7, Level.NOTE), (2.0, Level.WARNING)])
def test_a_budget(spent: float, level: Level) -> None:
    budget = BudgetFacts(
        "provider paid", "daily_usd", 2.0, spent, "2027-01-16 00:00", "providers.paid.budget.daily_usd"
    )
    (found,) = budgets(facts(budgets=(budget,)))
    assert found.level is level


def config(**server: Any) -> ConfigFacts:
    return ConfigFacts(Config(server=ServerConfig(**server)), "/c.json", "")


def test_who_may_use_it() -> None:
    limited = KeyShape(name="anna", key="k" * 20, local_only=True)
    assert not list(keys(facts(config=config())))
    assert [one.level for one in keys(facts(config=config(hostname="0.0.0.0")))] == [Level.NOTE]
    assert [one.level for one in keys(facts(config=config(api_keys=(limited,))))] == [Level.OK, Level.NOTE]
    assert [one.what for one in keys(facts(config=config(api_keys=("k" * 20,))))] == ["clients need a key: key-1"]
