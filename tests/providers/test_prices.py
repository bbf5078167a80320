"""Prices: strings per token from OpenRouter, USD per million from the config."""

from __future__ import annotations

import pytest

from linx.config.shape import PriceShape
from linx.providers.prices import FREE, Price, configured, from_list


@pytest.mark.parametrize(
    ("pricing", "price"),
    [
        ({"prompt": "0.0000025", "completion": "0.00001"}, Price(0.0000025, 0.00001)),
        ({"prompt": "0", "completion": "0"}, FREE),
        ({"prompt": "0.1", "completion": "0.2", "request": "0.5"}, Price(0.1, 0.2, 0.5)),
        (
            {"prompt": "1", "completion": "2", "input_cache_read": "0.1", "input_cache_write": "1.25"},
            Price(1, 2, cached=0.1, cache_write=1.25),
        ),
        ({"prompt": "1", "completion": "2", "input_cache_read": "-1", "input_cache_write": None}, Price(1, 2)),
        ({}, FREE),
        ({"prompt": "-1", "completion": "-1"}, None),
        ({"prompt": "much"}, None),
        ({"prompt": "NaN"}, None),
        ({"prompt": None}, None),
        ({"prompt": True}, None),
        (None, None),
        ("0.1", None),
    ],
)
def test_the_live_list(pricing: object, price: Price | None) -> None:
    assert from_list(pricing) == price


def test_the_config_gives_usd_per_million() -> None:
    by_model = {"m": PriceShape(prompt=1, completion=2), "*": PriceShape(prompt=0.5, completion=1.5)}
    assert configured(by_model) == {"m": Price(1e-6, 2e-6), "*": Price(5e-7, 1.5e-6)}
    assert configured({}) == {}
    of_cache = configured({"m": PriceShape(prompt=2, completion=8, cached=0, cache_write=2.5)})
    assert of_cache["m"] == Price(2e-6, 8e-6, cached=0.0, cache_write=2.5e-6)


def test_an_estimate_counts_tokens_and_the_call() -> None:
    assert Price(0.1, 0.2, 5.0).estimate(10, 20) == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("price", "cost"),
    [
        (Price(1, 0), 10),
        (Price(1, 0, cached=0.1), 6.4),
        (Price(1, 0, cache_write=1.25), 10.5),
        (Price(1, 0, cached=0, cache_write=2), 8),
        (Price(1, 0, steps=((10, 2, 0),), cached=0.5), 14),
    ],
)
def test_what_the_cache_had_and_what_it_is_given_have_prices_of_their_own(price: Price, cost: float) -> None:
    assert price.estimate(10, 0, cached=4, written=2) == pytest.approx(cost)


def test_odd_counts_of_the_cache_make_nothing_cheaper_than_free() -> None:
    assert Price(1, 0, cached=0).estimate(3, 0, cached=5) == 0


@pytest.mark.parametrize(
    ("overrides", "short", "long"),
    [
        ([{"min_prompt_tokens": 1000, "prompt": "2", "completion": "3"}], 12, 2030),
        ([{"min_prompt_tokens": 1000, "prompt": "2"}], 12, 2010),
        # What holds at some hours only is reckoned with at all of them, if it is dearer.
        ([{"prompt": "2", "completion": "3", "utc_start": 1630, "utc_end": 30}], 34, 2030),
        ([{"prompt": "0", "completion": "0", "utc_start": 1630}], 12, 1010),
        # In any order, and none makes a longer prompt cheaper.
        ([{"min_prompt_tokens": 900, "prompt": "2"}, {"min_prompt_tokens": 500, "prompt": "5"}], 12, 5010),
        # What cannot be read changes nothing.
        ([{"min_prompt_tokens": "many", "prompt": "9"}, {"prompt": "-1"}, {"prompt": None}, 7, None], 12, 1010),
        ("dear", 12, 1010),
        (None, 12, 1010),
    ],
)
def test_long_prompts_may_cost_more(overrides: object, short: float, long: float) -> None:
    price = from_list({"prompt": "1", "completion": "1", "overrides": overrides})
    assert price is not None
    assert price.estimate(2, 10) == pytest.approx(short)
    assert price.estimate(1000, 10) == pytest.approx(long)
