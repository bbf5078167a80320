"""Checks of the ledger, of budgets, and of the keys that clients send."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from linx.access import is_only_this_machine
from linx.core.request_line import dollars
from linx.doctor.edit import line_of
from linx.doctor.finding import Change, Finding, note, ok, warning
from linx.routing.limits import DAILY_TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linx.doctor.facts import BudgetFacts, Facts

LITTLE_ROOM = 100 << 20  # bytes
LARGE = 1 << 30  # bytes
NEARLY = 0.8
"""The share of a budget from which on it is worth a word."""


def ledger(facts: Facts) -> Iterator[Finding]:
    """The ledger's file: may it be written, is it whole, is there room?"""
    found = facts.ledger
    if found is None:
        return
    if not found.is_enabled:
        yield note("is switched off, so that usage and money are not kept", "ledger.enabled")
        return
    path = shlex.quote(found.path)
    if found.is_damaged:
        yield warning(
            "is damaged: the next start sets it aside and begins a new one", found.path, f"mv {path} {path}.damaged"
        )
    elif found.is_foreign:
        yield warning(
            f"is left alone, since {found.problem}; another file beside it is used", found.path, "update Linx"
        )
    elif found.is_locked:
        yield warning(
            "is locked by another program, so that nothing is written",
            found.path,
            f"fuser -v {path}, and end that program",
        )
    elif found.problem:
        line = line_of(Change(("ledger", "path"), "~/linx-ledger.db"))
        yield warning(
            f"cannot be used: {found.problem}",
            found.path,
            f"chmod u+rw {path}"
            if found.exists
            else f"make its folder writable, or {line} in {facts.config.path or facts.config.place_to_write}",
        )
    elif found.exists:
        yield ok(f"{_size(found.size)}", found.path)
    else:
        yield ok("is made with the first request", found.path)
    if found.free is not None and found.free < LITTLE_ROOM:
        yield warning(f"its disk has only {_size(found.free)} left", found.path, "make room on that disk")
    if found.size > LARGE and not found.is_damaged:
        yield note(f"has {_size(found.size)}", found.path, line_of(Change(("ledger", "keep_days"), 90)))


def budgets(facts: Facts) -> Iterator[Finding]:
    """Budgets that are spent, or nearly."""
    for budget in facts.budgets:
        share = budget.spent / budget.amount if budget.amount else 1.0
        told = f"{_amount(budget, budget.spent)} of {_amount(budget, budget.amount)} are spent ({budget.scope})"
        if share >= 1.0 - 1e-9:
            yield warning(
                f"{told}, so that remote models are not asked until {budget.ends_at}",
                budget.key,
                f"wait, or raise {budget.key} in {facts.config.path or facts.config.place_to_write}",
            )
        elif share >= NEARLY:
            yield note(f"{told}; it ends {budget.ends_at}", budget.key)
        else:
            yield ok(told, budget.key)


def _amount(budget: BudgetFacts, amount: float) -> str:
    return f"{amount:,.0f} tokens" if budget.kind == DAILY_TOKENS else dollars(amount)


def keys(facts: Facts) -> Iterator[Finding]:
    """Who may use this Linx."""
    config = facts.config.config
    if config is None:
        return
    names = [key.name for key in config.server.client_keys()]
    if names:
        unlimited = [key.name for key in config.server.client_keys() if not key.is_limited]
        yield ok(f"clients need a key: {', '.join(names[:8])}")
        if not unlimited:
            yield note(
                "every key has limits, so that nobody may open the dashboard's data or manage this Linx",
                "server.api_key",
                "linx key add owner",
            )
    elif not is_only_this_machine(config.server.hostname):
        yield note(
            "other machines can reach Linx, and no key is configured: each start invents another one",
            "server.api_key",
            "linx key add NAME",
        )


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"
