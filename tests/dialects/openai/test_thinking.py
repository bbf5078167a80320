"""The wish to think, in the many ways in which clients put it."""

from __future__ import annotations

import pytest

from linx.core.chat import JsonObject, ModelTraits
from linx.dialects.openai.thinking import budget_of, thinking

TRAITS = ModelTraits()


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ({}, None),
        ({"reasoning_effort": "high"}, "high"),
        ({"reasoning_effort": " Minimal "}, "minimal"),
        ({"reasoning_effort": "ultra"}, "ultra"),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": "auto"}, None),
        ({"reasoning_effort": None}, None),
        ({"reasoning_effort": 3}, None),
        ({"reasoning": {"effort": "low"}}, "low"),
        ({"reasoning": {"effort": "none"}}, False),
        ({"reasoning": {"enabled": True}}, True),
        ({"reasoning": {"enabled": False}}, False),
        ({"reasoning": {"max_tokens": 2000}}, True),
        ({"reasoning": {"max_tokens": True}}, None),
        ({"reasoning": {"exclude": True}}, None),
        ({"reasoning": "odd"}, None),
        ({"think": True}, True),
        ({"think": False}, False),
        ({"think": "medium"}, "medium"),
        ({"think": "true"}, True),
        ({"chat_template_kwargs": {"enable_thinking": False}}, False),
        ({"chat_template_kwargs": {"enable_thinking": "false"}}, False),
        ({"chat_template_kwargs": {"other": 1}}, None),
        ({"enable_thinking": True}, True),
        ({"thinking": {"type": "disabled"}}, False),
        ({"thinking": {"type": "enabled"}}, True),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking_budget": 1024}, True),
        ({"thinking_budget": 0}, False),
        ({"think": True, "reasoning_effort": "high"}, "high"),
        ({"think": False, "reasoning_effort": "high"}, False),
    ],
)
def test_the_wish_to_think(said: JsonObject, wish: bool | str | None) -> None:
    assert thinking(said, TRAITS) == wish
    for mode in (True, False):
        assert thinking(said, ModelTraits(thinking_mode=mode)) == (mode if wish is None else wish)


@pytest.mark.parametrize(
    ("given", "budget"),
    [
        ({}, None),
        ({"thinking_budget": 7}, 7),
        ({"thinking_budget": 0, "reasoning": {"max_tokens": 9}}, 0),
        ({"thinking_budget": True, "reasoning": {"max_tokens": 9}}, 9),
        ({"reasoning": 5}, None),
    ],
)
def test_tokens_to_think_with(given: JsonObject, budget: int | None) -> None:
    assert budget_of(given) == budget
