"""Budgets: what may be spent in a day or a month, by all, at one provider, or with one key.

Each attempt takes its share of the budgets before it begins (``take``) and gives it back for what it really cost when
it has ended. Both happen without a wait in between, so that of two requests only one gets what is left. A limit is
reached where what was spent, and what the running requests may cost, come up to it. The request that reaches it is
still answered, so a limit is passed by no more than what was running then.

Who is stopped by which limit:

- that of all providers together stops the remote candidates, and that of a key the remote candidates of its requests;
- that of a provider stops the provider;
- tokens of a key stop all its requests.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING

from linx.core.attempt_errors import BudgetReached
from linx.ledger.spending import Spending, Spent, Where, day_of, today
from linx.routing.gate import Judge
from linx.routing.limits import MONTHLY_USD, limits_of, shown_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from linx.core.chat import JsonObject
    from linx.routing.candidate import Candidate
    from linx.routing.demand import Demand
    from linx.routing.limits import Amounts, Limit, Scope

BUDGET = "budget"
"""Why a candidate is not asked."""
SOON_S = 5.0  # after which a request may ask again that was refused for what running requests may cost

log = logging.getLogger("linx.budget")


class Share:
    """What one running attempt may cost, taken out of the budgets. ``settle`` is called once, however it ends."""

    __slots__ = ("is_open", "most", "where")

    def __init__(self, where: Where, most: Spent) -> None:
        self.where = where
        self.most = most
        self.is_open = True


class Budgets:
    """All budgets of the config in force, and what was spent. ``clock`` is in seconds since 1970."""

    __slots__ = ("_clock", "_limits", "_open", "_today", "has_ledger", "spending")

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._limits: tuple[Limit, ...] = ()
        self._open: set[Share] = set()
        self._today = today(clock())
        self.spending = Spending()
        self.has_ledger = False
        """Has the ledger been read? Otherwise only what this Linx has seen itself is counted."""

    @property
    def is_wanted(self) -> bool:
        """Is there a budget at all?"""
        return bool(self._limits)

    @property
    def first_of_month(self) -> int:
        return self._today.first_of_month

    def apply(self, shapes: Mapping[Scope, Amounts], *, is_kept: bool = True) -> None:
        """Put the budgets of a config in force. What was spent and what is running stay counted.

        ``is_kept``: does the config want a ledger?
        """
        self.has_ledger = self.has_ledger and is_kept
        told = {(limit.scope, limit.kind) for limit in self._limits if limit.is_told}
        self._limits = tuple(limits_of(shapes))
        for limit in self._limits:
            limit.is_told = (limit.scope, limit.kind) in told
        self._recount()

    def learn(self, rows: Iterable[tuple[Where, Spent]]) -> None:
        """The ledger was read: what earlier runs and other Linx processes have spent in this month."""
        self.spending.learn(rows)
        self.has_ledger = True
        self._recount()

    def look(self) -> None:
        """To be called now and then, so that the end of a day is told also where nobody asks."""
        self._roll()

    # --- may it be asked? ---

    def rule(self, model: str | None, demand: Demand) -> Judge | None:
        """See ``gate.Rule``."""
        key = demand.key.name
        if not self._limits or model is None or not demand.may_cost:
            return None
        self._roll()
        if not any(limit.is_taken for limit in self._limits):
            return None
        return Judge(lambda one: None if self.barrier(one, key) is None else BUDGET, partial(self._none_left, key))

    def barrier(self, candidate: Candidate, key: str) -> Limit | None:
        """The limit that keeps the candidate from being asked now for a request with ``key``; None if none does.

        Of several it is that which ends last.
        """
        if not self._limits:
            return None
        self._roll()
        is_remote, provider = not candidate.is_local, candidate.provider.name
        where = Where(0, provider, key)
        found = [
            limit
            for limit in self._limits
            if limit.is_taken and limit.stops(is_remote=is_remote) and limit.scope.counts(where)
        ]
        return max(found, key=lambda limit: (limit.is_reached, limit.ends_at), default=None)

    def take(self, candidate: Candidate, key: str, came_at: float, most: Spent) -> Share:
        """The share of an attempt that begins now, for a request that came at ``came_at``. Raises BudgetReached."""
        limit = self.barrier(candidate, key)
        if limit is not None:
            raise self.refusal(limit)
        # Requests come by a clock that never runs back. Where that of the machine was put back by days, what they
        # spend is of today all the same: a day to come has no limits yet.
        day = day_of(min(came_at, self._clock()))
        share = Share(Where(day, candidate.provider.name, key), most)
        self._open.add(share)
        self._hold(share, 1)
        return share

    def settle(self, share: Share, spent: Spent) -> None:
        """The attempt has ended, and cost that much. Later calls change nothing."""
        if not share.is_open:
            return
        share.is_open = False
        self._open.discard(share)
        self._roll()
        self._hold(share, -1)
        self.add(share.where, spent)

    def add(self, where: Where, spent: Spent) -> None:
        """Something was spent."""
        if spent.usd or spent.tokens:
            self.spending.add(where, spent)
            for limit in self._limits:
                if self._counts(limit, where):
                    limit.spent += limit.of(spent)
            self._tell()

    # --- what is said ---

    def refusal(self, limit: Limit) -> BudgetReached:
        """The error for the client."""
        now, spent, amount = self._clock(), limit.shown(limit.spent), limit.shown(limit.amount)
        if not limit.is_reached:
            may_cost = limit.shown(limit.held)
            return BudgetReached(
                f"{limit} has no room now: {spent} of {amount} are spent, and the running requests may cost "
                f"{may_cost}. Try again when they have ended.",
                retry_after_s=SOON_S,
                may_retry=None,
            )
        return BudgetReached(
            f"{limit} is spent: {spent} of {amount}, until {shown_moment(limit.ends_at)}.",
            retry_after_s=max(1.0, limit.ends_at - now),
            may_retry=False,
        )

    def _none_left(self, key: str, candidates: Sequence[Candidate]) -> BudgetReached:
        """The error where no candidate may be asked: it names the limit that ends first."""
        limits = [limit for one in candidates if (limit := self.barrier(one, key)) is not None]
        return self.refusal(min(limits, key=lambda limit: (limit.is_reached, limit.ends_at)))

    def status(self, scope: Scope | None = None) -> list[JsonObject]:
        """The limits as the status page has them: all, or those of one scope."""
        self._roll()
        more = {} if self.has_ledger else {"memory": True}
        return [{**limit.status(), **more} for limit in self._limits if scope in (None, limit.scope)]

    # --- private ---

    def _roll(self) -> None:
        if not self._today.day_begins_at <= self._clock() < self._today.day_ends_at:
            self._recount()
            self.spending.forget(self._today.first_of_month)

    def _recount(self) -> None:
        """After a reading, a new config or a new day."""
        self._today = now = today(self._clock())
        for limit in self._limits:
            limit.ends_at = now.month_ends_at if limit.kind == MONTHLY_USD else now.day_ends_at
            limit.spent = limit.of(self.spending.total(partial(self._counts, limit)))
            limit.held = 0.0
        for share in self._open:
            self._hold(share, 1)
        self._tell()

    def _counts(self, limit: Limit, where: Where) -> bool:
        return limit.covers(where.day, self._today) and limit.scope.counts(where)

    def _hold(self, share: Share, sign: int) -> None:
        for limit in self._limits:
            if self._counts(limit, share.where):
                # No share holds more than the limit: beside a huge amount, a float would lose the small ones.
                limit.held = max(0.0, limit.held + sign * min(limit.of(share.most), limit.amount))

    def _tell(self) -> None:
        for limit in self._limits:
            if limit.is_reached == limit.is_told:
                continue
            limit.is_told = limit.is_reached
            if limit.is_reached:
                spent, amount = limit.shown(limit.spent), limit.shown(limit.amount)
                log.warning("%s is spent: %s of %s, until %s", limit, spent, amount, shown_moment(limit.ends_at))
            else:
                log.warning("%s has room again: %s of %s", limit, limit.shown(limit.spent), limit.shown(limit.amount))
