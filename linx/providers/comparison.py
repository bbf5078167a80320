"""What the tokens of an answer would have cost elsewhere: the price with which the ledger compares local answers.

``ledger.compare_to`` names a price, or a model of OpenRouter's list. Without it the name that the client asked for is
looked up among the providers that are not local: as they map it, as they list it, and behind a vendor's name as in
OpenRouter's ``openai/gpt-4o``.

The ledger's thread looks here, beside the event loop. It may, since nothing here changes anything, and a provider
replaces its list of models as a whole.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from linx.config.shape import PriceShape
from linx.providers import prices

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linx.core.chat import Usage
    from linx.providers.prices import Price
    from linx.providers.provider import Provider

OPENROUTER = "openrouter"  # the kind


def estimate_for(
    providers: Sequence[Provider], compare_to: str | PriceShape | None, asked: str
) -> Callable[[Usage], float] | None:
    """Reckons a usage at the price to compare with; None where there is no such price."""
    price = _price(providers, compare_to, asked)
    return None if price is None else partial(_cost, price)


def unknown_model(providers: Sequence[Provider], compare_to: str | PriceShape | None) -> str | None:
    """The model to compare with, where OpenRouter's list was read and has no price for it; None where all is well."""
    if not isinstance(compare_to, str) or not any(_lists_prices(one) and one.listed_at for one in providers):
        return None
    return compare_to if _price(providers, compare_to, "") is None else None


def _lists_prices(provider: Provider) -> bool:
    return provider.kind.name == OPENROUTER and not provider.permits.is_local


def _price(providers: Sequence[Provider], compare_to: str | PriceShape | None, asked: str) -> Price | None:
    if isinstance(compare_to, PriceShape):
        return prices.configured({"*": compare_to})["*"]
    if compare_to is not None:
        listing = [one for one in providers if _lists_prices(one)]
        return next(filter(None, (_listed_price(one, compare_to) for one in listing)), None)
    remote = [one for one in providers if not one.permits.is_local]
    return next(filter(None, (_listed_price(one, asked) for one in remote)), None) if asked else None


def _listed_price(provider: Provider, name: str) -> Price | None:
    """What the provider takes for a model; None where it has no such model, or gives no price for it."""
    model = provider.mapped(name) or provider.listed(name) or _behind_vendor(provider, name)
    return None if model is None else provider.price(model)


def _behind_vendor(provider: Provider, name: str) -> str | None:
    if "/" in name:
        return None
    return next((model for model in list(provider.models) if model.partition("/")[2] == name), None)


def _cost(price: Price, usage: Usage) -> float:
    return price.estimate(usage.prompt, usage.completion, usage.cached or 0, usage.cache_write or 0)
