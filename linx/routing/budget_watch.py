"""Keeps budgets in step with the ledger: what earlier runs have spent, and other Linx processes that share the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from linx.ledger.ledger import Ledger
    from linx.routing.budgets import Budgets

READ_EVERY_S = 10.0
PATIENCE_S = 2.0
"""How long a start, or a reload that brings the first budget, waits for the ledger. Then only what this Linx has seen
is counted, until the ledger can be read."""


async def read(budgets: Budgets, ledger: Ledger) -> None:
    """Read the ledger once."""
    found = await ledger.spent(budgets.first_of_month)
    if found is not None:
        budgets.learn(found.items())


async def read_soon(budgets: Budgets, ledger: Ledger) -> None:
    """Read the ledger before anything is spent."""
    with trio.move_on_after(PATIENCE_S):
        await read(budgets, ledger)


async def run(budgets: Budgets, ledger: Ledger) -> None:
    """Until cancelled."""
    while True:
        await trio.sleep(READ_EVERY_S)
        if budgets.is_wanted:
            await read(budgets, ledger)
            budgets.look()
