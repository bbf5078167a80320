"""Sections of providers: what of them arrives, and what is settled for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.config.model import ProviderConfig
from linx.config.shape import BudgetShape, PriceShape, SectionShape
from linx.core.errors import ConfigError
from tests.config.help import KEY, box, loaded, provider

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_section_given_in_part_has_the_defaults_for_the_rest() -> None:
    ollama = provider(loaded({"ollama": {"thinking_mode": True}}), "ollama")
    assert ollama == ProviderConfig(name="ollama", kind="ollama", endpoint="http://localhost:11434", thinking_mode=True)


def test_all_keys_of_a_provider_arrive() -> None:
    config = loaded(
        {
            "providers": {
                "box": {
                    "kind": "ollama",
                    "enabled": True,
                    "endpoint": "https://box.example.com/deep/",
                    "api_key": KEY,
                    "thinking_mode": True,
                    "model_mappings": {"a": "b"},
                    "headers": {"X-Title": "Linx"},
                    "models": ["m1", "m2"],
                    "local": True,
                    "price": {"prompt": 1, "completion": 2.5},
                    "max_concurrent": 3,
                    "allow_manage": False,
                    "native": True,
                    "num_ctx": "auto",
                    "keep_alive": "10m",
                    "budget": {"daily_usd": 2, "daily_tokens": 1_000_000},
                }
            }
        }
    )
    assert config.warnings == ()
    assert provider(config, "box") == ProviderConfig(
        name="box",
        kind="ollama",
        endpoint="https://box.example.com/deep/",
        api_key=KEY,
        thinking_mode=True,
        model_mappings={"a": "b"},
        headers={"X-Title": "Linx"},
        models=("m1", "m2"),
        local=True,
        price={"*": PriceShape(prompt=1.0, completion=2.5)},
        max_concurrent=3,
        allow_manage=False,
        native=True,
        num_ctx="auto",
        keep_alive="10m",
        budget=BudgetShape(daily_usd=2.0, daily_tokens=1_000_000),
    )


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ({"prompt": 0.5}, {"*": PriceShape(prompt=0.5)}),
        (
            {"m": {"prompt": 1, "completion": 2}, "*": {"completion": 3}},
            {"m": PriceShape(prompt=1.0, completion=2.0), "*": PriceShape(completion=3.0)},
        ),
        ({}, {}),
    ],
)
def test_both_ways_to_write_a_price(price: dict[str, Any], expected: dict[str, Any]) -> None:
    assert provider(loaded({"ollama": {"price": price}}), "ollama").price == expected


def test_a_placeholder_is_never_sent() -> None:
    assert provider(loaded(box(api_key="YOUR KEY")), "box").api_key is None


@pytest.mark.parametrize("endpoint", ["https://api.example.com/v1", "http://127.0.0.1:9/v1", "http://localhost:9"])
def test_the_clients_own_key_goes_over_tls_or_stays_here(endpoint: str) -> None:
    config = loaded(box(endpoint=endpoint, api_key="client"))
    one = provider(config, "box")
    assert (one.takes_client_key, one.api_key) == (True, None)
    assert config.secrets == ()
    assert not [words for words in config.warnings if "api_key" in words]


@pytest.mark.parametrize("endpoint", ["http://api.example.com/v1", "http://192.168.1.20/v1", "http://gpu.lan:1"])
def test_the_clients_own_key_goes_nowhere_in_the_clear(endpoint: str) -> None:
    with pytest.raises(ConfigError, match=r"box\.api_key: must not be \"client\" with this endpoint"):
        loaded(box(endpoint=endpoint, api_key="client"))


def test_a_short_key_for_a_local_provider_is_fine() -> None:
    assert loaded(box(endpoint="http://192.168.1.20/v1", api_key="vllm")).warnings == ()


def test_a_sections_name_may_stand_below_providers_instead() -> None:
    config = loaded({"providers": {"ollama": {"kind": "openai", "endpoint": "http://box.test:1"}}})
    assert [(one.name, one.kind) for one in config.providers if one.name == "ollama"] == [("ollama", "openai")]


def test_a_new_key_of_the_shape_is_a_field_of_the_provider() -> None:
    """Nothing copies the keys one by one."""
    own = set(ProviderConfig.__struct_fields__) - set(SectionShape.__struct_fields__)
    assert own == {"name", "is_last_resort", "takes_client_key", "yields_to_local"}
