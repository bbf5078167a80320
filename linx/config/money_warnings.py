"""What a config says about money and probably does not mean: limits that cannot be held, prices that nobody has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.config.misfit import place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linx.config.layers import Layers
    from linx.config.model import Config, ProviderConfig
    from linx.config.shape import BudgetShape
    from linx.core.client_key import Budget

LISTS_PRICES = "openrouter"
"""The kind whose list of models has prices."""


def warn_of_money(layers: Layers, config: Config) -> None:
    """Add a warning to ``layers`` for each of these."""
    enabled = [provider for provider in config.providers if provider.enabled]
    lists_prices = any(provider.kind == LISTS_PRICES for provider in enabled)
    if isinstance(config.ledger.compare_to, str) and not lists_prices:
        where = place(layers.at("ledger"), "compare_to")
        layers.warn(
            where, f"names a model, but no provider of kind {LISTS_PRICES} is enabled, whose list would have it"
        )
    for provider in enabled:
        if provider.is_local or provider.price or provider.kind == LISTS_PRICES:
            continue
        limit = next(_dollar_limits(config, provider), None)
        if limit is not None:
            where = place(layers.at(*provider.key_path.split(".", 1)), "price")
            layers.warn(where, f"is not set, so that {limit} cannot count what this provider costs")


def _dollar_limits(config: Config, provider: ProviderConfig) -> Iterator[str]:
    """The budgets in dollars that what ``provider`` costs would count for."""
    if _is_in_dollars(provider.budget):
        yield f"{provider.key_path}.budget"
    if _is_in_dollars(config.routing.budget):
        yield "routing.budget"
    for key in config.server.accepted_keys().values():
        if _is_in_dollars(key.budget):
            yield f"the budget of the key {key.name}"


def _is_in_dollars(budget: BudgetShape | Budget | None) -> bool:
    return budget is not None and (budget.daily_usd is not None or budget.monthly_usd is not None)
