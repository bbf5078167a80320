"""What a config says about money and probably does not mean."""

from __future__ import annotations

from typing import Any

import pytest

from tests.config.help import loaded

REMOTE = {"kind": "openai", "endpoint": "https://api.example.com/v1", "api_key": "sk-0123456789abcdef"}
ROUTER = {"enabled": True, "api_key": "sk-or-0123456789abcdef"}
KEY = {"name": "anna", "key": "the-key-of-anna-0123"}
DOLLARS = {"budget": {"daily_usd": 1}}
COUNTED = "config.json: providers.far.price: is not set, so that {} cannot count what this provider costs"


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"providers": {"far": REMOTE}, "routing": DOLLARS}, [COUNTED.format("routing.budget")]),
        ({"providers": {"far": {**REMOTE, **DOLLARS}}}, [COUNTED.format("providers.far.budget")]),
        (
            {"providers": {"far": REMOTE}, "server": {"api_key": [{**KEY, "budget": {"monthly_usd": 1}}]}},
            [COUNTED.format("the budget of the key anna")],
        ),
        ({"providers": {"far": {**REMOTE, "price": {"prompt": 1}}}, "routing": DOLLARS}, []),
        ({"providers": {"far": {**REMOTE, "enabled": False}}, "routing": DOLLARS}, []),
        ({"providers": {"far": {**REMOTE, "local": True}}, "routing": DOLLARS}, []),
        ({"providers": {"far": REMOTE}, "routing": {"budget": {"daily_tokens": 5}}}, []),
        ({"providers": {"far": REMOTE}}, []),
        ({"openrouter": ROUTER, "routing": DOLLARS}, []),
        (
            {"ollama": {}, "ledger": {"compare_to": "openai/gpt-4o"}},
            [
                "config.json: ledger.compare_to: names a model, but no provider of kind openrouter is enabled, "
                "whose list would have it"
            ],
        ),
        ({"openrouter": ROUTER, "ledger": {"compare_to": "openai/gpt-4o"}}, []),
        ({"ollama": {}, "ledger": {"compare_to": {"prompt": 1}}}, []),
    ],
)
def test_it_is_said_at_the_start(tree: dict[str, Any], expected: list[str]) -> None:
    assert [warning for warning in loaded(tree).warnings if "local: true" not in warning] == expected
