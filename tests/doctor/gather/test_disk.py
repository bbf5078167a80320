"""The ledger's file as it is found; nothing is changed by a look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.config.model import Config
from linx.config.shape import BudgetShape, LedgerConfig, RoutingConfig
from linx.doctor.gather.disk import budgets, ledger
from linx.ledger.database import open_for_writing

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_that_is_well_and_one_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ledger.db"
    config = LedgerConfig(path=str(path))
    found = ledger(config)
    assert (found.exists, found.problem, path.parent.exists()) == (False, "", False)
    database, _notice = open_for_writing(path)
    database.close()
    before = path.read_bytes()
    found = ledger(config)
    assert (found.exists, found.problem, found.is_locked) == (True, "", False)
    assert found.free
    assert path.read_bytes() == before
    assert not ledger(LedgerConfig(enabled=False)).is_enabled


def test_budgets_without_a_ledger_have_nothing_spent(tmp_path: Path) -> None:
    config = Config(
        ledger=LedgerConfig(path=str(tmp_path / "none.db")), routing=RoutingConfig(budget=BudgetShape(daily_usd=2.0))
    )
    (found,) = budgets(config)
    assert (found.amount, found.spent, found.key) == (2.0, 0.0, "routing.budget.daily_usd")
    assert budgets(Config()) == ()
