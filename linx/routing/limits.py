"""The limits of budgets: for whom each is, how much of it is gone, whom it stops, and how it is told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

from linx.core.request_line import dollars

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linx.core.chat import JsonObject
    from linx.ledger.spending import Spent, Today, Where

TOLERANCE = 1e-9  # USD: sums of many small amounts are not exact
ALL, PROVIDER, KEY = "all", "provider", "key"
DAILY_USD, MONTHLY_USD, DAILY_TOKENS = "daily_usd", "monthly_usd", "daily_tokens"
KINDS = (DAILY_USD, MONTHLY_USD, DAILY_TOKENS)


class Amounts(Protocol):
    """A budget as a config has it. None: no limit."""

    @property
    def daily_usd(self) -> float | None: ...

    @property
    def monthly_usd(self) -> float | None: ...

    @property
    def daily_tokens(self) -> int | None: ...


class Scope(NamedTuple):
    """For whom a budget is: all, a provider or a key of a name."""

    kind: str
    name: str = ""

    def counts(self, where: Where) -> bool:
        return _COUNTS[self.kind](self.name, where)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" if self.name else "all providers together"


_COUNTS: Mapping[str, Callable[[str, Where], bool]] = {
    ALL: lambda _name, _where: True,
    PROVIDER: lambda name, where: where.provider == name,
    KEY: lambda name, where: where.key == name,
}


class Limit:
    """One number of one budget, and how much of it is gone."""

    __slots__ = ("amount", "ends_at", "held", "is_told", "kind", "scope", "spent")

    def __init__(self, scope: Scope, kind: str, amount: float) -> None:
        self.scope = scope
        self.kind = kind
        self.amount = amount
        self.spent = 0.0
        self.held = 0.0
        """What the running requests may cost."""
        self.ends_at = 0.0
        self.is_told = False
        """Does the log say that it is reached?"""

    @property
    def is_reached(self) -> bool:
        return self.spent >= self.amount - TOLERANCE

    @property
    def is_taken(self) -> bool:
        """Is nothing left of it, when the running requests cost what they may?"""
        return self.spent + self.held >= self.amount - TOLERANCE

    def of(self, spent: Spent) -> float:
        return spent.tokens if self.kind == DAILY_TOKENS else spent.usd

    def covers(self, day: int, now: Today) -> bool:
        """Is what was spent on that day spent of this limit?"""
        return day // 100 == now.day // 100 if self.kind == MONTHLY_USD else day == now.day

    def stops(self, *, is_remote: bool) -> bool:
        """Does it stop a request in its scope, at a remote candidate or at a local one?"""
        return is_remote or self.scope.kind == PROVIDER or (self.scope.kind == KEY and self.kind == DAILY_TOKENS)

    def shown(self, amount: float) -> str:
        return f"{amount:,.0f} tokens" if self.kind == DAILY_TOKENS else dollars(amount)

    def status(self) -> JsonObject:
        """The limit as the status page has it."""
        return {
            "scope": self.scope.kind,
            "name": self.scope.name or None,
            "kind": self.kind,
            "limit": self.amount,
            "spent": self._rounded(self.spent),
            "reserved": self._rounded(self.held),
            "ends_at": self.ends_at,
            "reached": self.is_reached,
        }

    def _rounded(self, amount: float) -> float:
        return int(amount) if self.kind == DAILY_TOKENS else round(amount, 9)

    def __str__(self) -> str:
        whose = f"of {self.scope}" if self.scope.kind == ALL else f"of the {self.scope}"
        return f"The {'monthly' if self.kind == MONTHLY_USD else 'daily'} budget {whose}"


def limits_of(shapes: Mapping[Scope, Amounts]) -> list[Limit]:
    """The limits of a config."""
    amounts = ((scope, kind, getattr(shape, kind)) for scope, shape in shapes.items() for kind in KINDS)
    return [Limit(scope, kind, amount) for scope, kind, amount in amounts if amount is not None]


def scopes(
    routing: Amounts | None, providers: Mapping[str, Amounts | None], keys: Mapping[str, Amounts | None]
) -> dict[Scope, Amounts]:
    """The budgets of a config, by their scopes."""
    found = {Scope(ALL): routing}
    found.update({Scope(PROVIDER, name): shape for name, shape in providers.items()})
    found.update({Scope(KEY, name): shape for name, shape in keys.items()})
    return {scope: shape for scope, shape in found.items() if shape is not None}


def shown_moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
