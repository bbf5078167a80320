"""What one attempt may cost, and what it has cost: the stake that it holds in the budgets while it runs.

It costs what the provider reports. Where that never comes, since the answer was cut short, the attempt lost a race, or
the provider reports nothing (or zeros, as some servers do), it costs what was sent and streamed, estimated: the prompt,
and the answer as far as it had come. A provider that was not reached, or that has refused, costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.chat import Dialect
from linx.core.telemetry import OK, Counted
from linx.dialects.shared.reported import MOST_TOKENS
from linx.dialects.shared.tokens import billed_tokens, choices
from linx.ledger.spending import NOTHING, Spent
from linx.providers.provider import DEFAULT_ANSWER_TOKENS
from linx.routing.metered import StreamMeter

if TYPE_CHECKING:
    from linx.core.chat import ChatRequest, Usage
    from linx.core.telemetry import AttemptRecord
    from linx.providers.prices import Price
    from linx.routing.budgets import Budgets, Share
    from linx.routing.candidate import Candidate

_REFUSALS = ("http_", "error_event")
"""How the outcomes begin of attempts that the provider has refused."""


class AttemptStake:
    """See ``telemetry.Stake``. One that is not ``is_counted`` is for a relayed body, whose cost nobody knows."""

    __slots__ = ("_budgets", "_limit", "_price", "_prompt", "_share", "is_sent", "meter", "reported")

    def __init__(self, budgets: Budgets, candidate: Candidate, chat: ChatRequest, key: str, came_at: float) -> None:
        """Raises BudgetReached."""
        is_counted = chat.dialect is not Dialect.OPAQUE
        self._prompt, self._limit = billed_tokens(chat) if is_counted else (0, 0)
        self._price: Price | None = candidate.provider.price(candidate.model) if is_counted else None
        self._budgets = budgets
        answer = DEFAULT_ANSWER_TOKENS * choices(chat) if self._limit is None else self._limit
        answer = min(answer, MOST_TOKENS)
        most = Spent(self._cost(self._prompt, answer), self._prompt + answer)
        self._share: Share = budgets.take(candidate, key, came_at, most)
        self.is_sent = False
        self.meter = StreamMeter() if is_counted else None
        self.reported: Usage | None = None
        """What the provider has reported so far."""

    def ended(self, record: AttemptRecord) -> None:
        """See ``telemetry.Stake``. What a good answer has cost is said by ``settle``, which comes later."""
        if record.outcome != OK:
            self.settle(record, None, None)

    def settle(self, record: AttemptRecord, usage: Usage | None, cost_usd: float | None) -> None:
        """Count what the attempt has cost, once: ``usage`` is what the provider has reported of the whole answer."""
        record.stake = None
        if not self._share.is_open:
            return
        is_told = usage is not None and (usage.prompt or usage.completion or usage.cost_usd is not None)
        if usage is None or not is_told:
            spent = self._estimated(record)
        else:
            spent = Spent(cost_usd or 0.0, usage.prompt + usage.completion)
        self._budgets.settle(self._share, spent)
        if spent != NOTHING:
            record.counted = Counted(self._share.where.day, *spent, bool(is_told))

    def _estimated(self, record: AttemptRecord) -> Spent:
        reported, request, meter = self.reported, record.request, self.meter
        has_spoken = request is not None and request.first_token is not None
        if not self.is_sent or meter is None or (record.outcome.startswith(_REFUSALS) and not has_spoken):
            return NOTHING
        prompt, answer = self._prompt, meter.tokens
        if self._limit is not None:
            answer = min(answer, self._limit)
        if reported is not None:
            prompt, answer = reported.prompt or prompt, max(answer, reported.completion)
            if reported.cost_usd is not None:
                return Spent(reported.cost_usd, prompt + answer)
        return Spent(self._cost(prompt, answer), prompt + answer)

    def _cost(self, prompt: int, answer: int) -> float:
        return 0.0 if self._price is None else self._price.estimate(prompt, answer)
