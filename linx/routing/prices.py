"""What a candidate costs, in USD per token.

Three sources, the first that knows wins: ``price`` in the config (USD per million
tokens), nothing for local providers and ``:free`` models, OpenRouter's live model list
(decimal strings, USD per token). A negative price there means unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """USD per prompt token, per completion token, and per request."""

    prompt: float
    completion: float
    request: float = 0.0

    def estimate(self, prompt_tokens: int, completion_tokens: int) -> float:
        return self.prompt * prompt_tokens + self.completion * completion_tokens + self.request


FREE = Price(0.0, 0.0)


def from_list(pricing: object) -> Price | None:
    """The price in an OpenRouter model's ``pricing``; None when unknown."""
    if not isinstance(pricing, Mapping):
        return None
    values = [_decimal(pricing.get(key, "0")) for key in ("prompt", "completion", "request")]
    prompt, completion, request = values
    if prompt is None or completion is None or request is None:
        return None
    return Price(prompt, completion, request)


def configured(price: Mapping[str, Any] | None, model: str) -> Price | None:
    """The price that the config gives a model, from USD per million tokens."""
    if not price:
        return None
    entry: Any = price if "prompt" in price or "completion" in price else price.get(model, price.get("*"))
    if not isinstance(entry, Mapping):
        return None
    return Price(float(entry.get("prompt", 0)) / MILLION, float(entry.get("completion", 0)) / MILLION)


def _decimal(value: object) -> float | None:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    if not amount.is_finite() or amount < 0:
        return None
    return float(amount)
