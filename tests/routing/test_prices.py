"""Prices: strings per token from OpenRouter, USD per million from the config."""

from __future__ import annotations

import pytest

from linx.routing.prices import FREE, Price, configured, from_list


@pytest.mark.parametrize(
    ("pricing", "price"),
    [
        ({"prompt": "0.0000025", "completion": "0.00001"}, Price(0.0000025, 0.00001)),
        ({"prompt": "0", "completion": "0"}, FREE),
        ({"prompt": "0.1", "completion": "0.2", "request": "0.5"}, Price(0.1, 0.2, 0.5)),
        ({}, FREE),
        ({"prompt": "-1", "completion": "-1"}, None),
        ({"prompt": "much"}, None),
        ({"prompt": "NaN"}, None),
        (None, None),
        ("0.1", None),
    ],
)
def test_the_live_list(pricing: object, price: Price | None) -> None:
    assert from_list(pricing) == price


def test_the_config_gives_usd_per_million() -> None:
    assert configured({"prompt": 0.5, "completion": 1.5}, "m") == Price(5e-7, 1.5e-6)
    by_model = {"m": {"prompt": 1, "completion": 2}, "*": {"prompt": 3, "completion": 4}}
    assert configured(by_model, "m") == Price(1e-6, 2e-6)
    assert configured(by_model, "other") == Price(3e-6, 4e-6)
    assert configured({"m": {"prompt": 1}}, "other") is None
    assert configured(None, "m") is None


def test_an_estimate_counts_tokens_and_the_call() -> None:
    assert Price(0.1, 0.2, 5.0).estimate(10, 20) == pytest.approx(10.0)
