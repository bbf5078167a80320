"""What a candidate costs, in USD per token.

Three sources, the first that knows wins: ``price`` in the config (USD per million
tokens), nothing for local providers and ``:free`` models, OpenRouter's live model list
(decimal strings, USD per token). A negative price there means unknown; ``overrides`` are
dearer prices of long prompts, or of some hours of the day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linx.config.shape import PriceShape

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """USD per prompt token, per completion token, and per request."""

    prompt: float
    completion: float
    request: float = 0.0
    steps: tuple[tuple[int, float, float], ...] = ()
    """(from so many prompt tokens on, USD per prompt token, per completion token), ascending."""
    cached: float | None = None
    """USD per prompt token that the provider's cache had; None: as any other."""
    cache_write: float | None = None
    """USD per prompt token that is written to the cache; None: as any other."""

    def estimate(self, prompt_tokens: int, completion_tokens: int, cached: int = 0, written: int = 0) -> float:
        """USD. ``cached`` and ``written`` are included in ``prompt_tokens``."""
        if self is FREE:
            return 0.0
        prompt, completion = self.prompt, self.completion
        if self.steps:
            for least, *dearer in self.steps:
                if prompt_tokens >= least:
                    prompt, completion = dearer
        cost = prompt * max(0, prompt_tokens - cached - written) + completion * completion_tokens + self.request
        if cached or written:
            for tokens, price in ((cached, self.cached), (written, self.cache_write)):
                cost += tokens * (prompt if price is None else price)
        return cost


FREE = Price(0.0, 0.0)


def from_list(pricing: object) -> Price | None:
    """The price in an OpenRouter model's ``pricing``; None when unknown."""
    if not isinstance(pricing, Mapping):
        return None
    values = [_decimal(pricing.get(key, "0")) for key in ("prompt", "completion", "request")]
    prompt, completion, request = values
    if prompt is None or completion is None or request is None:
        return None
    steps = _steps(pricing.get("overrides"), prompt, completion)
    read, written = (_decimal(pricing.get(f"input_cache_{what}")) for what in ("read", "write"))
    return Price(prompt, completion, request, steps, read, written)


def _steps(overrides: object, prompt: float, completion: float) -> tuple[tuple[int, float, float], ...]:
    """What long prompts cost. A price that an override leaves out stays, and no override makes a prompt cheaper:
    an override for some hours of the day is reckoned with at all hours.
    """
    found = []
    for override in overrides if isinstance(overrides, list) else ():
        if not isinstance(override, Mapping):
            continue
        least = override.get("min_prompt_tokens", 0)
        dearer = [_decimal(override.get(key, usual)) for key, usual in (("prompt", prompt), ("completion", completion))]
        if type(least) is int and least >= 0 and dearer[0] is not None and dearer[1] is not None:
            found.append((least, dearer[0], dearer[1]))
    steps = []
    for least, more_prompt, more_completion in sorted(found):
        prompt, completion = max(prompt, more_prompt), max(completion, more_completion)
        steps.append((least, prompt, completion))
    return tuple(steps)


def configured(price: Mapping[str, PriceShape]) -> dict[str, Price]:
    """The prices in the config, from USD per million tokens: by model, ``*`` for all others."""
    return {model: _per_token(shape) for model, shape in price.items()}


def _per_token(shape: PriceShape) -> Price:
    cached, written = (None if usd is None else usd / MILLION for usd in (shape.cached, shape.cache_write))
    return Price(shape.prompt / MILLION, shape.completion / MILLION, cached=cached, cache_write=written)


def _decimal(value: object) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    if not amount.is_finite() or amount < 0:
        return None
    return float(amount)
