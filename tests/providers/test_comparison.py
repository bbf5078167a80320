"""With which price a local answer is compared: a given one, OpenRouter's, or that of the name that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linx.config.shape import PriceShape
from linx.core.chat import Usage
from linx.providers.comparison import estimate_for, unknown_model
from linx.providers.prices import MILLION, Price
from tests.routing.world import has, provider

if TYPE_CHECKING:
    from linx.providers.provider import Provider

TOKENS = Usage(1000, 100, cached=400, cache_write=0)
GPT = Price(2.5 / MILLION, 10 / MILLION, cached=1.25 / MILLION)
GPT_USD = 600 * GPT.prompt + 400 * 1.25 / MILLION + 100 * GPT.completion


def openrouter(**more: object) -> Provider:
    one = provider("openrouter", kind="openrouter", local=False, **more)  # type: ignore[arg-type]  # keys of a section
    return has(has(one, "odd/unknown"), "openai/gpt-4o", price=GPT)


def compared(asked: str, *providers: Provider, compare_to: str | PriceShape | None = None) -> float | None:
    estimate = estimate_for(providers or (openrouter(), provider("ollama")), compare_to, asked)
    return None if estimate is None else estimate(TOKENS)


@pytest.mark.parametrize("asked", ["openai/gpt-4o", "gpt-4o"])
def test_a_name_with_a_price_of_its_own(asked: str) -> None:
    assert compared(asked) == pytest.approx(GPT_USD)


@pytest.mark.parametrize("asked", ["", "qwen3", "unknown", "odd/unknown", "other/gpt-4o"])
def test_a_name_without_a_price(asked: str) -> None:
    assert compared(asked) is None


def test_a_name_is_looked_up_as_it_is_mapped() -> None:
    one = openrouter(model_mappings={"smart": "openai/gpt-4o"})
    assert compared("smart", provider("ollama", model_mappings={"smart": "qwen3"}), one) == pytest.approx(GPT_USD)


def test_a_local_provider_is_no_comparison() -> None:
    assert compared("m", has(provider("ollama"), "m")) is None


def test_a_model_of_openrouters_list() -> None:
    assert compared("qwen3", compare_to="openai/gpt-4o") == pytest.approx(GPT_USD)
    assert compared("openai/gpt-4o", compare_to="openai/nonsense") is None
    assert compared("qwen3", provider("ollama"), compare_to="openai/gpt-4o") is None


def test_a_given_price() -> None:
    price = PriceShape(prompt=1.0, completion=2.0)
    assert compared("anything", provider("ollama"), compare_to=price) == pytest.approx(1200 / MILLION)


@pytest.mark.parametrize(
    ("compare_to", "unknown"),
    [
        ("openai/gpt-4o", None),
        ("gpt-4o", None),
        ("openai/gpt-5", "openai/gpt-5"),
        ("odd/unknown", "odd/unknown"),
        (PriceShape(prompt=1.0), None),
        (None, None),
    ],
)
def test_a_model_that_openrouter_has_no_price_for(compare_to: str | PriceShape | None, unknown: str | None) -> None:
    one = openrouter()
    assert unknown_model([one], compare_to) is None  # its list was not read yet
    one.listed_at = 1.0
    assert unknown_model([provider("ollama"), one], compare_to) == unknown
